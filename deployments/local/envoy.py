"""What should run -> what Envoy is told. Pure: plans go in, JSON-ready documents come out.

Three documents: the bootstrap (listener, admin) is read once; the clusters and the routes lie in files of their own
that Envoy watches, so that they change while it serves. REST and gRPC share one port, as they do behind an Istio or
Ambassador gateway, and are told apart as Seldon's VirtualService tells them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deployments.local.envoy_tracing import Collector, collector_cluster, tracing
from deployments.local.plan import Destination, Plan, Route
from deployments.local.programs import LOOPBACK, Ports, PredictorServer

type Document = dict[str, Any]
type ClusterOf = Callable[[PredictorServer], str]

ROUTES: Final = "forkcast"
LARGEST_BODY_BYTES: Final = 16 * 2**20
"""A REST body beyond this is answered 413. gRPC has the server's own limit, and its RESOURCE_EXHAUSTED."""

LARGEST_NUMBER_OF_CONNECTIONS: Final = 4096
"""Of clients, and as many to each predictor: beyond what one machine's clients open, below what it can hold."""

READY_PATH: Final = "/ready"
HEALTH_CHECK_SECONDS: Final = 0.5
HEALTH_ANSWER_SECONDS: Final = 5.0
CONNECT_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 60.0  # Seldon's operator writes the same into Istio's DestinationRule
RETRY_ON: Final = "connect-failure,refused-stream,gateway-error"  # Seldon's operator writes the same for Istio

_TYPE = "type.googleapis.com/envoy."
_CLUSTER = _TYPE + "config.cluster.v3.Cluster"
_ROUTES = _TYPE + "config.route.v3.RouteConfiguration"
_ROUTER = _TYPE + "extensions.filters.http.router.v3.Router"
_BUFFER = _TYPE + "extensions.filters.http.buffer.v3.Buffer"
_BUFFER_PER_ROUTE = _TYPE + "extensions.filters.http.buffer.v3.BufferPerRoute"
_MANAGER = _TYPE + "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
_CONNECTION_LIMIT = _TYPE + "extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
_LIMITS = ("max_connections", "max_pending_requests", "max_requests")
_PROTOCOL = _TYPE + "extensions.upstreams.http.v3.HttpProtocolOptions"


@dataclass(frozen=True)
class Gateway:
    """Where Envoy listens, where its admin door is, and which files it watches."""

    host: str
    port: int
    admin_socket: str
    clusters_file: str
    routes_file: str
    collector: Collector | None = None
    """Where a span of each request goes; None: there are none."""


def bootstrap(gateway: Gateway) -> Document:
    """The document that Envoy starts with."""
    static: Document = {"listeners": [_listener(gateway)]}
    if gateway.collector is not None:
        static["clusters"] = [collector_cluster(gateway.collector)]
    return {
        "node": {"id": "forkcast", "cluster": "forkcast"},
        "admin": {"address": {"pipe": {"path": gateway.admin_socket, "mode": 0o600}}},
        "dynamic_resources": {"cds_config": _watched(gateway.clusters_file)},
        "static_resources": static,
        "overload_manager": {"resource_monitors": [_connection_limit()]},
    }


def clusters(servers: Sequence[PredictorServer], ports: Mapping[str, Ports], version: str) -> Document:
    """Two clusters for each predictor's server, REST and gRPC; `ports` by the server's key."""
    resources = []
    for server in servers:
        own = ports[server.key]
        resources.append(_cluster(rest_cluster(server), own.http, own.http, {"http_protocol_options": {}}))
        resources.append(_cluster(grpc_cluster(server), own.grpc, own.http, {"http2_protocol_options": {}}))
    return {"version_info": version, "resources": resources}


def routes(plan: Plan, version: str) -> Document:
    """How requests find their cluster, and the answer for those that find none."""
    # The first that matches is taken, so what asks for a header, and then for its value, comes first.
    table = [entry for route in sorted(plan.routes, key=_breadth) for entry in (_rest_route(route), _grpc_route(route))]
    virtual_host = {
        "name": ROUTES,
        "domains": ["*"],
        "routes": [*table, _nothing_here(plan)],
        "request_headers_to_add": [_header("seldon-puid", "%REQ(x-request-id)%")],
        "response_headers_to_add": [_header("seldon-puid", "%REQ(seldon-puid)%")],
    }
    return {
        "version_info": version,
        "resources": [{"@type": _ROUTES, "name": ROUTES, "virtual_hosts": [virtual_host]}],
    }


def rest_cluster(server: PredictorServer) -> str:
    return f"{server.key}-rest"


def grpc_cluster(server: PredictorServer) -> str:
    return f"{server.key}-grpc"


def clusters_of(servers: Iterable[PredictorServer]) -> list[str]:
    """Every cluster of these predictors."""
    return [cluster_of(server) for server in servers for cluster_of in (rest_cluster, grpc_cluster)]


def rest_prefix(route: Route) -> str:
    """The path under which a deployment is reached: Seldon's, /seldon/<namespace>/<deployment>/."""
    return f"/seldon/{route.namespace}/{route.name_in_path}/"


def _watched(file: str) -> Document:
    return {"resource_api_version": "V3", "path_config_source": {"path": file}}


def _listener(gateway: Gateway) -> Document:
    manager = {
        "@type": _MANAGER,
        "stat_prefix": "gateway",
        "codec_type": "AUTO",
        "rds": {"route_config_name": ROUTES, "config_source": _watched(gateway.routes_file)},
        # The caller's own x-request-id and Seldon-Puid are kept; it is on this machine, or was let in on purpose.
        "preserve_external_request_id": True,
        "http_filters": [
            _filter("buffer", {"@type": _BUFFER, "max_request_bytes": LARGEST_BODY_BYTES}),
            _filter("router", {"@type": _ROUTER}),
        ],
        **({} if gateway.collector is None else tracing(gateway.collector)),
    }
    return {
        "name": "gateway",
        "address": _address(gateway.host, gateway.port),
        # A second listener on the port must fail, not take half of the requests.
        "enable_reuse_port": False,
        "filter_chains": [{"filters": [{"name": "manager", "typed_config": manager}]}],
    }


