"""What graph servers tell at /prometheus, held against the vocabulary: names, types and labels, both ways."""

import asyncio
import json
import socket
from pathlib import Path

import pytest
from graph_server_process import graph_arguments, started
from prometheus_client.parser import text_string_to_metric_families
from routers_under_test import CHILDREN, Caller, Refused, eventually, parameters, predictor, request
from valkey_server import valkey_server

from model_server import metric_names as names
from model_server.impressions import NAMES, to_rows
from model_server.metric_vocabulary import VOCABULARY

pytestmark = pytest.mark.component
HERE = Path(__file__).parent
NOT_PROVOKED_HERE = {names.EVENTS_DROPPED, names.TIMED_OUT}
"""A request log without a listener, and a class that hangs: test_request_log.py, test_server_accidents.py."""


def families_of(page):
    """Name -> (type, names of labels over all samples, what HELP says)."""
    families = {}
    for family in text_string_to_metric_families(page):
        labels = {label for sample in family.samples for label in sample.labels}
        families[family.name] = (family.type, labels - {"le"}, family.documentation)
    return families


def a_model_behind_its_detector(models, detector):
    def node(name, kind, folder, *children):
        return {"name": name, "type": kind, "parameters": parameters(model_uri=str(folder)), "children": list(children)}

    classes = {
        "classifier": "model_server.install_model.InstallModel",
        "outlier-detector": "model_server.outliers.outlier_detector.OutlierDetector",
    }
    containers = [
        {"name": name, "image": f"{name}:1", "env": [{"name": "MODEL_NAME", "value": each}]}
        for name, each in classes.items()
    ]
    model = node("classifier", "MODEL", models / "champion")
    graph = node("outlier-detector", "TRANSFORMER", detector, model)
    return {"name": "champion", "graph": graph, "componentSpecs": [{"spec": {"containers": containers}}]}


async def page_after(tree, folder, ask):
    arguments, environment = graph_arguments(tree, folder)
    async with (
        started(arguments, folder, environment=environment, python_path=[HERE]) as server,
        Caller(server.http_port, server.grpc_port) as caller,
    ):
        await ask(caller, server)
        return server.metrics()


def impressions_asked(rows):
    async def ask(caller, server):
        def message(row, **changed):
            return {"data": {"names": list(NAMES), "ndarray": [[changed.get(n, v) for n, v in zip(NAMES, row)]]}}  # noqa: B905

        answer = await caller.predict(message(rows[0]))
        await caller.predict(message(rows[1]), "grpc")
        await caller.predict(message(rows[2], campaignId="never seen", lastStart="2030-01-01T00:00:00Z", country=None))
        for reward in (0.0, 1.0):
            await caller.rest("/api/v1.0/feedback", {"request": message(rows[0]), "response": answer, "reward": reward})
        for refused in ({"data": {"tensor": {"shape": [1, 1], "values": [1]}}}, {"data": {"ndarray": [["?"]]}}):
            with pytest.raises(Refused):
                await caller.predict(refused)
        with socket.create_connection(("127.0.0.1", server.http_port)) as raw:
            raw.sendall(b"NONSENSE\r\n\r\n")
            assert raw.recv(100).startswith(b"HTTP/1.1 400")

        async def has_compared_a_window():
            await asyncio.gather(*(caller.predict(message(rows[0])) for _ in range(100)))
            return names.DRIFT_PSI in server.metrics()

        await eventually(has_compared_a_window)

    return ask


def a_bandit_asked(store):
    async def ask(caller, server):
        answer = await caller.predict(request())
        for _ in range(2):  # the second is a duplicate
            await caller.feedback({"request": request(), "response": answer, "reward": 1.0})
        await caller.feedback({"request": request(), "response": {"data": answer["data"]}, "reward": 1.0})
        store.kill()
        with pytest.raises(Refused, match="send it again later"):
            await caller.feedback({"request": request(), "response": await caller.predict(request()), "reward": 1.0})

        async def is_told():
            await caller.predict(request())  # with whose answer it is
            return names.ROUTER_STORE_ERRORS in server.metrics()

        await eventually(is_told)

    return ask


async def a_hash_router_asked(caller, _):
    for users in ([7], [None], [7, 8]):
        await caller.predict({"data": {"names": ["a"], "ndarray": [[user] for user in users]}})


@pytest.fixture(scope="module")
def told(models, detector, labelled, tmp_path_factory):
    """All families that three servers tell."""
    rows = json.loads(json.dumps(to_rows(labelled[0].take(slice(0, 3)))))

    async def run(store):
        arms = ",".join(CHILDREN)
        bandit = predictor("epsilon_greedy.EpsilonGreedy", arms=arms, exploration_floor=0.05, state=store.url)
        sticky = predictor("hash_router.HashRouter", arms="champion=50,challenger=50", experiment="e", column="a")
        asked = (
            (a_model_behind_its_detector(models, detector), impressions_asked(rows)),
            (bandit, a_bandit_asked(store)),
            (sticky, a_hash_router_asked),
        )
        return [await page_after(tree, tmp_path_factory.mktemp("told"), ask) for tree, ask in asked]

    with valkey_server() as store:
        pages = asyncio.run(run(store))
        families = {}
        for page in pages:
            for name, (kind, labels, meaning) in families_of(page).items():
                _, known, _ = families.get(name, (kind, set(), meaning))
                families[name] = (kind, labels | known, meaning)
        return families


def test_nothing_is_told_that_the_vocabulary_does_not_know(told):
    known = {metric.name: (metric.kind, set(metric.all_labels), metric.meaning) for metric in VOCABULARY}
    for name, family in told.items():
        assert known.get(name) == family, name


def test_everything_the_vocabulary_knows_is_told(told):
    assert {metric.name for metric in VOCABULARY} - told.keys() == NOT_PROVOKED_HERE


def test_the_vocabulary_has_every_name_once_and_a_meaning_and_a_question_for_it():
    assert len({metric.name for metric in VOCABULARY}) == len(VOCABULARY)
    for metric in VOCABULARY:
        assert metric.meaning.endswith(".")
        assert metric.question.endswith("?")
