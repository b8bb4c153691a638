import json

from hypothesis import given, settings
from hypothesis import strategies as st
from runtime_under_test import overlay, predictor

from deployments.local.envoy import Gateway, bootstrap, clusters, routes
from deployments.local.planning import plan
from deployments.local.programs import Ports
from deployments.seldon import load_documents


def planned(*predictors, **options):
    return plan(load_documents(overlay(*predictors, **options), "overlay.json"), {})


def entries(document):
    """The routes of a document: REST, gRPC, and the answer for everything else."""
    (configuration,) = document["resources"]
    return configuration["virtual_hosts"][0]["routes"]


def weights(entry, suffix):
    return {
        cluster["name"].removesuffix(suffix): cluster["weight"]
        for cluster in entry["route"]["weighted_clusters"]["clusters"]
    }


@st.composite
def splits(draw):
    cuts = sorted(draw(st.lists(st.integers(0, 100), max_size=5)))
    return [high - low for low, high in zip([0, *cuts], [*cuts, 100], strict=True)]


@settings(deadline=None)
@given(splits())
def test_the_weights_of_a_plan_come_back_from_the_document_for_rest_and_grpc_alike(split):
    the_plan = planned(*(predictor(f"p{i}", percent) for i, percent in enumerate(split)))
    document = json.loads(json.dumps(routes(the_plan, "7")))
    (route,) = the_plan.routes
    expected = {each.server.key: each.percent for each in route.destinations if each.percent}
    rest, grpc, _ = entries(document)
    assert weights(rest, "-rest") == weights(grpc, "-grpc") == expected
    assert sum(expected.values()) == 100
    assert document["version_info"] == "7"


@settings(deadline=None)
@given(splits())
def test_every_cluster_that_is_routed_to_exists_and_is_dialled_on_its_servers_own_port(split):
    the_plan = planned(*(predictor(f"p{i}", percent) for i, percent in enumerate(split)))
    ports = {each.key: Ports(1000 + i, 2000 + i, 3000 + i) for i, each in enumerate(the_plan.servers)}
    document = clusters(the_plan.servers, ports, "1")
    dialled = {
        each["name"]: each["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
        for each in document["resources"]
    }
    for server in the_plan.servers:
        own = ports[server.key]
        assert dialled[f"{server.key}-rest"] == {"socket_address": {"address": "127.0.0.1", "port_value": own.http}}
        assert dialled[f"{server.key}-grpc"] == {"socket_address": {"address": "127.0.0.1", "port_value": own.grpc}}
    rest, grpc, _ = entries(routes(the_plan, "1"))
    routed = [each["name"] for entry in (rest, grpc) for each in entry["route"]["weighted_clusters"]["clusters"]]
    assert set(routed) <= set(dialled)


def test_rest_is_found_by_its_path_and_grpc_by_its_metadata():
    rest, grpc, _ = entries(routes(planned(predictor("champion"), name="ads", namespace="shop"), "1"))
    assert rest["match"] == {"prefix": "/seldon/shop/ads/"}
    assert rest["route"]["prefix_rewrite"] == "/"
    assert grpc["match"]["prefix"] == "/seldon.protos."
    asked = {each["name"]: each["string_match"]["exact"] for each in grpc["match"]["headers"]}
    assert asked == {"seldon": "ads", "namespace": "shop"}


def test_each_transport_has_its_own_timeout():
    annotations = {"seldon.io/rest-timeout": "5500", "seldon.io/grpc-timeout": "750"}
    rest, grpc, _ = entries(routes(planned(predictor("champion"), annotations=annotations), "1"))
    assert (rest["route"]["timeout"], grpc["route"]["timeout"]) == ("5.500s", "0.750s")
    rest, grpc, _ = entries(routes(planned(predictor("champion")), "1"))
    assert (rest["route"]["timeout"], grpc["route"]["timeout"]) == ("0.000s", "0.000s")


def test_a_shadow_is_mirrored_to_and_never_routed_to():
    the_plan = planned(predictor("champion", 100), predictor("dark", 35, shadow=True))
    dark = the_plan.routes[0].shadow.server.key
    rest, grpc, _ = entries(routes(the_plan, "1"))
    for entry, suffix in ((rest, "-rest"), (grpc, "-grpc")):
        (mirror,) = entry["route"]["request_mirror_policies"]
        assert mirror["cluster"] == f"{dark}{suffix}"
        assert mirror["runtime_fraction"]["default_value"] == {"numerator": 35, "denominator": "HUNDRED"}
        assert dark not in weights(entry, suffix)


def test_the_graph_server_is_asked_over_rest_whether_it_is_ready_for_grpc_too():
    (server,) = planned(predictor("champion")).servers
    document = clusters([server], {server.key: Ports(http=1, grpc=2, metrics=1)}, "1")
    for cluster in document["resources"]:
        (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
        assert endpoint["endpoint"]["health_check_config"] == {"port_value": 1}
        (check,) = cluster["health_checks"]
        assert check["http_health_check"] == {"path": "/ready"}


def test_two_deployments_share_the_gateway():
    text = overlay(predictor("a"), name="one") + "\n---\n" + overlay(predictor("b"), name="two")
    document = routes(plan(load_documents(text, "overlay.yaml"), {}), "1")
    prefixes = [each["match"]["prefix"] for each in entries(document)]
    assert prefixes == ["/seldon/seldon/one/", "/seldon.protos.", "/seldon/seldon/two/", "/seldon.protos.", "/"]


def test_the_admin_door_is_no_tcp_port():
    document = bootstrap(Gateway("127.0.0.1", 8003, "/run/admin.sock", "clusters.json", "routes.json"))
    assert document["admin"]["address"] == {"pipe": {"path": "/run/admin.sock", "mode": 0o600}}
