"""Whatever a client sends beside its message, the call of a component goes through."""

from __future__ import annotations

import re

from http_by_hand import ByHand, context, in_loop
from hypothesis import given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict

from model_server.graph.components.headers import grpc_metadata, rest_headers
from model_server.graph.components.http_client import HttpClient
from model_server.graph.components.rest import RestComponent
from model_server.graph.messages import Context, RestMessage
from model_server.graph.verbs import Verb

NASTY = {
    "": "no name",
    "two words": "no token",
    "x-newline": "a\r\nx-smuggled: 1",
    "x-nul": "a\x00b",
    "x-delete": "\x7f",
    "x-half-a-pair": "\ud800",
    "x-beyond-latin-1": "\u20ac",
    "x-not-utf-8": "\xe9",
}

headers = st.dictionaries(st.text(max_size=8) | st.sampled_from(["x-a", "x-b-bin", "grpc-x"]), st.text(max_size=8))


@in_loop
async def test_what_http_cannot_carry_is_left_out_and_the_rest_arrives():
    async with ByHand().serving() as server:
        client = HttpClient()
        remote = RestComponent("127.0.0.1", server.port, client)
        await remote.call(Verb.PREDICT, RestMessage(b"{}"), Context("p", "rest", {**NASTY, "x-good": "1"}))
        assert {name for name, _ in server.requests[0].headers} == {
            "accept-encoding",
            "content-length",
            "content-type",
            "host",
            "seldon-puid",
            "x-good",
        }
        await client.close()


@in_loop
async def test_header_bytes_arrive_as_the_client_sent_them():
    sent = "na\u00efve \u20ac\tx".encode()
    async with ByHand().serving() as server:
        client = HttpClient()
        remote = RestComponent("127.0.0.1", server.port, client)
        await remote.call(Verb.PREDICT, RestMessage(b"{}"), context(x_name=sent.decode("latin-1")))
        assert dict(server.requests[0].headers)["x-name"] == sent
        await client.close()


@in_loop
async def test_a_header_that_comes_several_times_goes_on_as_often():
    async with ByHand().serving() as server:
        client = HttpClient()
        several = CIMultiDict([("x-a", "1"), ("x-b", "2"), ("x-a", "3")])
        await RestComponent("127.0.0.1", server.port, client).call(
            Verb.PREDICT, RestMessage(b"{}"), Context("p", "rest", several)
        )
        assert server.requests[0].all("x-a") == ["1", "3"]
        await client.close()


@given(given_headers=headers, puid=st.text(max_size=8))
@settings(max_examples=200, derandomize=True)
def test_rest_headers_are_always_ones_that_http_can_carry(given_headers, puid):
    for name, value in rest_headers(Context(puid, "rest", given_headers), RestMessage(b"{}")):
        assert re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name)
        assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value)
        value.encode()


@given(given_headers=headers, puid=st.text(max_size=8))
@settings(max_examples=200, derandomize=True)
def test_grpc_metadata_are_always_ones_that_grpc_takes(given_headers, puid):
    for key, value in grpc_metadata(Context(puid, "grpc", given_headers)):
        assert re.fullmatch(r"[0-9a-z_.-]+", key)
        assert not key.startswith("grpc-")
        assert key.endswith("-bin") == isinstance(value, bytes)
        assert isinstance(value, bytes) or re.fullmatch(r"[\x20-\x7e]*", value)
