"""The local runtime under traffic, with a real Prometheus that scrapes it."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import requests

from deployments.local.leftovers import processes_of
from deployments.local.scraping import SIMULATOR_PORT

ROOT = Path(__file__).parents[2]
KUSTOMIZE = ROOT / "kustomize"


def eventually(condition, seconds=60.0, what="the condition"):
    """Poll until `condition` returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what} did not hold within {seconds} s")


class WatchedStack:
    def __init__(self, folder, port, volumes):
        self.state = folder / ".forkcast"
        self.gateway = f"127.0.0.1:{port}"
        self.url = f"http://{self.gateway}/seldon/seldon/xgboost/api/v1.0"
        self._port, self._volumes = port, volumes
        self.prometheus = ""

    def __call__(self, *arguments):
        command = [sys.executable, "-m", "deployments.cli.main", *map(str, arguments)]
        environment = os.environ | {"FORKCAST_PROMETHEUS": "1"}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=180
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self, overlay):
        place = ("--port", self._port, "--volumes", self._volumes, "--state", self.state)
        self("up", KUSTOMIZE / "overlays" / overlay, *place, "--detach")
        self.prometheus = self.status()["prometheus"]["url"]
        eventually(lambda: self.status()["prometheus"]["condition"] == "ready", what="Prometheus")

    def bring(self, overlay):
        self("apply", KUSTOMIZE / "overlays" / overlay, "--state", self.state)

    def status(self):
        return json.loads(self("status", "--json", "--state", self.state))

    def down(self):
        self("down", "--state", self.state)
        assert processes_of(self.state) == []

    def series(self, query):
        """[(labels, value)] of now."""
        answer = requests.get(f"{self.prometheus}/api/v1/query", params={"query": query}, timeout=30)
        assert answer.status_code == 200, (query, answer.text)
        result = answer.json()["data"]["result"]
        return [(each["metric"], float(each["value"][1])) for each in result]

    def firing(self):
        """The names of the alerts that fire now."""
        return {labels["alertname"] for labels, _ in self.series('ALERTS{alertstate="firing"}')}

    @contextmanager
    def traffic(self, **options):
        """`forkcast simulate` meanwhile, with its own metrics told; options as on the command line, a list repeats."""
        chosen = {
            "rate": 600,
            "rows-per-request": 2,
            "duration": 600,
            "world": "ranked",
            "feedback-ratio": 0.5,
        } | options
        given = [
            (name, each) for name, value in chosen.items() for each in (value if isinstance(value, list) else [value])
        ]
        arguments = [part for name, value in given for part in (f"--{name}", str(value))]
        place = ("--gateway", self.gateway, "--metrics-port", str(SIMULATOR_PORT))
        command = [sys.executable, "-m", "deployments.cli.main", "simulate", "demo", *place, *arguments]
        with (self.state / "simulate.log").open("w") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