def _connection_limit() -> Document:
    limit = {"@type": _CONNECTION_LIMIT, "max_active_downstream_connections": LARGEST_NUMBER_OF_CONNECTIONS}
    return {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": limit}


def _filter(name: str, typed_config: Document) -> Document:
    return {"name": f"envoy.filters.http.{name}", "typed_config": typed_config}


def _address(host: str, port: int) -> Document:
    return {"socket_address": {"address": host, "port_value": port}}


def _cluster(name: str, port: int, health_port: int, protocol: Document) -> Document:
    health = {"port_value": health_port}
    endpoint = {"endpoint": {"address": _address(LOOPBACK, port), "health_check_config": health}}
    return {
        "@type": _CLUSTER,
        "name": name,
        "type": "STATIC",
        "connect_timeout": _duration(CONNECT_SECONDS),
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": _PROTOCOL,
                "common_http_protocol_options": {"idle_timeout": _duration(IDLE_SECONDS)},
                "explicit_http_config": protocol,
            }
        },
        # The graph server answers while its components compute, over REST for both of its ports. It has time to, for
        # an answer that comes late under load must not take a model out that is well; a refused connection is news.
        "health_checks": [
            {
                "timeout": _duration(HEALTH_ANSWER_SECONDS),
                "interval": _duration(HEALTH_CHECK_SECONDS),
                "no_traffic_interval": _duration(HEALTH_CHECK_SECONDS),
                "unhealthy_threshold": 2,
                "healthy_threshold": 1,
                "http_health_check": {"path": READY_PATH},
            }
        ],
        # One host: where it is known to be dead, an answer at once is better than a try.
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
        "circuit_breakers": {"thresholds": [dict.fromkeys(_LIMITS, LARGEST_NUMBER_OF_CONNECTIONS)]},
    }


def _rest_route(route: Route) -> Document:
    action = _action(route, rest_cluster, route.rest_timeout_seconds)
    return {
        "name": f"{_name(route)} REST",
        "match": {"prefix": rest_prefix(route), **({"headers": rule} if (rule := _header_rule(route)) else {})},
        "route": action | {"prefix_rewrite": "/"},
    }


def _grpc_route(route: Route) -> Document:
    metadata = {"seldon": route.name_in_path, "namespace": route.namespace}
    return {
        "name": f"{_name(route)} gRPC",
        "match": {
            "prefix": "/seldon.protos.",
            "headers": [{"name": name, "string_match": {"exact": value}} for name, value in metadata.items()]
            + _header_rule(route),
        },
        "route": _action(route, grpc_cluster, route.grpc_timeout_seconds),
        "typed_per_filter_config": {"envoy.filters.http.buffer": {"@type": _BUFFER_PER_ROUTE, "disabled": True}},
    }


def _action(route: Route, cluster_of: ClusterOf, timeout_seconds: float | None) -> Document:
    weights = [
        {"name": cluster_of(destination.server), "weight": destination.percent}
        for destination in route.destinations
        if destination.percent > 0
    ]
    action: Document = {
        "weighted_clusters": {"clusters": weights},
        "timeout": _duration(timeout_seconds or 0),  # 0 is Envoy's word for none
        "retry_policy": _retries(route),
    }
    if route.shadow is not None:
        action["request_mirror_policies"] = [_mirror(route.shadow, cluster_of)]
    return action


def _retries(route: Route) -> Document:
    policy: Document = {"retry_on": RETRY_ON, "num_retries": route.retries}
    if route.retry_timeout_seconds is not None:
        policy["per_try_timeout"] = _duration(route.retry_timeout_seconds)
    return policy


def _name(route: Route) -> str:
    return f"{route.namespace}/{route.deployment}"


def _header_rule(route: Route) -> list[Document]:
    if route.header is None:
        return []
    if route.header.value is None:
        return [{"name": route.header.name, "present_match": True}]
    return [{"name": route.header.name, "string_match": {"exact": route.header.value}}]


def _mirror(shadow: Destination, cluster_of: ClusterOf) -> Document:
    share = {"numerator": shadow.percent, "denominator": "HUNDRED"}
    return {"cluster": cluster_of(shadow.server), "runtime_fraction": {"default_value": share}}


def _nothing_here(plan: Plan) -> Document:
    accepted = "".join(
        f"  REST: POST {rest_prefix(route)}api/v1.0/predictions{_asked_of(route)}\n"
        f"  gRPC: /seldon.protos.Seldon/Predict with metadata seldon={route.name_in_path}, "
        f"namespace={route.namespace}{_asked_of(route)}\n"
        for route in plan.routes
    )
    body = {"inline_string": f"Nothing is served at this path. What is:\n{accepted}"}
    return {"match": {"prefix": "/"}, "direct_response": {"status": 404, "body": body}}


def _asked_of(route: Route) -> str:
    return f" (header {route.header})" if route.header else ""


def _breadth(route: Route) -> int:
    """The less of a path's requests it takes, the less."""
    return 2 if route.header is None else 1 if route.header.value is None else 0


def _header(name: str, value: str) -> Document:
    return {"header": {"key": name, "value": value}, "append_action": "ADD_IF_ABSENT"}


def _duration(seconds: float) -> str:
    return f"{seconds:.3f}s"
