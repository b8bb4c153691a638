"""Whether a live object says what a document says: quantities, names and order are the API's, not the letters'."""

from hypothesis import given
from hypothesis import strategies as st
from objects_of_a_cluster import TEXT, a_served_deployment, manifest_of

from deployments.cluster.carried import behind, gateway_behind, istio_shares
from deployments.cluster.wanted import workloads


def paths(document_text, change=lambda container: None):
    """Where the first Deployment of the served TEXT, its container changed, is behind another text."""
    manifest, deployment = manifest_of(document_text)
    live = a_served_deployment()["Deployment"][0]
    change(live["spec"]["template"]["spec"]["containers"][0])
    return behind(manifest.content["spec"], workloads(deployment)[0], live)


CONTAINER = "spec.predictors[0].componentSpecs[0].spec.containers[0]"


def test_a_quantity_is_the_same_in_whatever_unit():
    assert paths(TEXT.replace('cpu: "1"', "cpu: 1000m")) == []
    assert paths(TEXT.replace('cpu: "1"', "cpu: 1.0")) == []
    assert paths(TEXT.replace('cpu: "1"', "cpu: 900m")) == [f"{CONTAINER}.resources.limits.cpu"]
    assert (
        paths(
            TEXT.replace('cpu: "1"', "memory: 1024Mi"),
            lambda container: container.update(resources={"limits": {"memory": "1Gi"}}),
        )
        == []
    )


@given(st.integers(1, 4096), st.sampled_from(["", "k", "M", "G", "Ki", "Mi", "Gi"]))
def test_a_quantity_counts_as_itself_and_not_as_one_more(number, suffix):
    live = {"resources": {"limits": {"cpu": f"{number}{suffix}"}}}
    same = TEXT.replace('cpu: "1"', f'cpu: "{number}{suffix}"')
    more = TEXT.replace('cpu: "1"', f'cpu: "{number + 1}{suffix}"')
    assert paths(same, lambda container: container.update(live)) == []
    assert paths(more, lambda container: container.update(live)) == [f"{CONTAINER}.resources.limits.cpu"]


def test_what_the_operator_and_the_api_server_add_counts_for_nothing():
    def add(container):
        container.update(terminationMessagePath="/dev/termination-log", env=[{"name": "PREDICTOR_ID", "value": "a"}])

    assert paths(TEXT, add) == []


def test_a_variable_may_stand_twice_and_elsewhere_in_the_list():
    written = TEXT.replace("image: model:1", "image: model:1\n                env: [{name: A, value: '1'}]")
    env = [{"name": "B", "value": "2"}, {"name": "A", "value": "1"}, {"name": "A", "value": "0"}]
    assert paths(written, lambda container: container.update(env=env)) == []
    assert paths(written, lambda container: container.update(env=env[:1])) == [f"{CONTAINER}.env[0]"]
    assert paths(written, lambda container: container.update(env=env[2:])) == [f"{CONTAINER}.env[0].value"]


def test_a_changed_graph_is_seen_in_what_the_orchestrator_is_told():
    written = TEXT.replace("{name: m, type: MODEL}", "{name: m, type: MODEL, modelUri: s3://other}", 1)
    assert paths(written) == ["spec.predictors[0].graph.modelUri"]


def test_replicas_and_annotations_are_compared():
    assert paths(TEXT.replace("    - name: a\n", "    - name: a\n      replicas: 2\n")) == [
        "spec.predictors[0].replicas"
    ]
    annotated = TEXT.replace("    - name: a\n", "    - name: a\n      annotations: {version: '2'}\n")
    assert paths(annotated) == ["spec.predictors[0].componentSpecs[0].metadata.annotations"]


def test_a_weight_that_is_left_out_is_0_and_so_is_a_mirrors_percent():
    live, mirrored = istio_shares(
        {
            "route": [{"destination": {"subset": "a"}, "weight": 100}, {"destination": {"subset": "b"}}],
            "mirror": {"subset": "c"},
        }
    )
    assert (live, mirrored) == ({"a": 100, "b": 0}, {"c": 0})


def test_mappings_are_behind_until_each_but_the_first_has_its_weight():
    _, deployment = manifest_of()
    mappings = [
        {"spec": {"service": "sd-a.ns:8000", "prefix": "/"}},
        {"spec": {"service": "sd-b.ns:8000", "prefix": "/", "weight": 10}},
    ]
    assert gateway_behind(deployment, {"Mapping": mappings}) == []
    mappings[1]["spec"]["weight"] = 20
    assert gateway_behind(deployment, {"Mapping": mappings}) == ["the Mappings of b to say 10 %"]
    assert gateway_behind(deployment, {"Mapping": mappings[:1]}) == ["the Mappings of b to say 10 %"]
    assert gateway_behind(deployment, {}) == []
