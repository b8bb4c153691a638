"""What stands in a REST request, read as Seldon's wrapper reads it; and bytes of any kind, which end in a 4xx."""

import json
import re
from io import BytesIO
from urllib.parse import urlencode

import numpy as np
import pytest
import wrapper_zoo as zoo
from hypothesis import given, settings
from hypothesis import strategies as st
from stock_oracle import Ours, Stock
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

from model_server.graph.errors import WrapperError
from model_server.graph.verbs import Verb
from model_server.graph.wrapper import bodies
from model_server.graph.wrapper.json_depth import depth_of

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
TREE = {"data": {"ndarray": [[1, 2.5, "x"]]}, "meta": {"puid": "p"}}
TEXT = json.dumps(TREE)


def multipart(parts):
    boundary, body = encode_multipart(parts)
    return body, f'multipart/form-data; boundary="{boundary}"'


def file(content, name):
    return FileStorage(BytesIO(content), filename=name)


READABLE = {
    "JSON": (TEXT.encode(), JSON, ""),
    "JSON with a charset": (TEXT.encode(), "application/json; charset=utf-8", ""),
    "JSON by another name": (TEXT.encode(), "Application/Vnd.Seldon+JSON", ""),
    "JSON in UTF-16": (TEXT.encode("utf-16"), JSON, ""),
    "JSON after a byte order mark": (TEXT.encode("utf-8-sig"), JSON, ""),
    "NaN": (b'{"jsonData": [NaN, Infinity]}', JSON, ""),
    "half a surrogate pair": (b'{"strData": "\\ud800"}', JSON, ""),
    "a key twice": (b'{"strData": "a", "strData": "b"}', JSON, ""),
    "a form": (urlencode({"json": TEXT}).encode(), FORM, ""),
    "a form with more": (urlencode({"a": "1", "json": TEXT, "b": ""}).encode(), FORM, ""),
    "a query": (b"", "", urlencode({"json": TEXT})),
    "a query beside a body": (b"{}", JSON, urlencode({"json": TEXT})),
    "a form beside a query": (urlencode({"json": TEXT}).encode(), FORM, urlencode({"json": "{}"})),
    "a form with an empty field beside a query": (b"json=", FORM, urlencode({"json": TEXT})),
    "null in a form": (b"json=null", FORM, ""),
    "parts": (*multipart({"jsonData": '{"a": [1]}', "meta": '{"puid": "p"}'}), ""),
    "text as a part": (*multipart({"strData": "tëxt"}), ""),
    "text as a file": (*multipart({"strData": file("tëxt".encode(), "t.txt")}), ""),
    "a file with an empty name": (*multipart({"strData": file(b"text", "")}), ""),
    "a part twice": (*multipart({"strData": ["first", "second"]}), ""),
    "a file beside a part": (*multipart({"strData": ["part", file(b"file", "t")]}), ""),
    "no parts": (*multipart({}), ""),
}


@pytest.mark.parametrize(("body", "content_type", "query"), READABLE.values(), ids=READABLE)
def test_a_request_is_read_as_seldons_wrapper_reads_it(body, content_type, query):
    stock = Stock(zoo.Raw()).rest("/predict", data=body, content_type=content_type, query_string=query)
    assert stock == Ours(zoo.Raw()).rest(Verb.PREDICT, body, content_type, query)
    assert stock.status == 200


def test_bytes_come_as_a_file():
    body, content_type = multipart({"binData": file(b"\x00\xff", "x")})
    assert bodies.decode(body, content_type) == {"binData": "AP8="}
    assert Stock(zoo.Echo()).rest("/predict", data=body, content_type=content_type) == Ours(zoo.Echo()).rest(
        Verb.PREDICT, body, content_type
    )


REFUSED_AS_BY_SELDON = {"no JSON": b"{not json", "half": b'{"data": ', "nothing": b"", "null": b"null", "text": b"x"}


@pytest.mark.parametrize("body", REFUSED_AS_BY_SELDON.values(), ids=REFUSED_AS_BY_SELDON)
def test_a_body_that_is_no_json_is_refused_in_seldons_words(body):
    stock = Stock(zoo.Raw()).rest("/predict", data=body, content_type=JSON)
    assert stock == Ours(zoo.Raw()).rest(Verb.PREDICT, body)
    assert (stock.status, stock.info) == (400, "Can't find JSON in data")


