"""When a connection reads and writes: neither what comes nor what leaves may pile up here."""

from __future__ import annotations

import asyncio
from typing import Final

HIGH_WATER_BYTES: Final = 64 * 1024
"""Of a body that nobody reads: with more, the connection reads no further."""


class FlowControl:
    """Of one connection."""

    __slots__ = ("_transport", "_writable", "read_paused", "write_paused")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._writable: asyncio.Future[None] | None = None
        self.read_paused = False
        self.write_paused = False

    async def drain(self) -> None:
        """Wait until more may be written."""
        while self.write_paused:
            if self._writable is None:
                self._writable = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._writable)

    def pause_reading(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        if self._writable is not None:
            self._writable.set_result(None)
            self._writable = None
