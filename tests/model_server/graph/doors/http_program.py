"""The server under test as a program of its own, so that its memory can be told from that of the tests.

Says its port, and ends when its input does.
"""

from __future__ import annotations

import json
import sys

from http_under_test import serving

if __name__ == "__main__":
    with serving(**json.loads(sys.argv[1])) as server:
        print(server.port, flush=True)  # noqa: T201
        sys.stdin.read()
