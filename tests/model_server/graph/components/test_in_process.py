"""A component in this process: its time, its threads, what is counted of it, and what its callers hear meanwhile."""

import asyncio
import json
import threading

import pytest

from model_server.graph.components.in_process import InProcess
from model_server.graph.errors import ComponentStuck, ComponentTimedOut, RouterFailed, WrapperError
from model_server.graph.messages import Context, GrpcMessage, RestMessage
from model_server.graph.predictor import from_dict
from model_server.graph.protos import ours
from model_server.graph.settings import Settings
from model_server.graph.verbs import Verb
from model_server.graph.wrapper.calls import Wrapped
from model_server.graph.wrapper.identity import Identity

REST, GRPC = Context("id", "rest"), Context("id", "grpc")
SHORT, LONG = 0.3, 20.0


class Told:
    """In the place of Telemetry."""

    def __init__(self):
        self.calls, self.batches, self.timeouts = [], [], 0

    def called(self, *told):
        *labels, seconds = told
        assert labels[:2] == ["node", "image:1"]
        assert 0 <= seconds < LONG
        self.calls.append(tuple(labels[2:]))

    def batched(self, node, rows, requests):
        self.batches.append((rows, requests))

    def timed_out(self, node):
        self.timeouts += 1


class Gated:
    """Waits in each call until its gate opens; notes what it was asked."""

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()
        self.asked = []

    def predict(self, X, names):
        self.asked.append(X.tolist())
        self.entered.set()
        self.gate.wait(LONG)
        return X

    def shut(self):
        self.entered.clear()
        self.gate.clear()


class GatedRows(Gated):
    row_wise = True


class Failing:
    def predict(self, X, names):
        raise ValueError("broken")

    def route(self, X, names):
        raise ValueError("lost")

    def health_status(self):
        raise ValueError("ill")


def serving(user_object, go, **settings):
    """Run `go(component, told)` with the user's object as a component."""

    async def run():
        told = Told()
        wrapped = Wrapped(user_object, Identity(unit="node"), on_metrics=lambda *_: None, on_reward=lambda _: None)
        component = InProcess("node", "image:1", wrapped, told, Settings(**settings))
        try:
            return await go(component, told)
        finally:
            await component.close()

    return asyncio.run(run())


def a_message(*cells):
    return RestMessage(json.dumps({"data": {"ndarray": [[cell] for cell in cells]}}).encode())


def cells_of(answer):
    return [row[0] for row in answer.tree()["data"]["ndarray"]]


async def until(condition):
    deadline = asyncio.get_running_loop().time() + LONG
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.002)


@pytest.mark.parametrize("kind", [Gated, GatedRows])
def test_a_call_is_answered_and_counted_once(kind):
    async def go(component, told):
        assert cells_of(await component.call(Verb.PREDICT, a_message(1, 2), REST)) == [1, 2]
        message = GrpcMessage.of_proto(ours().SeldonMessage(strData="a"))
        await component.call(Verb.TRANSFORM_INPUT, message, GRPC)
        assert told.calls == [
            ("/predict", "post", "200"),
            ("/seldon.protos.Transformer/TransformInput", "unary", "OK"),
        ]
        assert told.batches == ([(2, 1)] if kind is GatedRows else [])

    serving(kind(), go)


@pytest.mark.parametrize("kind", [Gated, GatedRows])
def test_the_time_of_a_call_begins_when_it_queues_and_what_timed_out_in_the_queue_is_never_run(kind):
    user = kind()

    async def go(component, told):
        user.shut()
        long = asyncio.create_task(component.call(Verb.PREDICT, a_message(1), GRPC))  # which has more time
        await until(user.entered.is_set)
        with pytest.raises(ComponentTimedOut, match='Post "http://node/predict": context deadline exceeded'):
            await component.call(Verb.PREDICT, a_message(2), REST)
        assert told.timeouts == 1
        assert told.calls == []  # over REST, Seldon's executor leaves no sample of it
        user.gate.set()
        assert cells_of(await long) == [1]
        assert cells_of(await component.call(Verb.PREDICT, a_message(3), REST)) == [3]
        assert user.asked == [[[1]], [[3]]]

    serving(user, go, rest_timeout_seconds=SHORT, grpc_timeout_seconds=LONG)


def test_over_grpc_a_call_that_timed_out_is_counted():
    user = Gated()

    async def go(component, told):
        user.shut()
        with pytest.raises(ComponentTimedOut):
            await component.call(Verb.PREDICT, a_message(1), GRPC)
        assert told.calls == [("/seldon.protos.Model/Predict", "unary", "DeadlineExceeded")]
        user.gate.set()

    serving(user, go, grpc_timeout_seconds=SHORT)


def test_a_call_that_hangs_makes_its_component_stuck_and_others_are_told_at_once():
    user = Gated()

    async def go(component, told):
        assert not component.is_stuck()
        user.shut()
        with pytest.raises(ComponentTimedOut):
            await component.call(Verb.PREDICT, a_message(1), REST)
        await until(component.is_stuck)
        assert not await component.is_ready(thoroughly=False)
        for ask in (
            lambda: component.call(Verb.PREDICT, a_message(2), REST),
            lambda: component.aggregate([a_message(2)], REST),
            lambda: component.status(REST),
        ):
            with pytest.raises(ComponentStuck):
                await ask()
        user.gate.set()
        await until(lambda: not component.is_stuck())
        assert cells_of(await component.call(Verb.PREDICT, a_message(3), REST)) == [3]

    serving(user, go, rest_timeout_seconds=SHORT, grpc_timeout_seconds=SHORT)


