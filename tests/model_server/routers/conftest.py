import pytest
from valkey_server import valkey_server


@pytest.fixture(autouse=True)
def in_no_wrapper(monkeypatch):
    """A router adapts the stock wrapper, where one has been imported; here that would be for the tests that follow."""
    monkeypatch.setattr("model_server.stock_wrapper.adapt", lambda: None)


@pytest.fixture
def valkey():
    """A Valkey of this test alone, with its log on disk."""
    with valkey_server() as running:
        yield running


@pytest.fixture(scope="module")
def valkey_of_module():
    with valkey_server() as running:
        yield running
