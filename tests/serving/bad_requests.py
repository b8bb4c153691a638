"""Requests that no model may score, as SeldonMessages in JSON form: name -> (message, what the answer says).

The same table goes through REST and gRPC. What only REST can carry (no JSON at all, the wrong content type) stands in
`test_bad_input.py`.
"""

import math

from model_server.impressions import NAMES

RECORD = {
    "id": 5,
    "timestamp": "2019-01-21T09:00:14Z",
    "campaignId": "1001",
    "platform": "ios",
    "softwareVersion": "11.4.1",
    "sourceGameId": "2001",
    "country": "DE",
    "startCount": 32,
    "viewCount": 9,
    "clickCount": 5,
    "installCount": 4,
    "lastStart": "2019-01-21T08:59:34Z",
    "startCount1d": 30,
    "startCount7d": 31,
    "connectionType": "wifi",
    "deviceType": "iPhone8,1",
}


def table(*records, names=NAMES):
    return {"data": {"names": list(names), "ndarray": [[record.get(name) for name in names] for record in records]}}


def with_cell(column, value):
    return table(RECORD, RECORD, RECORD | {column: value})


def without(column):
    return {name: value for name, value in RECORD.items() if name != column}


GOOD = table(RECORD)

BAD = {
    "wrong column names": (table(RECORD, names=[*NAMES[:-1], "device"]), "column device: no such column"),
    "a missing column": (table(RECORD, names=NAMES[:-1]), "column deviceType: missing from the names"),
    "no names": ({"data": {"ndarray": [[1, 2]]}}, "data.names is missing"),
    "a column twice": (table(RECORD, names=[*NAMES, "id"]), "column id: named more than once"),
    "the label among the columns": (table(RECORD, names=[*NAMES, "install"]), "column install: no such column"),
    "text in a number": (with_cell("startCount", "many"), 'row 2, column startCount: the text "many"'),
    "a number as text": (with_cell("startCount", "32"), 'row 2, column startCount: the text "32"'),
    "null in a number": (with_cell("startCount", None), "row 2, column startCount: null"),
    "empty text in a number": (with_cell("startCount", ""), 'row 2, column startCount: the text ""'),
    "a negative count": (with_cell("viewCount", -1), "row 2, column viewCount: -1"),
    "half a click": (with_cell("clickCount", 0.5), "row 2, column clickCount: 0.5"),
    "a truth value in a number": (with_cell("clickCount", True), "row 2, column clickCount: True"),
    "a count beyond all counts": (with_cell("clickCount", 1e12), "row 2, column clickCount: 1000000000000"),
    "an impossible date": (with_cell("timestamp", "2019-02-30T00:00:00Z"), "row 2, column timestamp: "),
    "an impossible last start": (with_cell("lastStart", "2019-01-21T25:00:00Z"), "row 2, column lastStart: "),
    "an empty last start": (with_cell("lastStart", ""), 'row 2, column lastStart: ""'),
    "null for the time": (with_cell("timestamp", None), "row 2, column timestamp: null"),
    "a list in a cell": (with_cell("country", ["DE"]), "row 2, column country: "),
    "ragged rows": ({"data": {"names": list(NAMES), "ndarray": [[1] * 16, [1] * 15]}}, "row 1: 15 cells for 16 names"),
    "a row that is no list": ({"data": {"names": list(NAMES), "ndarray": [7]}}, "row 0: a row is a list"),
    "an empty batch": ({"data": {"names": list(NAMES), "ndarray": []}}, "no rows"),
    "10,001 rows": ({"data": {"names": ["id"], "ndarray": [[1]] * 10_001}}, "10,001 rows"),
    "an absent key": ({"jsonData": [RECORD, without("clickCount")]}, "row 1, column clickCount: the key is absent"),
    "an absent key that may be null": ({"jsonData": without("lastStart")}, "send null if there is no value"),
    "a key too many": ({"jsonData": RECORD | {"installs": 1}}, "row 0, column installs: no such column"),
    "no records": ({"jsonData": []}, "no rows"),
    "a record that is text": ({"jsonData": "impression"}, "a list of rows is expected"),
    "another kind of payload": ({"strData": "impression"}, "the request holds strData"),
    "no payload": ({}, "the request holds"),
    "a tensor of raw columns": ({"data": {"tensor": {"shape": [1, 16], "values": [1.0] * 16}}}, "data.tensor"),
    "a tensor whose shape lies": ({"data": {"tensor": {"shape": [2, 56], "values": [1.0] * 56}}}, "56 values for"),
}
"""Cases that both REST and gRPC can carry."""

BAD_OVER_REST_ONLY = {
    "NaN": (with_cell("startCount", math.nan), "row 2, column startCount: nan"),
    "infinity": (with_cell("startCount", math.inf), "row 2, column startCount: inf"),
    "a list as the body": ([], "the body is a JSON list, not an object"),
    "text as the body": ("impression", "the body is a JSON text, not an object"),
    "data that is a list": ({"data": []}, "data is a JSON list, not an object"),
    "two payloads": ({"jsonData": [RECORD], "strData": "x"}, "jsonData and strData"),
}
"""Cases that protobuf cannot express, or that its JSON form refuses on the client."""
