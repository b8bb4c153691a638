"""What a class tells of itself is accepted and refused as by Seldon's wrapper."""

import json
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seldon_core import metadata as seldons_metadata
from seldon_core import seldon_methods
from seldon_core.user_model import SeldonComponent

from model_server.graph.errors import ComponentBroken, WrapperError
from model_server.graph.wrapper.identity import Identity
from model_server.graph.wrapper.metadata import Metadata

IMAGE = "registry:5000/image:1.2"


@pytest.fixture(autouse=True)
def image(monkeypatch):
    monkeypatch.setattr(seldons_metadata, "MODEL_IMAGE", IMAGE)


def telling(metadata):
    class Tells:
        def init_metadata(self):
            return metadata

    return Tells()


def ours(instance, environment=""):
    """None where they are refused."""
    metadata = Metadata(instance, Identity(image=IMAGE, model_metadata=environment))
    try:
        return metadata.tree()
    except WrapperError:
        return None


def test_refused_metadata_are_told_in_seldons_words():
    with pytest.raises(WrapperError, match="Model metadata unavailable") as refused:
        Metadata(telling({"unknown": 1}), Identity()).tree()
    assert (refused.value.http_status, refused.value.status()["reason"]) == (500, "MICROSERVICE_BAD_METADATA")


GOOD = [
    {},
    {"name": "n", "versions": ["v1", "v2"], "platform": "p", "custom": {"owner": "ads"}},
    {"inputs": [{"messagetype": "ndarray", "schema": {"names": ["a"], "shape": [2, 1]}}]},
    {"inputs": [{"messagetype": "tensor"}], "outputs": [{"messagetype": "jsonData", "schema": {"type": "object"}}]},
    {"inputs": [{"messagetype": "strData"}, {"messagetype": "binData"}]},
    {"outputs": [{"messagetype": "own", "schema": {"anything": 1}}]},
    {"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4]}]},
]
BAD = [
    {"name": 5},
    {"versions": "v1"},
    {"unknown": 1},
    {"custom": {"owner": 5}},
    {"inputs": [{"messagetype": "ndarray", "schema": {"columns": ["a"]}}]},
    {"inputs": [{"messagetype": "strData", "schema": {}}]},
    {"inputs": [{"name": "x", "datatype": "FLOAT"}]},
    {"inputs": ["x"]},
    {"outputs": {}},
]


@pytest.mark.parametrize("metadata", GOOD + BAD, ids=json.dumps)
def test_metadata_are_accepted_and_refused_as_by_seldon(metadata):
    expected = seldon_methods.init_metadata(telling(metadata))
    assert (expected is None) == (metadata in BAD)
    assert ours(telling(metadata)) == expected


leaves = st.one_of(st.sampled_from(["ndarray", "tensor", "jsonData", "strData", "FP32", "x"]), st.integers(-1, 2))
schemas = st.dictionaries(st.sampled_from(["names", "shape", "a"]), leaves | st.lists(leaves, max_size=2), max_size=2)
messages = st.lists(
    st.dictionaries(
        st.sampled_from(["messagetype", "schema", "name", "datatype", "shape"]),
        leaves | schemas | st.lists(leaves, max_size=2),
        max_size=3,
    ),
    max_size=2,
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.sampled_from(["name", "versions", "platform", "inputs", "outputs", "custom"]),
        messages | leaves | schemas,
        max_size=3,
    )
)
def test_any_metadata_are_accepted_and_refused_as_by_seldon(metadata):
    assert ours(telling(metadata)) == seldon_methods.init_metadata(telling(metadata))


@pytest.mark.parametrize(
    "environment", ["{name: other}", "versions: [v9]\ncustom: {a: b}", "name: [", "", "unknown: 1"]
)
def test_what_the_environment_says_wins_as_in_seldon(environment, monkeypatch):
    instance = telling({"name": "own", "platform": "p"})
    monkeypatch.setenv("MODEL_METADATA", environment or "{}")
    assert ours(instance, environment) == seldon_methods.init_metadata(instance)


@pytest.mark.parametrize("instance", [object(), SeldonComponent(), telling("text"), telling(None)])
def test_without_metadata_there_is_the_image(instance):
    expected = seldon_methods.init_metadata(instance)
    assert ours(instance) == expected
    assert (expected["name"], expected["versions"]) == ("registry:5000/image", ["1.2"])


def test_without_an_image_there_is_nothing(monkeypatch):
    monkeypatch.setattr(seldons_metadata, "MODEL_IMAGE", None)
    assert Metadata(object(), Identity()).tree() == seldon_methods.init_metadata(object())


@pytest.mark.parametrize("environment", ["[1]", "text", "5"])
def test_an_environment_that_is_no_mapping_is_logged_and_passed_over(environment, caplog):
    with caplog.at_level(logging.ERROR):
        assert ours(telling({"name": "own"}), environment)["name"] == "own"
    assert "MODEL_METADATA holds" in caplog.text


def test_metadata_that_cannot_be_made_end_the_start():
    class Fails:
        def init_metadata(self):
            raise KeyError("manifest")

    with pytest.raises(ComponentBroken, match=r"init_metadata\(\) of Fails failed: 'manifest'"):
        ours(Fails())
