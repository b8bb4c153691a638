"""Requests to send, drawn from a seed, over REST and gRPC: to graphs, and to single components as the wrapper has them."""

import gzip
import json
import urllib.parse
from dataclasses import dataclass

from differential_payloads import BRANCHES, WORDS, feedback, junk, odd_feedback, odd_tree, tree
from google.protobuf import json_format, text_format

from model_server.graph import protos
from model_server.graph.verbs import Verb

JSON = "application/json"
ODD_PART = 0.25
"""Of the requests; the others are well-formed, though a component may refuse them."""
BOUNDARY = "a-boundary"
SELDON = "/seldon.protos.Seldon"
VERB_PATHS = {verb.path for verb in Verb}
PLAIN_VERBS = [Verb.PREDICT, Verb.TRANSFORM_INPUT, Verb.TRANSFORM_OUTPUT, Verb.ROUTE]
REQUEST_CLASSES = {"SendFeedback": "Feedback", "Aggregate": "SeldonMessageList"}
ANSWER_CLASSES = {
    "Metadata": "SeldonModelMetadata",
    "ModelMetadata": "SeldonModelMetadata",
    "GraphMetadata": "SeldonGraphMetadata",
}


RARE = (
    {"other": "long " * 100},
    {"strData": "x", "status": True},
    {"strData": "x", "meta": None},
    {"data": {"ndarray": [[5]]}, "meta": {"tags": None}},
)
"""What chance alone would not always draw."""


@dataclass(frozen=True)
class Request:
    transport: str
    method: str
    """HTTP's, or gRPC's full name."""
    tree: object
    """What is said, as JSON; None where nothing is, or nothing that can be read."""
    body: bytes = b""
    path: str = ""
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def is_rest(self):
        return self.transport == "rest"

    @property
    def is_message(self):
        """Whether a message is what should be sent there; else the request asks to be told something."""
        if not self.is_rest:
            return not self.method.endswith("Metadata")
        path = self.path.partition("?")[0]
        is_posted = path.endswith(("/predictions", "/feedback")) and self.method == "POST"
        return is_posted or path in VERB_PATHS

    @property
    def is_feedback(self):
        return "feedback" in self.path or self.method.endswith("SendFeedback")

    @property
    def is_aggregate(self):
        return self.path.startswith("/aggregate") or self.method.endswith("Aggregate")

    @property
    def answer_class(self):
        """Of gRPC."""
        return ANSWER_CLASSES.get(self.method.rpartition("/")[2], "SeldonMessage")

    def __str__(self):
        where = f"{self.method} {self.path} {self.content_type}" if self.is_rest else self.method
        return f"{where} {self.body[:1000]!r}"


def to_graph(rng, graph, n_each):
    """Predictions and feedback, and what else a graph tells."""
    choosers = graph.choosers()
    requests = [_rest(rng, *_of_graph(rng, choosers)) for _ in range(n_each)]
    requests += [_grpc_of_graph(rng, choosers) for _ in range(n_each)]
    for word in BRANCHES if choosers else WORDS:
        requests += _both({"strData": word}, "/api/v1.0/predictions", f"{SELDON}/Predict")
    nodes = [*graph.components(), "nobody"]
    told = ["/api/v1.0/metadata", "/api/v1.0/health/status", "/ready", "/live", "/nowhere", "/predict"]
    told += [f"/api/v1.0/{what}/{node}" for what in ("metadata", "status") for node in nodes]
    requests += [Request("rest", "GET", None, path=path) for path in told]
    requests.append(Request("rest", "PUT", {}, b"{}", "/api/v1.0/predictions", JSON))
    requests.append(Request("grpc", f"{SELDON}/GraphMetadata", None))
    for node in nodes:
        asked = protos.ours().SeldonModelMetadataRequest(name=node)
        requests.append(Request("grpc", f"{SELDON}/ModelMetadata", {"name": node}, asked.SerializeToString()))
    return requests


