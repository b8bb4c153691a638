"""Random changes to good messages, for as long as FORKCAST_FUZZ_SECONDS says at each door of each form: 10 by default.

FORKCAST_FUZZ_SEED asks for other changes than the usual ones. What is looked for: an answer that blames the server, a
worker that died, an exception that nobody had thought of, memory without bound.
"""

import copy
import json
import os
import random
import time

import pytest
from hostile_servers import (
    COMPONENTS_OWN,
    GRAPH,
    INSTALL_MODEL,
    MIB,
    NUMBERS,
    ROW_WISE,
    TABLE,
    besieged,
    seldon_message,
)

pytestmark = pytest.mark.component
SECONDS = float(os.environ.get("FORKCAST_FUZZ_SECONDS", "10"))
SEED = int(os.environ.get("FORKCAST_FUZZ_SEED", "1"))
MAX_BYTES = 2_500 * MIB
SHOWN_BYTES = 600
ODD = [
    None,
    True,
    0,
    -1,
    1.5,
    2**64,
    10**400,
    float("nan"),
    "",
    "a",
    "\ud800",
    [],
    {},
    [[]],
    [[1], [2, 3]],
    {"data": {}},
    "x" * 10_000,
]
LEAST_TRIES = 100


def changed_tree(rng, tree):
    """A tree with a few of its places filled with something else, left out, or said twice."""
    tree = json.loads(json.dumps(tree))
    for _ in range(rng.randrange(1, 4)):
        holder, key = _place(rng, tree)
        match rng.randrange(4):
            case 0 if isinstance(holder, dict):
                holder.pop(key)
            case 1 if isinstance(holder, list):
                holder.extend(holder[: rng.randrange(20)])
            case _:
                holder[key] = copy.deepcopy(rng.choice(ODD))
        if not tree:
            break
    return tree


def _place(rng, tree):
    """Somewhere in a tree: what holds it, and by which key."""
    while True:
        key = rng.choice(list(tree) if isinstance(tree, dict) else range(len(tree)))
        if not isinstance(tree[key], dict | list) or not tree[key] or rng.random() < 0.25:
            return tree, key
        tree = tree[key]


def changed_bytes(rng, body):
    """Bytes with a few of them turned, left out, repeated or made up."""
    body = bytearray(body)
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(body) + 1)
        match rng.randrange(4):
            case 0:
                body[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del body[at : at + rng.randrange(1, 20)]
            case 2:
                body[at:at] = body[at : at + rng.randrange(1, 40)]
            case _:
                body[at:at] = rng.randbytes(rng.randrange(1, 9))
    return bytes(body)


def messages(rng):
    while True:
        tree = rng.choice(
            [TABLE, NUMBERS, {"jsonData": {"a": [1]}, "meta": {"tags": {"a": 1}, "puid": "p"}}, {"strData": "s"}]
        )
        feedback = {"request": tree, "response": {"meta": {"routing": {"by-names": 0}}}, "reward": 1.0}
        is_feedback = rng.random() < 0.3
        yield is_feedback, feedback if is_feedback else tree


@pytest.fixture(scope="module", params=[INSTALL_MODEL, ROW_WISE, GRAPH], ids=lambda form: form.name)
def siege(request, models, tmp_path_factory):
    with besieged(request.param, tmp_path_factory.mktemp(request.param.name), models) as siege:
        yield siege


def test_changed_bodies_never_blame_the_server(siege):
    rng, until = random.Random(SEED), time.monotonic() + SECONDS
    for tries, (is_feedback, tree) in enumerate(messages(rng)):
        text = json.dumps(changed_tree(rng, tree)).encode()
        body = changed_bytes(rng, text) if rng.random() < 0.3 else text
        path = siege.form.feedback_path if is_feedback else siege.form.predict_path
        status, _, told = siege.post(path, body)
        is_fine = 200 <= status < 500 or any(words in told.decode() for words in COMPONENTS_OWN)
        assert is_fine, f"seed {SEED}: {status} {told[:SHOWN_BYTES]} to {path} {body[:SHOWN_BYTES]}"
        if time.monotonic() > until and tries >= LEAST_TRIES:
            break
    siege.require_health(MAX_BYTES)


def test_changed_messages_never_blame_the_server(siege):
    rng, until = random.Random(SEED), time.monotonic() + SECONDS
    good = [seldon_message(TABLE), seldon_message(NUMBERS), seldon_message({"jsonData": {"a": [1]}})]
    for tries, (is_feedback, _) in enumerate(messages(rng)):
        message = changed_bytes(rng, rng.choice(good))
        method = siege.form.feedback_method if is_feedback else siege.form.predict_method
        code, details, _ = siege.call(method, message)
        shown = f"seed {SEED}: {code} {details[:SHOWN_BYTES]} to {method} {message[:SHOWN_BYTES]}"
        is_fine = code in {"OK", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED"}
        assert is_fine or any(words in details for words in COMPONENTS_OWN), shown
        if time.monotonic() > until and tries >= LEAST_TRIES:
            break
    siege.require_health(MAX_BYTES)
