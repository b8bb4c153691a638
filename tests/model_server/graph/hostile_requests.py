# ruff: noqa: E501 -- bodies are as long as they are
"""What nobody in their right mind sends: bodies of REST requests, made by name, so that a failure names its cause."""

from __future__ import annotations

import gzip
import json

from hostile_servers import MIB, RECORD, TABLE

DEPTH = 100_000
GOOD = json.dumps(TABLE).encode()


def nested(n, opening=b"[", closing=b"]", inner=b""):
    return opening * n + inner + closing * n


def _with_number(text):
    """Places where a message may hold a number."""
    number = text.encode()
    names = json.dumps(list(RECORD)).encode()
    row = [json.dumps(value).encode() for value in RECORD.values()]
    row[7] = number  # startCount
    return {
        "tensor": b'{"data": {"tensor": {"shape": [1, 1], "values": [%s]}}}' % number,
        "shape": b'{"data": {"tensor": {"shape": [%s], "values": [1]}}}' % number,
        "ndarray": b'{"data": {"ndarray": [[%s]]}}' % number,
        "named": b'{"data": {"names": %s, "ndarray": [[%s]]}}' % (names, b", ".join(row)),
        "jsonData": b'{"jsonData": {"startCount": %s}}' % number,
        "tag": b'{"meta": {"tags": {"a": %s}}, "data": {"ndarray": [[1]]}}' % number,
        "metric": b'{"meta": {"metrics": [{"key": "k", "type": "GAUGE", "value": %s}]}, "data": {"ndarray": [[1]]}}'
        % number,
        "status": b'{"status": {"code": %s}, "data": {"ndarray": [[1]]}}' % number,
        "routing": b'{"meta": {"routing": {"by-names": %s}}, "data": {"ndarray": [[1]]}}' % number,
        "alone": number,
    }


NUMBERS = {
    "1e400": "1e400",
    "-0.0": "-0.0",
    "10**5000": "1" + "0" * 5000,
    "10**4000": "1" + "0" * 4000,
    "2**64": str(2**64),
    "-2**63-1": str(-(2**63) - 1),
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "1e-400": "1e-400",
    "many digits": "0." + "1" * 100_000,
}
SHAPES = ("[1000000000000]", "[-1, -1]", "[-1]", "[0]", "[]", "[2, 2]", "[0, 1000000000]", "[1, 0, 1000000000]", "[" + "1," * 99 + "1]",
          "null", "{}", '"2"', "[1.5]", "[true]", "[[1]]", "[null]", "3", "[-9223372036854775808]", "[1, 99999999999999999999]")  # fmt: skip
TEXTS = {
    "a lone surrogate": '"\\ud800"',
    "half a pair": '"\\udfff\\ud800"',
    "NUL": '"\\u0000a\\u0000"',
    "all of Unicode's ends": '"\\uffff\\ud83d\\ude00\\u202e"',
    "a megabyte": f'"{"x" * MIB}"',
}


