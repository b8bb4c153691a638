"""JSON patches as RFC 6902 has them, whatever the document."""

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.kustomization.patching import BrokenPatch, NotEnacted, json_patch, merge, replace_field
from deployments.kustomization.traced import traced_documents


def traced(text):
    (document,) = traced_documents(text, "f.yaml")
    return document


def patched(text, operations):
    document = traced(text)
    json_patch(document, traced(operations))
    return document.plain()


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        ("[{op: add, path: /b, value: 3}]", {"a": [1, 2], "b": 3}),
        ("[{op: add, path: /a/0, value: 3}]", {"a": [3, 1, 2]}),
        ("[{op: add, path: /a/-, value: 3}]", {"a": [1, 2, 3]}),
        ("[{op: remove, path: /a/0}]", {"a": [2]}),
        ("[{op: replace, path: /a/1, value: null}]", {"a": [1, None]}),
        ("[{op: move, from: /a/0, path: /a/1}]", {"a": [2, 1]}),
        ("[{op: copy, from: /a, path: /b}, {op: remove, path: /a/0}]", {"a": [2], "b": [1, 2]}),
        ("[{op: test, path: /a, value: [1, 2]}]", {"a": [1, 2]}),
        ("[{op: add, path: /x~1y~0z, value: 1}]", {"a": [1, 2], "x/y~z": 1}),
    ],
)
def test_an_operation_does_as_the_standard_says(operations, expected):
    assert patched("{a: [1, 2]}", operations) == expected


@pytest.mark.parametrize(
    "operation",
    [
        "{op: replace, path: /b, value: 1}",
        "{op: remove, path: /a/2}",
        "{op: add, path: /a/3, value: 1}",
        "{op: add, path: /b/c, value: 1}",
        "{op: add, path: b, value: 1}",
        "{op: add, path: /b}",
        "{op: copy, path: /b}",
        "{op: test, path: /a/0, value: 2}",
        "{op: add}",
        "{op: frobnicate, path: /a}",
    ],
)
def test_one_that_cannot_be_done_names_its_line(operation):
    with pytest.raises(BrokenPatch, match=r"^f.yaml:4: "):
        patched("{a: [1, 2]}", f"- op: test\n  path: /a\n  value: [1, 2]\n- {operation}\n")


def test_a_copied_value_keeps_the_line_it_was_first_written_on():
    document = traced("a:\n  b: 1\n")
    json_patch(document, traced("\n\n\n- {op: copy, from: /a, path: /c}\n- {op: add, path: /d, value: 1}\n"))
    assert document.value["c"].value["b"].spot.line == 2
    assert document.value["d"].spot.line == 5


def test_a_directive_of_a_merge_is_not_guessed():
    with pytest.raises(NotEnacted):
        merge(traced("{a: {b: 1}}"), traced("{a: {$patch: delete}}"))


def test_a_merge_deletes_by_null_and_replaces_lists():
    document = traced("{a: {b: 1, c: 2}, l: [1, 2], k: 1}")
    merge(document, traced("{a: {b: null, d: 3}, l: [3]}"))
    assert document.plain() == {"a": {"c": 2, "d": 3}, "l": [3], "k": 1}


def test_a_replacement_reaches_each_item_and_makes_what_is_missing_only_if_told():
    document = traced("{a: [{b: 1}, {}]}")
    replace_field(document, "a.*.b", traced("7"), create=False)
    assert document.plain() == {"a": [{"b": 7}, {}]}
    replace_field(document, "a.*.c.d", traced("7"), create=True)
    assert document.plain() == {"a": [{"b": 7, "c": {"d": 7}}, {"c": {"d": 7}}]}


def test_a_replacement_reaches_the_items_of_a_name_and_a_key_with_a_slash():
    document = traced("{a: [{l: [{name: x, v: 1}, {name: y, v: 2}]}, {l: [{name: x, v: 3}]}, {l: 5}]}")
    replace_field(document, "a.*.l.[name=x].v", traced("7"), create=False)
    assert document.plain() == {
        "a": [{"l": [{"name": "x", "v": 7}, {"name": "y", "v": 2}]}, {"l": [{"name": "x", "v": 7}]}, {"l": 5}]
    }
    replace_field(document, "b.c/d", traced("8"), create=True)
    assert document.plain()["b"] == {"c/d": 8}
    with pytest.raises(NotEnacted):
        replace_field(document, "a.*.l.[name=z].v", traced("7"), create=True)


TREES = st.recursive(
    st.one_of(st.integers(0, 9), st.booleans(), st.text("ab/~", max_size=2)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text("ab/~", min_size=1, max_size=2), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["a", "b", "c/d", "~"]), TREES, min_size=1), st.data())
def test_what_is_added_is_found_and_what_is_removed_again_leaves_all_as_it_was(tree, data):
    import json

    key = data.draw(st.sampled_from(sorted(tree)))
    path = "/" + key.replace("~", "~0").replace("/", "~1")
    before = copy.deepcopy(tree)
    operations = [
        {"op": "copy", "from": path, "path": "/new"},
        {"op": "test", "path": "/new", "value": tree[key]},
        {"op": "remove", "path": "/new"},
    ]
    assert patched(json.dumps(tree), json.dumps(operations)) == before
