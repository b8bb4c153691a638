"""The request log: what a collector gets, and what happens when there is none, or a slow one, or a broken one."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gzip
import logging
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

import uvloop
from aiohttp import web

from model_server.graph.cloud_events import Source
from model_server.graph.components.http_client import HttpClient
from model_server.graph.messages import Context, GrpcMessage, RestMessage
from model_server.graph.predictor import Logger, Node
from model_server.graph.request_log import Dropped, RequestLog
from model_server.graph.walk import Told

CONTEXT = Context("puid-7", "rest")


def in_loop(test):
    @functools.wraps(test)
    def run(*args, **kwargs):
        uvloop.run(asyncio.wait_for(test(*args, **kwargs), 60))

    return run


async def until(is_true):
    async with asyncio.timeout(20):
        while not is_true():
            await asyncio.sleep(0.005)


@dataclass
class Collector:
    """Takes events; answers with a status, once it is let go."""

    status: int = 200
    held: asyncio.Event | None = None
    events: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    bodies_begun: int = 0
    most_at_once: int = 0
    port: int = 0

    @contextlib.asynccontextmanager
    async def serving(self, port=0):
        app = web.Application(client_max_size=10**8)
        app.router.add_post("/{tail:.*}", self._take)
        runner = web.AppRunner(app, shutdown_timeout=0.01)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", port)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _take(self, request):
        self.bodies_begun += 1
        body = await request.read()
        self.most_at_once = max(self.most_at_once, self.bodies_begun - len(self.events))
        if self.held is not None:
            await self.held.wait()
        self.events.append((request.path_qs, {name.lower(): value for name, value in request.headers.items()}, body))
        return web.Response(status=self.status)

    def node(self, name="n", path="log"):
        return Node(name, logger=Logger("all", f"http://127.0.0.1:{self.port}/{path}"))

    @property
    def bodies(self):
        return [body for _, _, body in self.events]


@contextlib.asynccontextmanager
async def request_log(default_url=None, grace_seconds=20.0, **how):
    """A log that has been started, and what it dropped."""
    drops = Counter()
    client = HttpClient()
    source = Source("dep", "ns", "p1", 8000)
    how = {"retry_after_seconds": 0.01, **how}
    log = RequestLog(client, default_url, source, on_dropped=lambda reason: drops.update([reason]), **how)
    log.start()
    try:
        yield log, drops
    finally:
        await log.close(grace_seconds)
        await client.close()


def message(text="{}", **how):
    return RestMessage(text.encode(), **how)


@in_loop
async def test_an_event_arrives_as_the_executor_would_have_posted_it():
    async with Collector().serving() as collector, request_log() as (log, drops):
        log.tell(Told.REQUEST, collector.node("plus-one", "log?x=1"), message('{"data": 1}'), CONTEXT)
        await until(lambda: collector.events)
        ((path, headers, body),) = collector.events
        assert (path, body) == ("/log?x=1", b'{"data": 1}')
        assert {name: value for name, value in headers.items() if not re.match("ce-(id|time|traceparent)", name)} == {
            "host": f"127.0.0.1:{collector.port}",
            "content-length": "11",
            "content-type": "application/json",
            "ce-endpoint": "p1",
            "ce-inferenceservicename": "dep",
            "ce-modelid": "plus-one",
            "ce-namespace": "ns",
            "ce-protocol": "seldon",
            "ce-requestid": "puid-7",
            "ce-source": "http://:8000/",
            "ce-specversion": "1.0",
            "ce-type": "io.seldon.serving.inference.request",
        }
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", headers["ce-id"])
        assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", headers["ce-traceparent"])
        assert datetime.fromisoformat(headers["ce-time"]).tzinfo is not None
        assert not drops


@in_loop
async def test_each_event_has_an_id_of_its_own():
    async with Collector().serving() as collector, request_log() as (log, _):
        for _ in range(50):
            log.tell(Told.RESPONSE, collector.node(), message(), CONTEXT)
        await until(lambda: len(collector.events) == 50)
        assert len({headers["ce-id"] for _, headers, _ in collector.events}) == 50


@in_loop
async def test_grpc_messages_and_feedback_are_told_as_what_they_are():
    async with Collector().serving() as collector, request_log() as (log, _):
        log.tell(Told.FEEDBACK, collector.node(), GrpcMessage(b"\x1a\x00"), Context("p", "grpc"))
        await until(lambda: collector.events)
        ((_, headers, body),) = collector.events
        assert (headers["content-type"], headers["ce-type"], body) == (
            "application/protobuf",
            "io.seldon.serving.feedback",
            b"\x1a\x00",
        )


@in_loop
async def test_a_node_without_url_is_told_to_the_default_or_counted():
    nowhere = Node("n", logger=Logger("all"))
    collector = Collector()
    async with collector.serving(), request_log(f"http://127.0.0.1:{collector.port}/default") as (log, _):
        log.tell(Told.REQUEST, nowhere, message(), CONTEXT)
        await until(lambda: collector.events)
        assert collector.events[0][0] == "/default"
    async with request_log() as (log, drops):
        log.tell(Told.REQUEST, nowhere, message(), CONTEXT)
        assert drops == {Dropped.NO_ADDRESS: 1}


@in_loop
async def test_gzip_is_unpacked_for_the_collector_and_other_encodings_are_named():
    async with Collector().serving() as collector, request_log(workers=1) as (log, drops):
        log.tell(Told.REQUEST, collector.node(), RestMessage(gzip.compress(b"[1]"), content_encoding="gzip"), CONTEXT)
        log.tell(Told.REQUEST, collector.node(), RestMessage(b"packed", content_encoding="x-odd"), CONTEXT)
        await until(lambda: len(collector.events) == 2)
        assert collector.bodies == [b"[1]", b"packed"]
        assert [headers.get("content-encoding") for _, headers, _ in collector.events] == [None, "x-odd"]
        assert not drops


@in_loop
async def test_a_bomb_or_a_broken_gzip_or_a_tree_that_is_no_json_is_dropped_and_the_next_event_is_not():
    async with Collector().serving() as collector, request_log(workers=1, max_unpacked_bytes=1000) as (log, drops):
        for body in (gzip.compress(bytes(1_000_000)), b"no gzip", gzip.compress(b"cut")[:-4]):
            log.tell(Told.REQUEST, collector.node(), RestMessage(body, content_encoding="gzip"), CONTEXT)
        log.tell(Told.REQUEST, collector.node(), RestMessage.of_tree({"a": object()}), CONTEXT)
        log.tell(Told.REQUEST, collector.node(), message("good"), CONTEXT)
        await until(lambda: collector.events)
        assert collector.bodies == [b"good"]
        assert drops == {Dropped.UNREADABLE: 4}


@in_loop
async def test_telling_never_waits_and_what_finds_no_room_is_dropped():
    release = asyncio.Event()
    collector = Collector(held=release)
    async with collector.serving(), request_log(queue_length=5, workers=2) as (log, drops):
        for n in range(2):
            log.tell(Told.REQUEST, collector.node(), message(str(n)), CONTEXT)
        await until(lambda: collector.bodies_begun == 2)  # both workers wait for the collector
        for n in range(2, 20):
            log.tell(Told.REQUEST, collector.node(), message(str(n)), CONTEXT)  # no await: it cannot wait
        assert drops == {Dropped.QUEUE_FULL: 13}
        release.set()
        await until(lambda: len(collector.events) == 7)
        assert sorted(map(int, collector.bodies)) == list(range(7))


@in_loop
async def test_the_bytes_that_wait_are_bounded_and_come_free_again():
    release = asyncio.Event()
    collector = Collector(held=release)
    async with collector.serving(), request_log(queue_bytes=1000) as (log, drops):
        for _ in range(3):
            log.tell(Told.REQUEST, collector.node(), message("x" * 400), CONTEXT)
        assert drops == {Dropped.QUEUE_FULL: 1}
        log.tell(Told.REQUEST, collector.node(), message("y" * 200), CONTEXT)
        assert drops == {Dropped.QUEUE_FULL: 1}
        release.set()
        await until(lambda: len(collector.events) == 3)
        await until(lambda: log._held_bytes == 0)
        log.tell(Told.REQUEST, collector.node(), message("z" * 1000), CONTEXT)
        await until(lambda: len(collector.events) == 4)
        assert drops == {Dropped.QUEUE_FULL: 1}


@in_loop
async def test_as_many_posts_at_a_time_as_there_are_workers():
    release = asyncio.Event()
    collector = Collector(held=release)
    async with collector.serving(), request_log(workers=3) as (log, _):
        for _ in range(10):
            log.tell(Told.REQUEST, collector.node(), message(), CONTEXT)
        await until(lambda: collector.bodies_begun == 3)
        release.set()
        await until(lambda: len(collector.events) == 10)
        assert collector.most_at_once == 3


@in_loop
async def test_a_refusal_or_a_redirect_is_counted_and_not_repeated():
    for status in (400, 500, 302):
        collector = Collector(status)
        async with collector.serving(), request_log() as (log, drops):
            log.tell(Told.REQUEST, collector.node(), message(), CONTEXT)
            await until(lambda: drops)
            assert drops == {Dropped.REFUSED: 1}
            assert len(collector.events) == 1


@in_loop
async def test_a_collector_that_hangs_costs_its_time_and_no_more():
    collector = Collector(held=asyncio.Event())
    async with collector.serving(), request_log(post_timeout_seconds=0.05) as (log, drops):
        log.tell(Told.REQUEST, collector.node(), message(), CONTEXT)
        await until(lambda: drops)
        assert drops == {Dropped.UNREACHABLE: 1}
        assert collector.bodies_begun == 1


@in_loop
async def test_nobody_at_the_address_is_counted_after_one_retry():
    async with Collector().serving() as collector:
        pass
    async with request_log() as (log, drops):
        for _ in range(3):
            log.tell(Told.REQUEST, collector.node(), message(), CONTEXT)
        await until(lambda: drops.total() == 3)
        assert drops == {Dropped.UNREACHABLE: 3}


@in_loop
async def test_a_url_that_is_none_is_counted():
    async with request_log() as (log, drops):
        for url in ("collector/log", "ftp://collector", "http://[::1", "http://" + "x" * 70):
            log.tell(Told.REQUEST, Node("n", logger=Logger("all", url)), message(), CONTEXT)
        await until(lambda: drops.total() == 4)
        assert drops == {Dropped.UNREACHABLE: 4}


@in_loop
async def test_a_collector_that_restarts_misses_nothing(monkeypatch):
    collector = Collector()
    attempts = []
    async with request_log(retry_after_seconds=2.0) as (log, drops):
        async with collector.serving():
            log.tell(Told.REQUEST, collector.node(), message("before"), CONTEXT)
            await until(lambda: collector.events)
        posted_once = log._posted_once

        async def counted(url, headers, body):
            try:
                return await posted_once(url, headers, body)
            finally:
                attempts.append(body)

        monkeypatch.setattr(log, "_posted_once", counted)
        for n in range(30):
            log.tell(Told.REQUEST, collector.node(), message(str(n)), CONTEXT)
        await until(lambda: len(attempts) == 10)  # all workers have met nobody, 20 events wait behind them
        async with collector.serving(collector.port):
            await until(lambda: len(collector.events) == 31)
        assert not drops


@in_loop
async def test_closing_posts_what_is_queued():
    collector = Collector()
    async with collector.serving():
        async with request_log() as (log, drops):
            for _ in range(200):
                log.tell(Told.REQUEST, collector.node(), message(), CONTEXT)
        assert len(collector.events) == 200
        log.tell(Told.REQUEST, collector.node(), message(), CONTEXT)
        assert drops == {Dropped.CLOSED: 1}


@in_loop
async def test_closing_gives_up_after_the_grace_and_counts_all_that_is_lost():
    collector = Collector(held=asyncio.Event())
    async with collector.serving():
        async with request_log(grace_seconds=0.05, workers=2) as (log, drops):
            for _ in range(7):
                log.tell(Told.REQUEST, collector.node(), message(), CONTEXT)
        assert drops == {Dropped.CLOSED: 7}


@in_loop
async def test_a_log_that_was_never_started_can_be_closed():
    drops = Counter()
    source = Source("dep", "ns", "p1", 8000)
    log = RequestLog(HttpClient(), "http://127.0.0.1:9", source, on_dropped=lambda reason: drops.update([reason]))
    log.tell(Told.REQUEST, Node("n"), message(), CONTEXT)
    await log.close(1)
    assert drops == {Dropped.CLOSED: 1}


@in_loop
async def test_drops_are_said_once_a_second_with_their_number_and_reason(caplog):
    caplog.set_level(logging.WARNING)
    async with request_log() as (log, drops):
        for _ in range(1000):
            log.tell(Told.REQUEST, Node("n", logger=Logger("all")), message(), CONTEXT)
        assert drops.total() == 1000
        assert [record.args[0] for record in caplog.records] == [1]
        await until(lambda: len(caplog.records) == 2)
        assert [record.args[0] for record in caplog.records] == [1, 999]
        log.tell(Told.REQUEST, Node("n", logger=Logger("all")), message(), CONTEXT)
        assert len(caplog.records) == 2
    assert [record.args[0] for record in caplog.records] == [1, 999, 1]
    assert "REQUEST_LOGGER_DEFAULT_ENDPOINT" in caplog.text


@in_loop
async def test_an_error_of_our_own_in_one_event_does_not_stop_the_others(monkeypatch, caplog):
    collector = Collector()
    async with collector.serving(), request_log(workers=1) as (log, drops):
        log.tell(Told.REQUEST, collector.node("broken"), message(), CONTEXT)
        log.tell(Told.REQUEST, collector.node("sound"), message(), CONTEXT)
        posted = log._posted

        async def sometimes(url, headers, body):
            if ("ce-modelid", "broken") in headers:
                raise AttributeError("a bug")
            return await posted(url, headers, body)

        monkeypatch.setattr(log, "_posted", sometimes)
        await until(lambda: collector.events)
        assert [headers["ce-modelid"] for _, headers, _ in collector.events] == ["sound"]
        assert drops == {Dropped.UNREADABLE: 1}
        assert "a bug" in caplog.text


@in_loop
async def test_large_bodies_are_posted_whole():
    n_bytes = 3_000_000
    async with Collector().serving() as collector, request_log() as (log, _):
        log.tell(Told.REQUEST, collector.node(), RestMessage(bytes(n_bytes)), CONTEXT)
        await until(lambda: collector.events)
        assert collector.bodies == [bytes(n_bytes)]
