"""A component over REST: what it is sent, and what becomes of its answers, good and bad."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json

import pytest
from http_by_hand import ByHand, answering, context, hanging, in_loop, until, writing
from hypothesis import given, settings
from hypothesis import strategies as st

from model_server.graph.components import http_client
from model_server.graph.components.http_client import HttpClient
from model_server.graph.components.rest import RestComponent, joined
from model_server.graph.errors import (
    ComponentAnsweredWithError,
    ComponentTimedOut,
    ComponentUnreachable,
    RouterFailed,
)
from model_server.graph.messages import RestMessage
from model_server.graph.verbs import Verb

QUESTION = RestMessage(b'{"data": {"ndarray": [[1, 2.50]]}}')


class Calls(list):
    """What `on_call` was told, without the seconds."""

    def __call__(self, service, method, code, seconds):
        assert seconds >= 0
        self.append((service, method, code))


@contextlib.asynccontextmanager
async def component(server, client=None, **how):
    client = client or HttpClient()
    try:
        yield RestComponent("127.0.0.1", server.port, client, **how)
    finally:
        await client.close()


@pytest.mark.parametrize("verb", list(Verb))
@in_loop
async def test_each_verb_is_posted_to_its_path_and_counted(verb):
    calls = Calls()
    async with ByHand().serving() as server, component(server, on_call=calls) as remote:
        await remote.call(verb, QUESTION, context())
        assert server.requests[0].line == f"POST {verb.path} HTTP/1.1"
        assert calls == [(verb.path, "post", "200")]


@in_loop
async def test_the_bytes_of_message_and_answer_are_not_touched():
    packed = gzip.compress(b'{"b": 1}')
    answer = answering(packed, headers=("Content-Type: application/x-odd; charset=utf-7", "Content-Encoding: gzip"))
    async with ByHand(answer).serving() as server, component(server) as remote:
        message = RestMessage(b"\x00\xff not JSON", "application/odd; v=1", "gzip")
        answered = await remote.call(Verb.PREDICT, message, context())
        request = server.requests[0]
        assert (request.body, request.one("content-type"), request.one("content-encoding")) == (
            b"\x00\xff not JSON",
            "application/odd; v=1",
            "gzip",
        )
        assert (answered.body, answered.content_type, answered.content_encoding) == (
            packed,
            "application/x-odd; charset=utf-7",
            "gzip",
        )


@in_loop
async def test_megabytes_pass_both_ways():
    many = b"[" + b"1," * 3_000_000 + b"1]"
    async with ByHand(answering(many)).serving() as server, component(server) as remote:
        answered = await remote.call(Verb.PREDICT, RestMessage(many), context())
        assert server.requests[0].body == many
        assert answered.body == many


@in_loop
async def test_an_empty_message_has_an_empty_body_and_no_invented_type():
    async with ByHand().serving() as server, component(server) as remote:
        await remote.call(Verb.PREDICT, RestMessage(b"", content_type=""), context())
        assert server.requests[0].one("content-length") == "0"
        assert not server.requests[0].all("content-type")


@in_loop
async def test_headers_of_the_client_go_on_and_those_of_its_connection_do_not():
    client_headers = {
        "authorization": "Bearer x",
        "cookie": "a=b; c=d",
        "x-custom": "c1",
        "user-agent": "me/1",
        "accept": "text/html",
        "seldon-puid": "from-the-client",
        "host": "gateway",
        "content-length": "999",
        "content-type": "text/plain",
        "content-encoding": "br",
        "accept-encoding": "gzip",
        "connection": "close, X-Hop",
        "x-hop": "1",
        "transfer-encoding": "chunked",
        "te": "trailers",
        "upgrade": "h2c",
        "expect": "100-continue",
    }
    async with ByHand().serving() as server, component(server) as remote:
        await remote.call(Verb.PREDICT, QUESTION, context(**client_headers))
        assert sorted(server.requests[0].headers) == sorted(
            {
                "host": f"127.0.0.1:{server.port}".encode(),
                "authorization": b"Bearer x",
                "cookie": b"a=b; c=d",
                "x-custom": b"c1",
                "user-agent": b"me/1",
                "accept": b"text/html",
                "seldon-puid": b"puid-7",
                "accept-encoding": b"identity",
                "content-type": b"application/json",
                "content-length": str(len(QUESTION.body)).encode(),
            }.items()
        )


@pytest.mark.parametrize("status", [201, 202, 204, 301, 302, 307, 400, 404, 413, 429, 500, 503])
@in_loop
async def test_whatever_is_not_200_is_an_error_that_keeps_status_and_body(status):
    body = b"" if status == 204 else b'{"status": {"info": "\xc3\xa9"}}'
    calls = Calls()
    answer = answering(body, status, headers=("Location: /elsewhere",))
    async with ByHand(answer).serving() as server, component(server, on_call=calls) as remote:
        with pytest.raises(ComponentAnsweredWithError) as caught:
            await remote.call(Verb.PREDICT, QUESTION, context())
        assert (caught.value.http_status, caught.value.body()) == (status, body)
        assert len(server.requests) == 1
        assert calls == [("/predict", "post", str(status))]


@in_loop
async def test_a_router_that_fails_is_quoted_in_the_executors_words():
    async with ByHand(answering(b"its own words", 400)).serving() as server, component(server) as remote:
        with pytest.raises(RouterFailed) as caught:
            await remote.call(Verb.ROUTE, QUESTION, context())
        url = f"http://127.0.0.1:{server.port}/route"
        text = f"Internal service call from executor failed calling {url} status code 400"
        assert caught.value.http_status == 400
        assert json.loads(caught.value.body()) == {"status": {"code": 500, "info": text, "status": "FAILURE"}}


@in_loop
async def test_nobody_at_the_address_is_told_as_the_executor_tells_it():
    calls = Calls()
    async with ByHand().serving() as server:
        pass
    async with component(server, on_call=calls) as remote:
        with pytest.raises(ComponentUnreachable) as caught:
            await remote.call(Verb.PREDICT, QUESTION, context())
        address = f"127.0.0.1:{server.port}"
        assert caught.value.message == (
            f'Post "http://{address}/predict": dial tcp {address}: connect: connection refused'
        )
        with pytest.raises(ComponentUnreachable, match=rf'Get "http://{address}/metadata": dial tcp'):
            await remote.metadata(context())
        assert calls == []


@in_loop
async def test_an_ipv6_host_stands_in_brackets():
    client = HttpClient()
    with pytest.raises(ComponentUnreachable) as caught:
        await RestComponent("::1", 9, client).call(Verb.PREDICT, QUESTION, context())
    assert caught.value.message.startswith('Post "http://[::1]:9/predict": dial tcp [::1]:9: connect: ')
    await client.close()


@in_loop
async def test_a_host_that_nobody_knows_is_named():
    client = HttpClient()
    with pytest.raises(ComponentUnreachable) as caught:
        await RestComponent("no-such-host.invalid", 9, client).call(Verb.PREDICT, QUESTION, context())
    assert caught.value.message.startswith(
        'Post "http://no-such-host.invalid:9/predict": dial tcp: lookup no-such-host.invalid: '
    )
    await client.close()


@in_loop
async def test_a_component_that_hangs_is_given_up_in_time():
    calls = Calls()
    async with ByHand(hanging).serving() as server, component(server, timeout_seconds=0.05, on_call=calls) as remote:
        with pytest.raises(ComponentTimedOut) as caught:
            await remote.call(Verb.PREDICT, QUESTION, context())
        assert caught.value.message == f'Post "http://127.0.0.1:{server.port}/predict": context deadline exceeded'
        assert calls == []
        await until(lambda: server.n_open == 0)


@in_loop
async def test_the_time_covers_the_body_too():
    calls = Calls()

    async def begins(_request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{")
        await hanging(_request, writer)

    async with ByHand(begins).serving() as server, component(server, timeout_seconds=0.1, on_call=calls) as remote:
        with pytest.raises(ComponentTimedOut, match="context deadline exceeded"):
            await remote.call(Verb.PREDICT, QUESTION, context())
        assert calls == [("/predict", "post", "200")]  # it had begun to answer, and the executor counts that


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "EOF"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{", "unexpected EOF"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", "unexpected EOF"),
        (b"HTTP/1.1 200 OK\r\nContent-", "EOF"),
        (b"SSH-2.0-nonsense\r\n\r\n", "malformed HTTP response: "),
    ],
)
@in_loop
async def test_half_an_answer_or_nonsense_is_a_clear_error(raw, words):
    async with ByHand(writing(raw)).serving() as server, component(server) as remote:
        with pytest.raises(ComponentUnreachable) as caught:
            await remote.call(Verb.PREDICT, QUESTION, context())
        assert caught.value.message.startswith(f'Post "http://127.0.0.1:{server.port}/predict": {words}')
        server.behaviour = answering(b"[1]")
        assert (await remote.call(Verb.PREDICT, QUESTION, context())).body == b"[1]"


@in_loop
async def test_an_answer_up_to_the_limit_is_taken_and_one_byte_more_is_not():
    async with ByHand(answering(b"x" * 1000)).serving() as server:
        async with component(server, HttpClient(max_answer_bytes=1000)) as remote:
            assert len((await remote.call(Verb.PREDICT, QUESTION, context())).body) == 1000
        async with component(server, HttpClient(max_answer_bytes=999)) as remote:
            with pytest.raises(ComponentAnsweredWithError, match="larger than 999 bytes") as caught:
                await remote.call(Verb.PREDICT, QUESTION, context())
            assert caught.value.http_status == 500


@in_loop
async def test_an_endless_answer_is_cut_off():
    async def endless(_request, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
            await writer.drain()

    async with ByHand(endless).serving() as server, component(server, HttpClient(max_answer_bytes=10**6)) as remote:
        with pytest.raises(ComponentAnsweredWithError, match="larger than 1000000 bytes"):
            await remote.call(Verb.PREDICT, QUESTION, context())
        await until(lambda: server.n_open == 0)


@in_loop
async def test_calls_one_after_another_share_one_connection():
    async with ByHand().serving() as server, component(server) as remote:
        for _ in range(20):
            await remote.call(Verb.PREDICT, QUESTION, context())
        assert (len(server.requests), server.n_accepted) == (20, 1)


@in_loop
async def test_an_error_of_the_component_does_not_cost_the_connection():
    async with ByHand(answering(b"no", 500)).serving() as server, component(server) as remote:
        for _ in range(5):
            with pytest.raises(ComponentAnsweredWithError):
                await remote.call(Verb.PREDICT, QUESTION, context())
        assert server.n_accepted == 1


@in_loop
async def test_components_share_the_connections_of_a_process_but_each_host_has_a_bound():
    release = asyncio.Event()

    async def once_released(request, writer):
        await release.wait()
        await answering()(request, writer)

    async with (
        ByHand(once_released).serving() as crowded,
        ByHand().serving() as idle,
        component(crowded, HttpClient(connections_per_host=3)) as remote,
    ):
        calls = [asyncio.ensure_future(remote.call(Verb.PREDICT, QUESTION, context())) for _ in range(10)]
        await until(lambda: len(crowded.requests) == 3)
        other = RestComponent("127.0.0.1", idle.port, remote._client)
        await other.call(Verb.PREDICT, QUESTION, context())  # not held up by the crowd
        assert crowded.n_accepted == 3
        release.set()
        assert len(await asyncio.gather(*calls)) == 10
        assert crowded.n_accepted == 3


@in_loop
async def test_a_connection_idle_for_too_long_is_closed_and_not_used_again(monkeypatch):
    monkeypatch.setattr(http_client, "KEPT_IDLE_SECONDS", 0.05)
    async with ByHand().serving() as server, component(server) as remote:
        await remote.call(Verb.PREDICT, QUESTION, context())
        await until(lambda: server.n_open == 0)
        await remote.call(Verb.PREDICT, QUESTION, context())
        assert server.n_accepted == 2


def test_connections_are_given_up_before_gunicorn_does():
    assert http_client.KEPT_IDLE_SECONDS < 2  # gunicorn's default `keepalive`, and the wrapper's


@in_loop
async def test_a_server_that_hangs_up_when_idle_is_connected_to_again():
    async with ByHand(idle_seconds=0.02).serving() as server, component(server) as remote:
        for n in range(1, 6):
            await remote.call(Verb.PREDICT, QUESTION, context())
            assert server.n_accepted == n
            await until(lambda: server.n_open == 0)


@in_loop
async def test_a_server_that_closes_after_each_answer_is_connected_to_each_time():
    closing = answering(b"[1]", headers=("Connection: close",))
    async with ByHand(closing).serving() as server, component(server) as remote:
        for _ in range(5):
            assert (await remote.call(Verb.PREDICT, QUESTION, context())).body == b"[1]"
        assert server.n_accepted == 5


@in_loop
async def test_a_call_that_is_cancelled_lets_go_of_its_connection():
    async with ByHand(hanging).serving() as server, component(server) as remote:
        call = asyncio.ensure_future(remote.call(Verb.PREDICT, QUESTION, context()))
        await until(lambda: server.requests)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: server.n_open == 0)


@in_loop
async def test_the_answers_of_children_are_joined_in_order_and_not_rewritten():
    async with ByHand().serving() as server, component(server) as remote:
        children = [RestMessage(b'{"a": 1.0}'), RestMessage.of_tree({"b": [2]}), RestMessage(b" null ")]
        await remote.aggregate(children, context())
        assert server.requests[0].line == "POST /aggregate HTTP/1.1"
        assert server.requests[0].body == b'[{"a": 1.0},{"b":[2]}, null ]'
        assert server.requests[0].one("content-type") == "application/json"


@given(trees=st.lists(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=9)))
@settings(max_examples=60, derandomize=True)
def test_joined_answers_are_the_array_of_the_answers(trees):
    assert json.loads(joined([RestMessage(json.dumps(tree).encode()) for tree in trees]).body) == trees


def test_a_compressed_answer_is_not_joined_into_garbage():
    children = [RestMessage(b"{}"), RestMessage(gzip.compress(b"{}"), content_encoding="gzip")]
    with pytest.raises(ComponentAnsweredWithError, match="Content-Encoding gzip"):
        joined(children)


@in_loop
async def test_metadata_and_status_are_asked_for_with_the_clients_headers():
    calls = Calls()
    described = answering(b'{"name": "m", "versions": ["v1"]}')
    async with ByHand(described).serving() as server, component(server, on_call=calls) as remote:
        assert await remote.metadata(context(x_custom="1")) == {"name": "m", "versions": ["v1"]}
        assert (await remote.status(context(x_custom="1"))).body == b'{"name": "m", "versions": ["v1"]}'
        assert [request.line for request in server.requests] == [
            "GET /metadata HTTP/1.1",
            "GET /health/status HTTP/1.1",
        ]
        assert [(each.one("x-custom"), each.one("seldon-puid"), each.body) for each in server.requests] == [
            ("1", "puid-7", b""),
        ] * 2
        assert calls == [("/metadata", "get", "200"), ("/health/status", "get", "200")]


@pytest.mark.parametrize(("body", "words"), [(b"<html>", "is no JSON"), (b"[1]", "is a JSON list")])
@in_loop
async def test_metadata_that_are_none_are_refused(body, words):
    async with ByHand(answering(body)).serving() as server, component(server) as remote:
        with pytest.raises(ComponentAnsweredWithError, match=words):
            await remote.metadata(context())


@in_loop
async def test_a_component_that_refuses_before_it_has_read_everything_is_heard():
    refusal = b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig"

    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(refusal)
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    client = HttpClient()
    remote = RestComponent("127.0.0.1", server.sockets[0].getsockname()[1], client)
    with pytest.raises(ComponentAnsweredWithError) as caught:
        await remote.call(Verb.PREDICT, RestMessage(b"x" * 10_000_000), context())
    assert (caught.value.http_status, caught.value.body()) == (413, b"big")
    await client.close()
    server.close()
