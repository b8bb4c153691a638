import pytest
from valkey_server import valkey_server


@pytest.fixture
def valkey():
    """A Valkey of this test alone, with its log on disk."""
    with valkey_server() as running:
        yield running


@pytest.fixture(scope="module")
def valkey_of_module():
    with valkey_server() as running:
        yield running