def bodies():
    """Name -> body. Each is JSON's or the server's matter; none is worth a 5xx."""
    made = {
        "nothing": b"",
        "space": b"  \n ",
        "cut short": GOOD[:-1],
        "two values": GOOD + GOOD,
        "a comma too many": b'{"data": {"ndarray": [[1],]}}',
        "single quotes": b"{'data': 1}",
        "no UTF-8": b'{"strData": "\xff\xfe\xfa"}',
        "a raw NUL": b'{"strData": "a\0b"}',
        "only NULs": b"\0" * 1_000,
        "UTF-8 with a mark": b"\xef\xbb\xbf" + GOOD,
        "UTF-16": GOOD.decode().encode("utf-16"),
        "UTF-16, cut short": GOOD.decode().encode("utf-16")[:-1],
        "UTF-32": GOOD.decode().encode("utf-32"),
        "gzip": gzip.compress(GOOD),
        "a key twice": b'{"data": {"ndarray": [[1]]}, "data": {"ndarray": 5}}',
        "a payload of each kind": b'{"data": {"ndarray": [[1]], "tensor": {"shape": [1], "values": [1]}},'
        b'"strData": "a", "binData": "YQ==", "jsonData": {}}',
        "deep lists": nested(DEPTH),
        "deep objects": nested(DEPTH, b'{"a":', b"}", b"1"),
        "deep and open": b"[" * DEPTH,
        "deep in ndarray": b'{"data": {"ndarray": %s}}' % nested(DEPTH),
        "deep in names": b'{"data": {"names": %s, "ndarray": [[1]]}}' % nested(DEPTH),
        "deep in shape": b'{"data": {"tensor": {"shape": %s, "values": [1]}}}' % nested(DEPTH),
        "deep in jsonData": b'{"jsonData": %s}' % nested(DEPTH),
        "deep in meta": b'{"meta": {"tags": %s}, "data": {"ndarray": [[1]]}}' % nested(DEPTH, b'{"a":', b"}", b"1"),
        "10,000 names": json.dumps({"data": {"names": [f"n{i}" for i in range(10_000)], "ndarray": [[1]]}}).encode(),
        "names of each kind": b'{"data": {"names": [1, null, {}, [], true], "ndarray": [[1, 2, 3, 4, 5]]}}',
        "a tag of 4 MB": json.dumps({"meta": {"tags": {"a": "x" * 4 * MIB}}, **TABLE}).encode(),
        "100,000 tags": json.dumps({"meta": {"tags": {f"t{i}": i for i in range(100_000)}}, **TABLE}).encode(),
        "ragged rows": b'{"data": {"ndarray": [[1], [1, 2], 3]}}',
        "ragged jsonData": b'{"jsonData": [[1], [1, 2], 3]}',
        "binData that is none": b'{"binData": "\\u00e9"}',
        "one long text and many cells": json.dumps({"data": {"ndarray": ["x" * 100_000, *["y"] * 20_000]}}).encode(),
        "the same in jsonData": json.dumps({"jsonData": ["x" * 100_000, *["y"] * 20_000]}).encode(),
        "a million empty rows": b'{"data": {"ndarray": [%s[]]}}' % (b"[]," * 1_000_000),
        "200,000 unknown columns": json.dumps({"jsonData": [{f"{i}Count": 1} for i in range(9_999)] + [{f"start{i}": 1 for i in range(190_000)}]}).encode(),
        "200,000 names": json.dumps({"data": {"names": [f"{i}Count" for i in range(200_000)], "ndarray": [[1]]}}).encode(),
    }  # fmt: skip
    for depth in (10, 50, 100, 200, 500, 900, 990, 1_000, 1_500, 3_000, 5_000, 9_000, 9_900):
        lists, objects = nested(depth), nested(depth, b'{"a":', b"}", b"1")
        made |= {
            f"{depth} lists in ndarray": b'{"data": {"ndarray": [%s]}}' % lists,
            f"{depth} lists in a table": GOOD.replace(b'"DE"', lists),
            f"{depth} objects in a table": GOOD.replace(b'"DE"', objects),
            f"{depth} objects in ndarray": b'{"data": {"ndarray": [%s]}}' % objects,
            f"{depth} lists in jsonData": b'{"jsonData": %s}' % lists,
            f"{depth} objects in jsonData": b'{"jsonData": %s}' % objects,
            f"{depth} objects in tags": b'{"meta": {"tags": %s}, "data": {"ndarray": [[1]]}}' % objects,
            f"{depth} objects in metrics": b'{"meta": {"metrics": [%s]}, "data": {"ndarray": [[1]]}}' % objects,
            f"{depth} lists in shape": b'{"data": {"tensor": {"shape": [%s], "values": [1]}}}' % lists,
            f"{depth} lists in binData": b'{"binData": %s}' % lists,
        }
    for name, text in NUMBERS.items():
        made |= {f"{name} in {place}": body for place, body in _with_number(text).items()}
    for shape in SHAPES:
        for values in ("[]", "[1]", "[1, 2, 3, 4]"):
            made[f"shape {shape[:40]} of values {values}"] = (
                f'{{"data": {{"tensor": {{"shape": {shape}, "values": {values}}}}}}}'.encode()
            )
    for name, text in TEXTS.items():
        made |= {
            f"{name} in strData": f'{{"strData": {text}}}'.encode(),
            f"{name} in ndarray": f'{{"data": {{"ndarray": [[{text}, 1]]}}}}'.encode(),
            f"{name} in names": f'{{"data": {{"names": [{text}], "ndarray": [[1]]}}}}'.encode(),
            f"{name} in a table": GOOD.replace(b'"DE"', text.encode()),
            f"{name} in meta": f'{{"meta": {{"puid": {text}, "tags": {{{text}: {text}}}}},"data":{{"ndarray":[[1]]}}}}'.encode(),
            f"{name} as a metric": f'{{"meta": {{"metrics": [{{"key": {text}, "type": "GAUGE", "value": 1, "tags": {{{text}: {text}}}}}]}},"data":{{"ndarray":[[1]]}}}}'.encode(),
            f"{name} in jsonData": f'{{"jsonData": {{{text}: {text}}}}}'.encode(),
            f"{name} in binData": f'{{"binData": {text}}}'.encode(),
        }  # fmt: skip
    return made


def feedbacks(body):
    """A message at each place of a Feedback, where the rest is in order."""
    return {
        "the feedback itself": body,
        "request": b'{"request": %s, "response": %s, "reward": 1.0}' % (body, GOOD),
        "response": b'{"request": %s, "response": %s, "reward": 1.0}' % (GOOD, body),
        "truth": b'{"request": %s, "truth": %s, "reward": 1.0}' % (GOOD, body),
        "reward": b'{"request": %s, "reward": %s}' % (GOOD, body),
        "routing": b'{"request": %s, "response": {"meta": {"routing": %s}}}' % (GOOD, body),
    }
