"""Messages that no model takes, as trees: name -> message. The detector hands them on."""

from model_server.impressions import NAMES

_ROW = [0] * len(NAMES)

ALL = {
    "an empty object": {},
    "text": {"strData": "hello"},
    "bytes": {"binData": "aGVsbG8="},
    "two payloads": {"strData": "x", "jsonData": {}},
    "a list": [],
    "a text for a body": "text",
    "a number": 5,
    "null": None,
    "data that is a list": {"data": []},
    "an ndarray that is null": {"data": {"ndarray": None, "names": list(NAMES)}},
    "an ndarray without names": {"data": {"ndarray": [[1]]}},
    "no rows": {"data": {"ndarray": [], "names": list(NAMES)}},
    "ragged rows": {"data": {"ndarray": [_ROW, _ROW[1:]], "names": list(NAMES)}},
    "times that are numbers": {"data": {"ndarray": [_ROW], "names": list(NAMES)}},
    "a tensor whose shape lies": {"data": {"tensor": {"shape": [1, 56], "values": [1.0]}}},
    "tftensor": {"data": {"tftensor": {}}},
    "records that are numbers": {"jsonData": [5]},
    "no records": {"jsonData": []},
    "a record with a key too many": {"jsonData": dict(zip([*NAMES, "x"], [*_ROW, 1], strict=True))},
    "deep": {"jsonData": [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]},
}
