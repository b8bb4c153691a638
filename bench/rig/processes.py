"""Programs to measure: started on the cores they may have, awaited, ended with all that they started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Final

START_SECONDS: Final = 60
FIRST_CORE: Final = "0"


@contextmanager
def running(command: Sequence[str], env: Mapping[str, str], *, ready: str, folder: Path | None = None) -> Iterator[int]:
    """A program on the first core, from when `ready` answers; its process id. Errors: RuntimeError with its log."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            ["taskset", "-c", FIRST_CORE, *command],
            env={**os.environ, **env}, cwd=folder, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        try:
            _await(ready, process, log)
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _await(url: str, process: subprocess.Popen[bytes], log: Any) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310  (http, on loopback)
        except OSError:
            if time.monotonic() > deadline or process.poll() is not None:
                log.seek(0)
                raise RuntimeError(log.read().decode()[-4_000:]) from None
            time.sleep(0.1)
        else:
            return


def unused_ports(count: int) -> list[int]:
    with ExitStack() as held:
        probes = [held.enter_context(closing(socket.create_server(("127.0.0.1", 0)))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]


def cpu_seconds(*pids: int) -> float:
    """Of these processes and all below them, so far."""
    return sum(map(_cpu_seconds, with_descendants(*pids)))


def resident_megabytes(*pids: int) -> dict[int, float]:
    """Of these processes and all below them, by process id."""
    pages = {pid: int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in with_descendants(*pids)}
    return {pid: n * os.sysconf("SC_PAGE_SIZE") / 2**20 for pid, n in pages.items()}


def with_descendants(*pids: int) -> list[int]:
    children = [Path(f"/proc/{pid}/task/{pid}/children").read_text().split() for pid in pids]
    return [*pids, *(each for some in children for child in some for each in with_descendants(int(child)))]


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
