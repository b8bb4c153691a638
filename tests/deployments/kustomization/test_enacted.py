"""A kustomization of whatever content is built, or refused with a line: never anything else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.kustomization.enacted import enacted
from deployments.kustomization.patching import BrokenPatch, NotEnacted
from deployments.seldon import InvalidDeployment

FILES = {
    "o/kustomization.yaml": {
        "namespace": "n",
        "resources": ["../base"],
        "components": ["../c"],
        "patches": [
            {"target": {"kind": "SeldonDeployment"}, "path": "p.yaml"},
            {"patch": '{"kind": "SeldonDeployment", "metadata": {"name": "x"}, "spec": {"protocol": "seldon"}}'},
        ],
    },
    "o/p.yaml": [{"op": "replace", "path": "/spec/predictors/0/traffic", "value": 7}],
    "base/kustomization.yaml": {"resources": ["d.yaml"]},
    "base/d.yaml": {
        "apiVersion": "machinelearning.seldon.io/v1",
        "kind": "SeldonDeployment",
        "metadata": {"name": "x"},
        "spec": {"predictors": [{"name": "a", "traffic": 100}]},
    },
    "c/kustomization.yaml": {
        "resources": ["v.yaml"],
        "replacements": [
            {
                "source": {"kind": "Values", "name": "v", "fieldPath": "replicas"},
                "targets": [
                    {
                        "select": {"kind": "SeldonDeployment"},
                        "fieldPaths": ["spec.predictors.*.replicas"],
                        "options": {"create": True},
                    }
                ],
            }
        ],
    },
    "c/v.yaml": {"kind": "Values", "metadata": {"name": "v"}, "replicas": 3},
}


def built(files):
    def read(path):
        return json.dumps(files[path]) if path in files else None

    return [document.plain() for document in enacted("o", read)]


def test_resources_components_patches_and_namespace_take_effect_in_kustomizes_order():
    deployment, _ = built(FILES)
    assert deployment["metadata"] == {"name": "x", "namespace": "n"}
    assert deployment["spec"] == {"protocol": "seldon", "predictors": [{"name": "a", "traffic": 7, "replicas": 3}]}


def chosen_by(labels, selector):
    metadata = {"name": "x", **({} if labels is None else {"labels": labels})}
    target = {"kind": "SeldonDeployment", "labelSelector": selector}
    more = {
        "base/d.yaml": {**FILES["base/d.yaml"], "metadata": metadata},
        "o/kustomization.yaml": {"resources": ["../base"], "patches": [{"target": target, "path": "p.yaml"}]},
    }
    (deployment,) = built(FILES | more)
    return deployment["spec"]["predictors"][0]["traffic"] == 7


@pytest.mark.parametrize(
    ("labels", "is_chosen"),
    [(None, False), ({}, False), ({"a/b": "one"}, False), ({"a/b": "two"}, True), ({"a/b": "two", "c": "d"}, True)],
)
def test_a_patch_for_a_label_reaches_those_that_have_it(labels, is_chosen):
    assert chosen_by(labels, "a/b=two") is is_chosen


def test_several_labels_are_all_asked_for_and_other_selectors_are_not_guessed():
    assert chosen_by({"a": "1", "b": "2"}, "a=1,b=2")
    assert not chosen_by({"a": "1"}, "a=1,b=2")
    for selector in ("a in (1)", "a!=1", "a", "a==1"):
        with pytest.raises(NotEnacted):
            chosen_by({"a": "1"}, selector)


def test_one_that_takes_itself_in_is_refused():
    with pytest.raises(BrokenPatch, match=r"^o/kustomization.yaml:1: it takes itself in, by o, base$"):
        built(FILES | {"base/kustomization.yaml": {"resources": ["../o"]}})


def places(content, here=()):
    yield here
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for step, inner in pairs:
        yield from places(inner, (*here, step))


def changed(content, place, value):
    if not place:
        return value
    copy = dict(content) if isinstance(content, dict) else list(content)
    copy[place[0]] = changed(content[place[0]], place[1:], value)
    return copy


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.text("/*.[-a0", max_size=4),
    st.sampled_from(
        [[], {}, [1], {"a": 1}, [[]], [{}], "..", "../o", "../base", "p.yaml", "/spec", "/spec/predictors/-"]
    ),
)


@given(st.sampled_from([place for place in places(FILES) if place]), ANYTHING)
def test_whatever_stands_anywhere_it_is_built_or_refused_with_a_line(place, value):
    documents, refused = [], None
    try:
        documents = built(changed(FILES, place, value))
    except (BrokenPatch, NotEnacted, InvalidDeployment) as error:
        refused = error
    assert all(isinstance(document, dict) for document in documents)
    if isinstance(refused, BrokenPatch):
        assert refused.spot.line == 1
        assert refused.message
