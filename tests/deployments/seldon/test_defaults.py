"""What Seldon's operator fills in. Expected numbers are those that operator 1.17.1 was seen to give out."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.seldon import SeldonDeployment, defaulted
from deployments.seldon.names import container_service as service_name


def deployment(*predictors, **spec):
    return SeldonDeployment.model_validate(
        {
            "apiVersion": "machinelearning.seldon.io/v1",
            "kind": "SeldonDeployment",
            "metadata": {"name": "d"},
            "spec": {"predictors": predictors, **spec},
        },
        strict=False,
    )


def predictor(name, graph, *pods, **rest):
    containers = [{"spec": {"containers": [{"name": c} if isinstance(c, str) else c for c in pod]}} for pod in pods]
    return {"name": name, "graph": graph, "componentSpecs": containers, **rest}


SERVER = {"implementation": "XGBOOST_SERVER", "modelUri": "s3://bucket/model"}


def ports(ready):
    """By predictor and container: http, gRPC, metrics; None for the first two outside the graph."""
    found = {}
    for each in ready.spec.predictors:
        endpoints = {unit.name: unit.endpoint for unit in each.graph.walk() if unit.endpoint}
        for container in each.containers():
            endpoint = endpoints.get(container.name)
            http, grpc = (endpoint.http_port, endpoint.grpc_port) if endpoint else (None, None)
            found[each.name, container.name] = (http, grpc, container.port("metrics"))
    return found


def test_a_bare_node_is_a_model_and_the_version_is_the_predictor():
    ready = defaulted(deployment(predictor("main", {"name": "m"}, ["m"]))).spec.predictors[0]
    assert (ready.graph.type, ready.graph.implementation) == ("MODEL", "UNKNOWN_IMPLEMENTATION")
    assert ready.labels == {"version": "main"}
    assert ready.graph.endpoint.service_host == "localhost"


@pytest.mark.parametrize("said", [{"methods": []}, {"implementation": "UNKNOWN_IMPLEMENTATION"}])
def test_a_node_that_says_anything_of_what_it_is_gets_no_type(said):
    assert defaulted(deployment(predictor("main", {"name": "m", **said}, ["m"]))).spec.predictors[0].graph.type is None


def test_a_version_of_ones_own_stays():
    ready = defaulted(deployment(predictor("main", {"name": "m"}, ["m"], labels={"version": "7"})))
    assert ready.spec.predictors[0].labels == {"version": "7"}


def test_one_container_name_has_one_port_in_all_predictors_and_metrics_ports_are_never_shared():
    both = deployment(predictor("a", {"name": "m"}, ["m"]), predictor("b", {"name": "m"}, ["m"]))
    assert ports(defaulted(both)) == {("a", "m"): (9000, 9500, 6000), ("b", "m"): (9000, 9500, 6001)}


def test_containers_outside_the_graph_use_up_numbers_and_explicit_ports_are_honoured():
    explicit = {"name": "m", "ports": [{"name": n, "containerPort": p} for n, p in (("http", 80), ("metrics", 81))]}
    graph = {"name": "m", "children": [{"name": "x"}]}
    ready = defaulted(deployment(predictor("a", graph, ["side", explicit], ["x"])))
    assert ports(ready) == {
        ("a", "side"): (None, None, None),
        ("a", "m"): (80, 9501, 81),
        ("a", "x"): (9002, 9502, 6000),
    }


def test_a_server_without_container_gets_one_in_the_first_pod_numbered_after_all_others():
    graph = {"name": "r", "type": "ROUTER", "children": [{"name": "m"}, {"name": "z", "type": "ROUTER", **SERVER}]}
    ready = defaulted(deployment(predictor("p", graph, ["m", "r"], ["side"])))
    first, second = ready.spec.predictors[0].component_specs
    assert [container.name for container in first.spec.containers] == ["m", "r", "z"]
    assert [container.name for container in second.spec.containers] == ["side"]
    assert ports(ready)["p", "z"] == (9003, 9503, 6002)
    assert ready.spec.predictors[0].graph.children[1].type == "MODEL"
    assert ready.spec.predictors[0].container("z").image == "seldonio/xgboostserver:1.17.1"


@pytest.mark.parametrize("protocol", ["v2", "kfserving"])
def test_a_servers_image_goes_by_the_protocol_unless_it_has_its_own(protocol):
    bare, own = {"name": "z", **SERVER}, {"name": "z", **SERVER}
    ready = defaulted(
        deployment(predictor("a", bare), predictor("b", own, [{"name": "z", "image": "mine"}]), protocol=protocol)
    )
    assert [p.container("z").image for p in ready.spec.predictors] == ["seldonio/mlserver:1.3.5-xgboost", "mine"]


def test_hosts_ports_and_types_of_endpoints():
    graph = {
        "name": "m",
        "endpoint": {"service_host": "elsewhere", "service_port": 1, "type": "GRPC"},
        "children": [{"name": "x"}, {"name": "x"}],
    }
    endpoints = [
        u.endpoint for u in defaulted(deployment(predictor("p", graph, ["m"], ["x"]))).spec.predictors[0].graph.walk()
    ]
    assert (endpoints[0].service_host, endpoints[0].service_port, endpoints[0].type) == ("localhost", 9500, "GRPC")
    assert (endpoints[1].service_host, endpoints[1].service_port) == ("d-p-x.default.svc.cluster.local", 9001)
    assert endpoints[2] is None, "the second node of a name gets none"


@pytest.mark.parametrize(("value", "host"), [("TRUE", "d-p-m.default.svc.cluster.local"), ("yes", "localhost")])
def test_a_separate_engine_finds_nothing_at_localhost(value, host):
    annotations = {"seldon.io/engine-separate-pod": value}
    ready = defaulted(deployment(predictor("p", {"name": "m"}, ["m"]), annotations=annotations))
    assert ready.spec.predictors[0].graph.endpoint.service_host == host


def test_a_service_name_beyond_63_characters_is_hashed():
    assert service_name("d", "p", "c" * 59) == "d-p-" + "c" * 59
    recorded = {"seldon-500e034e90be4ccb4d8e2607967206c8", "seldon-6d5ab4cc056e1cd7f3f3b710af6aef1f"}
    name = service_name("install-probability-for-mobile-video-advertising", "the-challenger-predictor", "scorer")
    assert name in recorded


names = st.text(string.ascii_lowercase[:4], min_size=1, max_size=1)
graphs = st.recursive(
    st.builds(lambda name, more: {"name": name, **more}, names, st.sampled_from([{}, SERVER, {"type": "ROUTER"}])),
    lambda children: st.builds(
        lambda name, below: {"name": name, "children": below}, names, st.lists(children, max_size=3)
    ),
    max_leaves=6,
)
pods = st.lists(st.lists(names, max_size=3, unique=True), max_size=3)
deployments = st.lists(st.tuples(graphs, pods), min_size=1, max_size=3).map(
    lambda each: deployment(*(predictor(f"p{i}", graph, *pods) for i, (graph, pods) in enumerate(each)))
)


@given(deployments)
def test_what_was_written_stays_where_it_was(written):
    ready = defaulted(written)
    for before, after in zip(written.spec.predictors, ready.spec.predictors, strict=True):
        assert [unit.name for unit in before.graph.walk()] == [unit.name for unit in after.graph.walk()]
        for pod_before, pod_after in zip(before.component_specs, after.component_specs, strict=False):
            names_before = [container.name for container in pod_before.spec.containers]
            names_after = [container.name for container in pod_after.spec.containers]
            assert names_after[: len(names_before)] == names_before


@given(deployments)
def test_every_server_has_a_container_with_an_image(written):
    for each in defaulted(written).spec.predictors:
        for unit in each.graph.walk():
            if unit.implementation == "XGBOOST_SERVER":
                assert each.container(unit.name) is not None


@given(deployments)
def test_ports_collide_in_no_pod_and_metrics_ports_nowhere(written):
    ready = defaulted(written)
    metrics = [c.port("metrics") for p in ready.spec.predictors for c in p.containers() if c.ports]
    assert len(set(metrics)) == len(metrics)
    for each in ready.spec.predictors:
        http = {unit.name: unit.endpoint.http_port for unit in each.graph.walk() if unit.endpoint}
        assert len(set(http.values())) == len(http)
