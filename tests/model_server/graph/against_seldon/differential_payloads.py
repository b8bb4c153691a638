"""SeldonMessages as trees, drawn from a seed: well-formed ones of every kind, and those that are none."""

import base64
import math

BRANCHES = ("left", "right", "all", "none", "far", "below", "half", "yes", "list")
WORDS = (
    *BRANCHES,
    *("value", "key", "zero", "deep", "type", "twice", "silent", "long", "unicode"),
    *("missing", "busy", "bad", "metric", "later", "ragged"),
)
"""By which the zoo shows its habits."""
TEXTS = ("", "text", "größe ∞ 🎈", "<b>&amp;</b>", "\u2028", "a\x00b", "\\", '"', "404")
NUMBERS = (0, 1, 2, 3, 5, -1, -2, 0.5, 1.0, -0.0, 1e308, 5e-324, 2**53 + 1, 2**63, 2**70, 13, 7.25)
ODD_NUMBERS = (math.nan, math.inf, -math.inf)


def tree(rng):
    """A message that is one."""
    return _payload(rng) | _meta(rng)


def odd_tree(rng):
    """A message, or what some client takes for one."""
    return rng.choice([
        junk(rng),
        _meta(rng),
        {"data": _odd_data(rng)} | _meta(rng),
        {"data": _odd_data(rng)} | _meta(rng),
        {rng.choice(["jsonData", "strData", "binData", "customData"]): junk(rng)} | _meta(rng),
        _payload(rng) | {"meta": _odd_meta(rng)},
        _payload(rng) | _payload(rng) | _meta(rng),
        _payload(rng) | {rng.choice(["unknown", "Data", "status", ""]): junk(rng)},
    ])  # fmt: skip


def junk(rng):
    return rng.choice([
        None, True, 3, 1.5, "text", "AAE=", [], [1], [[1], {}], {}, {"a": 1}, {"values": [1, 2], "shape": [2]},
        {"code": 200, "status": "SUCCESS"}, "long " * 100,
    ])  # fmt: skip


def feedback(rng, choosers):
    """`choosers`: the nodes that choose -> how many children they have."""
    told = {"reward": rng.choice([0, 0.0, 1, 0.5, -1, 0.1])}
    if rng.random() < 0.8:
        told["request"] = tree(rng)
    if rng.random() < 0.4:
        told["truth"] = tree(rng)
    if rng.random() < 0.8:
        told["response"] = tree(rng)
        meta = told["response"].get("meta") or {}
        meta["routing"] = {
            name: rng.randrange(n_children) if rng.random() < 0.8 else rng.choice([-2, -1, -1, n_children, -3])
            for name, n_children in choosers.items()
            if rng.random() < 0.85
        }
        told["response"]["meta"] = meta
    return told


def odd_feedback(rng, choosers):
    told = feedback(rng, choosers)
    routing = rng.choice([junk(rng), {"picks": 0.5}, {"picks": "1"}, {"splits": 2**40}, {"nobody": 3}])
    return rng.choice([
        junk(rng),
        told | {"reward": rng.choice(["high", "1.5", None, [], 1e300])},
        told | {"unknown": 1},
        told | {rng.choice(["request", "truth"]): junk(rng)},
        told | {"response": {"meta": {"routing": routing}}},
    ])  # fmt: skip


def _payload(rng):
    match rng.randrange(10):
        case 0 | 1 | 2 | 3:
            return {"data": {"ndarray": _table(rng)} | _names(rng)}
        case 4 | 5:
            return {"data": {"tensor": _tensor(rng)} | _names(rng)}
        case 6 | 7:
            return {"strData": rng.choice(WORDS + TEXTS)}
        case 8:
            return {"jsonData": _json(rng)}
        case _:
            return {"binData": base64.b64encode(rng.choice([b"", b"\x00\xff", "ü".encode()])).decode()}


def _names(rng):
    names = rng.choice([None, [], ["a"], ["a", "b"], ["größe", "", "a"], ["a", "b", "c", "d"]])
    return {} if names is None else {"names": names}


