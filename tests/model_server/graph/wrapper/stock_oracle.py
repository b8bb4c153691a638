"""Seldon's own wrapper in this process, without sockets: what it answers, and what ours does, in one shape."""

from __future__ import annotations

import copy
import json
import threading
from dataclasses import dataclass, field
from typing import Any

from google.protobuf import text_format
from seldon_core import seldon_methods, user_model, wrapper
from seldon_core.metrics import SeldonMetrics
from seldon_core.proto import prediction_pb2

from model_server.graph import protos
from model_server.graph.errors import GraphError
from model_server.graph.verbs import Verb
from model_server.graph.wrapper import bodies
from model_server.graph.wrapper.calls import Identity, Wrapped

IDENTITY = Identity(unit="unit-7", image="registry:5000/image:1.2", predictor="p", deployment="d")
GRPC_METHODS = {verb: verb.grpc_method.rpartition("/")[2] for verb in Verb}


@dataclass
class Counted:
    """What was told to the metrics."""

    metrics: list[Any] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)

    def add(self, metrics: list[dict[str, Any]], label: str) -> None:
        for metric in copy.deepcopy(metrics):
            metric.setdefault("type", "COUNTER")
            metric.get("tags", {}).pop("method", None)
            if metric["type"] in {"COUNTER", "GAUGE", "TIMER"}:
                self.metrics.append((label, metric))


@dataclass(frozen=True)
class Outcome:
    """`status`: of HTTP, or the gRPC code. `body`: a tree over REST; over gRPC a message, or an error, as text."""

    status: Any
    body: Any
    metrics: Any
    rewards: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Outcome) and self.told() == other.told()

    def __hash__(self) -> int:
        return hash(self.told())

    def told(self) -> str:
        """As text, in which NaN equals NaN, and 1 is not 1.0."""
        return json.dumps([self.status, self.body, self.metrics, self.rewards], sort_keys=True, default=str)

    @property
    def info(self) -> str:
        """The text of an error; "" of an answer over REST."""
        status = self.body.get("status", {}) if isinstance(self.body, dict) else {"info": self.body}
        return status.get("info", "")


class InMemoryMetrics(SeldonMetrics):
    """Seldon's metrics, its rules and its effects on what it is given included, without the process that keeps them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.data: dict[Any, Any] = {}
        self.worker_id_func = lambda: 1
        self.counted = Counted()
        self._is_reward = False

    def __del__(self) -> None:
        pass

    def update(self, custom_metrics, method):
        if not self._is_reward:
            told = copy.deepcopy(custom_metrics)
            super().update(custom_metrics, method)
            self.counted.add(told, method)

    def update_reward(self, reward):
        self.counted.rewards.append(reward)
        self._is_reward = True
        super().update_reward(reward)
        self._is_reward = False


class Stock:
    """The stock wrapper around a user's object. Its environment variables must be those of IDENTITY."""

    def __init__(self, instance: Any) -> None:
        self._metrics = InMemoryMetrics()
        wrapper.PRED_UNIT_ID = IDENTITY.unit
        self.client = wrapper.get_rest_microservice(instance, self._metrics).test_client()
        self._servicer = wrapper.SeldonModelGRPC(instance, self._metrics)

    def rest(self, path: str, **request: Any) -> Outcome:
        return self._outcome(lambda: self._post(path, **request))

    def grpc(self, verb: Verb, message: Any) -> Outcome:
        return self._outcome(lambda: self._call(verb, message))

    def _post(self, path: str, **request: Any) -> tuple[Any, Any]:
        response = self.client.get(path) if not request else self.client.post(path, **request)
        try:
            return response.status_code, json.loads(response.data)
        except ValueError:
            return response.status_code, response.data

    def _call(self, verb: Verb, message: Any) -> tuple[Any, Any]:
        try:
            answer = getattr(self._servicer, GRPC_METHODS[verb])(message, None)
            return "OK", as_text(answer)
        except Exception as error:  # noqa: BLE001  (as grpcio does)
            return "UNKNOWN", f"Exception calling application: {error}"

    def _outcome(self, ask: Any) -> Outcome:
        self._metrics.counted = Counted()
        status, body = ask()
        return Outcome(status, body, self._metrics.counted.metrics, self._metrics.counted.rewards)


class Ours:
    """Our wrapper around a user's object."""

    def __init__(self, instance: Any, identity: Identity = IDENTITY, **options: Any) -> None:
        self.counted = Counted()
        self.wrapped = Wrapped(
            instance,
            identity,
            on_metrics=self._count,
            on_reward=self._reward,
            **options,
        )

    def _count(self, metrics: list[dict[str, Any]], label: str) -> None:
        self.counted.add(metrics, label)

    def _reward(self, reward: float) -> None:
        self.counted.rewards.append(reward)

    def rest(self, verb: Verb, body: bytes, content_type: str = "application/json", query: str = "") -> Outcome:
        return self.outcome(lambda: self.wrapped.answer_tree(verb, bodies.decode(body, content_type, query)))

    def health(self) -> Outcome:
        return self.outcome(self.wrapped.health)

    def outcome(self, ask: Any) -> Outcome:
        self.counted = Counted()
        try:
            status, body = 200, bodies.encode(ask())
        except GraphError as error:
            status, body = error.http_status, error.body()
        return Outcome(status, json.loads(body), self.counted.metrics, self.counted.rewards)

    def grpc(self, verb: Verb, message: Any) -> Outcome:
        self.counted = Counted()
        try:
            answer = self.wrapped.answer_proto(verb, message)
            status, body = "OK", as_text(answer)
        except GraphError as error:
            status, body = error.code, error.details()
        return Outcome(status, body, self.counted.metrics, self.counted.rewards)


def as_text(answer: Any) -> str:
    """NaN and all; maps in the order of their keys."""
    return text_format.MessageToString(prediction_pb2.SeldonMessage.FromString(answer.SerializeToString()))


def in_our_pool(message: Any) -> Any:
    """The same message in the classes that the server uses where nothing has imported seldon_core."""
    return getattr(protos.ours(), message.DESCRIPTOR.name).FromString(message.SerializeToString())


def without_metrics_in_answers(monkeypatch: Any) -> None:
    """What INCLUDE_METRICS_IN_CLIENT_RESPONSE=false does to the stock wrapper, which reads it when it is imported."""
    for module in (seldon_methods, user_model):
        monkeypatch.setattr(module, "INCLUDE_METRICS_IN_CLIENT_RESPONSE", False)
