"""The contract for Seldon's testers."""

import json
from pathlib import Path

import model_server
from model_server.impressions import NAMES, from_table
from model_server.seldon_contract import contract


def test_the_committed_contract_is_fresh():
    committed = json.loads((Path(model_server.__file__).parent / "contract.json").read_text())
    assert committed == contract(), "run `make generate`"


def test_every_corner_of_the_contract_is_a_legal_and_consistent_request():
    features = contract()["features"]
    assert [feature["name"] for feature in features] == list(NAMES)
    for corner in (0, -1):
        row = [feature["range"][corner] if "range" in feature else feature["values"][corner] for feature in features]
        assert from_table([row], NAMES)
    low = {feature["name"]: feature["range"][0] for feature in features if "range" in feature}
    high = {feature["name"]: feature["range"][1] for feature in features if "range" in feature}
    assert high["installCount"] <= low["clickCount"] < high["clickCount"] <= low["viewCount"]
    assert high["viewCount"] <= low["startCount"]
    assert high["startCount1d"] <= low["startCount7d"] < high["startCount7d"] <= low["startCount"]
    times = {
        feature["name"]: feature["values"] for feature in features if feature["name"] in {"timestamp", "lastStart"}
    }
    assert max(times["lastStart"]) < min(times["timestamp"])
