"""Both wrappers run side by side here: the environment that the stock one reads, and silence about its failures."""

import logging

import pytest
from stock_oracle import IDENTITY


@pytest.fixture(autouse=True)
def quiet():
    """Both wrappers log every failure, and most of these are."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("PREDICTIVE_UNIT_ID", IDENTITY.unit)
    monkeypatch.setenv("PREDICTIVE_UNIT_IMAGE", IDENTITY.image)
