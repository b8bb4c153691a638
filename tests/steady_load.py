"""A bounded stream of REST requests against a gateway, with the outcome of each."""

import asyncio
import threading
import time
from collections import Counter

import aiohttp

BODY = {"data": {"ndarray": [[1.0, 2.0]]}}
"""For models that echo."""


class Load:
    """Requests at a fixed rate in a thread of its own: `with Load(url, 200) as load: ...; load.answers`.

    `answers` has, in the order of their sending, the predictor that answered, or what went wrong.
    """

    def __init__(self, url, rate_per_second, *, largest=20_000, body=BODY):
        self.url = url
        self.body = body
        self.rate_per_second = rate_per_second
        self.largest = largest
        self.answers = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(60)

    @property
    def failures(self):
        return Counter(answer for answer in self.answers if answer.startswith("failed"))

    async def _run(self):
        timeout = aiohttp.ClientTimeout(total=30)
        connector = aiohttp.TCPConnector(limit=100)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session, asyncio.TaskGroup() as group:
            began = time.monotonic()
            for number in range(self.largest):
                if self._stop.is_set():
                    break
                await asyncio.sleep(max(0.0, began + number / self.rate_per_second - time.monotonic()))
                group.create_task(self._ask(session))

    async def _ask(self, session):
        self.answers.append(await ask(session, self.url, self.body))


async def ask(session, url, body=BODY):
    """Who answered: the arm that a router chose, else the predictor."""
    try:
        async with session.post(url, json=body) as answer:
            if answer.status != 200:
                return f"failed: {answer.status} {(await answer.text())[:100]}"
            tags = (await answer.json())["meta"]["tags"]
            return tags.get("arm") or tags["predictor"]
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"failed: {type(error).__name__} {error}"


def ask_many(url, count, at_once=8, body=BODY):
    """So many requests, a few at a time; who answered how often."""

    async def run():
        connector = aiohttp.TCPConnector(limit=at_once)
        async with aiohttp.ClientSession(connector=connector) as session:
            return await asyncio.gather(*(ask(session, url, body) for _ in range(count)))

    return Counter(asyncio.run(run()))
