"""The components behind the generated graphs: plain classes, each with habits of its own. None remembers anything.

Which habit shows, a message says itself, by its first cell or its text; so requests may come in any order and at once.
Nothing here imports seldon_core: a graph of these alone runs without it.
"""

import numpy as np


def first_of(features):
    """The first cell of an array or list, or what is no array, as it is."""
    while isinstance(features, np.ndarray | list):
        if np.ndim(features) == 0 or len(features) == 0:
            return None
        features = features[0]
    return features


class Scales:
    """MODEL: numbers times a parameter; whatever is no number fails inside numpy. Answers many requests at once."""

    row_wise = True

    def __init__(self, factor=2):
        self.factor = factor

    def predict(self, X, names, meta=None):
        return np.asarray(X) * self.factor


class Tagged:
    """MODEL and OUTPUT_TRANSFORMER, with tags, metrics of every type, names of its own, metadata and a health check."""

    def predict(self, X, names, meta=None):
        numbers = np.asarray(X, dtype=float)
        return np.stack([numbers.sum(axis=-1), numbers.max(axis=-1, initial=-1)], axis=-1)

    def transform_output(self, X, names, meta=None):
        return [] if X is None else X

    def class_names(self):
        return ["sum", "max"]

    def tags(self):
        return {"colour": "blue", "depth": {"a": [1, 2.5, None]}, "ok": True, "größe": "ß"}

    def metrics(self):
        return [
            {"type": "COUNTER", "key": "tagged_calls", "value": 1},
            {"type": "GAUGE", "key": "tagged_level", "value": 0.5, "tags": {"zone": "z1"}},
            {"type": "TIMER", "key": "tagged_work", "value": 20.0},
        ]

    def health_status(self):
        return [[1.0, 2.0]]

    def init_metadata(self):
        return {
            "name": "tagged",
            "versions": ["v1", "v2"],
            "platform": "numpy",
            "inputs": [{"messagetype": "tensor", "schema": {"names": ["a", "b"], "shape": [2]}}],
            "outputs": [{"messagetype": "tensor", "schema": {"names": ["sum", "max"], "shape": [2]}}],
            "custom": {"author": "nobody"},
        }


class Renames:
    """TRANSFORMER: turns things round, and gives columns new names. Its method takes no meta."""

    class_names = ("new-0", "new-1", "new-2")

    def transform_input(self, X, names):
        match X:
            case np.ndarray():
                return X[..., ::-1] if X.ndim else X
            case str() | bytes():
                return X[::-1]
            case dict():
                return {"renamed": X, "n_names": len(names)}
        return [] if X is None else X


class Rounds:
    """OUTPUT_TRANSFORMER: the opposite, of whatever can be negated; tells what it saw of the request's meta."""

    def transform_output(self, X, names, meta=None):
        if isinstance(X, np.ndarray) and np.issubdtype(X.dtype, np.number):
            return -X
        if isinstance(X, np.ndarray) and X.dtype == bool:
            return ~X
        if isinstance(X, list) or X is None:
            return {"rounded": X}
        return X

    def tags(self):
        return {"rounded": 1, "colour": "green"}

    def metrics(self):
        return [{"type": "COUNTER", "key": "rounded", "value": 2, "tags": {"zone": "z2"}}]


WORDS = {"left": 0, "right": 1, "all": -1, "none": -2, "far": 9, "below": -3, "half": 0.5, "yes": True, "list": [0]}


class Picks:
    """ROUTER: by a word or the first number. It learns nothing from feedback, but says what it got."""

    def route(self, X, names, meta=None):
        first = first_of(X)
        if isinstance(first, dict):
            first = first.get("branch")
        if isinstance(first, str):
            return WORDS[first] if first in WORDS else len(first) % 2
        if isinstance(first, bytes):
            return -1
        return int(first) % 2

    def send_feedback(self, features, names, reward, truth, routing=None):
        return {
            "features": np.asarray(features).tolist(),
            "names": list(names),
            "reward": reward,
            "truth": np.asarray(truth).tolist(),
            "routing": routing,
        }

    def tags(self):
        return {"picked": True}

    def metrics(self):
        return [{"type": "COUNTER", "key": "picked", "value": 1}]


