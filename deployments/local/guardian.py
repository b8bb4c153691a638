"""Ends what a runtime leaves behind when it is killed itself.

    python -m deployments.local.guardian STATE_FOLDER RUN

It holds the reading end of a pipe whose writing end only the runtime has. Whatever ends the runtime closes the pipe;
then every process that bears the mark of its run is ended, and the guardian with them.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from deployments.local.leftovers import end_processes_of


def main() -> None:
    state, run = sys.argv[1:]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.buffer.read()
    end_processes_of(Path(state), run)


if __name__ == "__main__":
    main()
