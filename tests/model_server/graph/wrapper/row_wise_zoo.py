"""Users' classes that declare themselves row-wise, in both ways; each counts its calls."""

from __future__ import annotations

import numpy as np
from seldon_core.flask_utils import SeldonMicroserviceException
from seldon_core.user_model import SeldonComponent, SeldonNotImplementedError, SeldonResponse


class Linear:
    row_wise = True
    n_calls = 0

    def predict(self, X, names):
        self.n_calls += 1
        return X * 2 + 1

    def transform_input(self, X, names, meta=None):
        self.n_calls += 1
        return X[:, ::-1]

    def transform_output(self, X, names):
        return X.tolist()


class Scores(Linear):
    """One number a row, with all that goes beside an answer."""

    def predict(self, X, names, meta=None):
        self.n_calls += 1
        return X.astype(float).sum(axis=1)

    def class_names(self):
        return ["score"]

    def tags(self):
        return {"model": "linear"}

    def metrics(self):
        return [{"type": "COUNTER", "key": "asked", "value": 1, "tags": {"a": "b"}}]


class TellsNames(Linear):
    def predict(self, X, names, meta=None):
        self.n_calls += 1
        return [[type(cell).__name__ for cell in row] + list(names or []) for row in X.tolist()]


class OfSeldon(SeldonComponent):
    row_wise = True

    def predict(self, X, names, meta=None):
        return X + 1


class RefusesNegatives(Scores):
    def predict(self, X, names, meta=None):
        self.n_calls += 1
        if (X < 0).any():
            raise SeldonMicroserviceException("a number below zero", reason="NEGATIVE")
        return X


class RespondsForEach(Linear):
    def predict(self, X, names, meta=None):
        return SeldonResponse(X, tags={"rows": len(X)})


class SaysHowMany(Linear):
    """Row-wise only by its own word."""

    def predict(self, X, names, meta=None):
        return f"{len(X)} rows"


class FirstOnly(Linear):
    """Another one."""

    def predict(self, X, names, meta=None):
        return X[:1]


class Shares(Linear):
    """Of the row, which in one dimension is all there is."""

    def predict(self, X, names, meta=None):
        return X / (1 + np.abs(X).sum(axis=-1, keepdims=True))


class NotToday(Linear):
    def predict(self, X, names, meta=None):
        raise SeldonNotImplementedError("not today")


class FailingTags(Scores):
    def tags(self):
        raise KeyError("tags")


class InsistsOnMeta(Linear):
    def predict(self, X, names, meta):
        self.n_calls += 1
        return X


class SeesMessages(Linear):
    def predict_raw(self, message):
        self.n_calls += 1
        return message


class Undeclared(Linear):
    row_wise = False


JOINED = [
    Linear,
    Scores,
    TellsNames,
    OfSeldon,
    RefusesNegatives,
    RespondsForEach,
    SaysHowMany,
    FirstOnly,
    Shares,
    NotToday,
    FailingTags,
]
NOT_JOINED = [InsistsOnMeta, SeesMessages, Undeclared]


class Many:
    n_calls = 0

    def predict_raw(self, message):
        self.n_calls += 1
        return self._answer(message)

    def predict_many(self, messages):
        self.n_calls += 1
        return [self._answer_or_error(message) for message in messages]

    def _answer_or_error(self, message):
        try:
            return self._answer(message)
        except Exception as error:  # noqa: BLE001  (as a user would)
            return error

    def _answer(self, message):
        if isinstance(message, dict):
            if "jsonData" in message:
                raise SeldonMicroserviceException("no JSON, please", status_code=409)
            if "binData" in message:
                return {"status": {"code": 503, "info": "no bytes today"}}
            return {
                "strData": str(sorted(message)),
                "meta": {"metrics": [{"key": "asked", "value": 1, "tags": {"a": "b"}}]},
            }
        if hasattr(message, "WhichOneof"):
            answer = type(message)(strData=message.WhichOneof("data_oneof") or "")
            answer.meta.metrics.add(key="asked", value=2)
            return answer
        raise ValueError("no object")


class ManyFails(Many):
    def predict_many(self, messages):
        raise RuntimeError("all at once is too much")


class ManyForgetsOne(Many):
    def predict_many(self, messages):
        return super().predict_many(messages)[1:]


class ManyIsNoList(Many):
    def predict_many(self, messages):
        return None


class ManyWithABadMetric(Many):
    def _answer(self, message):
        return {"meta": {"metrics": [{"value": 1}]}} if isinstance(message, dict) else "no message"


class ManyOfSeldon(SeldonComponent):
    """Its raw method is not there, so neither is the answer of its many-method."""

    def predict(self, X, names, meta=None):
        return [1.0]

    def predict_many(self, messages):
        return [SeldonNotImplementedError("none") for _ in messages]


MANY = [Many, ManyFails, ManyForgetsOne, ManyIsNoList, ManyWithABadMetric, ManyOfSeldon]
