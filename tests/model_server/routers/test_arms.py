"""What is said of arms is checked when the server starts."""

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_server.routers import arms
from model_server.routers.errors import InvalidRouter


def test_arms_are_read_in_the_order_of_the_children():
    assert arms.names("champion, challenger") == ("champion", "challenger")
    assert list(arms.shares("b=33.3, a=33.3,c=33.4").items()) == [
        ("b", Decimal("33.3")),
        ("a", Decimal("33.3")),
        ("c", Decimal("33.4")),
    ]
    assert arms.shares("only=100") == {"only": 100}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a=50,b=49.9", "sum to 99.9, not to 100"),
        ("a=33.33,b=33.33,c=33.33", "sum to 99.99"),
        ("a=101,b=-1", "'101'"),
        ("a=50,b=nan", "'nan'"),
        ("a=100,b", "share ''"),
        ("a=50,a=50", "twice"),
        ("=100", "no name"),
        ("a b=100", "no name"),
        ("a|b=100", "no name"),
        ("", "name the node's children"),
        (None, "name the node's children"),
        (7, "name the node's children"),
    ],
)
def test_shares_that_cannot_be_are_refused_with_what_was_seen(text, told):
    with pytest.raises(InvalidRouter, match=told):
        arms.shares(text)


@pytest.mark.parametrize("text", ["", "a,,b", "a,a", "a=50,b=50", None])
def test_names_that_cannot_be_are_refused(text):
    with pytest.raises(InvalidRouter):
        arms.names(text)


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text):
    for read in (arms.shares, arms.names, arms.experiment_name):
        with contextlib.suppress(InvalidRouter):
            assert read(text)
