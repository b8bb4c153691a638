"""Users' classes of every kind that Seldon's wrapper meets: each the smallest that shows one habit."""

from __future__ import annotations

import datetime as dt
import decimal
from typing import Any, ClassVar

import numpy as np
from google.protobuf import any_pb2
from seldon_core.flask_utils import SeldonMicroserviceException
from seldon_core.user_model import SeldonComponent, SeldonNotImplementedError, SeldonResponse


class Echo:
    def predict(self, X, names):
        return X


class EchoesLists(Echo):
    """Returns lists where it can."""

    def predict(self, X, names, meta=None):
        return X.tolist() if isinstance(X, np.ndarray) else X


class Doubles:
    """Fails on texts, inside numpy."""

    def predict(self, X, names, meta=None):
        return np.asarray(X) * 2


class ScribblesOnItsInput:
    def predict(self, X, names, meta=None):
        if isinstance(X, np.ndarray):
            X[...] = 7
        return X


class TellsWhatItGot:
    def predict(self, X, names, meta=None):
        return {
            "kind": type(X).__name__,
            "names": None if names is None else list(names),
            "meta": meta,
            "shape": list(np.shape(X)) if isinstance(X, np.ndarray) else None,
            "dtype": X.dtype.kind if isinstance(X, np.ndarray) else None,
        }


class InsistsOnMeta:
    def predict(self, X, names, meta):
        return {"meta": meta}


class TakesAnyKeyword:
    def predict(self, X, names, **kwargs):
        return {"keywords": sorted(kwargs)}


def careless(method):
    """A decorator that hides what it decorates."""

    def replacement(*args, **kwargs):
        return method(*args, **kwargs)

    return replacement


class Decorated:
    @careless
    def predict(self, X, names):
        return {"n_names": len(names or ())}


class ChangesMeta:
    def predict(self, X, names, meta=None):
        if meta is not None:
            meta["tags"] = {"changed": True}
        return [1.0]


class Text:
    def predict(self, X, names, meta=None):
        return f"a {type(X).__name__}"


class Bytes:
    def predict(self, X, names, meta=None):
        return b"\x00\xff"


class MutableBytes:
    def predict(self, X, names, meta=None):
        return bytearray(b"\x00\xff")


class Number:
    def predict(self, X, names, meta=None):
        return 5


class Nothing:
    def predict(self, X, names, meta=None):
        return None


class Records:
    def predict(self, X, names, meta=None):
        return [{"a": 1, "b": [1.5, None]}]


class Ragged:
    def predict(self, X, names, meta=None):
        return [[1], [2, 3]]


class NumpyInADict:
    def predict(self, X, names, meta=None):
        return {"p": np.float32(0.5)}


class TimesAndDecimals:
    def predict(self, X, names, meta=None):
        return {
            "at": dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.UTC),
            "on": dt.date(2024, 2, 29),
            "is": decimal.Decimal("1.50"),
        }


class ThreeDimensions:
    def predict(self, X, names, meta=None):
        return np.arange(12).reshape(2, 2, 3)


class NoDimension:
    def predict(self, X, names, meta=None):
        return np.array(3.5)


class Truths:
    def predict(self, X, names, meta=None):
        return np.array([[True], [False]])


class Objects:
    def predict(self, X, names, meta=None):
        return np.array([[1, None], ["a", 2.5]], dtype=object)


class Halves:
    def predict(self, X, names, meta=None):
        return np.array([[0.1], [np.nan]], dtype=np.float32)


class Custom:
    def predict(self, X, names, meta=None):
        return any_pb2.Any(type_url="x/y", value=b"z")


class Raises:
    def predict(self, X, names, meta=None):
        raise ValueError("this model always fails")


class RaisesATypeError:
    def predict(self, X, names, meta=None):
        raise TypeError("unsupported operand")


class RaisesByStatus:
    def predict(self, X, names, meta=None):
        raise SeldonMicroserviceException("no such user", status_code=404, reason="NO_SUCH_USER")


class RaisesByDefault:
    def predict(self, X, names, meta=None):
        raise SeldonMicroserviceException("the row is odd")


class Tagged(Doubles):
    def class_names(self):
        return ["first", "second"]

    def tags(self):
        return {"colour": "blue", "depth": {"a": [1, 2]}, "ok": True, "half": np.float64(0.5)}

    def metrics(self):
        return [
            {"type": "COUNTER", "key": "calls", "value": 1},
            {"type": "GAUGE", "key": "level", "value": 0.5, "tags": {"zone": "z1"}},
            {"type": "TIMER", "key": "work", "value": 20.0},
        ]


