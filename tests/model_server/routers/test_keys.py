"""Who a request is about, in either form and in every payload."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from router_messages import as_proto, as_tree, request

from model_server.routers import keys
from model_server.routers.errors import InvalidKey
from model_server.routers.keys import Key
from model_server.seldon_messages import InvalidMessage

FORMS = pytest.mark.parametrize("form", [as_tree, as_proto])


@FORMS
@pytest.mark.parametrize(
    ("value", "text"), [("u7", "u7"), ("7", "7"), (7, "7"), (7.0, "7"), (-3, "-3"), (0, "0"), ("", None), (None, None)]
)
def test_texts_and_whole_numbers_name_a_user(form, value, text):
    assert keys.in_tags(form(request({"user": value})), "user").text == text


@FORMS
@pytest.mark.parametrize("value", [True, False, 0.5, 2**53, 1e300, ["u7"], {"id": "u7"}])
def test_anything_else_is_the_callers_fault(form, value):
    with pytest.raises(InvalidKey, match=r"meta\.tags\.user"):
        keys.in_tags(form(request({"user": value})), "user")


@FORMS
@pytest.mark.parametrize("message", [request(), request({}), request({"other": "u7"})])
def test_a_request_may_name_nobody(form, message):
    assert keys.in_tags(form(message), "user") == Key(None)


@pytest.mark.parametrize("message", [[], "text", None, 7, {"meta": []}, {"meta": {"tags": "u7"}}])
def test_a_body_that_is_no_message_is_refused(message):
    with pytest.raises(InvalidMessage):
        keys.in_tags(message, "user")


@FORMS
@pytest.mark.parametrize(
    "message",
    [
        request(names=("a", "user"), rows=((1, "u7"), (2, "u7"))),
        {"jsonData": [{"user": "u7"}, {"user": "u7", "a": 1}]},
        {"jsonData": {"user": "u7"}},
    ],
)
def test_a_column_names_the_user_of_the_rows(form, message):
    assert keys.in_column(form(message), "user") == Key("u7")


@FORMS
def test_a_column_of_a_tensor_does_too(form):
    tensor = {"shape": [2, 3], "values": [1, 7, 2, 3, 8, 4]}
    message = {"data": {"names": ["a", "user", "b"], "tensor": tensor}}
    assert keys.in_column(form(message), "user") == Key("7", has_others=True)


@FORMS
def test_the_first_row_decides_where_rows_name_several(form):
    rows = ((1, "u7"), (2, "u8"), (3, None))
    assert keys.in_column(form(request(names=("a", "user"), rows=rows)), "user") == Key("u7", has_others=True)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["names", "ndarray", "tensor", "shape", "values", "user", "a"]), inner, max_size=4
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["data", "jsonData", "meta", "strData"]), json_values))
def test_no_message_breaks_the_search(message):
    for search in (lambda: keys.in_column(message, "user"), lambda: keys.in_tags(message, "user")):
        with contextlib.suppress(InvalidKey, InvalidMessage):
            assert isinstance(search(), Key)
