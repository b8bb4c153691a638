"""Serving needs nothing of what only training, tests and Seldon's own programs need."""

import asyncio
import json

import aiohttp
import grpc
import numpy as np
import pytest
from google.protobuf import json_format
from graph_server_process import started

from model_server.graph import protos
from model_server.impressions import NAMES, to_rows

pytestmark = pytest.mark.component
ABSENT = [
    "seldon_core",
    "flask",
    "gunicorn",
    "pandas",
    "sklearn",
    "alibi_detect",
    "pyarrow",
    "pydantic",
    "rich",
    "typer",
]
CUSTOMIZED = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
"""


@pytest.fixture
def site(tmp_path):
    """A folder whose sitecustomize keeps the packages away."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(CUSTOMIZED.format(absent=set(ABSENT)))
    return folder


def test_install_model_is_served_where_nothing_but_the_serving_packages_can_be_imported(
    tmp_path, site, models, labelled
):
    rows = to_rows(labelled[0].take(np.arange(3)))
    tree = {"data": {"names": list(NAMES), "ndarray": rows}}

    async def go():
        environment = {"MLSERVER_MODEL_URI": str(models / "champion")}
        arguments = ["model_server.install_model.InstallModel"]
        async with (
            started(arguments, tmp_path, environment=environment, python_path=[site], metrics_port=True) as server,
            aiohttp.ClientSession() as session,
            grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
        ):
            async with session.post(f"{server.url}/predict", json=tree) as answer:
                over_rest = (await answer.json())["data"]["ndarray"]
            request = json_format.ParseDict(json.loads(json.dumps(tree)), protos.ours().SeldonMessage())
            told = await channel.unary_unary("/seldon.protos.Model/Predict")(request.SerializeToString())
            over_grpc = json_format.MessageToDict(protos.ours().SeldonMessage.FromString(told))["data"]["ndarray"]
            assert over_rest == over_grpc
            assert len(over_rest) == 3
            assert all(0 < probability < 1 for probability in over_rest)

    asyncio.run(go())


def test_the_outlier_detector_is_served_there_too(tmp_path, site, detector, labelled):
    tree = {"data": {"names": list(NAMES), "ndarray": to_rows(labelled[0].take(np.arange(3)))}}

    async def go():
        arguments = ["model_server.outliers.outlier_detector.OutlierDetector", "--service-type", "TRANSFORMER"]
        environment = {"MLSERVER_MODEL_URI": str(detector)}
        async with (
            started(arguments, tmp_path, environment=environment, python_path=[site], metrics_port=True) as server,
            aiohttp.ClientSession() as session,
        ):
            async with session.post(f"{server.url}/transform-input", json=tree) as answer:
                told = await answer.json()
            assert told["data"] == tree["data"]
            assert len(told["meta"]["tags"]["outlier_score"]) == 3

    asyncio.run(go())
