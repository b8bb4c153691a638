"""Seldon's protobuf messages, without Seldon's generated code.

They are declared here in a descriptor pool of their own. The default pool must stay free of them: a user's class may
import seldon_core, which declares `seldon.protos` there, and two declarations of one name in one pool end the process.
Once it has been imported, user code is handed *its* classes (`for_user_code`), so that its isinstance checks hold.
Source of names and numbers: Seldon Core, `proto/prediction.proto`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Final

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, empty_pb2, message_factory, struct_pb2

PACKAGE: Final = "seldon.protos"
_VALUE, _LIST, _ANY, _EMPTY = (f".google.protobuf.{name}" for name in ("Value", "ListValue", "Any", "Empty"))

# message -> fields as (name, number, type[, oneof]); "map<...>" and "repeated ..." as in the language of protobuf.
_MESSAGES: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "Status": (
        ("code", "1", "int32"),
        ("info", "2", "string"),
        ("reason", "3", "string"),
        ("status", "4", "StatusFlag"),
    ),
    "Metric": (
        ("key", "1", "string"),
        ("type", "2", "MetricType"),
        ("value", "3", "float"),
        ("tags", "4", "map string string"),
    ),
    "Meta": (
        ("puid", "1", "string"),
        ("tags", "2", f"map string {_VALUE}"),
        ("routing", "3", "map string int32"),
        ("requestPath", "4", "map string string"),
        ("metrics", "5", "repeated Metric"),
    ),
    "Tensor": (("shape", "1", "repeated int32"), ("values", "2", "repeated double")),
    "DefaultData": (
        ("names", "1", "repeated string"),
        ("tensor", "2", "Tensor", "data_oneof"),
        ("ndarray", "3", _LIST, "data_oneof"),
        ("tftensor", "4", ".tensorflow.TensorProto", "data_oneof"),
    ),
    "SeldonMessage": (
        ("status", "1", "Status"),
        ("meta", "2", "Meta"),
        ("data", "3", "DefaultData", "data_oneof"),
        ("binData", "4", "bytes", "data_oneof"),
        ("strData", "5", "string", "data_oneof"),
        ("jsonData", "6", _VALUE, "data_oneof"),
        ("customData", "7", _ANY, "data_oneof"),
    ),
    "SeldonMessageList": (("seldonMessages", "1", "repeated SeldonMessage"),),
    "Feedback": (
        ("request", "1", "SeldonMessage"),
        ("response", "2", "SeldonMessage"),
        ("reward", "3", "float"),
        ("truth", "4", "SeldonMessage"),
    ),
    "SeldonModelMetadataRequest": (("name", "1", "string"),),
    "SeldonMessageMetadata": (
        ("messagetype", "1", "string"),
        ("schema", "2", _VALUE),
        ("name", "3", "string"),
        ("datatype", "4", "string"),
        ("shape", "5", "repeated int64"),
    ),
    "SeldonModelMetadata": (
        ("name", "1", "string"),
        ("versions", "2", "repeated string"),
        ("platform", "3", "string"),
        ("inputs", "4", "repeated SeldonMessageMetadata"),
        ("outputs", "5", "repeated SeldonMessageMetadata"),
        ("custom", "6", "map string string"),
    ),
    "SeldonGraphMetadata": (
        ("name", "1", "string"),
        ("models", "2", "map string SeldonModelMetadata"),
        ("inputs", "3", "repeated SeldonMessageMetadata"),
        ("outputs", "4", "repeated SeldonMessageMetadata"),
    ),
}
_ENUMS: Final = {
    "StatusFlag": ("Status", ("SUCCESS", "FAILURE")),
    "MetricType": ("Metric", ("COUNTER", "GAUGE", "TIMER")),
}
_ONE, _MANY = "SeldonMessage", "SeldonMessageList"
SERVICES: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "Generic": {
        "TransformInput": (_ONE, _ONE),
        "TransformOutput": (_ONE, _ONE),
        "Route": (_ONE, _ONE),
        "Aggregate": (_MANY, _ONE),
        "SendFeedback": ("Feedback", _ONE),
    },
    "Model": {
        "Predict": (_ONE, _ONE),
        "SendFeedback": ("Feedback", _ONE),
        "Metadata": (_EMPTY, "SeldonModelMetadata"),
    },
    "Router": {"Route": (_ONE, _ONE), "SendFeedback": ("Feedback", _ONE)},
    "Transformer": {"TransformInput": (_ONE, _ONE)},
    "OutputTransformer": {"TransformOutput": (_ONE, _ONE)},
    "Combiner": {"Aggregate": (_MANY, _ONE)},
    "Seldon": {
        "Predict": (_ONE, _ONE),
        "SendFeedback": ("Feedback", _ONE),
        "ModelMetadata": ("SeldonModelMetadataRequest", "SeldonModelMetadata"),
        "GraphMetadata": (_EMPTY, "SeldonGraphMetadata"),
    },
}
"""Service -> method -> (type of the request, type of the answer)."""

_Field = descriptor_pb2.FieldDescriptorProto
_SCALARS: Final = {
    "string": _Field.TYPE_STRING,
    "bytes": _Field.TYPE_BYTES,
    "int32": _Field.TYPE_INT32,
    "int64": _Field.TYPE_INT64,
    "float": _Field.TYPE_FLOAT,
    "double": _Field.TYPE_DOUBLE,
    "bool": _Field.TYPE_BOOL,
}


@dataclass(frozen=True)
class Protos:
    """The classes of the messages that the server handles."""

    SeldonMessage: Any
    SeldonMessageList: Any
    Feedback: Any
    SeldonModelMetadata: Any
    SeldonModelMetadataRequest: Any
    SeldonGraphMetadata: Any


def for_user_code() -> Protos:
    """seldon_core's own classes where something has imported them, else ours."""
    module = sys.modules.get("seldon_core.proto.prediction_pb2")
    return ours() if module is None else _of(module.__name__)