BODY, MULTIPART = multipart({"strData": "x"})
REFUSED = {
    "another content type": (TEXT.encode(), "text/plain", "", 415, "text/plain; application/json is expected"),
    "no content type": (TEXT.encode(), "", "", 415, "missing; application/json is expected"),
    "nested too deep": (b"[" * 100_000, JSON, "", 400, "nested too deep"),
    "an integer of 5,000 digits": (b"1" * 5_000, JSON, "", 400, "Can't find JSON in data"),
    "no UTF-8": (b'{"strData": "\xff"}', JSON, "", 400, "Can't find JSON in data"),
    "zeros": (b"\x00\x00\x00", JSON, "", 400, "Can't find JSON in data"),
    "a form without the field": (b"a=1", FORM, "", 400, "the form has no field json"),
    "a form that is no JSON": (b"json=%7B", FORM, "", 400, "the field json holds no JSON"),
    "a form that is no UTF-8": (b"json=\xff", FORM, "", 400, "the form cannot be read"),
    "a form of too many fields": (b"json=1&" * 2_000, FORM, "", 400, "the form cannot be read"),
    "a query that is no JSON": (b"", "", "json={", 400, "the field json holds no JSON"),
    "no boundary": (BODY, "multipart/form-data", "", 400, "names no boundary"),
    "another boundary": (BODY, "multipart/form-data; boundary=x", "", 400, "cannot be read"),
    "a long boundary": (BODY, f"multipart/form-data; boundary={'x' * 500}", "", 400, "cannot be read"),
    "a form cut short": (BODY[:-6], MULTIPART, "", 400, "cut short"),
    "a part that is no JSON": (*multipart({"jsonData": "{"}), "", 400, "the part jsonData holds no JSON"),
    "a file that is no text": (*multipart({"strData": file(b"\xff", "t")}), "", 400, "not text in UTF-8"),
    "too many parts": (*multipart({"strData": ["x"] * 1_001}), "", 413, "more than 1,000 parts"),
    "a part without a name": (
        b"--x\r\nContent-Type: a/b\r\n\r\n1\r\n--x--",
        "multipart/form-data; boundary=x",
        "",
        400,
        "no Content-Disposition",
    ),
}


@pytest.mark.parametrize(("body", "content_type", "query", "http_status", "said"), REFUSED.values(), ids=REFUSED)
def test_a_request_without_json_is_refused_with_what_is_wrong(body, content_type, query, http_status, said):
    with pytest.raises(WrapperError) as refused:
        bodies.decode(body, content_type, query)
    assert refused.value.http_status == http_status
    assert said in refused.value.message


def refusal(read, *request):
    try:
        read(*request)
    except WrapperError as error:
        return error
    return None


content_types = st.one_of(
    st.sampled_from([JSON, FORM, "application/json; charset=x", "multipart/form-data; boundary=b", MULTIPART, ""]),
    st.text(max_size=20),
    st.text(max_size=20).map(lambda text: f"multipart/form-data; boundary={text}"),
)
pieces = st.sampled_from(
    [b"--b", b"--", b"\r\n", b'Content-Disposition: form-data; name="json"', b"json=", b"%", b"{", b"}"]
)
hostile = st.one_of(st.binary(max_size=40), st.lists(pieces | st.binary(max_size=3), max_size=12).map(b"".join))


@settings(deadline=None, derandomize=True)
@given(hostile, content_types, st.text(max_size=12) | st.just("json=[1]"))
def test_whatever_bytes_come_the_outcome_is_a_tree_or_a_4xx(body, content_type, query):
    for read in (bodies.decode, bodies.undecoded):
        refused = refusal(read, body, content_type, query)
        if refused is not None:
            assert 400 <= refused.http_status < 500
            json.loads(refused.body())


@pytest.mark.parametrize("body", [BODY, BODY[:40], BODY.replace(b"\r\n", b"\n")])
@settings(deadline=None, derandomize=True)
@given(st.data())
def test_a_damaged_form_is_refused_or_read(body, data):
    at = data.draw(st.integers(0, len(body)))
    damaged = body[:at] + data.draw(st.binary(max_size=3)) + body[at + data.draw(st.integers(0, 3)) :]
    refused = refusal(bodies.decode, damaged, MULTIPART)
    assert refused is None or refused.http_status == 400


def test_a_body_that_is_passed_through_is_not_looked_at():
    assert bodies.undecoded(b"\x00{", "text/plain") == b"\x00{"
    assert bodies.undecoded(b"json=%7B", FORM) == "{"
    assert bodies.undecoded(b"", "", "json=x") == "x"
    assert bodies.undecoded(*multipart({"strData": "x"})) == {"strData": "x"}


