"""Is it up? Questions that are answered yes or no, never with an exception."""

from __future__ import annotations

import asyncio

import aiohttp

from deployments.local.plan import Component, Ports

ANSWER_SECONDS = 1.0


async def connects(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something listens there."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
            await writer.wait_closed()
    except (OSError, TimeoutError):
        return False
    return True


async def component_alive(component: Component, ports: Ports) -> bool:
    """Whether it would take a request, REST and gRPC: what Seldon's default probe asks, of both of its ports."""
    doors = [ports.http, ports.grpc] if component.serves_grpc else [ports.http]
    return all(await asyncio.gather(*map(connects, doors)))


async def component_ready(component: Component, ports: Ports) -> bool:
    """Whether it answers: its REST worker boots only after the model has been loaded."""
    if not await component_alive(component, ports):
        return False
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://127.0.0.1:{ports.http}/health/ping") as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False