@cache
def _of(module_name: str) -> Protos:
    module = sys.modules[module_name]
    return Protos(*(getattr(module, field.name) for field in fields(Protos)))


@cache
def ours() -> Protos:
    return Protos(*(_class(field.name) for field in fields(Protos)))


@cache
def pool() -> descriptor_pool.DescriptorPool:
    """The pool that holds Seldon's messages and services, for reflection too."""
    made = descriptor_pool.DescriptorPool()
    for well_known in (any_pb2, struct_pb2, empty_pb2):
        made.AddSerializedFile(well_known.DESCRIPTOR.serialized_pb)
    made.Add(_tensorflow_file())
    made.Add(_seldon_file())
    return made


def _class(name: str) -> Any:
    return message_factory.GetMessageClass(pool().FindMessageTypeByName(f"{PACKAGE}.{name}"))


def _seldon_file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="proto/prediction.proto", package=PACKAGE, syntax="proto3")
    file.dependency.extend(
        [
            "google/protobuf/any.proto",
            "google/protobuf/struct.proto",
            "google/protobuf/empty.proto",
            "tensorflow/core/framework/tensor.proto",
        ]
    )
    for name, declared in _MESSAGES.items():
        _add_message(file.message_type.add(name=name), declared)
    for name, (owner, values) in _ENUMS.items():
        enum = next(message for message in file.message_type if message.name == owner).enum_type.add(name=name)
        for number, value in enumerate(values):
            enum.value.add(name=value, number=number)
    for name, methods in SERVICES.items():
        service = file.service.add(name=name)
        for method, (request, answer) in methods.items():
            service.method.add(name=method, input_type=_qualified(request), output_type=_qualified(answer))
    return file


def _add_message(message: descriptor_pb2.DescriptorProto, declared: tuple[tuple[str, ...], ...]) -> None:
    for name, number, kind, *oneof in declared:
        field = message.field.add(name=name, number=int(number), label=_Field.LABEL_OPTIONAL)
        match kind.split():
            case ["map", key, value]:
                entry_name = f"{name[0].upper()}{name[1:]}Entry"
                entry = message.nested_type.add(name=entry_name)
                entry.options.map_entry = True
                _set_type(entry.field.add(name="key", number=1, label=_Field.LABEL_OPTIONAL), key)
                _set_type(entry.field.add(name="value", number=2, label=_Field.LABEL_OPTIONAL), value)
                field.label = _Field.LABEL_REPEATED
                field.type = _Field.TYPE_MESSAGE
                field.type_name = f".{PACKAGE}.{message.name}.{entry_name}"
            case ["repeated", repeated]:
                field.label = _Field.LABEL_REPEATED
                _set_type(field, repeated)
            case _:
                _set_type(field, kind)
        if oneof:
            if not message.oneof_decl:
                message.oneof_decl.add(name=oneof[0])
            field.oneof_index = 0


def _set_type(field: descriptor_pb2.FieldDescriptorProto, kind: str) -> None:
    if kind in _SCALARS:
        field.type = _SCALARS[kind]
    elif kind in _ENUMS:
        field.type = _Field.TYPE_ENUM
        field.type_name = f".{PACKAGE}.{_ENUMS[kind][0]}.{kind}"
    else:
        field.type = _Field.TYPE_MESSAGE
        field.type_name = _qualified(kind)


def _qualified(name: str) -> str:
    return name if name.startswith(".") else f".{PACKAGE}.{name}"


def _tensorflow_file() -> descriptor_pb2.FileDescriptorProto:
    """As much of TensorFlow's TensorProto as names it: its content is passed on, never read (unknown fields stay)."""
    file = descriptor_pb2.FileDescriptorProto(
        name="tensorflow/core/framework/tensor.proto", package="tensorflow", syntax="proto3"
    )
    tensor = file.message_type.add(name="TensorProto")
    _set_type(tensor.field.add(name="version_number", number=3, label=_Field.LABEL_OPTIONAL), "int32")
    _set_type(tensor.field.add(name="tensor_content", number=4, label=_Field.LABEL_OPTIONAL), "bytes")
    return file
