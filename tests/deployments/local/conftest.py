import pytest
from runtime_under_test import Forkcast, overlay, predictor


@pytest.fixture
def forkcast(tmp_path):
    command = Forkcast(tmp_path)
    yield command
    command.close()


@pytest.fixture(scope="module")
def shared_forkcast(tmp_path_factory):
    """One runtime, 90/10, for the tests that only ask it things."""
    command = Forkcast(tmp_path_factory.mktemp("forkcast"))
    command.up(overlay(predictor("champion", 90), predictor("challenger", 10)))
    yield command
    command.close()