def nested(depth, inner="1"):
    return '{"a":' * (depth // 2) + "[" * (depth - depth // 2) + inner + "]" * (depth - depth // 2) + "}" * (depth // 2)


def test_a_hundred_levels_are_accepted_and_no_more():
    for charset in ("utf-8", "utf-16"):
        assert bodies.decode(nested(100).encode(charset), JSON)["a"]
        with pytest.raises(WrapperError, match="nested too deep; 100 levels are accepted"):
            bodies.decode(nested(101).encode(charset), JSON)
    with pytest.raises(WrapperError, match="nested too deep"):
        bodies.decode(urlencode({"json": nested(101)}).encode(), FORM)


def test_brackets_within_texts_are_no_levels():
    assert bodies.decode(json.dumps({"strData": "[{" * 500}).encode(), JSON) == {"strData": "[{" * 500}
    with pytest.raises(WrapperError, match="nested too deep"):
        bodies.decode(f'["{"]" * 500}", {nested(100)}, "{"[" * 500}"]'.encode(), JSON)


def depth_of_tree(tree):
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else None
    return 0 if inner is None else 1 + max(map(depth_of_tree, inner), default=0)


awkward = st.text(alphabet='[]{}"\\,:\u00e9\U0001d11e\ud800n', max_size=6)
trees = st.recursive(
    st.none() | st.integers() | awkward,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(awkward, inner, max_size=3),
)


@settings(deadline=None, derandomize=True)
@given(trees, st.booleans(), st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-32"]))
def test_the_depth_of_a_text_is_that_of_its_tree(tree, escapes, charset):
    text = json.dumps(tree, ensure_ascii=escapes)
    body = text.encode(charset, "surrogatepass")
    assert depth_of(body) == depth_of(text) == depth_of_tree(json.loads(body))


def test_what_is_no_json_is_the_components_fault():
    loop: list = []
    loop.append(loop)
    for answer, said in (({"x": {1}}, "Object of type set is not JSON serializable"), (loop, "Circular reference")):
        with pytest.raises(WrapperError, match=said) as failed:
            bodies.encode(answer)
        assert failed.value.http_status == 500


def test_what_flask_can_write_is_written_as_flask_writes_it():
    tree = {"strData": "x"}
    stock = Stock(zoo.TimesAndDecimals()).rest("/predict", json=tree)
    assert stock.body["jsonData"] == {
        "at": "Thu, 29 Feb 2024 12:30:00 GMT",
        "is": "1.50",
        "on": "Thu, 29 Feb 2024 00:00:00 GMT",
    }
    assert stock == Ours(zoo.TimesAndDecimals()).rest(Verb.PREDICT, json.dumps(tree).encode())


def read(text):
    try:
        return repr(bodies.decode(text, JSON))
    except WrapperError:
        return None


def read_by_json(text):
    try:
        tree = json.loads(text)
    except ValueError:
        return None
    return None if tree is None else repr(tree)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(TREES, st.booleans(), st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32-le"]))
def test_json_is_read_as_json_reads_it(tree, as_ascii, encoding):
    text = json.dumps(tree, ensure_ascii=as_ascii).encode(encoding, "surrogatepass")
    assert read(text) == read_by_json(text)


@given(st.lists(st.sampled_from([*'[]{}:,"\\-+.eE019 \n\x00\x1f', "NaN", "Infinity", "true", "\\ud800", "1e999", "ü"])))
def test_what_is_nearly_json_is_read_where_json_reads_it(parts):
    text = "".join(parts).encode()
    assert read(text) == read_by_json(text)


json_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(json_trees)
def test_a_tree_of_json_is_written_quickly_as_it_would_be_slowly(tree):
    """NaN and infinities included: what is quick knows no word for them."""
    quickly, slowly = json.loads(bodies.encode_json(tree)), json.loads(bodies.encode(tree))
    assert repr(quickly) == repr(slowly)


@pytest.mark.parametrize("tree", [{1: 2}, {"a": np.float32(0.5), "b": np.float64(0.5)}, "\ud800"])
def test_what_cannot_be_written_quickly_is_written_as_ever(tree):
    try:
        expected = bodies.encode(tree)
    except WrapperError as error:
        with pytest.raises(WrapperError, match=re.escape(error.message)):
            bodies.encode_json(tree)
    else:
        assert bodies.encode_json(tree) == expected
