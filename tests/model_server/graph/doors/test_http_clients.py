"""Refusals reach clients that people use, though these are still sending, and some read only when they have done."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import requests
from http_under_test import serving

TOO_LARGE = b"x" * 30_000_000
CHUNK = b"x" * 100_000


def with_curl(url, tmp_path, *options):
    body = tmp_path / "body"
    body.write_bytes(TOO_LARGE)
    command = ["curl", "--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}", *options, url]
    run = subprocess.run([*command, "--data-binary", f"@{body}"], capture_output=True, text=True, check=True)
    text, _, status = run.stdout.rpartition("\n")
    return int(status), json.loads(text)


def with_curl_that_waits(url, tmp_path):
    return with_curl(url, tmp_path)


def with_curl_that_does_not_wait(url, tmp_path):
    return with_curl(url, tmp_path, "--header", "Expect:")


def with_curl_in_chunks(url, tmp_path):
    return with_curl(url, tmp_path, "--header", "Expect:", "--header", "Transfer-Encoding: chunked")


def with_requests(url, tmp_path):
    del tmp_path
    answer = requests.post(url, data=TOO_LARGE, timeout=20)
    return answer.status_code, answer.json()


def with_requests_in_chunks(url, tmp_path):
    del tmp_path
    answer = requests.post(url, data=(CHUNK for _ in range(100)), timeout=20)
    return answer.status_code, answer.json()


def with_aiohttp(url, tmp_path, data="io.BytesIO(bytes(30_000_000))"):
    """In a process of its own: aiohttp leaves its connection to the loop, which ends too soon here."""
    del tmp_path
    script = f"""
import asyncio, aiohttp, io, json

async def chunks():
    for _ in range(100):
        yield bytes(100_000)

async def ask():
    async with aiohttp.ClientSession() as session, session.post({url!r}, data={data}) as answer:
        return answer.status, await answer.json()

print(json.dumps(asyncio.run(ask())))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    return tuple(json.loads(run.stdout))


def with_aiohttp_in_chunks(url, tmp_path):
    return with_aiohttp(url, tmp_path, data="chunks()")


CLIENTS = [
    with_curl_that_waits,
    with_curl_that_does_not_wait,
    with_curl_in_chunks,
    with_requests,
    with_requests_in_chunks,
    with_aiohttp,
    with_aiohttp_in_chunks,
]


@pytest.fixture(scope="module")
def strict():
    with serving(max_body_bytes=1_000_000) as server:
        yield server


@pytest.fixture(scope="module")
def lax():
    with serving(max_body_bytes=100_000_000) as server:
        yield server


@pytest.mark.parametrize("ask", CLIENTS, ids=lambda ask: ask.__name__)
def test_a_client_hears_that_its_body_is_too_large(strict, ask, tmp_path):
    status, tree = ask(f"http://127.0.0.1:{strict.port}/size", tmp_path)
    assert (status, tree["status"]["code"]) == (413, 413)
    assert "1,000,000 bytes" in tree["status"]["info"]


@pytest.mark.parametrize("ask", CLIENTS, ids=lambda ask: ask.__name__)
def test_a_client_hears_an_answer_that_came_before_its_body(lax, ask, tmp_path):
    assert ask(f"http://127.0.0.1:{lax.port}/early_and_last", tmp_path) == (404, "no such thing")


@pytest.mark.parametrize("ask", CLIENTS, ids=lambda ask: ask.__name__)
def test_a_client_hears_that_there_are_too_many_connections(ask, tmp_path):
    with serving(max_connections=1) as server:
        busy = server.client()
        server.receives(busy, b"GET /held HTTP/1.1\r\n\r\n")
        status, _ = ask(f"http://127.0.0.1:{server.port}/size", tmp_path)
        assert status == 503


def test_what_a_refused_client_still_sends_is_thrown_away_up_to_a_limit(server):
    client = server.client()
    client.send(b"POST /size HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n")
    assert client.answer().is_refusal(413)
    sent = 0
    while client.send_while_taken(TOO_LARGE):
        sent += len(TOO_LARGE)
        assert sent < 200_000_000
    assert server.still_serves()
