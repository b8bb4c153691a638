"""Threads of a user's class: whoever stops waiting is forgotten, and nothing that it raises ends more than its call."""

import asyncio
import gc
import threading
import weakref

import pytest

from model_server.graph.components.user_threads import UserThreads
from model_server.graph.errors import GraphError


class Held:
    """Work that holds a thread until it is let go."""

    def __init__(self):
        self.begun = threading.Event()
        self.let_go = threading.Event()

    def __call__(self):
        self.begun.set()
        self.let_go.wait(60)


class Message:
    """Something that work holds."""


async def until(condition):
    deadline = asyncio.get_running_loop().time() + 15
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.001)


def with_threads(n_threads, go):
    async def run():
        threads = UserThreads("node", n_threads)
        try:
            return await go(threads)
        finally:
            threads.close()

    return asyncio.run(run())


def test_work_comes_back_with_what_it_returns_or_raises():
    async def go(threads):
        assert await threads.run(lambda: 3) == 3
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)

    with_threads(1, go)


def test_as_many_as_there_are_threads_are_at_work_at_once():
    async def go(threads):
        together = threading.Barrier(3, timeout=20)
        assert len(await asyncio.gather(*(threads.run(together.wait) for _ in range(3)))) == 3

    with_threads(3, go)


def test_work_that_nobody_waits_for_any_more_is_never_begun_and_holds_nothing():
    async def go(threads):
        held = Held()
        first = asyncio.create_task(threads.run(held))
        await until(held.begun.is_set)
        message = Message()
        seen = weakref.ref(message)
        ran = []
        second = asyncio.create_task(threads.run(lambda kept=message: ran.append(kept)))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.gather(second, return_exceptions=True)
        del message, second

        def is_let_go():
            gc.collect()
            return seen() is None

        await until(is_let_go)
        held.let_go.set()
        await first
        await threads.run(lambda: None)
        assert ran == []

    with_threads(1, go)


def test_busy_is_how_long_the_longest_call_has_been_under_way():
    async def go(threads):
        assert threads.busy_seconds() == 0
        older, newer = Held(), Held()
        first = asyncio.create_task(threads.run(older))
        await until(older.begun.is_set)
        second = asyncio.create_task(threads.run(newer))
        await until(newer.begun.is_set)
        await until(lambda: threads.busy_seconds() > 0.05)
        newer.let_go.set()
        await second
        assert threads.busy_seconds() > 0.05
        older.let_go.set()
        await first
        assert threads.busy_seconds() == 0

    with_threads(2, go)


@pytest.mark.parametrize("ending", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError(), GeneratorExit()])
def test_what_would_end_a_process_or_a_task_is_an_error_of_the_call(ending):
    async def go(threads):
        def work():
            raise ending

        with pytest.raises(GraphError, match=type(ending).__name__) as told:
            await threads.run(work)
        assert told.value.http_status == 500
        assert told.value.__cause__ is ending
        assert await threads.run(lambda: 5) == 5

    with_threads(1, go)
