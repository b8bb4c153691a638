"""Graphs to serve, drawn from a seed: every kind of node over the zoo's components, each at most once in a graph."""

from dataclasses import dataclass

from differential_wrappers import KINDS, LABELS, LOOPBACK, PREDICTOR
from recorded_conversations import with_endpoints

MAX_DEPTH = 4
FITTING = {
    "MODEL": ["scales", "tagged", "answers", "refuses", "raw", "responds", "component"],
    "TRANSFORMER": ["renames", "raw", "responds"],
    "OUTPUT_TRANSFORMER": ["rounds", "tagged", "raw"],
    "ROUTER": ["picks", "splits"],
    "COMBINER": ["averages", "splits", "raw"],
}
METHODS = [
    ["TRANSFORM_INPUT", "TRANSFORM_OUTPUT"],
    ["ROUTE", "AGGREGATE", "SEND_FEEDBACK"],
    ["TRANSFORM_OUTPUT"],
    ["SEND_FEEDBACK"],
    ["AGGREGATE"],
    ["TRANSFORM_INPUT", "AGGREGATE"],
]
ROUTING_INJECTION = "SELDON_ENABLE_ROUTING_INJECTION"


@dataclass(frozen=True)
class Graph:
    """A predictor without endpoints."""

    name: str
    predictor: dict
    injects_routing: bool

    @property
    def root(self):
        return self.predictor["graph"]

    @property
    def environment(self):
        return {ROUTING_INJECTION: "true"} if self.injects_routing else {}

    def nodes(self):
        return list(_walk(self.root))

    def components(self):
        return [node["name"] for node in self.nodes() if node["name"] in KINDS]

    def choosers(self):
        """The nodes that choose among their children, with how many they have."""
        return {node["name"]: len(node["children"]) for node in self.nodes() if chooses(node) and node.get("children")}

    def depth(self):
        return _depth(self.root)

    def elsewhere(self, wrappers):
        """The predictor with its components at the stock wrappers."""
        return with_endpoints(
            self.predictor,
            {name: (LOOPBACK, wrappers[name].http_port, wrappers[name].grpc_port) for name in self.components()},
        )

    def __str__(self):
        return f"{self.name}{' with routing injection' if self.injects_routing else ''}: {_told(self.root)}"


def graphs(rng, n):
    """Those that show what chance might leave out, the others as they come; a third of them with routing injection."""
    return [_graph(f"graph-{i}", FIXED.get(i) or _node(rng, set(KINDS), 1), i % 3 == 2) for i in range(n)]


def chooses(node):
    return node.get("type") == "ROUTER" or "ROUTE" in node.get("methods", ()) or is_abtest(node)


def is_abtest(node):
    return node.get("implementation") == "RANDOM_ABTEST"


def _graph(name, root, injects_routing):
    names = [node["name"] for node in _walk(root) if node["name"] in KINDS]
    predictor = {
        "name": PREDICTOR,
        "labels": LABELS,
        "annotations": {},
        "graph": root,
        "componentSpecs": [{"spec": {"containers": [KINDS[name].container for name in names]}}],
    }
    return Graph(name, predictor, injects_routing)


def _node(rng, left, depth):
    if depth == MAX_DEPTH or len(left) < 3 or rng.random() < (depth - 1) * 0.25:
        return _leaf(rng, left)
    form = rng.choice(["over one", "over one", "router", "router", "combiner", "combiner", "built in", "methods"])
    match form:
        case "over one":
            node = _of_type(rng, left, rng.choice(["TRANSFORMER", "MODEL", "OUTPUT_TRANSFORMER"]))
            n_children = 1 if rng.random() < 0.8 else 2
        case "router":
            node, n_children = _of_type(rng, left, "ROUTER"), rng.choice([2, 2, 3])
        case "combiner":
            node, n_children = _of_type(rng, left, "COMBINER"), rng.choice([2, 2, 3])
        case "built in":
            node, n_children = _built_in(rng, depth, left)
        case _:
            node, n_children = _by_methods(rng, left), 2
    return node | {"children": [_node(rng, left, depth + 1) for _ in range(n_children) if left]}


def _leaf(rng, left):
    kind = rng.choice(["MODEL"] * 8 + ["OUTPUT_TRANSFORMER", "TRANSFORMER"])
    return _of_type(rng, left, kind) | {"children": []}


def _of_type(rng, left, kind):
    """Mostly a component that is made for it; sometimes any, which is asked what it has no method for."""
    fitting = [name for name in FITTING[kind] if name in left]
    name = rng.choice(fitting or sorted(left)) if rng.random() < 0.93 else rng.choice(sorted(left))
    left.discard(name)
    node = {"name": name, "type": kind, "implementation": "UNKNOWN_IMPLEMENTATION"}
    if rng.random() < 0.1:
        node["methods"] = rng.choice(METHODS)
    return node | _parameters(name)


def _by_methods(rng, left):
    name = rng.choice([name for name in ("splits", "raw", "tagged", "picks") if name in left] or sorted(left))
    left.discard(name)
    return {"name": name, "implementation": "UNKNOWN_IMPLEMENTATION", "methods": rng.choice(METHODS)} | _parameters(
        name
    )


def _parameters(name):
    return {"parameters": KINDS[name].parameter_trees} if KINDS[name].parameters else {}


def _built_in(rng, depth, left):
    if rng.random() < 0.25 or len(left) < 2:
        return {"name": f"passes-{depth}-{len(left)}", "implementation": "SIMPLE_MODEL"}, 1
    ratio = rng.choice(["0.0", "1.0", "0", "1"])
    parameters = [{"name": "ratioA", "value": ratio, "type": "FLOAT"}]
    return {"name": f"ab-{depth}-{len(left)}", "implementation": "RANDOM_ABTEST", "parameters": parameters}, 2


def _walk(node):
    yield node
    for child in node["children"]:
        yield from _walk(child)


def _depth(node):
    return 1 + max(map(_depth, node["children"]), default=0)


def _told(node):
    kind = node.get("type") or node["implementation"]
    methods = f"+{'+'.join(node['methods'])}" if "methods" in node else ""
    children = f"({', '.join(map(_told, node['children']))})" if node["children"] else ""
    return f"{node['name']}:{kind}{methods}{children}"


def _of(name, kind, *children):
    return {"name": name, "type": kind, "implementation": "UNKNOWN_IMPLEMENTATION", "children": list(children)} | (
        _parameters(name)
    )


FIXED = {
    3: _of(
        "averages", "COMBINER", _of("answers", "MODEL", _of("scales", "MODEL")), _of("tagged", "OUTPUT_TRANSFORMER")
    ),
    5: _of("answers", "MODEL"),
    6: _of("refuses", "MODEL"),
    8: _of("picks", "ROUTER", _of("scales", "MODEL"), _of("responds", "MODEL")),
    13: _of("raw", "MODEL"),
    19: _of("tagged", "MODEL"),
}
"""By number."""
