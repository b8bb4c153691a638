import pytest
from runtime_under_test import Forkcast, overlay, predictor


@pytest.fixture
def forkcast(tmp_path):
    command = Forkcast(tmp_path)
    yield command
    command.close()


@pytest.fixture(scope="module")
def forkcast_of_module(tmp_path_factory):
    command = Forkcast(tmp_path_factory.mktemp("forkcast"))
    yield command
    command.close()


@pytest.fixture(scope="module")
def shared_forkcast(forkcast_of_module):
    """One runtime, 90/10, for the tests that only ask it things."""
    forkcast_of_module.up(overlay(predictor("champion", 90), predictor("challenger", 10)))
    return forkcast_of_module
