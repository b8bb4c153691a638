"""Envoy as it runs: its files, which change by renaming, and its admin door, which tells what it really serves."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from deployments.local.envoy import ROUTES, Gateway, bootstrap
from deployments.local.envoy_tracing import Collector
from deployments.local.errors import GatewayRefused

POLL_SECONDS: Final = 0.05
ANSWER_SECONDS: Final = 2.0


@dataclass(frozen=True)
class _Feed:
    """One of the files that Envoy watches, and the statistics that tell what it made of it."""

    file: str
    statistics: str


CLUSTERS: Final = _Feed("clusters.json", "cluster_manager.cds")
ROUTE_TABLE: Final = _Feed("routes.json", f"http.gateway.rds.{ROUTES}")


class EnvoyDoor:
    """The files in `folder` and the admin socket of one Envoy. Envoy itself may come and go meanwhile."""

    def __init__(
        self, folder: Path, admin_socket: Path, host: str, port: int, collector: Collector | None = None
    ) -> None:
        self._folder = folder
        self._admin_socket = admin_socket
        self._bootstrap = bootstrap(
            Gateway(
                host, port, str(admin_socket), str(folder / CLUSTERS.file), str(folder / ROUTE_TABLE.file), collector
            )
        )

    def write_bootstrap(self) -> Path:
        return self._write("bootstrap.json", self._bootstrap)

    def prepare(self, feed: _Feed, document: dict[str, Any]) -> None:
        """Lay a file down for an Envoy that has not started."""
        self._write(feed.file, document)

    async def feed(self, feed: _Feed, document: dict[str, Any], timeout_seconds: float) -> None:
        """Give Envoy a new document, and wait until it serves it.

        Errors: GatewayRefused where it rejects the document, or does not take it in time.
        """
        rejected = await self._rejections(feed)
        self._write(feed.file, document)
        async with _Limit(timeout_seconds, f"Envoy did not take the new {feed.file} within {timeout_seconds:g} s"):
            while not await self._serves(feed, document["version_info"]):
                if await self._rejections(feed) > rejected:
                    raise GatewayRefused(f"Envoy rejected the new {feed.file}; its log says why: `forkcast logs envoy`")
                await asyncio.sleep(POLL_SECONDS)

    async def until_healthy(self, clusters: Sequence[str], timeout_seconds: float) -> None:
        """Wait until Envoy's own checks have found every cluster well."""
        async with _Limit(timeout_seconds, f"Envoy cannot reach {', '.join(clusters)} after {timeout_seconds:g} s"):
            while True:
                healthy = await self.numbers("membership_healthy")
                if all(healthy.get(cluster) for cluster in clusters):
                    return
                await asyncio.sleep(POLL_SECONDS)

    async def ready(self) -> bool:
        """Whether it listens and has its first configuration."""
        return (await self._get("/ready")).strip() == "LIVE"

    async def numbers(self, statistic: str) -> dict[str, int]:
        """A counter or gauge of every cluster, by cluster; empty while Envoy is away."""
        text = await self._get(f"/stats?filter=^cluster\\.[^.]*\\.{statistic}$")
        found = {}
        for line in text.splitlines():
            name, _, value = line.rpartition(": ")
            found[name.removeprefix("cluster.").removesuffix(f".{statistic}")] = int(value)
        return found

    async def _serves(self, feed: _Feed, version: str) -> bool:
        text = await self._get(f"/stats?filter=^{feed.statistics}.version_text$&type=TextReadouts")
        return text.strip().endswith(f'"{version}"')

    async def _rejections(self, feed: _Feed) -> int:
        text = await self._get(f"/stats?filter=^{feed.statistics}.update_rejected$")
        return int(text.rpartition(": ")[2] or 0)

    async def _get(self, path: str) -> str:
        """What the admin door answers; nothing where nobody does."""
        connector = aiohttp.UnixConnector(str(self._admin_socket))
        timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
        try:
            async with (
                aiohttp.ClientSession("http://envoy", connector=connector, timeout=timeout) as session,
                session.get(path) as answer,
            ):
                return await answer.text()
        except (aiohttp.ClientError, OSError, TimeoutError):
            return ""

    def _write(self, name: str, document: dict[str, Any]) -> Path:
        """Envoy takes notice of a rename alone, so it never reads half a file."""
        path = self._folder / name
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(document, indent=1))
        os.replace(draft, path)  # noqa: PTH105
        return path


class _Limit:
    """A time limit that speaks of what was waited for."""

    def __init__(self, seconds: float, message: str) -> None:
        self._timeout = asyncio.timeout(seconds)
        self._message = message

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(self, *exception: object) -> None:
        try:
            await self._timeout.__aexit__(*exception)  # type: ignore[arg-type]
        except TimeoutError as error:
            raise GatewayRefused(self._message) from error
