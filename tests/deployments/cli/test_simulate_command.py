"""`forkcast simulate` as a user meets it: options, exit codes, Ctrl-C."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest
from free_ports import free_ports

from deployments.local.ports import require_free
from model_server.impressions import NAMES
from model_server.metric_names import SIM_PLANNED, SIM_REQUESTS
from traffic_sim.drift import DRIFTS
from traffic_sim.live_metrics import VOCABULARY

pytestmark = pytest.mark.component
FORKCAST = [sys.executable, "-m", "deployments.cli.main"]


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):  # the name that http.server calls
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        rows = body["data"]["ndarray"] if "data" in body else []
        answer = {"data": {"ndarray": [0.5] * len(rows)}, "meta": {"tags": {"predictor": "champion"}}}
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@pytest.fixture
def gateway():
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def scenario(tmp_path):
    """A replay of 20 labelled impressions, patient with a busy machine."""
    first = {"timestamp": "2019-01-21T09:00:14Z", "lastStart": "", "country": "US"}
    cells = [first.get(name, "0" if name.endswith(("Count", "1d", "7d")) else "a") for name in NAMES[1:]]
    lines = [";".join([*NAMES, "install"])] + [";".join([str(i), *cells, str(i % 2)]) for i in range(20)]
    (tmp_path / "test_data.csv").write_text("\n".join(lines) + "\n")
    path = tmp_path / "scenario.yaml"
    path.write_text(
        f"world: replay\ndata: {tmp_path / 'test_data.csv'}\nmax_lag_p99_seconds: 60\nend_grace_seconds: 60\n"
        "rate_records_per_second: 200\nrows_per_request: 4\nduration_seconds: 1\nfeedback_ratio: 1\n"
    )
    return path


def run(*arguments):
    return subprocess.run(
        [*FORKCAST, "simulate", *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )


def test_a_good_run_prints_its_table_and_exits_0(gateway, scenario, tmp_path):
    result = run(scenario, "--gateway", gateway, "--json", tmp_path / "run.json", "--seed-moments", 77)
    assert result.returncode == 0, result.stderr
    assert "champion" in result.stdout
    assert "pass  sent_ratio" in result.stdout
    assert "moments 77" in result.stdout
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["requests"]["answered"] == 50
    assert record["feedback"]["answered"] == 50
    assert record["scenario"]["seeds"]["moments"] == 77


def test_drift_is_injected_and_the_record_says_what_and_when(gateway, scenario, tmp_path):
    options = ["--drift", "no-device=0.5", "--drift", "more-starts=2", "--drift-after", 0.5, "--seed-drift", 9]
    result = run(scenario, "--gateway", gateway, "--json", tmp_path / "run.json", *options)
    assert result.returncode == 0, result.stderr
    assert "drift from second 0.5 on: no-device (deviceType of 50.00%), more-starts (startCount x 2)" in result.stdout
    record = json.loads((tmp_path / "run.json").read_text())
    began = [datetime.fromisoformat(each.pop("began_at")) for each in record["drift"]]
    assert record["drift"] == [
        {"kind": "no-device", "column": "deviceType", "value": 0.5, "after_seconds": 0.5},
        {"kind": "more-starts", "column": "startCount", "value": 2.0, "after_seconds": 0.5},
    ]
    started = datetime.fromisoformat(record["started_at"])
    assert began == [started + timedelta(seconds=0.5)] * 2
    assert started < datetime.fromisoformat(record["finished_at"]) + timedelta(seconds=1)  # which is cut to seconds
    assert record["scenario"]["seeds"]["drift"] == 9


def test_help_names_every_kind_of_drift():
    assert set(re.findall(r"[a-z-]+", run("--help").stdout)) >= set(DRIFTS)


def test_metrics_are_told_where_asked_and_the_port_is_free_afterwards(gateway, scenario):
    (port,) = free_ports(1)
    command = [*FORKCAST, "simulate", scenario, "--gateway", gateway, "--duration", "300", "--metrics-port", port]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stderr:
                if "answered" in line:
                    break
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
                page = answer.read().decode()
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=60)
        finally:
            process.kill()
    assert process.returncode == 130
    (planned,) = re.findall(f"^{SIM_PLANNED}_total (.*)$", page, re.MULTILINE)
    assert float(planned) > 0
    assert f'{SIM_REQUESTS}_total{{outcome="answered",predictor_name="champion"}}' in page
    require_free("127.0.0.1", port)


def test_a_taken_metrics_port_exits_1_before_anything_is_sent(gateway, scenario):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = run(scenario, "--gateway", gateway, "--metrics-port", port)
    assert result.returncode == 1
    assert f"port {port} of 127.0.0.1 is in use" in result.stderr
    assert "another with --metrics-port" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_simulators_metrics_are_in_the_tables():
    command = [*FORKCAST, "metrics"]
    tables = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    _, of_the_simulator = tables.split("## Of the traffic simulator")
    for metric in VOCABULARY:
        assert f"| `{metric.exposed_name}` | {metric.kind} |" in of_the_simulator


def test_a_threshold_that_does_not_hold_exits_1(gateway, scenario):
    scenario.write_text(scenario.read_text() + "thresholds: [latency_p50_milliseconds <= 0.001]\n")
    result = run(scenario, "--gateway", gateway)
    assert result.returncode == 1
    assert "FAIL  latency_p50_milliseconds" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-scenario"], "no such scenario"),
        (["steady", "--data", "nowhere.csv"], "nowhere.csv: no such file; `forkcast data` writes one"),
        (["steady", "--gateway", "localhost"], "gateway"),
        (["steady", "--json", "no/such/folder/run.json"], "--json"),
        (["steady", "--transport", "pigeon"], "pigeon"),
        (
            ["steady", "--drift", "one-contry=0.3"],
            f"did you mean one-country? KIND=VALUE is expected, of {', '.join(DRIFTS)}",
        ),
        (["steady", "--drift", "one-country=30"], "drift.one-country: 30; a share of the rows is expected, 0 to 1"),
        (["steady", "--drift", "cellular=1", "--drift-after", "60"], "drift_after_seconds: 60; less than the run's 60"),
    ],
)
def test_a_wrong_order_exits_2_and_says_what_is_accepted(arguments, message):
    result = run(*arguments)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_nobody_at_the_gateway_exits_1_without_a_traceback(scenario):
    result = run(scenario, "--gateway", "127.0.0.1:1")
    assert result.returncode == 1
    assert "is the deployment up" in result.stderr
    assert "Traceback" not in result.stderr


def test_senders_end_when_their_parent_is_killed(gateway, scenario):
    command = [*FORKCAST, "simulate", scenario, "--gateway", gateway, "--duration", "300", "--processes", "2"]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with process:
        for line in process.stderr:
            if "answered" in line:
                break
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    assert len(children) >= 2
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive


@pytest.mark.parametrize("processes", [1, 2])
def test_ctrl_c_prints_what_was_done_exits_130_and_leaves_no_process(gateway, scenario, processes):
    command = [*FORKCAST, "simulate", scenario, "--gateway", gateway, "--duration", "300", "--processes"]
    process = subprocess.Popen(
        [*map(str, command), str(processes)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        for line in process.stderr:
            if "answered" in line:
                break
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= (processes if processes > 1 else 0)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
        out, _ = process.communicate(timeout=60)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert "champion" in out
    assert "interrupted" in out
    _, alive = psutil.wait_procs(children, timeout=10)
    assert not alive


def test_the_search_for_a_limit_says_why_no_rate_is_kept_and_exits_1(gateway, scenario, tmp_path):
    slo = ["--slo-p99-ms", "0.1", "--probe-seconds", "1", "--json", tmp_path / "limit.json"]
    result = run(scenario, "--gateway", gateway, "--find-limit", *slo)
    assert result.returncode == 1, result.stderr
    assert "no rate that was tried keeps it" in result.stdout
    assert "200 records/s: broken (p99" in result.stderr
    record = json.loads((tmp_path / "limit.json").read_text())
    assert len(record["probes"]) == 2
    assert "cannot be seen from here" in record["saturated_first"] or "the machine" in record["saturated_first"]
    assert record["probes"][0]["load"]["machine"] > 0