def _table(rng):
    """An ndarray: mostly of two dimensions and one kind of cell."""
    width, height = rng.randrange(4), rng.choice([0, 1, 1, 1, 2, 3])

    def rows(draw, at_least=0):
        return [[draw() for _ in range(max(width, at_least))] for _ in range(max(height, at_least))]

    return rng.choice([
        [_cell(rng) for _ in range(width)],
        [[[rng.randrange(9)] * 2] * width] * height,
        [[rng.choice(WORDS)] for _ in range(height)],
        rows(lambda: _cell(rng)),
        rows(lambda: rng.choice([True, False])),
        rows(lambda: rng.choice(NUMBERS)),
        rows(lambda: rng.choice([*NUMBERS[:4], *ODD_NUMBERS])),
        *[rows(lambda: rng.randrange(20), at_least=1) for _ in range(3)],
    ])  # fmt: skip


def _cell(rng):
    return rng.choice([rng.choice(NUMBERS), rng.choice(TEXTS), rng.choice(WORDS), None, True, 1, 2.5])


def _tensor(rng):
    shape = [rng.choice([0, 1, 2, 3]) for _ in range(rng.choice([1, 2, 2, 2, 3]))]
    values = [rng.choice([rng.randrange(20), rng.choice(NUMBERS)]) for _ in range(math.prod(shape))]
    if values and rng.random() < 0.1:
        shape[rng.randrange(len(shape))] = -1
    return {"shape": shape, "values": values}


def _json(rng, depth=0):
    match rng.randrange(5 if depth < 3 else 2):
        case 0 | 1:
            return _cell(rng)
        case 2:
            return [_json(rng, depth + 1) for _ in range(rng.randrange(3))]
        case 3:
            return {rng.choice(TEXTS): _json(rng, depth + 1) for _ in range(rng.randrange(3))}
        case _:
            return {"branch": rng.choice([*BRANCHES, 0, 1, 2])}


def _meta(rng):
    if rng.random() < 0.4:
        return {}
    meta = {
        "puid": rng.choice(["", "p-1", "größe"]),
        "tags": {rng.choice(["colour", "of", "größe"]): _json(rng, 2) for _ in range(rng.randrange(3))},
        "routing": {rng.choice(["picks", "nobody"]): rng.randrange(-2, 3)},
        "requestPath": {rng.choice(["earlier", "scales"]): "image:0"},
        "metrics": [
            {"key": "k", "type": rng.choice(["COUNTER", "GAUGE", "TIMER"]), "value": rng.choice([0, 1, 0.5])}
            | rng.choice([{}, {"tags": {"a": "b"}}])
            for _ in range(rng.randrange(3))
        ],
    }
    return {"meta": {key: value for key, value in meta.items() if rng.random() < 0.5}}


def _odd_meta(rng):
    if rng.random() < 0.3:
        return rng.choice([None, junk(rng)])
    of = rng.choice(["puid", "tags", "routing", "requestPath", "metrics", "unknown"])
    return {of: rng.choice([None, junk(rng), junk(rng)])}


def _odd_data(rng):
    return rng.choice([
        junk(rng),
        {"names": ["a"]},
        {"ndarray": [[1, 2], [3]]} | _names(rng),
        {"ndarray": rng.choice([junk(rng), [[1], 2], [[1, 2], "ab"], [[[1]], [2]]])} | _names(rng),
        {"tensor": {"shape": [rng.randrange(1, 4), 2], "values": [1, 2, 3]}},
        {"tensor": {rng.choice(["shape", "values"]): junk(rng)}},
        {"tensor": {"shape": junk(rng), "values": rng.choice([[1, 2], ["a", "b"], [None], [[1], [2]]])}},
        {"ndarray": [[1, 2]], "names": junk(rng)},
        {"tftensor": {"dtype": "DT_FLOAT"}},
    ])  # fmt: skip
