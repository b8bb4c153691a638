"""The local runtime as a site of the strategies."""

import json
import subprocess
import sys
import urllib.request

from prometheus_client.parser import text_string_to_metric_families
from promises import KUSTOMIZE, ROOT, eventually

from deployments.local.leftovers import processes_of

SERVED = "seldon_api_executor_server_requests_seconds_count"


class Here:
    def __init__(self, folder, port):
        self.state = folder / ".forkcast"
        self.gateway = f"127.0.0.1:{port}"
        self.url = f"http://{self.gateway}/seldon/seldon/xgboost/api/v1.0/predictions"
        self._port = port
        self._is_up = False

    def __call__(self, *arguments, code=0):
        command = [sys.executable, "-m", "deployments.cli.main", *map(str, arguments), "--state", str(self.state)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=180)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def up(self, overlay, volumes):
        self("up", KUSTOMIZE / "overlays" / overlay, "--port", self._port, "--volumes", volumes, "--detach")

    def bring(self, overlay):
        """The name of an overlay, or a folder."""
        self("apply", KUSTOMIZE / "overlays" / overlay)

    def status(self):
        return json.loads(self("status", "--json"))

    def predictor(self, name):
        return next(each for each in self.status()["predictors"] if each["predictor"] == name)

    def seen_by(self, predictor):
        with urllib.request.urlopen(self.predictor(predictor)["metrics"], timeout=10) as page:
            text = page.read().decode()
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return sum(s.value for s in samples if s.name == SERVED and s.labels["service"] == "predictions")

    def until_back(self, name, before):
        """Until a predictor has been started anew and is ready."""

        def is_back():
            now = self.predictor(name)
            return now["restarts"] > before["restarts"] and now["condition"] == "ready"

        eventually(is_back, what=f"the return of {name}")

    def processes(self):
        return {each["predictor"]: (each["pid"], each["restarts"]) for each in self.status()["predictors"]}

    def down(self):
        self("down")
        assert processes_of(self.state) == []
