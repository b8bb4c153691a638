import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from runtime_under_test import overlay, predictor

from deployments.local.envoy import Gateway, bootstrap, clusters, routes
from deployments.local.envoy_tracing import Collector, collector_of
from deployments.local.errors import UnsupportedOverlay
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


def gateway(collector=None):
    return Gateway("127.0.0.1", 8003, "/run/admin.sock", "clusters.json", "routes.json", collector)


def manager_of(document):
    (listener,) = document["static_resources"]["listeners"]
    return listener["filter_chains"][0]["filters"][0]["typed_config"]


def test_without_a_collector_envoy_is_told_nothing_of_spans():
    document = bootstrap(gateway())
    assert list(document["static_resources"]) == ["listeners"]
    assert not {"tracing", "request_id_extension"} & set(manager_of(document))


def test_spans_go_to_the_collector_by_a_cluster_of_its_own_and_the_rest_stays_as_it_is():
    traced, untraced = bootstrap(gateway(Collector("::1", 4318, "/a", (("k", "v"),), 25.0))), bootstrap(gateway())
    (cluster,) = traced["static_resources"].pop("clusters")
    tracing = manager_of(traced).pop("tracing")
    del manager_of(traced)["request_id_extension"]
    assert traced == untraced
    service = tracing["provider"]["typed_config"]["http_service"]
    assert service["http_uri"]["cluster"] == cluster["name"]
    assert service["http_uri"]["uri"] == "http://[::1]:4318/a"
    assert service["request_headers_to_add"][0]["header"] == {"key": "k", "value": "v"}
    assert tracing["random_sampling"] == {"value": 25.0}
    (endpoint,) = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"]
    assert endpoint["endpoint"]["address"] == {"socket_address": {"address": "::1", "port_value": 4318}}


ENDPOINT, TRACES_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, None),
        ({ENDPOINT: " "}, None),
        ({ENDPOINT: "http://c:4318", "OTEL_SDK_DISABLED": "true"}, None),
        ({ENDPOINT: "http://c:4318"}, Collector("c", 4318)),
        ({ENDPOINT: "http://c/otlp/"}, Collector("c", 80, "/otlp/v1/traces")),
        ({ENDPOINT: "http://c:4318", TRACES_ENDPOINT: "http://[::1]:9/t"}, Collector("::1", 9, "/t")),
        (
            {ENDPOINT: "http://c:1", "OTEL_EXPORTER_OTLP_HEADERS": "Key=a%20b=c,none, other = d "},
            Collector("c", 1, headers=(("key", "a b=c"), ("other", "d"))),
        ),
    ],
)
def test_the_collector_is_the_one_that_opentelemetrys_variables_name(variables, expected):
    assert collector_of(variables) == (expected, None)


@pytest.mark.parametrize(
    ("sampler", "argument", "percent"),
    [
        ("parentbased_traceidratio", "0.25", 25.0),
        ("traceidratio", "0", 0.0),
        ("traceidratio", "2", 100.0),
        ("traceidratio", "much", 100.0),
        ("parentbased_always_off", "1", 0.0),
        ("parentbased_always_on", "0.25", 100.0),
        ("", "0.25", 100.0),
    ],
)
def test_the_share_that_is_sampled_is_that_of_a_sampler_by_ratio(sampler, argument, percent):
    variables = {ENDPOINT: "http://c:1", "OTEL_TRACES_SAMPLER": sampler, "OTEL_TRACES_SAMPLER_ARG": argument}
    collector, _ = collector_of(variables)
    assert collector.sampled_percent == percent


@pytest.mark.parametrize("url", ["https://c:4318", "c:4318", "http://", "http://[::1", "http://c:port"])
def test_a_collector_that_envoy_is_not_led_to_is_named_with_what_is_accepted(url):
    collector, why = collector_of({ENDPOINT: url})
    assert collector is None
    assert f"{ENDPOINT} is {url}/v1/traces" in why.replace("http:/v1", "http:///v1")
    assert "http://HOST:PORT" in why


def two_deployments(**annotations):
    annotations = {f"seldon.io/ambassador-{key.replace('_', '-')}": value for key, value in annotations.items()}
    main = overlay(predictor("champion"), name="main")
    second = overlay(predictor("challenger"), name="second", annotations=annotations)
    return f"{main}\n---\n{second}"


