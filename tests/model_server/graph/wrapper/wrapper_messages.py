"""SeldonMessages to draw from: of every kind of payload, well-formed and not, as JSON trees and as protobuf."""

from __future__ import annotations

import math

from google.protobuf import struct_pb2
from hypothesis import strategies as st
from seldon_core.proto import prediction_pb2

numbers = st.one_of(st.integers(-3, 300), st.floats(width=32), st.integers(2**62, 2**70))
texts = st.text(max_size=4)
cells = st.one_of(numbers, texts, st.none(), st.booleans())
junk = st.one_of(
    cells,
    st.lists(cells, max_size=2),
    st.dictionaries(st.sampled_from(["tensor", "ndarray", "values", "shape", "a"]), cells, max_size=2),
)
names = st.lists(st.sampled_from(["a", "b", "c"]), max_size=3)


def tables(of):
    """Rows of one length."""
    return st.integers(0, 3).flatmap(lambda width: st.lists(st.lists(of, min_size=width, max_size=width), max_size=4))


@st.composite
def tensors(draw, of=numbers):
    shape = draw(st.lists(st.integers(0, 3), min_size=1, max_size=3))
    values = draw(st.lists(of, min_size=math.prod(shape), max_size=math.prod(shape)))
    if draw(st.booleans()) and math.prod(shape):
        shape[draw(st.integers(0, len(shape) - 1))] = -1
    return {"shape": shape, "values": values}


def some(**fields):
    """An object with some of the fields."""
    return st.fixed_dictionaries({}, optional=fields)


metas = some(
    puid=texts,
    tags=st.dictionaries(
        st.sampled_from(["k", "colour"]), st.one_of(texts, st.integers(0, 9), st.lists(texts)), max_size=2
    ),
    routing=st.dictionaries(st.just("router"), st.integers(-2, 2)),
    requestPath=st.dictionaries(st.sampled_from(["earlier", "unit-7"]), texts),
    metrics=st.lists(
        st.fixed_dictionaries(
            {"key": texts, "type": st.sampled_from(["COUNTER", "GAUGE"]), "value": st.integers(0, 4)}
        ),
        max_size=2,
    ),
)
odd_metas = some(puid=junk, tags=junk, requestPath=junk, metrics=junk) | junk

well_formed_data = st.one_of(
    st.fixed_dictionaries({"ndarray": tables(numbers)}, optional={"names": names}),
    st.fixed_dictionaries({"ndarray": tables(cells)}, optional={"names": names}),
    st.fixed_dictionaries({"ndarray": st.lists(cells, max_size=4)}, optional={"names": names}),
    st.fixed_dictionaries({"tensor": tensors()}, optional={"names": names}),
)
odd_data = st.one_of(
    junk,
    some(ndarray=st.lists(st.lists(cells, max_size=3), max_size=3), names=names),
    some(ndarray=junk, names=junk),
    some(tensor=some(shape=st.lists(st.integers(-2, 3), max_size=3), values=st.lists(cells, max_size=6))),
    some(tensor=some(shape=junk, values=junk), names=names),
    some(tftensor=st.just({"dtype": "DT_FLOAT"})),
)
json_data = st.recursive(
    cells, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=6
)
base64_texts = st.sampled_from(["AAE=", "", "aGVsbG8="])


def with_meta(payloads, of=metas):
    return st.builds(lambda payload, meta: payload | meta, payloads, some(meta=of))


well_formed = with_meta(
    st.one_of(
        st.fixed_dictionaries({"data": well_formed_data}),
        st.fixed_dictionaries({"jsonData": json_data}),
        st.fixed_dictionaries({"strData": st.sampled_from(["", "text", "200", "404", "503"])}),
        st.fixed_dictionaries({"binData": base64_texts}),
    )
)
odd = st.one_of(
    with_meta(some(data=odd_data, jsonData=junk, strData=junk, binData=junk | texts, other=junk), metas | odd_metas),
    junk.filter(lambda body: body is not None),
)
trees = st.one_of(well_formed, odd)
"""What may stand in the body of a request."""


@st.composite
def protos(draw):
    message = prediction_pb2.SeldonMessage()
    finite = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-3, 300)
    number = st.floats() if draw(st.integers(0, 5)) == 0 else finite
    match draw(
        st.sampled_from(["ndarray", "ndarray", "tensor", "tensor", "jsonData", "strData", "binData", "custom", ""])
    ):
        case "ndarray":
            of = st.one_of(number, texts, st.none(), st.booleans())
            rows = draw(
                st.one_of(tables(number), tables(of), st.lists(of, max_size=4), st.lists(tables(of), max_size=2))
            )
            message.data.ndarray.extend(rows)
            message.data.ndarray.SetInParent()
        case "tensor":
            tensor = draw(tensors(st.floats()))
            if draw(st.integers(0, 3)) == 0:
                tensor["shape"] = draw(st.lists(st.integers(-2, 3), max_size=3))
            message.data.tensor.shape.extend(tensor["shape"])
            message.data.tensor.values.extend(tensor["values"])
            message.data.tensor.SetInParent()
        case "jsonData":
            fill(message.jsonData, draw(json_data))
        case "strData":
            message.strData = draw(texts)
        case "binData":
            message.binData = draw(st.binary(max_size=4))
        case "custom":
            message.customData.type_url = "x/y"
            message.customData.value = b"z"
    if draw(st.booleans()):
        message.data.names.extend(draw(names)) if message.HasField("data") else None
    if draw(st.booleans()):
        meta = draw(metas)
        message.meta.puid = meta.get("puid", "")
        for key, value in meta.get("tags", {}).items():
            fill(message.meta.tags[key], value)
        message.meta.routing.update(meta.get("routing", {}))
        message.meta.requestPath.update(meta.get("requestPath", {}))
        for metric in meta.get("metrics", []):
            message.meta.metrics.add(key=metric["key"], value=metric["value"], type=metric["type"])
    return message


def fill(value: struct_pb2.Value, python: object) -> None:
    """Without protobuf's JSON form, which refuses what protobuf itself can hold."""
    match python:
        case None:
            value.null_value = 0
        case bool():
            value.bool_value = python
        case int() | float():
            value.number_value = python
        case str():
            value.string_value = python
        case list():
            value.list_value.SetInParent()
            for item in python:
                fill(value.list_value.values.add(), item)
        case dict():
            value.struct_value.SetInParent()
            for key, item in python.items():
                fill(value.struct_value.fields[key], item)
