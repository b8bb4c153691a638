"""The walk over components that note what they are asked."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_server.graph.errors import NoSuchBranch, NoSuchRouting, WrapperError
from model_server.graph.messages import Context, GrpcMessage, RestMessage
from model_server.graph.predictor import from_dict
from model_server.graph.protos import ours
from model_server.graph.verbs import Verb
from model_server.graph.walk import Walk

REST = Context("id", "rest")
GRPC = Context("id", "grpc")


class Noting:
    """Answers with its name appended to the way so far; a router answers with the branch that it is given."""

    def __init__(self, name, asked, branch=0, fails=()):
        self.name = name
        self.asked = asked
        self.branch = branch
        self.fails = fails

    async def call(self, verb, message, context):
        self.asked.append((self.name, verb))
        await asyncio.sleep(0)
        if verb in self.fails:
            raise WrapperError(f"{self.name} fails")
        if verb is Verb.ROUTE:
            return RestMessage.of_tree({"data": {"ndarray": [[self.branch]]}})
        if verb is Verb.SEND_FEEDBACK:
            return RestMessage.of_tree({"meta": {}, "strData": self.name})
        return RestMessage.of_tree({"meta": {}, "strData": f"{message.shared_tree()['strData']} {self.name}"})

    async def aggregate(self, messages, context):
        self.asked.append((self.name, Verb.AGGREGATE))
        told = " | ".join(message.shared_tree()["strData"] for message in messages)
        return RestMessage.of_tree({"meta": {}, "strData": f"[{told}]"})


def node(name, kind, *children, **more):
    return {"name": name, "type": kind, "children": list(children), **more}


def a_walk(graph, *, branches=None, fails=None, chance=lambda: 0.0, **options):
    asked = []
    predictor = from_dict({"name": "p", "graph": graph}, "a test")
    components = {
        each.name: Noting(each.name, asked, (branches or {}).get(each.name, 0), (fails or {}).get(each.name, ()))
        for each in predictor.graph.walk()
    }
    return Walk(predictor.graph, components, chance=chance, **options), asked


def predict(walk, tree=None):
    answer = asyncio.run(walk.predict(RestMessage.of_tree(tree or {"strData": ">", "meta": {}}), REST))
    return answer.shared_tree()


def reward(walk, routing=None):
    tree = {"reward": 1.0} | ({} if routing is None else {"response": {"meta": {"routing": routing}}})
    return asyncio.run(walk.send_feedback(RestMessage(json.dumps(tree).encode()), REST))


def test_a_chain_goes_in_order_in_and_out():
    graph = node("out", "OUTPUT_TRANSFORMER", node("in", "TRANSFORMER", node("model", "MODEL", node("last", "MODEL"))))
    walk, _ = a_walk(graph)
    assert predict(walk)["strData"] == "> in model last out"


def test_a_transformer_by_method_wins_over_a_model():
    walk, asked = a_walk(node("both", "MODEL", methods=["TRANSFORM_INPUT", "TRANSFORM_OUTPUT"]))
    predict(walk)
    assert asked == [("both", Verb.TRANSFORM_INPUT), ("both", Verb.TRANSFORM_OUTPUT)]


def test_a_combiner_gets_its_childrens_answers_in_their_order():
    walk, _ = a_walk(node("c", "COMBINER", node("a", "MODEL"), node("b", "MODEL")))
    assert predict(walk)["strData"] == "[> a | > b]"


def test_without_a_combiner_the_first_child_is_the_answer():
    walk, asked = a_walk(node("m", "MODEL", node("a", "MODEL"), node("b", "MODEL")))
    assert predict(walk)["strData"] == "> m a"
    assert ("b", Verb.PREDICT) in asked


@pytest.mark.parametrize(("branch", "answer"), [(0, "> a"), (1, "> b"), (-1, "> a"), (-2, ">")])
def test_a_router_chooses(branch, answer):
    walk, _ = a_walk(node("r", "ROUTER", node("a", "MODEL"), node("b", "MODEL")), branches={"r": branch})
    told = predict(walk)
    assert told["strData"] == answer
    assert told["meta"]["routing"] == {"r": branch}


@pytest.mark.parametrize("branch", [2, -3, 0.5, "x", None])
def test_a_branch_that_does_not_exist_is_told_and_no_child_is_asked(branch):
    walk, asked = a_walk(node("r", "ROUTER", node("a", "MODEL"), node("b", "MODEL")), branches={"r": branch})
    with pytest.raises(NoSuchBranch, match="router r"):
        predict(walk)
    assert asked == [("r", Verb.ROUTE)]


@pytest.mark.parametrize(("chance", "answer"), [(0.29, "> a"), (0.31, "> b")])
def test_a_random_abtest_follows_its_ratio_whatever_other_parameters_it_has(chance, answer):
    parameters = [{"name": "other", "value": "1", "type": "INT"}, {"name": "ratioA", "value": "0.3", "type": "FLOAT"}]
    graph = {"name": "ab", "implementation": "RANDOM_ABTEST", "parameters": parameters}
    graph["children"] = [node("a", "MODEL"), node("b", "MODEL")]
    walk, _ = a_walk(graph, chance=lambda: chance)
    assert predict(walk)["strData"] == answer


def test_an_error_ends_the_request_once_all_children_have_ended():
    graph = node("c", "COMBINER", node("a", "MODEL"), node("b", "MODEL"), node("d", "MODEL"))
    walk, asked = a_walk(graph, fails={"b": [Verb.PREDICT], "d": [Verb.PREDICT]})
    with pytest.raises(WrapperError, match="b fails"):
        predict(walk)
    assert {name for name, _ in asked} == {"a", "b", "d"}


def test_routing_injection_tells_every_node_and_to_those_that_come_later():
    seen = []

    class Looking(Noting):
        async def call(self, verb, message, context):
            seen.append((self.name, message.shared_tree()["meta"].get("routing")))
            return await super().call(verb, message, context)

    walk, asked = a_walk(node("out", "OUTPUT_TRANSFORMER", node("m", "MODEL")), injects_routing=True)
    walk.components["out"] = Looking("out", asked)
    assert predict(walk)["meta"]["routing"] == {"m": -1, "out": -1}
    assert seen == [("out", {"m": -1})]


def test_an_answer_without_meta_gets_no_routing():
    walk, _ = a_walk(node("r", "ROUTER", node("a", "MODEL")), branches={"r": -2})
    assert predict(walk, {"strData": ">"}) == {"strData": ">"}


def test_over_grpc_the_choice_is_told_too():
    class OverGrpc(Noting):
        async def call(self, verb, message, context):
            answer = ours().SeldonMessage()
            answer.meta.SetInParent()
            answer.data.ndarray.extend([1.0])
            return GrpcMessage.of_proto(answer)

    walk, asked = a_walk(node("r", "ROUTER", node("a", "MODEL"), node("b", "MODEL")))
    for name in ("r", "a", "b"):
        walk.components[name] = OverGrpc(name, asked)
    answer = asyncio.run(walk.predict(GrpcMessage(b""), GRPC))
    assert dict(answer.shared_proto(ours().SeldonMessage).meta.routing) == {"r": 1}


NESTED = node(
    "t",
    "TRANSFORMER",
    node("r", "ROUTER", node("a", "MODEL"), node("s", "ROUTER", node("b", "MODEL"), node("c", "MODEL"))),
)


@pytest.mark.parametrize(
    ("routing", "rewarded"),
    [
        ({"r": 0}, ["a", "r"]),
        ({"r": 1, "s": 0}, ["b", "s", "r"]),
        ({"r": 1, "s": 1}, ["c", "s", "r"]),
        ({"r": 1}, ["s", "r"]),
        ({"r": -2}, ["r"]),
        ({"r": -1, "s": 1}, ["a", "c", "s", "r"]),
        ({}, ["r"]),
        (None, ["r"]),
    ],
)
def test_a_reward_goes_to_those_on_the_way(routing, rewarded):
    unrouted = []
    walk, asked = a_walk(NESTED, on_unrouted_feedback=unrouted.append)
    reward(walk, routing)
    assert sorted(name for name, _ in asked) == sorted(rewarded)
    assert {verb for _, verb in asked} == {Verb.SEND_FEEDBACK}
    chosen = set(routing or {})
    assert set(unrouted) == {name for name in rewarded if name in {"r", "s"} and name not in chosen}


def test_a_root_that_takes_no_feedback_echoes_it():
    walk, _ = a_walk(NESTED)
    assert reward(walk, {"r": 0}).shared_tree() == {"reward": 1.0, "response": {"meta": {"routing": {"r": 0}}}}


@pytest.mark.parametrize("routing", [{"r": 2}, {"r": 1, "s": 7}, {"r": -3}])
def test_feedback_that_names_no_branch_is_refused_before_anybody_is_rewarded(routing):
    walk, asked = a_walk(NESTED)
    with pytest.raises(NoSuchRouting, match="send back the response as it came"):
        reward(walk, routing)
    assert asked == []


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"response": 3}', b'{"response": {"meta": {"routing": {"r": "x"}}}}'])
def test_feedback_that_cannot_be_read_is_the_components_to_judge(body):
    walk, asked = a_walk(NESTED)
    asyncio.run(walk.send_feedback(RestMessage(body), REST))
    assert asked == [("r", Verb.SEND_FEEDBACK)]


def graphs():
    names = iter(range(10_000))

    def named(children):
        kind = st.sampled_from(["MODEL", "TRANSFORMER", "OUTPUT_TRANSFORMER", "ROUTER", "COMBINER"])
        return st.builds(lambda k, cs: node(f"n{next(names)}", k, *cs), kind, children)

    leaf = st.builds(lambda: node(f"n{next(names)}", "MODEL"))
    return st.recursive(leaf, lambda inner: named(st.lists(inner, min_size=1, max_size=3)), max_leaves=8)


@settings(max_examples=150, deadline=None)
@given(graphs(), st.data())
def test_in_any_graph_a_reward_reaches_exactly_the_models_and_routers_that_served(graph, data):
    predictor = from_dict({"name": "p", "graph": graph}, "a test")
    branches = {
        each.name: data.draw(st.integers(-1, len(each.children) - 1))
        for each in predictor.graph.walk()
        if each.type == "ROUTER" and each.children
    }
    walk, asked = a_walk(graph, branches=branches)
    told = predict(walk)
    served = {name for name, verb in asked if verb in {Verb.PREDICT, Verb.ROUTE}}
    asked.clear()
    reward(walk, told["meta"].get("routing", {}))
    assert {name for name, _ in asked} == served | {
        n.name
        for n in predictor.graph.walk()
        if n.type == "ROUTER" and not n.children and _reached(predictor.graph, n.name, branches)
    }


def _reached(at, name, branches):
    if at.name == name:
        return True
    branch = branches.get(at.name, -1)
    children = at.children if branch == -1 else (at.children[branch],)
    return any(_reached(child, name, branches) for child in children)


class Answering:
    """Answers with what it is given."""

    def __init__(self, answer):
        self.answer = answer

    async def call(self, verb, message, context):
        return self.answer


UNREADABLE = [
    (REST, RestMessage(b"plain text", "text/plain")),
    (REST, RestMessage(b"\x1f\x8b", "application/json", "gzip")),
    (REST, RestMessage(b"")),
    (GRPC, GrpcMessage(b"\xff\xff")),
]


@pytest.mark.parametrize(("context", "answer"), UNREADABLE)
def test_an_answer_that_cannot_be_read_passes_below_a_choice_as_it_came(context, answer):
    graph = node("ab", "UNKNOWN_TYPE", node("a", "MODEL"), node("b", "MODEL"), implementation="RANDOM_ABTEST")
    predictor = from_dict({"name": "p", "graph": graph}, "a test")
    for injects_routing in (False, True):
        walk = Walk(
            predictor.graph,
            {"a": Answering(answer), "b": Answering(answer)},
            chance=lambda: 0.0,
            injects_routing=injects_routing,
        )
        assert asyncio.run(walk.predict(RestMessage(b"{}"), context)) is answer


@pytest.mark.parametrize(("context", "answer"), UNREADABLE)
def test_a_router_that_cannot_be_read_chose_no_branch(context, answer):
    predictor = from_dict({"name": "p", "graph": node("r", "ROUTER", node("a", "MODEL"))}, "a test")
    walk = Walk(predictor.graph, {"r": Answering(answer), "a": Answering(answer)}, chance=lambda: 0.0)
    with pytest.raises(NoSuchBranch, match="router r did not answer with the number of a branch"):
        asyncio.run(walk.predict(RestMessage(b"{}"), context))
