"""A user's object, asked with whole messages: the order of what Seldon's wrapper does with a request.

A method that Seldon has deprecated comes first, then the `_raw` one, which sees the message as it came; then the plain
one, which gets an array and names. Source: the stock wrapper, against which the tests hold this.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from google.protobuf import json_format

from model_server.graph import protos
from model_server.graph.errors import WrapperError
from model_server.graph.verbs import Verb
from model_server.graph.wrapper import custom_metrics, json_payloads, proto_payloads
from model_server.graph.wrapper.failures import Failures, require_success
from model_server.graph.wrapper.identity import Identity
from model_server.graph.wrapper.metadata import Metadata
from model_server.graph.wrapper.payloads import Form, Told, components_fault, merged, shown
from model_server.graph.wrapper.stock_types import Result, is_not_implemented
from model_server.graph.wrapper.user_object import UserObject

__all__ = ["Identity", "Wrapped"]

HEALTH_LABEL: Final = "health"
"""The label `method` of the custom metrics that a health check tells."""
HEALTH_PATH: Final = "/health/status"


class Wrapped:
    """A user's object, asked as Seldon's wrapper would ask it.

    Answers may hold what is the object's own: encode them before it is asked again.
    """

    def __init__(
        self,
        user_object: Any,
        identity: Identity,
        *,
        on_metrics: Callable[[list[dict[str, Any]], str], None],
        on_reward: Callable[[float], None],
        includes_metrics_in_answers: bool = True,
    ) -> None:
        """`on_metrics` is told custom metrics and their label `method`; `on_reward` every finite reward.

        Errors: ComponentBroken, where `init_metadata()` fails.
        """
        self.user = UserObject(user_object, identity.path)
        self.failures = Failures(user_object)
        self._unit = identity.unit or "0"
        self._on_metrics = on_metrics
        self._on_reward = on_reward
        self._keeps_metrics = includes_metrics_in_answers
        self._metadata = Metadata(user_object, identity)

    def answer_tree(self, verb: Verb, tree: Any) -> Any:
        """The answer to a REST request, a tree for a tree. Errors: GraphError."""
        return self._guarded(verb.path, lambda: self._tree_answer(verb, tree))

    def answer_proto(self, verb: Verb, message: Any) -> Any:
        """The answer to a gRPC request: SeldonMessage, SeldonMessageList or Feedback in, SeldonMessage out.

        Errors: GraphError.
        """
        return self._guarded(None, lambda: self._proto_answer(verb, message))

    def answer_bytes(self, body: Any) -> Any:
        """The answer to predict under PAYLOAD_PASSTHROUGH: what `predict_raw` makes of `bodies.undecoded`.

        Bytes and text are the answer's body as they are, anything else is a tree. Errors: GraphError.
        """
        return self._guarded(Verb.PREDICT.path, lambda: self._tree_answer(Verb.PREDICT, body))

    def health(self) -> Any:
        """The answer to a health check, a tree. Errors: GraphError."""
        return self._guarded(HEALTH_PATH, self._health)

    def metadata(self) -> dict[str, Any]:
        """Errors: WrapperError."""
        return self._metadata.tree()

    def compose(
        self,
        label: str,
        request: Any,
        result: Result,
        form: Form,
        *,
        meta: Mapping[str, Any] | None = None,
        carried_metrics: Sequence[Any] = (),
    ) -> Any:
        """The answer to a request that a plain method has answered with `result`; its metrics are told.

        `meta` and `carried_metrics` are the request's, carried on.
        """
        metrics = [*carried_metrics, *self._told_metrics(label, result.metrics)]
        return form.construct(request, Told(result, meta, metrics), self.user)

    def harvested(self, label: str, answer: Any, form: Form) -> tuple[Any, list[dict[str, Any]]]:
        """The answer of a `_raw` method as its caller gets it, and the metrics in it, which are to be told."""
        return form.harvest(answer, label, keeps_metrics=self._keeps_metrics)

    def tell(self, metrics: list[dict[str, Any]], label: str) -> None:
        if metrics:
            self._on_metrics(metrics, label)

    def _guarded(self, path: str | None, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except Exception as error:
            told = self.failures.told(error, path)
            if told is error:
                raise
            raise told from error

    def _tree_answer(self, verb: Verb, tree: Any) -> Any:
        if verb is Verb.SEND_FEEDBACK:
            return _tree_of(self._feedback(_feedback_of(tree)))
        answer = self._answer(verb, tree, json_payloads, transport="rest")
        if verb is Verb.PREDICT:
            require_success(answer)
        return answer

    def _proto_answer(self, verb: Verb, message: Any) -> Any:
        if verb is Verb.SEND_FEEDBACK:
            answer = self._feedback(message)
        else:
            answer = self._answer(verb, message, proto_payloads, transport="grpc")
        proto_payloads.require_message(answer)
        return answer

    def _answer(self, verb: Verb, message: Any, form: Form, *, transport: str) -> Any:
        # Only predict asks by transport; Seldon calls the others' *_rest whatever the message is.
        for suffix in [transport] if verb is Verb.PREDICT else ["rest", "grpc"]:
            deprecated = self.user.deprecated(f"{verb.method}_{suffix}")
            if deprecated is not None:
                return deprecated(message)
        raw = self._raw_answer(verb, message, form)
        return self._composed(verb, message, form) if raw is _NO_ANSWER else raw

    def _raw_answer(self, verb: Verb, message: Any, form: Form) -> Any:
        name = f"{verb.method}_raw"
        if self.user.has(name):
            try:
                answer, metrics = self.harvested(verb.metric_label, getattr(self.user.instance, name)(message), form)
            except Exception as error:
                if not is_not_implemented(error):
                    raise
            else:
                self.tell(metrics, verb.metric_label)
                return answer
        return _NO_ANSWER

    def _composed(self, verb: Verb, message: Any, form: Form) -> Any:
        if verb is Verb.AGGREGATE:
            messages = form.messages_of(message)
            asked = [form.extract(each) for each in messages]
            result = self.user.aggregate([each.features for each in asked], [each.names for each in asked])
            meta, carried_metrics = merged([each.meta for each in asked])
            return self.compose(
                verb.metric_label, messages[0], result, form, meta=meta, carried_metrics=carried_metrics
            )
        one = form.extract(message)
        if verb is Verb.ROUTE:
            return self.compose(verb.metric_label, message, self.user.route(one), form)
        return self.compose(verb.metric_label, message, self.user.ask(verb, one), form, meta=one.meta)

    def _feedback(self, feedback: Any) -> Any:
        """Whatever the transport, feedback is protobuf to the class, as in Seldon's wrapper."""
        verb = Verb.SEND_FEEDBACK
        if math.isfinite(feedback.reward):  # the others would end every sum of rewards for good
            self._on_reward(feedback.reward)
        if (as_rest := self.user.deprecated("send_feedback_rest")) is not None:
            return _message_of(as_rest(json_format.MessageToJson(feedback)), like=feedback.request)
        if (as_grpc := self.user.deprecated("send_feedback_grpc")) is not None:
            return _message_of(as_grpc(feedback), like=feedback.request)
        raw = self._raw_answer(verb, feedback, proto_payloads)
        if raw is not _NO_ANSWER:
            return raw
        data = feedback.request.data
        features, truth = proto_payloads.array_of(data), proto_payloads.array_of(feedback.truth.data)
        routing = feedback.response.meta.routing.get(self._unit)
        result = self.user.send_feedback(features, data.names, feedback.reward, truth, routing)
        return self.compose(verb.metric_label, feedback.request, result, proto_payloads)

    def _health(self) -> Any:
        if self.user.has("health_status_raw"):
            try:
                return self.user.instance.health_status_raw()
            except Exception as error:
                if not is_not_implemented(error):
                    raise
        result = Result(self.user.health_status(), metrics=[])
        return self.compose(HEALTH_LABEL, {}, result, json_payloads)

    def _told_metrics(self, label: str, of_result: Any) -> list[Any]:
        """Tell the metrics of a result, then those of `metrics()`; what of them goes into the answer."""
        of_result = custom_metrics.checked(of_result)
        if of_result:
            self._on_metrics(of_result, label)
        own = self.user.metrics()
        if own:
            self._on_metrics(own, label)
        return custom_metrics.labelled([*(own or ()), *of_result], label) if self._keeps_metrics else []


_NO_ANSWER: Final = object()
_UNPARSED: Final = (
    json_format.ParseError,
    TypeError,
    ValueError,
    OverflowError,
    AttributeError,
    RecursionError,
    SystemError,  # protobuf's own, where a text that is no Unicode stands for an object
)


def _feedback_of(tree: Any) -> Any:
    if not isinstance(tree, dict):
        raise WrapperError(f"Invalid JSON: {shown(tree)} is no Feedback, which is an object")
    try:
        return json_format.ParseDict(tree, protos.for_user_code().Feedback())
    except _UNPARSED as error:
        raise WrapperError(f"Invalid JSON: {shown(error)}") from error


def _tree_of(message: Any) -> Any:
    try:
        return json_format.MessageToDict(message)
    except json_format.SerializeToJsonError as error:  # NaN in a google.protobuf.Value: the caller's own, handed back
        raise components_fault(f"The answer cannot be told in JSON: {error}") from error


def _message_of(tree: Any, *, like: Any) -> Any:
    try:
        return json_format.ParseDict(tree or {}, type(like)())
    except json_format.ParseError as error:
        raise components_fault(f"Invalid JSON: {error}") from error
