"""Requests to ask, drawn from a seed, over REST and gRPC: of graphs, and of components as the wrapper has them."""

from differential_forms import JSON, Request, as_json, as_protobuf, in_both_forms, in_some_form
from differential_payloads import BRANCHES, WORDS, feedback, junk, odd_feedback, odd_tree, tree

from model_server.graph import protos
from model_server.graph.verbs import Verb

ODD_PART = 0.25
"""Of the requests; the others are well-formed, though a component may refuse them."""
SELDON = "/seldon.protos.Seldon"
PLAIN_VERBS = [Verb.PREDICT, Verb.TRANSFORM_INPUT, Verb.TRANSFORM_OUTPUT, Verb.ROUTE]
RARE = (
    {"strData": "x", "status": True},
    {"strData": "x", "meta": None},
    {"data": {"ndarray": [[5]]}, "meta": {"tags": None}},
)
"""What chance alone would not always draw."""


def to_graph(rng, graph, n_each):
    """Predictions and feedback, and what else a graph tells."""
    choosers = graph.choosers()
    requests = [in_some_form(rng, *_of_graph(rng, choosers)) for _ in range(n_each)]
    requests += [_grpc_of_graph(rng, choosers) for _ in range(n_each)]
    for word in BRANCHES if choosers else WORDS:
        requests += in_both_forms({"strData": word}, "/api/v1.0/predictions", f"{SELDON}/Predict")
    requests += in_both_forms({"data": {"ndarray": [[5]]}}, "/api/v1.0/predictions", f"{SELDON}/Predict")
    nodes = [*graph.components(), "nobody"]
    told = ["/api/v1.0/metadata", "/api/v1.0/health/status", "/ready", "/live", "/nowhere", "/predict"]
    told += [f"/api/v1.0/{what}/{node}" for what in ("metadata", "status") for node in nodes]
    requests += [Request("rest", "GET", None, path=path) for path in told]
    requests.append(Request("rest", "PUT", {}, b"{}", "/api/v1.0/predictions", JSON))
    requests.append(Request("grpc", f"{SELDON}/GraphMetadata", None))
    for node in nodes:
        asked = protos.ours().SeldonModelMetadataRequest(name=node)
        requests.append(Request("grpc", f"{SELDON}/ModelMetadata", {"name": node}, asked.SerializeToString()))
    return requests


def to_component(rng, n_each):
    """All that the wrapper takes."""
    requests = [in_some_form(rng, *_of_component(rng)) for _ in range(n_each)]
    requests += [_grpc_of_component(rng) for _ in range(n_each)]
    for word in WORDS:
        requests += in_both_forms({"data": {"ndarray": [[word]]}}, "/predict", Verb.PREDICT.grpc_method)
    requests += [as_json("/predict", said) for said in RARE]
    told = ["/health/ping", "/health/status", "/api/v1.0/health/status", "/metadata", "/api/v1.0/metadata", "/nowhere"]
    requests += [Request("rest", "GET", None, path=path) for path in told]
    requests += [Request("rest", "POST", None, path=path, content_type=JSON) for path in ("/metadata", "/health/ping")]
    requests += [Request("rest", "GET", None, path="/api/v1.0/predictions")]
    empty = ("Model/Metadata", "Seldon/ModelMetadata", "Seldon/GraphMetadata")
    return requests + [Request("grpc", f"/seldon.protos.{method}", None) for method in empty]


def _of_graph(rng, choosers):
    """A path, and what is sent there."""
    version = rng.choice(["v1.0", "v0.1"])
    is_odd = rng.random() < ODD_PART
    if rng.random() < 0.25:
        draw = odd_feedback if is_odd else feedback
        return f"/api/{version}/feedback", draw(rng, choosers)
    return f"/api/{version}/predictions", (odd_tree if is_odd else tree)(rng)


def _of_component(rng):
    is_odd = rng.random() < ODD_PART
    match rng.randrange(8):
        case 0:
            path = rng.choice(["/send-feedback", "/api/v1.0/feedback", "/api/v0.1/feedback"])
            return path, (odd_feedback if is_odd else feedback)(rng, {"picks": 2, "splits": 3})
        case 1:
            return "/aggregate", _to_aggregate(rng, is_odd)
        case 2 | 3 | 4:
            path = rng.choice(["/predict", "/api/v1.0/predictions", "/api/v0.1/predictions"])
        case _:
            path = rng.choice(PLAIN_VERBS).path
    return path, (odd_tree if is_odd else tree)(rng)


def _to_aggregate(rng, is_odd):
    messages = [(odd_tree if is_odd and rng.random() < 0.5 else tree)(rng) for _ in range(rng.randrange(1, 4))]
    if is_odd:
        return rng.choice([[], messages, messages[0], {"seldonMessages": junk(rng)}, junk(rng)])
    return rng.choice([messages, {"seldonMessages": messages}])


def _grpc_of_graph(rng, choosers):
    if rng.random() < 0.25:
        return as_protobuf(f"{SELDON}/SendFeedback", rng, lambda rng: feedback(rng, choosers))
    return as_protobuf(f"{SELDON}/Predict", rng, tree)


def _grpc_of_component(rng):
    service = rng.choice([name for name in protos.SERVICES if protos.SERVICES[name]])
    methods = [name for name in protos.SERVICES[service] if not name.endswith("Metadata")]
    method = rng.choice(methods)
    draw = {
        "SendFeedback": lambda rng: feedback(rng, {"picks": 2, "splits": 3}),
        "Aggregate": lambda rng: {"seldonMessages": [tree(rng) for _ in range(rng.randrange(4))]},
    }.get(method, tree)
    return as_protobuf(f"/seldon.protos.{service}/{method}", rng, draw)
