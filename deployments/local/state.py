"""The state folder: who runs in it, where its doors are, and where its logs lie.

.forkcast/lock           held by the runtime for as long as it lives; the kernel lets go when it ends, however
          runtime.json   its pid, its run, its gateway and the folder of its sockets
          envoy/         what Envoy reads
          tmp/           what graph servers write for themselves; beside the sockets, wherever those are
          prometheus/    what Prometheus reads, and its data, which outlives the runtime
          podinfo/       a file per predictor with the annotations of the pod that it would be on a cluster
          stores/        a folder per Valkey with its data, which outlives the runtime as a claim outlives its Pods
          logs/          a file per program, one for Envoy, one for a runtime without a terminal
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from deployments.local.errors import AlreadyRunning, NothingRunning

LONGEST_SOCKET_PATH_BYTES: Final = 100  # the kernel's sockaddr_un holds 108, macOS' 104, the last of them a zero


@dataclass(frozen=True)
class Record:
    """What a runtime writes down about itself, for the other commands."""

    run: str
    pid: int
    gateway: str
    sockets: str

    @property
    def control_socket(self) -> Path:
        return Path(self.sockets, "control.sock")

    @property
    def admin_socket(self) -> Path:
        return Path(self.sockets, "envoy-admin.sock")

    def store_socket(self, name: str) -> Path:
        """Of a Valkey, by the name of its Service."""
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]  # a name can be longer than a socket's path
        return Path(self.sockets, f"store-{digest}.sock")

    @property
    def temporary(self) -> Path:
        return Path(self.sockets, "tmp")


@dataclass(frozen=True)
class StateFolder:
    path: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", self.path.resolve())

    @property
    def envoy(self) -> Path:
        return self.path / "envoy"

    @property
    def prometheus(self) -> Path:
        return self.path / "prometheus"

    @property
    def podinfo(self) -> Path:
        return self.path / "podinfo"

    @property
    def stores(self) -> Path:
        return self.path / "stores"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @contextmanager
    def held(self, gateway: str) -> Iterator[Record]:
        """Be the one runtime of this folder. Errors: AlreadyRunning."""
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (self.path / "lock").open("a") as lock:
            if not any(_locked(lock) for _ in range(5)):
                raise AlreadyRunning(self.who_runs())
            self.sweep()
            self.envoy.mkdir(exist_ok=True)
            self.podinfo.mkdir(exist_ok=True)
            self.logs.mkdir(exist_ok=True)
            record = Record(secrets.token_hex(4), os.getpid(), gateway, str(self._socket_folder()))
            record.temporary.mkdir(mode=0o700, exist_ok=True)
            self._record.write_text(json.dumps(asdict(record)))
            try:
                yield record
            finally:
                self.sweep()

    def is_held(self) -> bool:
        """Whether a runtime is up in this folder."""
        if not (self.path / "lock").exists():
            return False
        with (self.path / "lock").open("a") as lock:
            return not _locked(lock)

    def running(self) -> Record:
        """The record of the runtime that is up. Errors: NothingRunning."""
        record = self.record()
        if record is None or not self.is_held():
            raise NothingRunning(
                f"nothing is running here (state folder {self.path}); start it with "
                "`forkcast up kustomize/overlays/ab-test`"
            )
        return record

    def record(self) -> Record | None:
        """What the last runtime wrote down, up or not; None where it cleaned up behind itself."""
        try:
            return Record(**json.loads(self._record.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def sweep(self) -> None:
        """Remove what only a living runtime needs; logs stay. For the holder of the lock alone."""
        record = self.record()
        if record is not None:
            record.control_socket.unlink(missing_ok=True)
            record.admin_socket.unlink(missing_ok=True)
            for socket in Path(record.sockets).glob("store-*.sock"):
                socket.unlink()
            shutil.rmtree(record.temporary, ignore_errors=True)
            if Path(record.sockets) != self.path:
                shutil.rmtree(record.sockets, ignore_errors=True)
        shutil.rmtree(self.envoy, ignore_errors=True)
        shutil.rmtree(self.podinfo, ignore_errors=True)
        self._record.unlink(missing_ok=True)

    @property
    def _record(self) -> Path:
        return self.path / "runtime.json"

    def _socket_folder(self) -> Path:
        longest = self.path / "envoy-admin.sock"
        if len(os.fsencode(longest)) <= LONGEST_SOCKET_PATH_BYTES:
            return self.path
        return Path(tempfile.mkdtemp(prefix="forkcast-"))

    def who_runs(self) -> str:
        record = self.record()
        who = f"a runtime (pid {record.pid}, gateway {record.gateway})" if record else "another runtime"
        return (
            f"{who} is up in {self.path}; change it with `forkcast apply OVERLAY`, stop it with `forkcast down`, or "
            "start a second one with another --state and --port"
        )


def _locked(file: TextIOWrapper) -> bool:
    """Whether the lock could be taken. Another command may look at it just now, so a moment is given to that."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        time.sleep(0.02)
        return False
    return True
