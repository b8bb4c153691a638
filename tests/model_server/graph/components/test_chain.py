"""Components of this process one after the other: asked as one, and told of as if each had been asked by itself."""

import asyncio
import json
import threading

import numpy as np
import pytest

from model_server.graph.components.in_process import InProcess
from model_server.graph.errors import ComponentStuck, ComponentTimedOut, WrapperError
from model_server.graph.messages import Context, RestMessage
from model_server.graph.predictor import from_dict
from model_server.graph.settings import Settings
from model_server.graph.verbs import Verb
from model_server.graph.walk import Walk
from model_server.graph.wrapper.calls import Wrapped
from model_server.graph.wrapper.identity import Identity

REST, GRPC = Context("id", "rest"), Context("id", "grpc")
LONG = 20.0


class Told:
    """In the place of Telemetry."""

    def __init__(self):
        self.calls, self.batches, self.timeouts = [], [], []

    def called(self, node, image, *told):
        service, _, code, seconds = told
        assert 0 <= seconds < LONG
        self.calls.append((node, service, code))

    def batched(self, node, rows, requests):
        self.batches.append((node, rows, requests))

    def timed_out(self, node):
        self.timeouts.append(node)


class Adds:
    """Adds one to each cell of a row, fails for rows of 13, and waits while its gate is shut."""

    row_wise = True

    def __init__(self):
        self.gate, self.entered = threading.Event(), threading.Event()
        self.gate.set()

    def predict(self, X, names):
        self.entered.set()
        self.gate.wait(LONG)
        if np.any(X == 13):
            raise ValueError("thirteen")
        return X + 1

    transform_input = predict


class AddsOneByOne(Adds):
    row_wise = False


def walking(kinds, go, **settings):
    """Run `go(walk, components by name, told)` with a chain of such components: a, b, c, ..."""

    async def run():
        told, node = Told(), None
        names = "abcdef"[: len(kinds)]
        for name in reversed(names):
            kind = "MODEL" if node is None else "TRANSFORMER"
            node = {"name": name, "type": kind, "children": [node] if node else []}
        predictor = from_dict({"name": "p", "graph": node}, "a test")
        users = {name: kind() for name, kind in zip(names, kinds, strict=True)}
        components = {
            name: InProcess(
                name,
                "image:1",
                Wrapped(user, Identity(unit=name), on_metrics=lambda *_: None, on_reward=lambda _: None),
                told,
                Settings(predictor=predictor, **settings),
            )
            for name, user in users.items()
        }
        try:
            await go(Walk(predictor.graph, components, chance=lambda: 0.0), users, told)
        finally:
            for user in users.values():
                user.gate.set()
            for component in components.values():
                await component.close()

    asyncio.run(run())


def a_message(*cells):
    return RestMessage(json.dumps({"data": {"ndarray": [[cell] for cell in cells]}}).encode(), "application/json")


def cells_of(answer):
    return [row[0] for row in answer.tree()["data"]["ndarray"]]


async def until(condition):
    deadline = asyncio.get_running_loop().time() + LONG
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.002)


@pytest.mark.parametrize(
    "kinds",
    [[Adds] * 2, [Adds] * 4, [AddsOneByOne, Adds, Adds], [Adds, Adds, AddsOneByOne], [Adds, AddsOneByOne, Adds, Adds]],
    ids=lambda kinds: " ".join("joint" if kind is Adds else "single" for kind in kinds),
)
def test_every_caller_gets_its_own_and_every_component_is_told_of_every_call(kinds):
    async def go(walk, users, told):
        asked = [walk.predict(a_message(*range(n, n + 3)), REST) for n in range(20, 60)]
        for n, answer in zip(range(20, 60), await asyncio.gather(*asked), strict=True):
            assert cells_of(answer) == [cell + len(kinds) for cell in range(n, n + 3)]
        for name in users:
            service = "/predict" if name == list(users)[-1] else "/transform-input"
            assert told.calls.count((name, service, "200")) == 40
        assert len(told.calls) == 40 * len(kinds)

    walking(kinds, go)


def test_a_batch_stays_together_and_who_fails_midway_fails_alone():
    async def go(walk, users, told):
        users["a"].gate.clear()
        first = asyncio.create_task(walk.predict(a_message(1), REST))
        await until(users["a"].entered.is_set)
        others = [asyncio.create_task(walk.predict(a_message(n), REST)) for n in (2, 12, 4)]
        await asyncio.sleep(0)
        users["a"].gate.set()
        answers = await asyncio.gather(first, *others, return_exceptions=True)
        assert [cells_of(answer) for answer in (answers[0], answers[1], answers[3])] == [[4], [5], [7]]
        assert isinstance(answers[2], WrapperError)
        assert "thirteen" in answers[2].message
        assert told.batches == [
            *(("a", 1, 1), ("b", 1, 1), ("c", 1, 1)),
            *(("a", 3, 3), ("b", 3, 3), ("c", 2, 2)),
        ]
        assert [call for call in told.calls if call[2] != "200"] == [("b", "/transform-input", "500")]
        assert told.calls.count(("c", "/predict", "200")) == 3

    walking([Adds] * 3, go)


def test_the_component_that_hangs_is_the_one_that_is_named_and_stuck():
    async def go(walk, users, told):
        users["b"].gate.clear()
        with pytest.raises(ComponentTimedOut, match='Post "http://b/predict": context deadline exceeded'):
            await walk.predict(a_message(1), REST)
        assert told.timeouts == ["b"]
        assert told.calls == [("a", "/transform-input", "200")]
        components = walk.components
        await until(components["b"].is_stuck)
        assert not components["a"].is_stuck()
        with pytest.raises(ComponentStuck, match="component b"):
            await walk.predict(a_message(1), REST)
        users["b"].gate.set()
        await until(lambda: not components["b"].is_stuck())
        assert cells_of(await walk.predict(a_message(1), REST)) == [3]

    walking([Adds] * 2, go, rest_timeout_seconds=0.3, grpc_timeout_seconds=0.3)


def test_feedback_and_health_checks_of_a_component_in_a_chain_go_to_it_alone():
    async def go(walk, users, told):
        assert cells_of(await walk.components["b"].call(Verb.PREDICT, a_message(1), REST)) == [2]
        assert told.calls == [("b", "/predict", "200")]

    walking([Adds] * 2, go)
