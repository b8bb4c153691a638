"""Text becomes SeldonDeployments, or findings with the line they stand on."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from deployments.seldon import InvalidDeployment, RefusedBy, load_documents
from deployments.seldon.documents import documents

GOOD = """\
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: xgboost, namespace: seldon, annotations: {a: metadata, b: metadata}}
spec:
  annotations: {a: spec}
  predictors:
    - name: champion
      graph:
        name: detector
        type: TRANSFORMER
        children:
          - {name: classifier, modelUri: "pvc://models/champion"}
      componentSpecs:
        - spec:
            containers:
              - {name: detector, image: "forkcast/detector:1", env: [{name: A, value: ""}, {name: B, valueFrom: {}}]}
        - spec:
            serviceAccountName: reader
            containers:
              - {name: classifier, image: "forkcast/champion:1", workingDir: /srv}
"""


def loaded(text):
    (deployment,) = load_documents(text, "overlay.yaml")
    return deployment


def refused(text):
    with pytest.raises(InvalidDeployment) as caught:
        load_documents(text, "overlay.yaml")
    return [(finding.line, finding.path, finding.message) for finding in caught.value.findings]


def test_fields_are_read_under_kubernetes_names_in_snake_case():
    deployment = loaded(GOOD)
    (predictor,) = deployment.spec.predictors
    assert (deployment.name, deployment.namespace) == ("xgboost", "seldon")
    assert [unit.name for unit in predictor.graph.walk()] == ["detector", "classifier"]
    assert predictor.graph.children[0].model_uri == "pvc://models/champion"
    assert predictor.container("classifier").image == "forkcast/champion:1"
    assert predictor.container("nobody") is None
    assert [(variable.name, variable.value) for variable in predictor.container("detector").env] == [
        ("A", ""),
        ("B", None),
    ]


def test_annotations_of_the_spec_win_over_those_of_the_metadata():
    assert loaded(GOOD).annotations == {"a": "spec", "b": "metadata"}


def test_what_we_do_not_read_of_a_pod_passes_through():
    first, second = loaded(GOOD).spec.predictors[0].component_specs
    assert second.model_dump(by_alias=True)["spec"]["serviceAccountName"] == "reader"
    assert second.spec.containers[0].model_extra == {"workingDir": "/srv"}
    assert first.spec.model_extra == {}


def test_nothing_is_filled_in():
    deployment = loaded(GOOD.replace(", namespace: seldon", ""))
    unit = deployment.spec.predictors[0].graph.children[0]
    assert (unit.type, unit.implementation, unit.methods, unit.endpoint) == (None, None, None, None)
    assert deployment.metadata.namespace is None
    assert deployment.namespace == "default"


def test_a_deployment_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        loaded(GOOD).spec.predictors[0].traffic = 5


def test_other_kinds_and_empty_documents_are_passed_over():
    text = f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: seldon}}\n---\n# nothing\n---\n{GOOD}---\n- a\n"
    assert [deployment.name for deployment in load_documents(text, "x")] == ["xgboost"]
    assert load_documents("", "x") == []


@pytest.mark.parametrize("version", ["v1", "v1alpha2", "v1alpha3"])
def test_the_three_versions_are_read_alike(version):
    assert loaded(GOOD.replace("io/v1", f"io/{version}")).spec == loaded(GOOD).spec


def test_another_version_is_refused():
    ((line, path, message),) = refused(GOOD.replace("io/v1", "io/v2"))
    assert (line, path) == (1, "apiVersion")
    assert message.startswith('Unsupported value: "machinelearning.seldon.io/v2"')


@pytest.mark.parametrize(
    ("written", "typo", "path", "near"),
    [
        ("modelUri:", "modelURI:", "spec.predictors[0].graph.children[0].modelURI", "modelUri"),
        ("children:", "childen:", "spec.predictors[0].graph.childen", "children"),
        ("componentSpecs:", "componentSpec:", "spec.predictors[0].componentSpec", "componentSpecs"),
        ("  predictors:", "  transprot: rest\n  predictors:", "spec.transprot", "transport"),
        ("spec:\n  ann", "specs: {}\nspec:\n  ann", "specs", "spec"),
    ],
)
def test_a_typo_is_refused_with_the_nearest_known_name(written, typo, path, near):
    text = GOOD.replace(written, typo)
    with pytest.raises(InvalidDeployment) as caught:
        load_documents(text, "overlay.yaml")
    finding = next(finding for finding in caught.value.findings if finding.path == path)
    assert finding.refused_by is RefusedBy.FORKCAST
    assert finding.message == f"unknown field; did you mean {near}?"
    key = path.rpartition(".")[2]
    assert finding.line == next(i for i, line in enumerate(text.splitlines(), 1) if f"{key}:" in line)


@pytest.mark.parametrize(
    ("written", "wrong", "finding"),
    [
        (
            "- name: champion",
            "- name: champion\n      traffic: '50'",
            (8, "spec.predictors[0].traffic", 'Invalid value: "string": {} in body must be of type integer: "string"'),
        ),
        (
            "{a: spec}",
            "{a: 5000}",
            (5, "spec.annotations.a", 'Invalid value: "integer": {} in body must be of type string: "integer"'),
        ),
        (
            "- name: champion",
            "- name: champion\n      shadow: 'true'",
            (8, "spec.predictors[0].shadow", 'Invalid value: "string": {} in body must be of type boolean: "string"'),
        ),
        (
            "        type: TRANSFORMER",
            "        methods: [null]",
            (
                10,
                "spec.predictors[0].graph.methods[0]",
                'Invalid value: "null": {} in body must be of type string: "null"',
            ),
        ),
        (
            "        - spec:\n            serv",
            "        - pdbSpec: {minAvailable: 1.5}\n          spec:\n            serv",
            (
                17,
                "spec.predictors[0].componentSpecs[1].pdbSpec.minAvailable",
                'Invalid value: "number": {} in body must be of type integer,string: "number"',
            ),
        ),
        ("        name: detector\n", "", (8, "spec.predictors[0].graph.name", "Required value")),
        ("        name: detector\n", "        name: null\n", (9, "spec.predictors[0].graph.name", "Required value")),
        (
            "- name: champion",
            "- name: champion\n      replicas: 3000000000",
            (
                8,
                "spec.predictors[0].replicas",
                "Invalid value: 3000000000: {} must be of type integer with format int32",
            ),
        ),
    ],
)
def test_a_wrong_type_is_refused_in_the_api_servers_words(written, wrong, finding):
    line, path, message = finding
    assert refused(GOOD.replace(written, wrong, 1)) == [(line, path, message.format(path))]


@pytest.mark.parametrize("nothing", ["traffic: null", "labels:", "logger: ~", "traffic: 100.0"])
def test_null_counts_as_absent_and_a_whole_float_as_an_integer_as_in_the_api_server(nothing):
    level = "        type: TRANSFORMER" if "logger" in nothing else "    - name: champion"
    indented = " " * (8 if "logger" in nothing else 6) + nothing
    deployment = loaded(GOOD.replace(level, f"{level}\n{indented}", 1))
    assert deployment.spec.predictors[0].traffic == (100 if "100" in nothing else None)


def test_every_finding_of_every_document_is_told_at_once():
    nameless_node = GOOD.replace("name: detector\n", "nme: detector\n")
    nameless_deployment = GOOD.replace("{name: xgboost, ", "{")
    lines = [line for line, _, _ in refused(f"{nameless_node}---\n{nameless_deployment}")]
    assert lines == [8, 9, GOOD.count("\n") + 1 + 3]


def test_a_key_given_twice_is_refused_where_it_stands():
    ((line, _, message),) = refused(GOOD.replace("        type: TRANSFORMER", "        name: other"))
    assert (line, message) == (10, 'no YAML: the key "name" is given twice')


@pytest.mark.parametrize(("text", "line"), [("a: [", 1), ("a:\n- b: *nobody", 2), ("a: 1\n b: 2", 2)])
def test_text_that_is_no_yaml_is_refused_where_it_breaks(text, line):
    ((seen, _, message),) = refused(text)
    assert seen == line
    assert message.startswith("no YAML: ")


def test_children_below_level_ten_are_refused_for_the_crd_drops_them():
    def nested(levels):
        unit = {"name": "n0", "implementation": "XGBOOST_SERVER", "modelUri": "s3://b/m"}
        for i in range(1, levels + 1):
            unit = {"name": f"n{i}", "implementation": "XGBOOST_SERVER", "modelUri": "s3://b/m", "children": [unit]}
        return GOOD_AS_DATA | {"spec": {"predictors": [GOOD_AS_DATA["spec"]["predictors"][0] | {"graph": unit}]}}

    assert loaded(json.dumps(nested(10)))
    ((_, path, message),) = refused(json.dumps(nested(11)))
    assert path == "spec.predictors[0].graph" + ".children[0]" * 10 + ".children"
    assert message == "children below level 10 of the graph"


def test_anchors_and_merge_keys_are_followed_and_so_are_their_lines():
    text = "x: &x {deep: 1}\ny:\n  <<: *x\n  other:\n  - 2\n"
    (document,) = documents(text, "x")
    assert document.content["y"] == {"deep": 1, "other": [2]}
    assert [document.line(place) for place in [("y",), ("y", "deep"), ("y", "other", 0)]] == [2, 1, 5]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: &a [*a]", "an anchor holds itself"),
        ("a: &a {b: *a}", "an anchor holds itself"),
        (
            "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)),
            "aliases counted each time",
        ),
        ("[" * 5000, "nested too deeply"),
    ],
    ids=["list", "map", "aliases", "depth"],
)
def test_a_text_without_an_end_is_refused_as_no_yaml(text, words):
    ((_, _, message),) = refused(text)
    assert message.startswith("no YAML: ")
    assert words in message


(GOOD_DOCUMENT,) = documents(GOOD, "x")
GOOD_AS_DATA = GOOD_DOCUMENT.content


@given(st.lists(st.one_of(st.text(max_size=8), st.integers(0, 20)), max_size=8).map(tuple))
def test_every_place_has_a_line_of_the_document_whether_it_exists_or_not(place):
    assert 1 <= GOOD_DOCUMENT.line(place) <= GOOD.count("\n")


def test_loading_what_was_dumped_gives_the_same_deployment():
    deployment = loaded(GOOD)
    assert loaded(deployment.model_dump_json(by_alias=True, exclude_none=True)) == deployment
