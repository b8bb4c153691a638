"""What the API server answers becomes one error with the line of the file; the bodies are a real one's (1.36)."""

import pytest
from objects_of_a_cluster import line_of, manifest_of

from deployments.cluster.errors import FieldsOwned, NotAllowed, Refused, Unreachable
from deployments.cluster.refusals import Answer, error_of, place_of, refusal

SERVER = "https://api:6443"


def refused(status, **body):
    manifest, _ = manifest_of()
    return refusal(Answer(status, {"kind": "Status", **body}), manifest, SERVER)


def test_seldons_webhook_is_quoted_with_the_line_of_each_finding():
    message = (
        'admission webhook "v1.vseldondeployment.kb.io" denied the request: SeldonDeployment.machinelearing.seldon.io '
        '"" is invalid: spec: Invalid value: "a": Traffic must sum to 100 for multiple predictors'
    )
    causes = [
        {"message": 'Invalid value: "a": Traffic must sum to 100 for multiple predictors', "field": "spec"},
        {"message": 'Invalid value: "b": No', "field": "spec.predictors[1].graph[0]"},
    ]
    error = refused(422, message=message, reason="Invalid", details={"causes": causes})
    assert isinstance(error, Refused)
    first, second, last = str(error).splitlines()
    assert first == (
        f"overlay:{line_of('spec:')}: SeldonDeployment sd: refused by Seldon's webhook: spec: "
        'Invalid value: "a": Traffic must sum to 100 for multiple predictors'
    )
    assert second.startswith(f"overlay:{line_of('graph:') + (line_of('- name: b') - line_of('- name: a'))}: ")
    assert last == "nothing was changed"


def test_another_webhook_is_named_and_its_refusal_is_no_matter_of_rights():
    message = 'admission webhook "policy.example.com" denied the request: images must come from our registry'
    error = refused(403, message=message, reason="Forbidden")
    assert isinstance(error, Refused)
    assert str(error).startswith(
        "overlay:1: SeldonDeployment sd: refused by the webhook policy.example.com: images must come from our registry"
    )


def test_a_field_that_the_cluster_does_not_know_is_told_at_its_line_though_the_server_calls_it_its_own_error():
    message = (
        "failed to create typed patch object (ns/sd; machinelearning.seldon.io/v1, Kind=SeldonDeployment): "
        ".spec.predictors: field not declared in schema"
    )
    error = refused(500, message=message)
    assert isinstance(error, Refused)
    assert str(error).startswith(f"overlay:{line_of('predictors:')}: SeldonDeployment sd: spec.predictors: ")


def test_a_conflict_names_who_manages_the_field_and_what_to_do():
    causes = [
        {"reason": "FieldManagerConflict", "message": 'conflict with "helm"', "field": ".spec.predictors"},
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl" using v1',
            "field": '.spec.list[name="x"].value',
        },
    ]
    error = refused(409, message="Apply failed with 2 conflicts", details={"causes": causes})
    assert isinstance(error, FieldsOwned)
    first, second, last = str(error).splitlines()
    assert first == f'overlay:{line_of("predictors:")}: SeldonDeployment sd: spec.predictors is managed by "helm"'
    assert second.endswith('spec.list[name="x"].value is managed by "kubectl" using v1')
    assert "--force-conflicts" in last


def test_a_missing_namespace_is_told_with_how_to_make_it():
    error = refused(404, message='namespaces "ns" not found', details={"kind": "namespaces", "name": "ns"})
    assert isinstance(error, Refused)
    assert "kubectl create namespace ns" in str(error)


def test_a_missing_right_is_named_with_a_way_to_ask_for_it():
    message = (
        'seldondeployments.machinelearning.seldon.io "sd" is forbidden: User "jo" cannot patch resource '
        '"seldondeployments" in API group "machinelearning.seldon.io" in the namespace "ns"'
    )
    error = refused(403, message=message, reason="Forbidden")
    assert isinstance(error, NotAllowed)
    assert "kubectl auth can-i patch seldondeployments.machinelearning.seldon.io -n ns" in str(error)


def test_a_quota_is_a_refusal_of_the_document_and_no_matter_of_rights():
    error = refused(403, message='pods "x" is forbidden: exceeded quota: q', reason="Forbidden")
    assert isinstance(error, Refused)
    assert str(error).startswith("overlay:1: SeldonDeployment sd: refused by the API server: pods")


@pytest.mark.parametrize(("status", "family"), [(401, NotAllowed), (429, Unreachable), (503, Unreachable)])
def test_an_answer_that_is_about_the_cluster_and_not_the_file_is_no_refusal_of_it(status, family):
    assert isinstance(refused(status, message="later"), family)
    assert isinstance(error_of(Answer(status, {}), "list pods in ns", SERVER), family)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("spec.predictors[1].graph[0]", ("spec", "predictors", 1, "graph", 0)),
        ("spec", ("spec",)),
        ('.spec.template.spec.containers[name="x"].image', ("spec", "template", "spec", "containers")),
        ("", ()),
    ],
)
def test_a_path_leads_to_its_place_as_far_as_it_can_be_followed(path, place):
    assert place_of(path) == place
