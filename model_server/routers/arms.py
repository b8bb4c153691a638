"""The arms of a router: the names of its node's children, in their order, and each one's share. Pure."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Final

from model_server.routers.errors import InvalidRouter

_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")
_EXPERIMENT: Final = re.compile(r"[A-Za-z0-9._/-]+")
_WHOLE: Final = Decimal(100)


def names(arms: object) -> tuple[str, ...]:
    """The names in "champion,challenger". Errors: InvalidRouter."""
    return _checked([part.strip() for part in _text(arms, "champion,challenger").split(",")], arms)


def shares(arms: object) -> dict[str, Decimal]:
    """Name -> percent, of "champion=50,challenger=50"; they sum to 100 exactly. Errors: InvalidRouter."""
    pairs = [part.partition("=") for part in _text(arms, "champion=50,challenger=50").split(",")]
    found = _checked([name.strip() for name, _, _ in pairs], arms)
    percents = [_percent(name, text.strip()) for name, (_, _, text) in zip(found, pairs, strict=True)]
    total = sum(percents, Decimal(0))
    if total != _WHOLE:
        raise InvalidRouter(f"the parameter arms is {arms!r}, whose percents sum to {total.normalize():f}, not to 100")
    return dict(zip(found, percents, strict=True))


def experiment_name(experiment: object) -> str:
    """Errors: InvalidRouter."""
    if not isinstance(experiment, str) or not _EXPERIMENT.fullmatch(experiment):
        raise InvalidRouter(
            f"the parameter experiment is {experiment!r}; a name of letters, digits and . _ / - is expected"
        )
    return experiment


def _text(arms: object, example: str) -> str:
    if not isinstance(arms, str) or not arms.strip():
        raise InvalidRouter(
            f"the parameter arms is {arms!r}; name the node's children in their order, such as {example!r}"
        )
    return arms


def _checked(found: list[str], arms: object) -> tuple[str, ...]:
    for name in found:
        if not _NAME.fullmatch(name):
            raise InvalidRouter(
                f"the parameter arms is {arms!r}, in which {name!r} is no name of a child: letters, digits and . _ - "
                "are accepted, a comma between two"
            )
    if len(set(found)) < len(found):
        raise InvalidRouter(f"the parameter arms is {arms!r}, which names a child twice")
    return tuple(found)


def _percent(name: str, text: str) -> Decimal:
    try:
        percent = Decimal(text)
    except InvalidOperation:
        percent = Decimal(-1)
    if not percent.is_finite() or not 0 <= percent <= _WHOLE:
        raise InvalidRouter(f"the parameter arms gives {name} the share {text!r}; a percentage, 0 to 100, is expected")
    return percent
