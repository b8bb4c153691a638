"""One program: started in a session of its own, its output line by line, and its end together with all it started."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

POLL_SECONDS = 0.05
LONGEST_LINE_BYTES = 64 * 1024


class Child:
    """A program that runs, or has run. Its session is its own, so the terminal's Ctrl-C does not reach it."""

    def __init__(self, process: asyncio.subprocess.Process, on_line: Callable[[str], None]) -> None:
        self._process = process
        self._reading = asyncio.create_task(_read(process.stdout, on_line))

    @classmethod
    async def start(
        cls, argv: Sequence[str], environment: Mapping[str, str], folder: Path, on_line: Callable[[str], None]
    ) -> Child:
        """Start it. Must be called in the main thread: the wheel's Envoy ends with the thread that started it."""
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=environment,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        return cls(process, on_line)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ended(self) -> int:
        """Wait for its own end (its children may outlive it); the exit code, or minus the signal."""
        return await self._process.wait()

    async def stop(self, grace_seconds: float) -> None:
        """Ask it to end, and after `grace_seconds` end all that it started."""
        if self._process.returncode is None:
            self._process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(grace_seconds):
                while group_of(self.pid):  # noqa: ASYNC110 -- the kernel tells us of our own child only
                    await asyncio.sleep(POLL_SECONDS)
        await self.kill()

    async def kill(self) -> None:
        """End it and all that it started, at once."""
        while group_of(self.pid):
            self.kill_now()
            await asyncio.sleep(POLL_SECONDS)
        await self._process.wait()
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading

    def kill_now(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)


def group_of(leader_pid: int) -> list[int]:
    """The living processes of a process group. The number is not given out again while one of them lives."""
    try:
        os.killpg(leader_pid, 0)
    except ProcessLookupError:
        return []
    members = []
    for pid in psutil.pids():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(pid) == leader_pid and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                members.append(pid)
    return members


async def _read(stream: asyncio.StreamReader | None, on_line: Callable[[str], None]) -> None:
    if stream is None:
        return
    unfinished = b""
    while chunk := await stream.read(LONGEST_LINE_BYTES):
        *lines, unfinished = (unfinished + chunk).split(b"\n")
        if len(unfinished) > LONGEST_LINE_BYTES:
            lines, unfinished = [*lines, unfinished], b""
        for line in lines:
            on_line(line.decode(errors="replace"))
    if unfinished:
        on_line(unfinished.decode(errors="replace"))
