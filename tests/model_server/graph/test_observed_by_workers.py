"""What each worker counts beside its requests is one truth, also after one of them was killed."""

import asyncio
import json
import os
import signal
import urllib.request

import psutil
import pytest
from graph_server_process import started
from prometheus_client.parser import text_string_to_metric_families
from routers_under_test import eventually

from model_server import metric_names as names
from model_server.impressions import NAMES, to_rows

pytestmark = pytest.mark.component
INSTALL_MODEL = "model_server.install_model.InstallModel"


def samples(server, name):
    families = text_string_to_metric_families(server.metrics("/metrics"))
    return [sample for family in families for sample in family.samples if sample.name == name]


def exposures(server):
    return sum(sample.value for sample in samples(server, f"{names.EXPOSURES}_total"))


def predict(server, row):
    """Over a connection of its own, so that any worker may be the one."""
    body = json.dumps({"data": {"names": list(NAMES), "ndarray": [row]}}).encode()
    request = urllib.request.Request(f"{server.url}/predict", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


def test_exposures_of_all_workers_add_up_and_those_of_a_killed_one_stay(models, labelled, tmp_path):
    [row] = json.loads(json.dumps(to_rows(labelled[0].take(slice(0, 1)))))
    environment = {"MLSERVER_MODEL_URI": str(models / "champion"), "PREDICTIVE_UNIT_ID": "classifier"}
    arguments = [INSTALL_MODEL, "--workers", "2", "--lame-duck-seconds", "0"]

    async def run():
        async with started(arguments, tmp_path, environment=environment, metrics_port=True) as server:

            async def asked(n_requests, expected):
                for _ in range(n_requests):
                    await asyncio.to_thread(predict, server, row)

                async def are_told():
                    return exposures(server) == expected

                await eventually(are_told)

            await asked(40, expected=40)
            workers = psutil.Process(server.process.pid).children()
            assert len(workers) == 2
            os.kill(workers[0].pid, signal.SIGKILL)

            async def is_replaced():
                now = psutil.Process(server.process.pid).children()
                return len(now) == 2 and workers[0] not in now

            await eventually(is_replaced)
            assert exposures(server) == 40
            await asked(20, expected=60)
            [info] = samples(server, names.MODEL_INFO)
            assert info.value == 1

    asyncio.run(run())
