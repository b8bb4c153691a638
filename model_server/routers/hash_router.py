"""HashRouter: a user stays with an arm. See `assignment` for the rule, which anybody can compute again."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from model_server import metric_names
from model_server.routers import arms as arms_of
from model_server.routers import keys, policies
from model_server.routers.assignment import arm_of
from model_server.routers.choices import Choice
from model_server.routers.errors import InvalidKey, InvalidRouter
from model_server.routers.router import Router
from model_server.seldon_messages import Metric

RANDOM: Final = "random"
REFUSE: Final = "refuse"


class HashRouter(Router):
    """Sends each user to one arm, by a hash of the user's key.

    Parameters (Seldon graph parameters):
    - `arms`: the children in their order and the percent of users of each, "champion=90,challenger=10"; sums to 100.
    - `experiment`: the salt. Another name assigns all users anew, independently.
    - `key`: the entry of `meta.tags` that names the user, by default `user`.
    - `column`: instead of it, a column of the rows. A request goes to one arm as a whole: the first row's user decides,
      and requests whose other rows name somebody else are counted.
    - `without_key`: what becomes of a request that names no user: `random` (an arm by its share, the default), `refuse`
      (HTTP 400), or the name of an arm.
    """

    def __init__(
        self,
        arms: str,
        experiment: str = "default",
        key: str = metric_names.USER_TAG,
        column: str | None = None,
        without_key: str = RANDOM,
    ) -> None:
        """Errors: InvalidRouter; the server does not start."""
        shares = arms_of.shares(arms)
        super().__init__(list(shares))
        self._weights = {name: float(percent) for name, percent in shares.items()}
        self._experiment = arms_of.experiment_name(experiment)
        if not key or not isinstance(key, str):
            raise InvalidRouter(f"the parameter key is {key!r}; the name of an entry of meta.tags is expected")
        self._key, self._column = key, column or None
        if without_key not in {RANDOM, REFUSE, *shares}:
            raise InvalidRouter(
                f"the parameter without_key is {without_key!r}; {RANDOM}, {REFUSE} and an arm's name are accepted: "
                f"{', '.join(shares)}"
            )
        self._without_key = without_key
        self._chance: Callable[[], float] = random.random  # which each worker seeds anew after its fork

    def _choose(self, message: Any) -> Choice:
        key = keys.in_column(message, self._column) if self._column else keys.in_tags(message, self._key)
        if key.text is None:
            return self._choose_without_key()
        arm = arm_of(key.text, self._experiment, self._weights)
        metrics = (Metric(metric_names.ROUTER_SEVERAL_KEYS, 1, {}),) if key.has_others else ()
        return Choice(arm, self._weights[arm] / 100, metrics)

    def _choose_without_key(self) -> Choice:
        counted = (Metric(metric_names.ROUTER_WITHOUT_KEY, 1, {}),)
        if self._without_key == REFUSE:
            place = f"its rows have no {self._column}" if self._column else f"it has no meta.tags.{self._key}"
            raise InvalidKey(f"the request names no user: {place}, by which users are told apart here")
        if self._without_key != RANDOM:
            return Choice(self._without_key, 1.0, counted)
        names = list(self._weights)
        shares = [self._weights[name] / 100 for name in names]
        chosen = policies.choose(shares, self._chance())
        return Choice(names[chosen], shares[chosen], counted)
