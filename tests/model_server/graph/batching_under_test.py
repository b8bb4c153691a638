"""Batchers of links that count nothing, for tests of who goes together with whom."""

import asyncio
import threading

from model_server.graph.components.batching import Batcher


class Doubling:
    """Doubles numbers; notes what came together; fails for those below zero; waits while `gate` is shut."""

    def __init__(self):
        self.batches = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def __call__(self, messages):
        self.entered.set()
        self.gate.wait(60)
        self.batches.append(list(messages))
        return [ValueError(f"{each} is below zero") if each < 0 else 2 * each for each in messages]


class Linked:
    """A link that counts nothing."""

    def __init__(self, answer_many, on_batch=lambda *_: None, run=asyncio.to_thread, timeout=None, at_once_bytes=0):
        self.answer_many, self.batched, self.run, self.timeout = answer_many, on_batch, run, timeout
        self.at_once_bytes = at_once_bytes

    def run_here(self, work):
        return work()

    def require_unstuck(self):
        pass

    def timeout_seconds(self, context):
        return self.timeout

    def told(self, asked, answer, ended):
        return answer

    def timed_out(self, asked, seconds):
        assert seconds >= self.timeout
        return TimeoutError(f"link {asked.place}")


class Asking:
    """A batcher of these links; what is asked has no context."""

    def __init__(self, *links, max_rows=100, rows_of=abs):
        self.batcher = Batcher(links, rows_of, abs, max_rows=max_rows)

    def answer(self, message):
        return self.batcher.answer(message, None)


def a_batcher(answer_many, max_rows=100, rows_of=abs, on_batch=lambda *_: None):
    return Asking(Linked(answer_many, on_batch), max_rows=max_rows, rows_of=rows_of)


async def until(condition):
    deadline = asyncio.get_running_loop().time() + 15
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.001)


def breaks(messages):
    if 13 in messages:
        raise RuntimeError("broken")
    return messages
