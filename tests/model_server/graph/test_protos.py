"""Seldon's messages in our own pool are Seldon's messages."""

import subprocess
import sys

from google.protobuf import descriptor_pb2
from hypothesis import given
from hypothesis import strategies as st

from model_server.graph import protos


def _declared(descriptor):
    proto = descriptor_pb2.FileDescriptorProto()
    descriptor.CopyToProto(proto)
    return {
        "messages": {message.name: _fields(message) for message in proto.message_type},
        "services": {s.name: {m.name: (m.input_type, m.output_type) for m in s.method} for s in proto.service},
    }


def _fields(message):
    fields = {f.name: (f.number, f.type, f.label, f.type_name, f.HasField("oneof_index")) for f in message.field}
    nested = {each.name: _fields(each) for each in message.nested_type}
    return fields, nested, {e.name: [(v.name, v.number) for v in e.value] for e in message.enum_type}


def test_every_field_and_method_is_declared_as_seldon_declares_it():
    from seldon_core.proto import prediction_pb2

    theirs = _declared(prediction_pb2.DESCRIPTOR)
    mine = _declared(protos.pool().FindFileByName("proto/prediction.proto"))
    del theirs["messages"]["RequestResponse"]  # sent by nobody
    assert mine == theirs


@given(st.binary(max_size=60))
def test_a_tensorflow_tensor_passes_through_unchanged(content):
    message = protos.ours().SeldonMessage()
    message.data.tftensor.MergeFromString(b"")
    message.data.tftensor.tensor_content = content
    raw = (
        message.SerializeToString() + b"\x1a\x06\x22\x04\x08\x01\x12\x00"
    )  # data.tftensor {dtype: 1, tensor_shape: {}}
    again = protos.ours().SeldonMessage.FromString(raw)
    assert again.data.tftensor.SerializeToString() == message.data.tftensor.SerializeToString() + b"\x08\x01\x12\x00"


def test_a_class_that_imports_seldon_core_gets_seldons_own_messages_whoever_came_first():
    """Two declarations in one pool would end the process; so this is one of its own."""
    code = """
import sys
from model_server.graph import protos
assert protos.for_user_code() is protos.ours()
before = protos.ours().SeldonMessage(strData="x").SerializeToString()
assert not any(name.startswith("seldon_core") for name in sys.modules)
from seldon_core.proto import prediction_pb2
assert protos.for_user_code().SeldonMessage is prediction_pb2.SeldonMessage
assert prediction_pb2.SeldonMessage.FromString(before).strData == "x"
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