def chosen(document, headers, kind):
    """The cluster that Envoy would choose: the first route whose every condition holds."""
    for entry in entries(document):
        match = entry["match"]
        wanted = "/seldon/seldon/main/" if kind == "REST" else "/seldon.protos."
        if match["prefix"] == wanted and all(holds(each, headers) for each in match.get("headers", [])):
            return entry["route"]["weighted_clusters"]["clusters"][0]["name"].rsplit("-", 2)[0]
    return None


def holds(condition, headers):
    if condition.get("present_match"):
        return condition["name"] in headers
    return headers.get(condition["name"]) == condition["string_match"]["exact"]


@pytest.mark.parametrize(
    ("rule", "taken", "left"),
    [
        ("Location: london", {"location": "london"}, {"location": "paris"}),
        ("location:london", {"location": "london"}, {}),
        ("x-beta", {"x-beta": "whatever"}, {}),
    ],
)
@pytest.mark.parametrize("kind", ["REST", "gRPC"])
def test_a_header_gives_the_second_deployment_its_part_of_the_firsts_requests(rule, taken, left, kind):
    text = two_deployments(service_name="main", header=rule)
    document = routes(plan(load_documents(text, "x"), {}), "1")
    known = {"seldon": "main", "namespace": "seldon"} if kind == "gRPC" else {}
    assert chosen(document, known | taken, kind).startswith("second-challenger")
    assert chosen(document, known | left, kind).startswith("main-champion")


def test_a_value_goes_before_a_mere_name_and_both_before_no_header():
    bare = {"seldon.io/ambassador-service-name": "main", "seldon.io/ambassador-header": "x-beta"}
    text = two_deployments(service_name="main", header="x-beta: yes")
    text += "\n---\n" + overlay(predictor("third"), name="third", annotations=bare)
    document = routes(plan(load_documents(text, "x"), {}), "1")
    assert chosen(document, {"x-beta": "yes"}, "REST").startswith("second-")
    assert chosen(document, {"x-beta": "no"}, "REST").startswith("third-")
    assert chosen(document, {}, "REST").startswith("main-")


@pytest.mark.parametrize(
    ("annotations", "words"),
    [
        ({"service_name": "main"}, "2 deployments take the requests of /seldon/seldon/main without a header"),
        ({"service_name": "main", "header": "a b: c"}, '"name: value" or a bare name'),
        ({"service_name": "main", "header": "a:"}, '"name: value" or a bare name'),
        ({"service_name": "Main/"}, "the name of a SeldonDeployment is accepted"),
        ({"regex_header": "a: .*", "header": "a: b"}, "which Seldon does not look at"),
    ],
)
def test_a_rule_that_is_none_or_that_two_would_share_is_refused(annotations, words):
    with pytest.raises(UnsupportedOverlay, match=words):
        plan(load_documents(two_deployments(**annotations), "x"), {})


def retries(**annotations):
    annotations = {f"seldon.io/{key.replace('_', '-')}": value for key, value in annotations.items()}
    rest, grpc, _ = entries(routes(planned(predictor("champion"), annotations=annotations), "1"))
    assert rest["route"]["retry_policy"] == grpc["route"]["retry_policy"]
    policy = rest["route"]["retry_policy"]
    return policy["num_retries"], policy.get("per_try_timeout")


def test_retries_are_istios_or_else_ambassadors_and_a_timeout_of_each_is_in_seconds():
    assert retries() == (2, None)
    assert retries(istio_retries="5", istio_retries_timeout="3") == (5, "3.000s")
    assert retries(istio_retries="0", ambassador_retries="4") == (0, None)
    assert retries(ambassador_retries="4") == (4, None)
    assert retries(istio_retries_timeout="3") == (2, None), "as in Seldon, a number of retries has to stand beside it"


def test_a_timeout_of_a_predictor_reaches_its_pod_and_not_the_gateway_and_one_of_the_metadata_the_gateway_alone():
    champion = predictor("champion") | {"annotations": {"seldon.io/rest-timeout": "700"}}
    the_plan = planned(champion)
    rest, _, _ = entries(routes(the_plan, "1"))
    assert rest["route"]["timeout"] == "0.000s"
    assert the_plan.servers[0].annotations["seldon.io/rest-timeout"] == "700"
    document = json.loads(overlay(predictor("champion")))
    document["metadata"]["annotations"] = {"seldon.io/rest-timeout": "700"}
    the_plan = plan(load_documents(json.dumps(document), "x"), {})
    rest, _, _ = entries(routes(the_plan, "1"))
    assert rest["route"]["timeout"] == "0.700s"
    assert "seldon.io/rest-timeout" not in the_plan.servers[0].annotations
