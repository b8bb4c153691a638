"""Where a path in a container lies on a claim."""

import json

import pytest

from deployments.seldon import claimed_uri, load_documents, model_uri

MOUNTS = [
    {"name": "models", "mountPath": "/mnt/models/", "subPath": "champion/"},
    {"name": "models", "mountPath": "/mnt/models/extra", "subPath": "other"},
    {"name": "all", "mountPath": "/all"},
    {"name": "scratch", "mountPath": "/scratch"},
]
VOLUMES = [
    {"name": "models", "persistentVolumeClaim": {"claimName": "models"}},
    {"name": "all", "persistentVolumeClaim": {"claimName": "everything"}},
    {"name": "scratch", "emptyDir": {}},
]


def predictor(*parameters, mounts=MOUNTS, uri=None):
    listed = [{"name": f"p{i}", "type": "STRING", "value": value} for i, value in enumerate(parameters)]
    graph = {"name": "m", "type": "MODEL", "parameters": listed, **({"modelUri": uri} if uri else {})}
    pod = {"containers": [{"name": "m", "image": "m:1", "volumeMounts": mounts}], "volumes": VOLUMES}
    written = {"predictors": [{"name": "p", "graph": graph, "componentSpecs": [{"spec": pod}]}]}
    text = {"apiVersion": "machinelearning.seldon.io/v1", "kind": "SeldonDeployment", "metadata": {"name": "d"}}
    (deployment,) = load_documents(json.dumps({**text, "spec": written}), "x")
    return deployment.spec.predictors[0]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/mnt/models", "pvc://models/champion"),
        ("/mnt/models/", "pvc://models/champion"),
        ("/mnt/models/v2/model.ubj", "pvc://models/champion/v2/model.ubj"),
        ("/mnt/models/extra/x", "pvc://models/other/x"),
        ("/all/x", "pvc://everything/x"),
        ("/all", "pvc://everything"),
        ("/mnt/models-of-others", None),
        ("/mnt", None),
        ("/scratch/x", None),
        ("mnt/models", None),
        ("0.5", None),
        ("", None),
    ],
)
def test_a_path_lies_on_the_innermost_claim_that_is_mounted_above_it(path, expected):
    assert claimed_uri(path, predictor(), "m") == expected


def test_another_container_sees_nothing_of_it():
    assert claimed_uri("/mnt/models", predictor(), "other") is None


def test_a_nodes_model_is_its_uri_or_else_the_first_parameter_on_a_claim():
    one = predictor("0.5", "/mnt/models", "/all/x")
    assert model_uri(one.graph, one) == "pvc://models/champion"
    both = predictor("/mnt/models", uri="s3://bucket/m")
    assert model_uri(both.graph, both) == "s3://bucket/m"
    none = predictor("/mnt/models", mounts=[])
    assert model_uri(none.graph, none) is None
