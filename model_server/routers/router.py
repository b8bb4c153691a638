"""What faces Seldon: a ROUTER class; its children say how to choose.

Runs under the graph server and under the stock `seldon-core-microservice`, and imports nothing of either. Its node has
`type: ROUTER` and `methods: [TRANSFORM_INPUT, ROUTE, SEND_FEEDBACK]`: it then chooses in transform-input, where its
tags `arm` and `propensity` go on with the request and so into the answer. Without the methods it chooses when it is
asked for the route, and nobody is told but `meta.routing`.
"""

from __future__ import annotations

import mmap
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from model_server import metric_names, stock_wrapper
from model_server.errors import CallersFault
from model_server.routers import choices
from model_server.routers.choices import Choice
from model_server.routers.feedback import Lesson, lesson_of
from model_server.seldon_messages import Meta, Metric, encode_meta


class Router(ABC):
    """Chooses one of its arms for each request. Safe for threads."""

    def __init__(self, arms: Sequence[str]) -> None:
        self._arms = tuple(arms)
        # The operator's names for where this runs; empty outside a deployment.
        self._name = os.environ.get("PREDICTIVE_UNIT_ID", "")
        self._path = {self._name: os.environ.get("PREDICTIVE_UNIT_IMAGE", "")} if self._name else {}
        # Whether this node is asked to transform requests, and so their tags are its own and no client's. One byte that
        # all workers share, which are forked later: the one that is asked for a route need not have seen the request.
        self._has_tagged = mmap.mmap(-1, 1)
        stock_wrapper.adapt()

    @abstractmethod
    def _choose(self, message: Any) -> Choice:
        """Errors: CallersFault."""

    def _learn(self, lesson: Lesson, arm: str) -> bool:
        """Take in what an arm has earned; False where it was known already. Errors: StoreUnavailable."""
        del lesson, arm
        return True

    def _news(self) -> tuple[Metric, ...]:
        """Metrics that are worth telling now."""
        return ()

    def transform_input_raw(self, message: Any) -> Any:
        """The request with the choice in its tags. Errors: CallersFault."""
        self._has_tagged[0] = 1
        choice = self._choose(message)
        return choices.tagged(message, self._counted(choice), self._path)

    def transform_input_many(self, messages: Sequence[Any]) -> list[Any]:
        """Of each message what `transform_input_raw` returns, or the CallersFault that it raises.

        Our graph server asks so where requests come faster than one at a time. Stock Seldon never does.
        """
        return [self._transformed_or_fault(message) for message in messages]

    def route_raw(self, message: Any) -> Any:
        """The number of the branch: of the choice in the tags, where it is ours, else of one made now.

        Errors: CallersFault.
        """
        arm = choices.tag_of(message, metric_names.ARM_TAG) if self._has_tagged[0] else None
        if arm in self._arms:
            return choices.branch(message, self._arms.index(arm))
        choice = self._counted(self._choose(message))
        return choices.branch(message, self._arms.index(choice.arm), choice.metrics)

    def send_feedback_raw(self, feedback: Any) -> Any:
        """Credit the arm that answered, and nobody where that is not said. Answered once it is learnt for good.

        Errors: InvalidFeedback, StoreUnavailable; nothing is learnt then.
        """
        lesson = lesson_of(feedback, self._name, self._arms)
        if lesson.arm is None:
            metrics: tuple[Metric, ...] = (_ignored("no_arm"),)
        elif not self._learn(lesson, lesson.arm):
            metrics = (_ignored("duplicate"),)
        else:
            metrics = _earned(lesson.arm, lesson.rewards)
        response = feedback.get("response") or {} if isinstance(feedback, dict) else feedback.response
        return encode_meta(response, Meta(request_path=self._path, metrics=(*metrics, *self._news())))

    def health_status(self) -> list[str]:
        return list(self._arms)

    @cached_property
    def model_error_handler(self) -> Any:
        """The Flask blueprint through which the stock wrapper answers our errors over REST."""
        return stock_wrapper.error_blueprint()

    def _counted(self, choice: Choice) -> Choice:
        chosen = Metric(metric_names.ROUTER_CHOICES, 1, {metric_names.ARM_LABEL: choice.arm})
        return Choice(choice.arm, choice.propensity, (chosen, *choice.metrics, *self._news()))

    def _transformed_or_fault(self, message: Any) -> Any:
        try:
            return self.transform_input_raw(message)
        except CallersFault as fault:
            return fault


def _ignored(reason: str) -> Metric:
    return Metric(metric_names.ROUTER_FEEDBACK_IGNORED, 1, {metric_names.REASON_LABEL: reason})


def _earned(arm: str, rewards: Sequence[float]) -> tuple[Metric, ...]:
    label = {metric_names.ARM_LABEL: arm}
    trials = Metric(metric_names.ROUTER_TRIALS, len(rewards), label)
    # A sum does not grow by zero; and protobuf's JSON leaves a zero out, where the wrapper then looks for a value.
    return (trials, Metric(metric_names.ROUTER_REWARD, sum(rewards), dict(label))) if any(rewards) else (trials,)
