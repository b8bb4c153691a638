"""Noise and floods: whatever comes, the server answers whole or not at all, keeps its memory, and serves the next one.

The noise is the same in every run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import pytest
from http_under_test import Client, eventually, get, post, post_in_chunks
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import model_server

MAX_BODY_BYTES = 100_000
HEADROOM_KIB = 48 * 1024
"""By which the server's memory may grow at most: of 100 clients with 100 KB of body each, several copies."""

WHOLE = [get("/echo"), post("/echo", b"hello"), post_in_chunks("/echo", b"hello", b"you"), get("/early")]
PIECES = [
    *WHOLE,
    *[
        b"GET",
        b"POST",
        b" ",
        b"/",
        b"/echo",
        b"/\xff",
        b"HTTP/1.1",
        b"HTTP/1.0",
        b"HTTP/9.9",
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
    ],
    *[b": ", b"Host: a\r\n", b"Content-Length: ", b"5", b"-1", b"18446744073709551616", b"\r\n\r\n", b"hello"],
    *[b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: ", b"gzip, chunked", b"identity", b"0\r\n\r\n", b"5\r\n"],
    *[b"Connection: close\r\n", b"Connection: upgrade\r\n", b"Upgrade: h2c\r\n", b"Expect: 100-continue\r\n"],
    *[b"x" * 70_000, b"X: y\r\n" * 150, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"CONNECT a:1 HTTP/1.1\r\n\r\n"],
]
noise = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=50)), max_size=12)


class Program:
    def __init__(self):
        here, root = Path(__file__).parent, Path(model_server.__file__).parents[1]
        self.process = subprocess.Popen(
            [sys.executable, str(here / "http_program.py"), json.dumps({"max_body_bytes": MAX_BODY_BYTES})],
            env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{here}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.port = int(self.process.stdout.readline())

    def memory_kib(self, what):
        """VmRSS: now; VmHWM: at most so far."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{what}:")[1].split()[0])

    def open_files(self):
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def serves(self):
        client = Client(self.port)
        try:
            client.send(post("/echo", b"hello"))
            return client.answer().tree["body"] == "hello"
        finally:
            client.close()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(timeout=30) == 0


@pytest.fixture(scope="module")
def program():
    running = Program()
    yield running
    running.close()


def answers_to(port, pieces, *, together):
    """As many as can be had: the connection may have been cut before everything was sent."""
    client, answers = Client(port), []
    with closing(client), suppress(OSError):
        for piece in [b"".join(pieces)] if together else pieces:
            if not client.send_while_taken(piece):
                break
        client.finish()
        while (answer := client.answer()) is not None:
            answers.append(answer)
    return answers


@settings(
    max_examples=300, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
@given(pieces=noise, together=st.booleans())
def test_noise_gets_whole_answers_or_none(program, pieces, together):
    for answer in answers_to(program.port, pieces, together=together):
        assert answer.status in {100, 200, 400, 413, 431}
        if answer.status >= 400:
            assert answer.is_refusal(answer.status)
        elif answer.status == 200:
            assert len(answer.body) == int(answer.headers["content-length"])


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(before=st.lists(st.sampled_from(WHOLE), max_size=5), pieces=noise)
def test_noise_does_not_keep_the_requests_before_it_from_being_answered(program, before, pieces):
    answers = answers_to(program.port, [*before, *pieces], together=True)
    assert [answer.status for answer in answers][: len(before)] == [200] * len(before)


def test_a_flood_of_what_never_ends_does_not_fill_the_memory(program):
    assert program.serves()
    memory, files = program.memory_kib("VmRSS"), program.open_files()
    beginnings = [
        (b"GET /", b"u" * 50_000),
        (b"GET / HTTP/1.1\r\nX: ", b"v" * 50_000),
        (b"GET / HTTP/1.1\r\n", b"X: v\r\n" * 10_000),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"x" * 1_024 + b"\r\n"),
        (b"POST /deaf HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400\r\n" + b"x" * 1_024 + b"\r\n"),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: ", b"v" * 50_000),
        (b"", get("/echo") * 1_000),
        (b"", b"\r\n" * 10_000),
    ]
    clients = [Client(program.port) for _ in range(96)]
    for i, client in enumerate(clients):
        client.socket.settimeout(0.05)
        try:
            client.send(beginnings[i % len(beginnings)][0])
            for _ in range(20):
                client.send(beginnings[i % len(beginnings)][1])
        except OSError:
            continue  # the server takes no more
    assert program.serves()
    assert program.memory_kib("VmHWM") - memory < HEADROOM_KIB
    for client in clients:
        client.reset()
    eventually("the connections are gone", lambda: program.open_files() <= files)
    assert program.serves()
