"""The local runtime under traffic, with a real Prometheus that scrapes it, and whose hours are minutes."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import psutil
import requests
from hurried_clock import hurried

from deployments.local.leftovers import processes_of
from deployments.local.scraping import SIMULATOR_PORT

ROOT = Path(__file__).parents[2]
KUSTOMIZE = ROOT / "kustomize"
TRAFFIC = {
    "rate_records_per_second": 200,
    "rows_per_request": 1,
    "duration_seconds": 600,
    "world": "ranked",
    "feedback_ratio": 0.5,
    "feedback_delay_seconds": 0,
    "metrics_port": SIMULATOR_PORT,
}


def eventually(condition, seconds, what):
    """Poll until `condition` returns something true, and return that; `what` says, or is asked, what did not hold."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"{what() if callable(what) else what}: not within {seconds} s")


class WatchedStack:
    def __init__(self, folder, port, volumes):
        self.folder, self.state = folder, folder / ".forkcast"
        self.gateway = f"127.0.0.1:{port}"
        self._port, self._volumes = port, volumes
        self.prometheus = ""

    def __call__(self, *arguments):
        command = [sys.executable, "-m", "deployments.cli.main", *map(str, arguments), "--state", str(self.state)]
        environment = os.environ | {"FORKCAST_PROMETHEUS": "1"}
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=180
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def up(self, overlay):
        self("up", KUSTOMIZE / "overlays" / overlay, "--port", self._port, "--volumes", self._volumes, "--detach")
        self.prometheus = self.status()["prometheus"]["url"]
        eventually(lambda: self.status()["prometheus"]["condition"] == "ready", 30, "Prometheus")

    def hurry(self):
        """From here on an hour is a minute: rules as `forkcast up` wrote them, and a scrape each second."""
        told = self.status()["prometheus"]
        configuration = Path(told["configuration"])
        rules = configuration.with_name("rules.yml")
        rules.write_text(hurried(rules.read_text()))
        configuration.write_text(re.sub(r"(_interval|_timeout): 5s", r"\1: 1s", configuration.read_text()))
        os.kill(told["pid"], signal.SIGHUP)

        def is_hurried():
            answer = requests.get(f"{self.prometheus}/api/v1/status/config", timeout=10).json()
            return "scrape_interval: 1s" in answer["data"]["yaml"]

        eventually(is_hurried, 30, "the hurried configuration")

    def bring(self, overlay):
        self("apply", KUSTOMIZE / "overlays" / overlay)

    def status(self):
        return json.loads(self("status", "--json"))

    def predictor(self, name):
        return next(each for each in self.status()["predictors"] if each["predictor"] == name)

    def down(self):
        self("down")
        assert processes_of(self.state) == []

    def series(self, query):
        """[(labels, value)] of now. Errors: AssertionError where Prometheus does not take the query."""
        answer = requests.get(f"{self.prometheus}/api/v1/query", params={"query": query}, timeout=30)
        assert answer.status_code == 200, (query, answer.text)
        result = answer.json()["data"]["result"]
        return [(each["metric"], float(each["value"][1])) for each in result]

    def firing(self):
        """(name, predictor, column) of the alerts that fire now, as far as they have them."""
        return {
            tuple(labels.get(name, "") for name in ("alertname", "predictor_name", "column"))
            for labels, _ in self.series('ALERTS{alertstate="firing"}')
        }

    @contextmanager
    def traffic(self, **scenario):
        """`forkcast simulate` meanwhile, which tells its own metrics."""
        file = self.folder / "scenario.yaml"
        file.write_text(json.dumps({**TRAFFIC, "gateway": self.gateway, **scenario}))
        command = [sys.executable, "-m", "deployments.cli.main", "simulate", str(file)]
        with (self.folder / "simulate.log").open("w") as log:
            process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        try:
            yield
            assert process.poll() is None, (self.folder / "simulate.log").read_text()
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)

    def freeze(self, name):
        """No process of a predictor runs any more, and none is told to end: the runtime has to find out."""
        main = psutil.Process(self.predictor(name)["pid"])
        for process in (main, *main.children(recursive=True)):
            process.suspend()