def to_component(rng, n_each):
    """All that the wrapper takes."""
    requests = [_rest(rng, *_of_component(rng)) for _ in range(n_each)]
    requests += [_grpc_of_component(rng) for _ in range(n_each)]
    for word in WORDS:
        requests += _both({"data": {"ndarray": [[word]]}}, "/predict", Verb.PREDICT.grpc_method)
    requests += [_plain("/predict", said) for said in RARE]
    told = ["/health/ping", "/health/status", "/api/v1.0/health/status", "/metadata", "/api/v1.0/metadata", "/nowhere"]
    requests += [Request("rest", "GET", None, path=path) for path in told]
    requests += [Request("rest", "POST", None, path=path, content_type=JSON) for path in ("/metadata", "/health/ping")]
    requests += [Request("rest", "GET", None, path="/api/v1.0/predictions")]
    empty = ("Model/Metadata", "Seldon/ModelMetadata", "Seldon/GraphMetadata")
    return requests + [Request("grpc", f"/seldon.protos.{method}", None) for method in empty]


def _of_graph(rng, choosers):
    """A path, and what is sent there."""
    version = rng.choice(["v1.0", "v0.1"])
    is_odd = rng.random() < ODD_PART
    if rng.random() < 0.25:
        draw = odd_feedback if is_odd else feedback
        return f"/api/{version}/feedback", draw(rng, choosers)
    return f"/api/{version}/predictions", (odd_tree if is_odd else tree)(rng)


def _of_component(rng):
    is_odd = rng.random() < ODD_PART
    match rng.randrange(8):
        case 0:
            path = rng.choice(["/send-feedback", "/api/v1.0/feedback", "/api/v0.1/feedback"])
            return path, (odd_feedback if is_odd else feedback)(rng, {"picks": 2, "splits": 3})
        case 1:
            return "/aggregate", _to_aggregate(rng, is_odd)
        case 2 | 3 | 4:
            path = rng.choice(["/predict", "/api/v1.0/predictions", "/api/v0.1/predictions"])
        case _:
            path = rng.choice(PLAIN_VERBS).path
    return path, (odd_tree if is_odd else tree)(rng)


def _to_aggregate(rng, is_odd):
    messages = [(odd_tree if is_odd and rng.random() < 0.5 else tree)(rng) for _ in range(rng.randrange(1, 4))]
    if is_odd:
        return rng.choice([[], messages, messages[0], {"seldonMessages": junk(rng)}, junk(rng)])
    return rng.choice([messages, {"seldonMessages": messages}])


def _rest(rng, path, said):
    """Mostly as JSON; else in one of the forms that the wrapper reads, or in one that it does not."""
    text = json.dumps(said)
    match rng.randrange(22):
        case 0:
            return Request("rest", "POST", said, _quoted(text), path, "application/x-www-form-urlencoded")
        case 1:
            return Request("rest", "POST", said, b"{}", f"{path}?json={urllib.parse.quote(text)}", JSON)
        case 2 if isinstance(said, dict):
            return _multipart(rng, path, said)
        case 3:
            content_type = rng.choice(["text/plain", None, "application/octet-stream", "", "json"])
            return Request("rest", "POST", said, text.encode(), path, content_type)
        case 4:
            content_type = rng.choice([f"{JSON}; charset=utf-8", "application/vnd.seldon+json", "Application/JSON"])
            return Request("rest", "POST", said, text.encode(), path, content_type)
        case 5:
            broken = rng.choice([b"", b"{", text.encode()[:-1], b"\xff\xfe", b"nul", b"{'a': 1}", b"\xef\xbb\xbf{}"])
            return Request("rest", "POST", None, broken, path, JSON)
        case 6:
            body = rng.choice([b"a=1", b"json=", b"json=%7B", b"json=%FF"])
            return Request("rest", "POST", None, body, path, "application/x-www-form-urlencoded")
        case 7:
            encoded = (("Content-Encoding", "gzip"),)
            return Request("rest", "POST", None, gzip.compress(text.encode(), mtime=0), path, JSON, encoded)
        case 8:
            return Request("rest", "POST", said, json.dumps(said, ensure_ascii=False).encode(), path, JSON)
        case 9:
            return Request("rest", "GET", said, text.encode(), path, JSON)
    return Request("rest", "POST", said, text.encode(), path, JSON)


def _plain(path, said):
    return Request("rest", "POST", said, json.dumps(said).encode(), path, JSON)


def _both(said, path, grpc_method):
    message = _parsed(said, protos.ours().SeldonMessage)
    return [
        _plain(path, said),
        Request("grpc", grpc_method, said, message.SerializeToString()),
    ]


