"""Whole UBJSON is told from what is not."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trained_models import OBJECTIVES, trained

from model_server.ubjson import NotWhole, require_whole

pytestmark = pytest.mark.filterwarnings("ignore:.*gblinear. is deprecated:UserWarning")
SIMPLE = b"{i\x01aSi\x02hi}"


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_model_is_whole_and_no_beginning_of_it_is(name):
    booster = trained(name, ["a", "b b", "c", "d"])
    booster.set_attr(best_iteration="3", note="\u00fc")
    model = bytes(booster.save_raw("ubj"))
    require_whole(model)
    for end in {*range(0, len(model), len(model) // 50), *range(len(model) - 20, len(model))}:
        with pytest.raises(NotWhole):
            require_whole(model[:end])


@pytest.mark.parametrize(
    "content",
    [
        b"{}",
        SIMPLE,
        b"{i\x01a[i\x01U\xffI\x00\x01l\x00\x00\x00\x01L\x00\x00\x00\x00\x00\x00\x00\x01TFZNCx]}",
        b"{i\x01a[#i\x02[]{}}",
        b"{i\x01a[$d#i\x02\x00\x00\x00\x00\x00\x00\x00\x00i\x01bD\x00\x00\x00\x00\x00\x00\x00\x00}",
        b"{i\x01a[#i\x00}",
        b"{i\x00Z}",
    ],
)
def test_what_the_format_allows_is_whole(content):
    require_whole(content)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not begin with an object"),
        (b"[]", "does not begin with an object"),
        (SIMPLE + b"\n", "its object ends at byte 10, the file at byte 11"),
        (SIMPLE[:-1], "there is no length at byte 9"),
        (b"{i\x01aSi\x7fhi}", "it ends at byte 10, in the middle of a value"),
        (b"{i\x01aS", "there is no length at byte 5"),
        (b"{i\x01aSL\x00\x00", "there is no length at byte 5"),
        (b"{i\xffa}", "there is no length at byte 1"),
        (b"{i\x01a", "there is no value at byte 4"),
        (b"{i\x01a?}", "there is no value at byte 4"),
        (b"{i\x01a[$S#i\x01i\x01a}", "there is no array of numbers at byte 4"),
        (b"{i\x01a[$d\x00}", "there is no array of numbers at byte 4"),
        (b"{i\x01a[T}", "there is no value at byte 6"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(content, said):
    with pytest.raises(NotWhole, match=re.escape(said)):
        require_whole(content)


@given(st.binary(max_size=60))
def test_no_bytes_break_it(content):
    try:
        require_whole(b"{" + content)
    except NotWhole:
        return
    with pytest.raises(NotWhole):
        require_whole(b"{" + content[:-1])


def test_a_length_that_no_file_has_takes_no_time():
    with pytest.raises(NotWhole):
        require_whole(b"{i\x01a[#L\x7f\xff\xff\xff\xff\xff\xff\xff}")
    with pytest.raises(NotWhole):
        require_whole(b"{i\x01a[$d#L\x7f\xff\xff\xff\xff\xff\xff\xff}")
