"""A runtime without a terminal: started in a session of its own, and awaited until it is ready."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from deployments.errors import CallersFault, DeploymentsError
from deployments.local import client
from deployments.local.errors import AlreadyRunning, NotReady, StartRefused
from deployments.local.logs import last_lines
from deployments.local.state import StateFolder

POLL_SECONDS: Final = 0.1


def start_detached(command: Sequence[str], state: StateFolder, show: Callable[[str], None]) -> dict[str, Any]:
    """Run `command`, a foreground `up`, in the background; its status once it is ready.

    Errors: StartRefused and NotReady with what it said when it ended early. Ctrl-C stops what was started.
    """
    if state.is_held():
        raise AlreadyRunning(state.who_runs())  # before its log is emptied
    state.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    state.logs.mkdir(exist_ok=True)
    log = state.logs / "runtime.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        while process.poll() is None:
            found = _status(state, process.pid)
            if found and found["ready"]:
                return found
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        show("stopped before it was ready")
        raise
    said = [line for line in last_lines(log, 40) if " | " not in line]
    message = "\n".join(said).removeprefix("forkcast: ") or f"it ended with exit code {process.returncode}; see {log}"
    raise (StartRefused if process.returncode == CallersFault.exit_code else NotReady)(message)


def _status(state: StateFolder, pid: int) -> dict[str, Any] | None:
    record = state.record()
    if record is None or record.pid != pid:
        return None
    try:
        return client.status(state)
    except DeploymentsError:
        return None