class Splits:
    """ROUTER and COMBINER in one: by the number of names, and the first of the answers."""

    def route(self, X, names):
        return len(names) % 3 - 1

    def aggregate(self, features, names):
        return features[0]

    def tags(self):
        return {"split": "yes"}

    def send_feedback(self, features, names, reward, truth, routing):
        if reward < 0:
            raise ValueError(f"a reward of {reward} is too little")
        return [[reward, float(routing or 0)]]


class Averages:
    """COMBINER: of arrays the mean, of texts all, of anything else what there was."""

    def aggregate(self, features, names):
        if all(isinstance(each, np.ndarray) for each in features):
            return np.mean([np.asarray(each, dtype=float) for each in features], axis=0)
        if all(isinstance(each, str) for each in features):
            return "+".join(features)
        return {"kinds": [type(each).__name__ for each in features], "names": [list(each or ()) for each in names]}

    def tags(self):
        return {"combined": 1, "colour": "white"}

    def metrics(self):
        return [{"type": "GAUGE", "key": "combined", "value": 3}]


class Answers:
    """MODEL: something of another kind each time."""

    def predict(self, X, names, meta=None):
        first = first_of(X)
        if first == "ragged":
            return [[1], [2, 3]]
        if isinstance(first, int | float | np.number) and np.isfinite(first):
            return self.kinds()[int(first) % len(self.kinds())]
        return {"type": type(X).__name__, "shape": list(np.shape(X)), "names": list(names or ()), "meta": meta}

    def kinds(self):
        return [
            {"words": ["<a>", "&", "ü", "\u2028"], "n": 1, "x": 2.5, "none": None, "nested": {"deep": [[1], [2.0]]}},
            "left",
            b"\x00\xff\x80",
            [[1, 2], [3, 4]],
            [["a", 1], [None, 2.5]],
            np.array([[0.1, np.nan]], dtype=np.float32),
            np.arange(8).reshape(2, 2, 2),
            7,
            [],
            None,
            np.array([[True], [False]]),
            {"p": np.float64(0.25)},
            {"p": np.float32(0.25)},
        ]


class Refuses:
    """MODEL: answers with what it got, unless that asks for trouble."""

    def predict(self, X, names, **others):
        match first_of(X):
            case "value":
                raise ValueError("this is no value <for> me & mine")
            case "key":
                raise KeyError("no such key")
            case "zero":
                return 1 / 0
            case "deep":
                raise RecursionError("too deep")
            case "type":
                raise TypeError("this fails with meta and without")
            case "twice" if others:
                raise TypeError("with meta it fails")
            case "twice":
                return "without meta it works"
            case "silent":
                raise RuntimeError
            case "long":
                raise ValueError("long " * 500)
            case "unicode":
                raise ValueError("größer als ∞")
        return X if isinstance(X, np.ndarray | str | bytes | dict) else [str(X)]

    def class_names(self):
        return None


class Raw:
    """Of every type: hands the message itself on, with a word of its own, and metrics."""

    def _told(self, message):
        if isinstance(message, dict):
            meta = message.setdefault("meta", {})
            meta.setdefault("tags", {})["raw"] = "yes"
            meta["metrics"] = [{"key": "raw_calls", "type": "COUNTER", "value": 1, "tags": {"way": "raw"}}]
            return message
        message.meta.tags["raw"].string_value = "yes"
        del message.meta.metrics[:]
        message.meta.metrics.add(key="raw_calls", value=1, tags={"way": "raw"})
        return message

    predict_raw = transform_input_raw = transform_output_raw = _told

    def aggregate_raw(self, messages):
        if isinstance(messages, dict):
            messages = messages["seldonMessages"]
        return self._told(messages[-1] if isinstance(messages, list) else messages.seldonMessages[-1])

    def send_feedback_raw(self, feedback):
        answer = type(feedback.request)(strData=f"reward {feedback.reward:g}")
        answer.meta.puid = feedback.response.meta.puid
        return answer
