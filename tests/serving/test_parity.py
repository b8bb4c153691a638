"""Every way to a model gives the same number."""

import shutil

import pytest
from doors import forkcast

from model_server.impressions import NAMES, to_rows
from model_server.impressions.csv_files import read_impressions, write_impressions

pytestmark = pytest.mark.component


@pytest.fixture(scope="module")
def data(labelled, tmp_path_factory):
    file = tmp_path_factory.mktemp("data") / "test_data.csv"
    write_impressions(file, labelled[0].take(slice(0, 250)))
    return file


def test_the_graph_server_answers_as_the_stock_wrapper_does(wrapper, graph_server, data):
    """All of it but what the two differ in on purpose, see docs/compatibility.md."""
    rows = to_rows(read_impressions(data).impressions.take(slice(0, 20)))
    records = [dict(zip(NAMES, row, strict=True)) for row in rows]
    asked = [
        {"data": {"names": list(NAMES), "ndarray": rows}, "meta": {"puid": "p", "tags": {"own": [1, None]}}},
        {"data": {"names": list(reversed(NAMES)), "ndarray": [row[::-1] for row in rows]}},
        {"jsonData": records},
        {"jsonData": records[0]},
        {"data": {"tensor": {"shape": [2, 56], "values": [0.5] * 112}}},
    ]
    for message in asked:
        theirs, ours = wrapper.post(json=message), graph_server.post(json=message)
        assert (ours.status_code, ours.json()) == (theirs.status_code, theirs.json()) == (200, theirs.json())
        assert graph_server.predict(message) == wrapper.predict(message)


def test_file_class_rest_grpc_and_seldon_client_agree_to_the_bit_for_both_models(gateway, models, data):
    asked = ("--data", data, "--rows", "200", "--gateway", gateway.grpc_target)
    done = forkcast("parity", models / "champion", models / "challenger", *asked)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "200 rows, 2 models" in done.stdout
    assert "agree to the last float32 bit" in done.stdout


def test_a_model_that_is_not_the_one_that_serves_is_noticed(gateway, models, data, tmp_path):
    shutil.copytree(models / "challenger", tmp_path / "other")
    asked = ("--data", data, "--rows", "20", "--gateway", gateway.grpc_target)
    done = forkcast("parity", models / "champion", tmp_path / "other", *asked)
    assert done.returncode == 0
    done = forkcast("parity", models / "champion", *asked)
    assert done.returncode == 1
    assert "were the models trained again" in done.stderr
