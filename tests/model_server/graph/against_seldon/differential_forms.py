"""What is said, in the forms in which it can be sent: as JSON, in a form, in parts, as protobuf; and in none."""

import gzip
import json
import math
import urllib.parse
from dataclasses import dataclass

from differential_payloads import odd_tree
from google.protobuf import json_format, text_format

from model_server.graph import protos
from model_server.graph.verbs import Verb

JSON = "application/json"
URLENCODED = "application/x-www-form-urlencoded"
VERB_PATHS = {verb.path for verb in Verb}
_BOUNDARY = "a-boundary"
_REQUEST_CLASSES = {"SendFeedback": "Feedback", "Aggregate": "SeldonMessageList"}
_ANSWER_CLASSES = {
    "Metadata": "SeldonModelMetadata",
    "ModelMetadata": "SeldonModelMetadata",
    "GraphMetadata": "SeldonGraphMetadata",
}


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
        return _ANSWER_CLASSES.get(self.method.rpartition("/")[2], "SeldonMessage")

    def __str__(self):
        where = f"{self.method} {self.path} {self.content_type}" if self.is_rest else self.method
        return f"{where} {self.body[:1000]!r}"


def as_json(path, said):
    return Request("rest", "POST", said, json.dumps(said).encode(), path, JSON)


def in_both_forms(said, path, grpc_method):
    message = _parsed(said, protos.ours().SeldonMessage)
    return [
        as_json(path, said),
        Request("grpc", grpc_method, said, message.SerializeToString()),
    ]


def in_some_form(rng, path, said):
    """Mostly as JSON; else in another form that the wrapper reads, or in one that it does not."""
    text = json.dumps(said)
    json_text = text.encode()

    def posted(body, content_type=JSON, *, tree=said, at=path, method="POST", headers=()):
        return Request("rest", method, tree, body, at, content_type, headers)

    if rng.random() < 0.55:
        return posted(json_text)
    packed = gzip.compress(json_text, mtime=0)
    broken = [b"", b"{", json_text[:-1], b"\xff\xfe", b"nul", b"{'a': 1}", b"\xef\xbb\xbf{}"]
    return rng.choice([
        posted(urllib.parse.urlencode({"json": text, "other": "1"}).encode(), URLENCODED),
        posted(b"{}", at=f"{path}?json={urllib.parse.quote(text)}"),
        _multipart(rng, path, said) if isinstance(said, dict) else posted(json_text),
        posted(json_text, rng.choice(["text/plain", None, "application/octet-stream", "", "json"])),
        posted(json_text, rng.choice([f"{JSON}; charset=utf-8", "application/vnd.seldon+json", "Application/JSON"])),
        posted(rng.choice(broken), tree=None),
        posted(rng.choice([b"a=1", b"json=", b"json=%7B", b"json=%FF"]), URLENCODED, tree=None),
        posted(packed, tree=None, headers=(("Content-Encoding", "gzip"),)),
        posted(json.dumps(said, ensure_ascii=False).encode()),
        posted(json_text, method="GET"),
    ])  # fmt: skip


def _multipart(rng, path, said):
    """Each field of the message as a part; text and bytes as files now and then."""
    parts = []
    for name, value in said.items():
        is_file = name in {"strData", "binData"} and rng.random() < 0.5
        text = value if name == "strData" and isinstance(value, str) else json.dumps(value)
        parts.append(
            f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
            + ('; filename="file"' if is_file else "")
            + f"\r\n\r\n{text}\r\n"
        )
    is_cut_short = rng.random() < 0.1
    body = "".join(parts) + ("" if is_cut_short else f"--{_BOUNDARY}--\r\n")
    tree = None if is_cut_short else said
    return Request(
        "rest", "POST", tree, body.encode(errors="replace"), path, f"multipart/form-data; boundary={_BOUNDARY}"
    )


def as_protobuf(method, rng, draw):
    """A message of the kind that the method takes; sometimes one that only protobuf can hold, or none at all."""
    kind = _REQUEST_CLASSES.get(method.rpartition("/")[2], "SeldonMessage")
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
    """A protobuf message as JSON, numbers that JSON does not have as words; with customData, as text."""
    copied = type(message).FromString(message.SerializeToString())
    _name_odd_numbers(copied)
    try:
        return json_format.MessageToDict(copied)
    except TypeError:
        return text_format.MessageToString(copied)


def _name_odd_numbers(message):
    for descriptor, value in message.ListFields():
        if descriptor.name == "number_value" and not math.isfinite(value):
            message.string_value = f"<{value}>"
        elif descriptor.message_type is not None:
            is_map = descriptor.message_type.GetOptions().map_entry
            many = descriptor.label == descriptor.LABEL_REPEATED
            for each in value.values() if is_map else value if many else [value]:
                if hasattr(each, "ListFields"):
                    _name_odd_numbers(each)
