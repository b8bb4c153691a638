"""Documents become objects with a place, in a namespace, in an order; what is none is refused with its line."""

import pytest

from deployments.cluster.errors import UnfitDocument
from deployments.cluster.manifests import SET_LABEL, in_order, manifests, placed, to_apply

TEXT = """\
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: sd}
spec: {predictors: []}
---
apiVersion: v1
kind: Service
metadata:
  name: store
  namespace: seldon
  labels: {app: store}
---
apiVersion: v1
kind: Namespace
metadata: {name: seldon}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: store}
"""


def is_namespaced(_api_version, kind):
    return kind != "Namespace"


def test_documents_are_applied_from_what_others_stand_on_to_what_is_served():
    assert [each.ref.kind for each in in_order(manifests(TEXT, "x"))] == [
        "Namespace",
        "Service",
        "Deployment",
        "SeldonDeployment",
    ]


def test_a_namespace_is_the_documents_own_or_the_one_asked_for_or_the_default():
    found = manifests(TEXT, "x")
    told = [each.ref.namespace for each in placed(found, is_namespaced, asked=None, default="mine")]
    assert told == ["mine", "seldon", "", "mine"]
    told = [each.ref.namespace for each in placed(found, is_namespaced, asked="seldon", default="mine")]
    assert told == ["seldon", "seldon", "", "seldon"]


def test_another_namespace_than_the_one_asked_for_is_refused_at_its_line():
    with pytest.raises(
        UnfitDocument, match=r"x:10: Service store is to be in namespace seldon, and --namespace says b"
    ):
        placed(manifests(TEXT, "x"), is_namespaced, asked="b", default="mine")


def test_the_body_has_our_label_beside_the_documents_own_and_the_document_stays_as_it_is():
    service = placed(manifests(TEXT, "x"), is_namespaced, asked=None, default="mine")[1]
    body = to_apply(service, "serving")
    assert body["metadata"]["labels"] == {"app": "store", SET_LABEL: "serving"}
    assert service.content["metadata"]["labels"] == {"app": "store"}


def test_an_object_given_twice_is_refused_with_both_places():
    text = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
    )
    with pytest.raises(UnfitDocument, match=r"x:5: Service a was there before, at x:1"):
        placed(manifests(text, "x"), is_namespaced, asked=None, default="d")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a\n", "x:1: a document of the type list; a Kubernetes object is expected"),
        ("kind: Service\n", "x:1: no apiVersion; every Kubernetes object has one"),
        ("apiVersion: v1\nkind: List\nitems: []\n", "x:1: a List; give its items as documents of their own"),
        ("apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}\n", "x:1: a Pod without metadata.name"),
        ("# nothing\n", "x: holds no document; there is nothing to apply"),
    ],
)
def test_what_is_no_object_is_refused(text, message):
    with pytest.raises(UnfitDocument) as caught:
        manifests(text, "x")
    assert message in str(caught.value)
