"""Is it up? Questions that are answered yes or no, never with an exception."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
from redis import asyncio as redis

from deployments.local.programs import LOOPBACK, Ports, StockWrapper

CONNECT_SECONDS = 1.0
ANSWER_SECONDS = 3.0
"""Generous: a server that computes on all cores is late, and not dead."""


async def connects(port: int, host: str = LOOPBACK) -> bool:
    """Whether something listens there."""
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return True


async def answers(port: int, path: str) -> bool:
    """Whether a GET is answered with 200."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://{LOOPBACK}:{port}{path}") as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


async def store_ready(socket: Path) -> bool:
    """Whether a Valkey answers; not while it still reads its log."""
    timeout = CONNECT_SECONDS
    client = redis.Redis(unix_socket_path=str(socket), socket_timeout=timeout, socket_connect_timeout=timeout)
    try:
        return bool(await client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        await client.aclose()


async def server_alive(ports: Ports) -> bool:
    """Whether a graph server would take a request, REST and gRPC, whatever its components do."""
    return all(await asyncio.gather(answers(ports.http, "/live"), connects(ports.grpc)))


async def server_ready(ports: Ports) -> bool:
    """Whether a graph server and every component that it calls would."""
    return all(await asyncio.gather(answers(ports.http, "/ready"), connects(ports.grpc)))


async def wrapper_alive(wrapper: StockWrapper, ports: Ports) -> bool:
    """Whether it would take a request, REST and gRPC: what Seldon's default probe asks, of both of its ports.

    It is not asked for an answer: that would queue behind the requests of the users.
    """
    doors = [ports.http, ports.grpc] if wrapper.serves_grpc else [ports.http]
    return all(await asyncio.gather(*map(connects, doors)))


async def wrapper_ready(wrapper: StockWrapper, ports: Ports) -> bool:
    """Whether it answers: its REST worker boots only after the model has been loaded."""
    return await wrapper_alive(wrapper, ports) and await answers(ports.http, "/health/ping")