class NamesAsAnAttribute(Doubles):
    class_names: ClassVar = ["one", "two"]


class NamesOfNobody(Doubles):
    def class_names(self):
        raise SeldonNotImplementedError("no names")

    def feature_names(self):
        return ["never", "asked"]

    def tags(self):
        raise SeldonNotImplementedError("no tags")

    def metrics(self):
        raise SeldonNotImplementedError("no metrics")


class NumpyTags(Doubles):
    def tags(self):
        return {"n": np.int64(3)}


class FailingTags(Doubles):
    def tags(self):
        raise KeyError("tag")


class EmptyTags(Doubles):
    def tags(self):
        return None


class Responds:
    """SeldonResponse: data, tags and metrics of the request."""

    def predict(self, X, names, meta=None):
        metrics = [{"type": "GAUGE", "key": "seen", "value": 2, "tags": {"of": "request"}}]
        return SeldonResponse([[1, 2]], tags={"colour": "green", "own": 1}, metrics=metrics)


class RespondsAndTells(Tagged):
    predict = Responds.predict


class RespondsWithABadMetric:
    def predict(self, X, names, meta=None):
        return SeldonResponse([1], metrics=[{"type": "FLOOD", "key": "seen", "value": 2}])


class BadMetrics(Doubles):
    def metrics(self):
        return [{"type": "COUNTER", "key": "calls"}]


class MetricsThatAreNoList(Doubles):
    def metrics(self):
        return {"type": "COUNTER", "key": "calls", "value": 1}


class MetricsOfText(Doubles):
    def metrics(self):
        return [{"type": "COUNTER", "key": "calls", "value": "many"}]


class TagsOfNumbers(Doubles):
    def metrics(self):
        return [{"type": "COUNTER", "key": "calls", "value": 1, "tags": {"n": 1}}]


class Component(SeldonComponent):
    """All that is inherited says that it is not implemented."""


class ComponentThatPredicts(SeldonComponent):
    def predict(self, X, names, meta=None):
        return [[len(names or ())]]


class SaysNotImplemented(Tagged):
    def predict(self, X, names, meta=None):
        raise SeldonNotImplementedError("not this time")


class Empty:
    """No method at all."""


class Raw:
    def predict_raw(self, message):
        return message


class RawThatFails:
    def predict_raw(self, message):
        raise RuntimeError("raw trouble")


class RawThatIsNotImplemented(Tagged):
    def predict_raw(self, message):
        raise SeldonNotImplementedError("plain, please")


class RawWithMetrics:
    def predict_raw(self, message):
        if isinstance(message, dict):
            metrics = [
                {"type": "COUNTER", "key": "raw", "value": 2, "tags": {"column": "country"}},
                {"key": "typeless", "value": 1.5},
                {"type": "FLOOD", "key": "strange", "value": 1},
            ]
            return {"jsonData": 1, "meta": {"tags": {"t": 1}, "metrics": metrics}}
        answer = type(message)(strData="x")
        answer.meta.metrics.add(key="raw", value=2.1, tags={"column": "country"})
        answer.meta.metrics.add(key="gauge", value=0.25, type=1)
        return answer


class RawWithAZeroMetric:
    def predict_raw(self, message):
        if isinstance(message, dict):
            return {"meta": {"metrics": [{"key": "zero", "value": 0}]}}
        answer = type(message)(strData="x")
        answer.meta.metrics.add(key="zero", value=0)
        return answer


class RawWithABadMetric:
    def predict_raw(self, message):
        return {"meta": {"metrics": [{"value": 1}]}}


class RawWithStatus:
    def predict_raw(self, message):
        if isinstance(message, dict):
            code = message.get("strData")
            return {"status": {"code": int(code) if str(code).isdigit() else 503, "info": "busy"}}
        return type(message)(strData="x")


class RawText:
    def predict_raw(self, message):
        return "text" if isinstance(message, dict) else type(message)(strData="text")


class Deprecated:
    def predict_rest(self, message):
        return {"strData": "rest"}

    def predict_grpc(self, message):
        return type(message)(strData="grpc")

    def predict_raw(self, message):
        raise AssertionError("the deprecated method comes first")


class DeprecatedForRest(Doubles):
    def predict_rest(self, message):
        return {"strData": "rest", "meta": {"metrics": [{"key": "never", "value": 1}]}}


