"""What the tests of drift share: rows, and the reference of others of the same population."""

import pytest
from drawn_rows import drawn

from model_server.drift.reference import Reference


@pytest.fixture(scope="session")
def training():
    return drawn(20_000, seed=1)


@pytest.fixture(scope="session")
def reference(training):
    return Reference.fit(*training)


@pytest.fixture(scope="session")
def live():
    """200,000 rows without drift, none of them in the reference."""
    return drawn(200_000, seed=2)
