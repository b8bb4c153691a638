"""A server with the limits that it has by itself, for each test its own."""

from __future__ import annotations

import pytest
from http_under_test import serving


@pytest.fixture
def server():
    with serving() as serving_now:
        yield serving_now