def test_one_thread_that_hangs_of_two_is_a_stuck_component_too():
    user = Gated()

    async def go(component, told):
        user.shut()
        hung = asyncio.create_task(component.call(Verb.PREDICT, a_message(1), REST))
        await until(user.entered.is_set)
        assert (await component.status(REST)).tree()["strData"] == "healthy"
        with pytest.raises(ComponentTimedOut):
            await hung
        await until(component.is_stuck)
        user.gate.set()

    serving(user, go, threads=2, rest_timeout_seconds=SHORT, grpc_timeout_seconds=SHORT)


def test_without_a_timeout_nothing_is_ever_stuck():
    user = Gated()

    async def go(component, told):
        user.shut()
        long = asyncio.create_task(component.call(Verb.PREDICT, a_message(1), REST))
        await until(lambda: component._threads.busy_seconds() > 3 * SHORT)
        assert not component.is_stuck()
        user.gate.set()
        await long

    serving(user, go, rest_timeout_seconds=None, grpc_timeout_seconds=SHORT)


def test_what_waits_while_a_row_wise_component_is_busy_goes_together_without_who_gave_up():
    user = GatedRows()

    async def go(component, told):
        user.shut()
        first = asyncio.create_task(component.call(Verb.PREDICT, a_message(1), REST))
        await until(user.entered.is_set)
        stays, goes, stays_too = (
            asyncio.create_task(component.call(Verb.PREDICT, a_message(*cells), REST)) for cells in ((2,), (3,), (4, 5))
        )
        await asyncio.sleep(0)
        goes.cancel()
        await asyncio.gather(goes, return_exceptions=True)
        user.gate.set()
        answers = await asyncio.gather(first, stays, stays_too)
        assert [cells_of(answer) for answer in answers] == [[1], [2], [4, 5]]
        assert user.asked == [[[1]], [[2], [4], [5]]]
        assert told.batches == [(1, 1), (3, 2)]
        assert told.calls == [("/predict", "post", "200")] * 3

    serving(user, go)


def test_a_failure_is_counted_with_its_code():
    async def go(component, told):
        with pytest.raises(WrapperError, match="broken"):
            await component.call(Verb.PREDICT, a_message(1), REST)
        with pytest.raises(WrapperError, match="broken"):
            await component.call(Verb.PREDICT, GrpcMessage.of_proto(_data()), GRPC)
        with pytest.raises(WrapperError, match="lost"):  # a single component is a wrapper, which tells its own words
            await component.call(Verb.ROUTE, a_message(1), REST)
        assert told.calls == [
            ("/predict", "post", "500"),
            ("/seldon.protos.Model/Predict", "unary", "Unknown"),
            ("/route", "post", "500"),
        ]

    serving(Failing(), go)


def test_in_a_graph_a_router_that_fails_is_told_in_the_words_of_the_executor():
    predictor = from_dict({"name": "p", "graph": {"name": "node", "type": "ROUTER"}}, "here")

    async def go(component, told):
        with pytest.raises(RouterFailed, match="failed calling http://node/route status code 500"):
            await component.call(Verb.ROUTE, a_message(1), REST)

    serving(Failing(), go, predictor=predictor)


def test_a_health_check_that_fails_is_counted_and_is_no_readiness():
    async def go(component, told):
        with pytest.raises(WrapperError, match="ill"):
            await component.status(REST)
        assert told.calls == [("/health/status", "get", "500")]
        assert await component.is_ready(thoroughly=False)
        assert not await component.is_ready(thoroughly=True)
        assert told.calls == [("/health/status", "get", "500")]  # a probe is not counted

    serving(Failing(), go)


def _data():
    message = ours().SeldonMessage()
    message.data.tensor.shape.extend([1, 1])
    message.data.tensor.values.append(1.0)
    return message


class Computing:
    """Never waits, it says; notes in which threads it computes, and ends the world for a row of 13."""

    never_waits = True
    row_wise = True

    def __init__(self):
        self.threads = []

    def predict(self, X, names):
        self.threads.append(threading.current_thread())
        if (X == 13).any():
            raise SystemExit("for ever")
        return X

    def send_feedback(self, features, names, reward, truth, routing):
        self.threads.append(threading.current_thread())


class Waiting(Computing):
    never_waits = False


def feedback(n_rows):
    asked = {"data": {"ndarray": [[0]] * n_rows}}
    return RestMessage(json.dumps({"request": asked, "response": asked, "reward": 1.0}).encode())


@pytest.mark.parametrize(
    ("user_object", "in_the_loop"),
    [(Computing(), [True, True, False, False]), (Waiting(), [False, False, False, False])],
    ids=["never waits", "may wait"],
)
def test_the_little_work_of_a_class_that_never_waits_is_done_in_the_loops_thread(user_object, in_the_loop):
    async def go(component, _):
        asked = [
            (Verb.PREDICT, a_message(1)),
            (Verb.SEND_FEEDBACK, feedback(3)),
            (Verb.PREDICT, a_message(*[7] * 20_000)),
            (Verb.SEND_FEEDBACK, feedback(3_000)),
        ]
        for verb, message in asked:
            await component.call(verb, message, REST)
        assert [each is threading.current_thread() for each in user_object.threads] == in_the_loop

    serving(user_object, go)


def test_a_class_that_would_end_the_process_does_not_do_so_from_the_loops_thread_either():
    async def go(component, _):
        with pytest.raises(WrapperError, match="SystemExit: for ever") as caught:
            await component.call(Verb.PREDICT, a_message(13), REST)
        assert caught.value.http_status == 500
        assert cells_of(await component.call(Verb.PREDICT, a_message(1), REST)) == [1]

    serving(Computing(), go)