def _quoted(text):
    return urllib.parse.urlencode({"json": text, "other": "1"}).encode()


def _multipart(rng, path, said):
    """Each field of the message as a part; text and bytes as files now and then."""
    parts = []
    for name, value in said.items():
        is_file = name in {"strData", "binData"} and rng.random() < 0.5
        text = value if name == "strData" and isinstance(value, str) else json.dumps(value)
        parts.append(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
            + ('; filename="file"' if is_file else "")
            + f"\r\n\r\n{text}\r\n"
        )
    is_cut_short = rng.random() < 0.1
    body = "".join(parts) + ("" if is_cut_short else f"--{BOUNDARY}--\r\n")
    tree = None if is_cut_short else said
    return Request(
        "rest", "POST", tree, body.encode(errors="replace"), path, f"multipart/form-data; boundary={BOUNDARY}"
    )


def _grpc_of_graph(rng, choosers):
    if rng.random() < 0.25:
        return _proto(f"{SELDON}/SendFeedback", rng, lambda rng: feedback(rng, choosers))
    return _proto(f"{SELDON}/Predict", rng, tree)


def _grpc_of_component(rng):
    service = rng.choice([name for name in protos.SERVICES if protos.SERVICES[name]])
    methods = [name for name in protos.SERVICES[service] if not name.endswith("Metadata")]
    method = rng.choice(methods)
    draw = {
        "SendFeedback": lambda rng: feedback(rng, {"picks": 2, "splits": 3}),
        "Aggregate": lambda rng: {"seldonMessages": [tree(rng) for _ in range(rng.randrange(4))]},
    }.get(method, tree)
    return _proto(f"/seldon.protos.{service}/{method}", rng, draw)


def _proto(method, rng, draw):
    """A message of the kind that the method takes; sometimes one that only protobuf can hold, or none at all."""
    kind = REQUEST_CLASSES.get(method.rpartition("/")[2], "SeldonMessage")
    message_class = getattr(protos.ours(), kind)
    roll = rng.random()
    if roll < 0.03:
        return Request("grpc", method, None, rng.choice([b"\xff\xff", b"\x0a\x05abc", b"\x12\x02\x08"]))
    message = None
    while message is None:
        said = odd_tree(rng) if kind == "SeldonMessage" and roll < 0.25 else draw(rng)
        message = _parsed(said, message_class)
    if kind == "SeldonMessage" and roll > 0.97:
        message.customData.type_url, message.customData.value = "x/y", b"z"
    return Request("grpc", method, tree_of(message), message.SerializeToString())


def _parsed(said, message_class):
    """None where protobuf's JSON has no such message."""
    try:
        return json_format.ParseDict(_with_words_for_odd_numbers(said), message_class(), ignore_unknown_fields=True)
    except (json_format.ParseError, AttributeError, TypeError):
        return None


def _with_words_for_odd_numbers(said):
    """A tensor's NaN is a word in protobuf's JSON."""
    if isinstance(said, dict):
        return {
            key: [str(cell) if isinstance(cell, float) and key == "values" else cell for cell in value]
            if key == "values" and isinstance(value, list)
            else _with_words_for_odd_numbers(value)
            for key, value in said.items()
        }
    return [_with_words_for_odd_numbers(value) for value in said] if isinstance(said, list) else said


def tree_of(message):
    """A protobuf message as JSON; numbers that JSON does not have as words. With customData, which it is not: as text."""
    copied = type(message).FromString(message.SerializeToString())
    _name_odd_numbers(copied)
    try:
        return json_format.MessageToDict(copied)
    except TypeError:
        return text_format.MessageToString(copied)


def _name_odd_numbers(message):
    for descriptor, value in message.ListFields():
        if descriptor.name == "number_value" and (value != value or value in {float("inf"), float("-inf")}):
            message.string_value = f"<{value}>"
        elif descriptor.message_type is not None:
            is_map = descriptor.message_type.GetOptions().map_entry
            many = descriptor.label == descriptor.LABEL_REPEATED
            for each in value.values() if is_map else value if many else [value]:
                if hasattr(each, "ListFields"):
                    _name_odd_numbers(each)