PREDICTORS: list[Any] = [
    kind
    for kind in list(globals().values())
    if isinstance(kind, type)
    and kind.__module__ == __name__
    and (any(hasattr(kind, f"predict{suffix}") for suffix in ("", "_raw", "_rest")) or kind is Empty)
]
"""Every class above."""


def asked_as(kind, method):
    """The class with its `predict`s as another method's."""
    if method == "predict":
        return kind
    renamed = {
        f"{method}{suffix}": vars(owner)[f"predict{suffix}"]
        for owner in reversed(kind.__mro__)
        if owner.__module__ == __name__
        for suffix in ("", "_raw", "_rest", "_grpc")
        if f"predict{suffix}" in vars(owner)
    }
    return type(kind.__name__, (kind,), renamed)


class Routes:
    def route(self, X, names, meta=None):
        return int(np.ravel(X)[0])

    def tags(self):
        return {"routed": 1}


class RoutesByNumpy:
    def route(self, X, names):
        return np.int64(1)


class RoutesByTruth:
    def route(self, X, names):
        return True


class RoutesByResponse:
    def route(self, X, names):
        return SeldonResponse(1, tags={"why": "luck"}, metrics=[{"type": "COUNTER", "key": "routed", "value": 1}])


class RoutesRaw:
    def route_raw(self, message):
        return message


ROUTERS = [Routes, RoutesByNumpy, RoutesByTruth, RoutesByResponse, RoutesRaw, Component, Empty, Raises]


class Averages:
    def aggregate(self, features, names):
        return np.mean([np.asarray(x, dtype=float) for x in features], axis=0)

    def tags(self):
        return {"combined": 1}

    def metrics(self):
        return [{"type": "COUNTER", "key": "combined", "value": 1}]


class ListsWhatItGot:
    def aggregate(self, features, names):
        return {"kinds": [type(x).__name__ for x in features], "names": [list(n or ()) for n in names]}


class First:
    def aggregate(self, features, names):
        return SeldonResponse(features[0], tags={"first": True})


class AggregatesRaw:
    def aggregate_raw(self, message):
        return message[0] if isinstance(message, list) else {"strData": "many"}


COMBINERS = [Averages, ListsWhatItGot, First, AggregatesRaw, Component, Empty]


class Learns:
    def __init__(self):
        self.seen: Any = None

    def send_feedback(self, features, names, reward, truth, routing=None):
        self.seen = [np.shape(features), list(names), reward, np.asarray(truth).tolist(), routing]

    def tags(self):
        return {"seen": str(self.seen)}


class AnswersFeedback:
    def send_feedback(self, features, names, reward, truth, routing):
        metrics = [{"type": "GAUGE", "key": "rewarded", "value": reward, "tags": {"a": "b"}}]
        return SeldonResponse([[reward, 1.0]], tags={"thanks": True}, metrics=metrics)


class ForgetsRouting:
    def send_feedback(self, features, names, reward, truth):
        return []


class FeedbackRaw:
    def send_feedback_raw(self, feedback):
        answer = type(feedback.request)(strData=f"reward {feedback.reward}")
        answer.meta.metrics.add(key="counted", value=1, tags={"a": "b"})
        return answer


class FeedbackRest:
    def send_feedback_rest(self, text):
        return {"strData": text[:1]}


class FeedbackGrpc:
    def send_feedback_grpc(self, feedback):
        return {"strData": f"reward {feedback.reward}"}


class FailsOnFeedback:
    def send_feedback(self, features, names, reward, truth, routing=None):
        raise ValueError("no feedback wanted")


LEARNERS = [
    Learns,
    AnswersFeedback,
    ForgetsRouting,
    FeedbackRaw,
    FeedbackRest,
    FeedbackGrpc,
    FailsOnFeedback,
    Component,
    Empty,
]


class Healthy:
    def health_status(self):
        return [1.0, 2.0]

    def metrics(self):
        return [{"type": "COUNTER", "key": "checked", "value": 1, "tags": {"a": "b"}}]


class HealthyInWords:
    def health_status(self):
        return "fine"

    def tags(self):
        return {"t": 1}


class HealthyRaw:
    def health_status_raw(self):
        return {"strData": "raw health"}


class Ill:
    def health_status(self):
        raise ValueError("ill")


PATIENTS = [Healthy, HealthyInWords, HealthyRaw, Ill, Component, Empty]
