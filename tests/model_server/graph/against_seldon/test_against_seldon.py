"""Generated requests to generated graphs: in one process, over Seldon's wrappers, by Seldon's executor over these; and
to every component alone, behind Seldon's wrapper and behind ours. Same answers, same metrics, but for what is stated.
"""

import os
import random
from collections import Counter

import component_differences
import differential_executor
import executor_differences
import pytest
from differential_conversations import Conversations
from differential_graphs import MAX_DEPTH, graphs
from differential_wrappers import KINDS, stock_wrappers

SEED = int(os.environ.get("FORKCAST_DIFFERENTIAL_SEED", "3"))
GRAPHS = graphs(random.Random(SEED), 20)
N_REQUESTS = 2_000
SHOWN = 5

pytestmark = pytest.mark.component
with_executor = pytest.mark.skipif(
    differential_executor.program() is None,
    reason=f"no executor of Seldon's: {differential_executor.VARIABLE} names none",
)
each_graph = pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: graph.name)


@pytest.fixture(scope="module")
def conversations(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seldon")
    with stock_wrappers(folder) as wrappers:
        yield Conversations(wrappers, folder, SEED)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_component_answers_as_behind_seldons_wrapper(kind, conversations):
    heard = conversations.with_component(kind)
    require_explained(heard.cases, component_differences.DIFFERENCES)
    assert heard.our_counts == pytest.approx(heard.seldons_counts), f"seed {SEED}"


@each_graph
def test_a_graph_in_one_process_answers_as_over_seldons_wrappers(graph, conversations):
    heard = conversations.with_graph(graph)
    require_explained(heard.cases, component_differences.DIFFERENCES)
    assert heard.our_counts == heard.seldons_counts, f"seed {SEED}: {graph}"


@with_executor
@each_graph
def test_a_graph_answers_as_by_seldons_executor(graph, conversations):
    require_explained(conversations.with_executor(graph).cases, executor_differences.DIFFERENCES)


def test_each_difference_between_components_applies_to_some_request(conversations):
    cases = [case for graph in GRAPHS for case in conversations.with_graph(graph).cases]
    cases += [case for kind in KINDS.values() for case in conversations.with_component(kind).cases]
    assert applied(cases, component_differences.DIFFERENCES) == component_differences.DIFFERENCES.names


@with_executor
def test_each_difference_from_the_executor_applies_to_some_request(conversations):
    cases = [case for graph in GRAPHS for case in conversations.with_executor(graph).cases]
    assert applied(cases, executor_differences.DIFFERENCES) == executor_differences.DIFFERENCES.names


def test_what_is_asked_is_as_much_and_as_various_as_it_says(conversations):
    cases = [case for graph in GRAPHS for case in conversations.with_graph(graph).cases]
    cases += [case for kind in KINDS.values() for case in conversations.with_component(kind).cases]
    assert len(cases) >= N_REQUESTS
    answered = Counter((case.request.transport, case.ours.code in {200, "OK"}) for case in cases)
    assert min(answered.values()) >= N_REQUESTS / 10, answered
    assert len(answered) == 4
    nodes = [node for graph in GRAPHS for node in graph.nodes()]
    assert {graph.depth() for graph in GRAPHS} == set(range(1, MAX_DEPTH + 1))
    types = {node.get("type") for node in nodes}
    assert types == {"MODEL", "TRANSFORMER", "OUTPUT_TRANSFORMER", "ROUTER", "COMBINER", None}
    assert {"RANDOM_ABTEST", "SIMPLE_MODEL"} <= {node["implementation"] for node in nodes}
    assert {node["name"] for node in nodes} >= KINDS.keys()


def require_explained(cases, differences):
    left = [case for case in cases if not case.is_same and not case.explained_by(differences)]
    shown = "\n\n".join(map(str, left[:SHOWN]))
    assert not left, f"seed {SEED}: {len(left)} of {len(cases)} answers differ; the first:\n\n{shown}"


def applied(cases, differences):
    return {name for case in cases if not case.is_same for name in case.explained_by(differences)}
