"""Routers in a graph: in the graph server's own process, behind Seldon's wrapper, and under Seldon's real executor."""

import asyncio
import base64
import contextlib
import io
import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from graph_server_process import free_ports, graph_arguments, started
from rich.console import Console
from routers_under_test import (
    CHILDREN,
    SCORES,
    Caller,
    Refused,
    eventually,
    is_open,
    parameters,
    predictor,
    request,
    stock_components,
)
from valkey_server import valkey_server

from model_server.routers.assignment import arm_of
from traffic_sim.progress import Progress
from traffic_sim.scenario import Scenario
from traffic_sim.simulate import carry_out, plan_of
from traffic_sim.worlds import encounters

pytestmark = pytest.mark.component
HERE = Path(__file__).parent
HALVES = {"champion": 50.0, "challenger": 50.0}
TRANSPORTS = ("rest", "grpc")
EXECUTOR = "FORKCAST_SELDON_EXECUTOR"


@contextlib.asynccontextmanager
async def serving(tree, folder, workers=2):
    arguments, environment = graph_arguments(tree, folder)
    arguments += ["--workers", str(workers)]
    async with (
        started(arguments, folder, environment=environment, python_path=[HERE]) as server,
        Caller(server.http_port, server.grpc_port) as caller,
    ):
        yield server, caller


async def require_sticky_and_tagged(caller, *, tells_routing=True):
    """What a client may count on, whoever serves it."""
    for transport in TRANSPORTS:
        for user in range(24):
            arm = arm_of(f"u{user}", "e", HALVES)
            other = CHILDREN[1 - CHILDREN.index(arm)]
            for forged in ({}, {"arm": other, "propensity": 0.001}):
                answer = await caller.predict(request(f"u{user}", **forged), transport)
                tags = answer["meta"]["tags"]
                assert (tags["arm"], tags["propensity"], tags["scored"]) == (arm, 0.5, SCORES[arm])
                assert tags["user"] == f"u{user}"
                if tells_routing:
                    assert answer["meta"]["routing"]["router"] == CHILDREN.index(arm)


def counted(page, name):
    """Label arm -> sum over everything else."""
    found = Counter()
    for line in page.splitlines():
        match = re.match(rf"{name}\{{(.*)\}} (\S+)$", line)
        if match:
            arm = re.search(r'arm="(\w+)"', match[1])
            found[arm[1] if arm else ""] += float(match[2])
    return found


def test_the_graph_server_keeps_users_with_their_arm(tmp_path):
    async def run():
        tree = predictor("hash_router.HashRouter", arms="champion=50,challenger=50", experiment="e")
        async with serving(tree, tmp_path) as (server, caller):
            await require_sticky_and_tagged(caller)
            choices = counted(server.metrics(), "router_choices_total")
            assert sum(choices.values()) == 2 * 24 * 2
            with pytest.raises(Refused) as refused:
                await caller.predict(request(True))
            assert refused.value.code == 400
            with pytest.raises(Refused) as refused:
                await caller.predict(request(True), "grpc")
            assert refused.value.code == "INVALID_ARGUMENT"

    asyncio.run(run())


def test_a_router_without_methods_chooses_when_it_is_asked_for_the_route(tmp_path):
    async def run():
        tree = predictor("hash_router.HashRouter", methods=[], arms="champion=50,challenger=50", experiment="e")
        async with serving(tree, tmp_path) as (_, caller):
            for user in range(12):
                arm = arm_of(f"u{user}", "e", HALVES)
                other = CHILDREN[1 - CHILDREN.index(arm)]
                answer = await caller.predict(request(f"u{user}", arm=other))
                assert answer["meta"]["tags"]["scored"] == SCORES[arm]
                assert answer["meta"]["routing"] == {"router": CHILDREN.index(arm)}

    asyncio.run(run())


def feedback_on(answer, reward):
    return {"request": request(), "response": answer, "reward": reward}


def identified(answer, puid):
    return {**answer, "meta": {**answer["meta"], "puid": puid}}


async def teach(caller, n, rates):
    """Ask and reward; how often each arm was chosen."""
    chosen = Counter()
    for i in range(n):
        transport = TRANSPORTS[i % 2]
        answer = await caller.predict(request(), transport)
        arm = answer["meta"]["tags"]["arm"]
        chosen[arm] += 1
        await caller.feedback(feedback_on(answer, rates[arm]), transport)
    return chosen


async def probabilities_told(caller, is_enough):
    """Those of the tags, once every worker must have heard of it."""
    n_same = 0
    while n_same < 20:
        tags = (await caller.predict(request()))["meta"]["tags"]
        n_same = n_same + 1 if is_enough(tags) else 0
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("bandit", ["epsilon_greedy.EpsilonGreedy", "thompson_sampling.ThompsonSampling"])
def test_a_bandit_of_two_workers_learns_outlives_its_store_and_its_own_death(bandit, tmp_path):
    """Rewards are always 0 for one arm and always 1 for the other, so nothing here is left to chance but that both are
    tried in 80 requests: each has at least 5 % whatever was learnt, and the first of both workers' choices are even.
    """

    async def run(valkey):
        tree = predictor(bandit, arms="champion,challenger", exploration_floor=0.05, state=valkey.url)
        async with serving(tree, tmp_path) as (server, caller):
            await teach(caller, 80, {"champion": 0.0, "challenger": 1.0})
            likely = {"champion": 0.05, "challenger": 0.95}
            await asyncio.wait_for(
                probabilities_told(caller, lambda tags: abs(tags["propensity"] - likely[tags["arm"]]) < 0.02), 60
            )
            answer = await caller.predict(request())
            arm = answer["meta"]["tags"]["arm"]
            trials = counted(server.metrics(), "router_trials_total")
            assert sum(trials.values()) == 80
            for transport in TRANSPORTS * 2:  # learnt once, whichever worker gets it
                await caller.feedback(feedback_on(identified(answer, "once"), 1), transport)
            assert counted(server.metrics(), "router_trials_total") - trials == {arm: 1}
            for transport, code in (("rest", 400), ("grpc", "INVALID_ARGUMENT")):
                with pytest.raises(Refused) as refused:
                    await caller.feedback(feedback_on(answer, 1.5), transport)
                assert refused.value.code == code

            valkey.kill()
            for transport, code in (("rest", 503), ("grpc", "UNAVAILABLE")):
                with pytest.raises(Refused, match="send it again later") as refused:
                    await caller.feedback(feedback_on(answer, 1), transport)
                assert refused.value.code == code
            for transport in TRANSPORTS * 10:
                tags = (await caller.predict(request(), transport))["meta"]["tags"]
                assert abs(tags["propensity"] - likely[tags["arm"]]) < 0.02
            await eventually(lambda: _told_store_errors(server, caller))

            valkey.start()
            again = identified(answer, "again")  # so that it counts once, though its first answer were lost
            await eventually(lambda: _is_taken(caller, feedback_on(again, 1)))
            client = valkey.client()
            (name,) = client.keys("forkcast:bandit:*")
            assert name == b"forkcast:bandit:dep/arms/router/default"
            learnt = client.hgetall(name)
            assert sum(float(value) for field, value in learnt.items() if field.endswith(b":trials")) == 82
            client.close()
            os.killpg(server.process.pid, 9)
            await server.process.wait()
        async with serving(tree, tmp_path) as (_, caller):
            for _ in range(20):  # each worker knows it from its first request on
                tags = (await caller.predict(request()))["meta"]["tags"]
                assert abs(tags["propensity"] - likely[tags["arm"]]) < 0.02

    with valkey_server() as valkey:
        asyncio.run(run(valkey))


async def _is_taken(caller, feedback):
    try:
        await caller.feedback(feedback)
    except Refused as refused:
        if refused.code != 503:
            raise
        return False
    return True


async def _told_store_errors(server, caller):
    await caller.predict(request())
    return sum(counted(server.metrics(), "router_store_errors_total").values()) > 0


@pytest.fixture(scope="module")
def stock(tmp_path_factory):
    """Both models and a router of each kind behind Seldon's wrapper; the bandit's store is never there."""
    away = f"unix://{tmp_path_factory.mktemp('away')}/no-store"
    components = {name: ("routed_models.Scorer", {"score": SCORES[name]}) for name in CHILDREN}
    sticky = {"arms": "champion=50,challenger=50", "experiment": "e"}
    components["router"] = ("model_server.routers.hash_router.HashRouter", sticky)
    components["bandit"] = (
        "model_server.routers.thompson_sampling.ThompsonSampling",
        {"arms": "champion,challenger", "state": away},
    )
    with stock_components(components, tmp_path_factory.mktemp("stock")) as ports:
        yield ports


def test_seldons_wrapper_serves_a_router_as_it_is(stock):
    async def run():
        async with Caller(*stock["router"]) as caller:
            for user in range(12):
                index = CHILDREN.index(arm_of(f"u{user}", "e", HALVES))
                asked = request(f"u{user}", arm=CHILDREN[1 - index])
                goes_on = await caller.rest("/transform-input", asked)
                assert goes_on["meta"]["tags"]["arm"] == CHILDREN[index]
                assert (await caller.rest("/route", goes_on))["data"]["ndarray"] == [[index]]
                goes_on = await caller.grpc("Transformer/TransformInput", asked)
                assert goes_on["meta"]["tags"]["arm"] == CHILDREN[index]
                assert (await caller.grpc("Router/Route", goes_on))["data"]["ndarray"] == [[index]]
            for ask, code in (
                (lambda: caller.rest("/transform-input", request(True)), 400),
                (lambda: caller.grpc("Transformer/TransformInput", request(True)), "INVALID_ARGUMENT"),
                (lambda: caller.rest("/send-feedback", feedback_on({"meta": {"tags": {"arm": "champion"}}}, 2)), 400),
            ):
                with pytest.raises(Refused) as refused:
                    await ask()
                assert refused.value.code == code

    asyncio.run(run())


def test_behind_seldons_wrapper_a_bandit_without_its_store_chooses_and_refuses_feedback(stock):
    async def run():
        async with Caller(*stock["bandit"]) as caller:
            status, health = await caller.get("/health/status")
            assert (status, health["data"]["ndarray"]) == (200, list(CHILDREN))
            assert {"router_arm_probability", "router_state_age_seconds"} <= {
                m["key"] for m in health["meta"]["metrics"]
            }
            for _ in range(10):
                tags = (await caller.rest("/transform-input", request()))["meta"]["tags"]
                assert tags["propensity"] == pytest.approx(0.5, abs=1e-4)
            on = feedback_on({"meta": {"tags": {"arm": "champion"}}}, 1)
            for ask, code in (
                (lambda: caller.rest("/send-feedback", on), 503),
                (lambda: caller.grpc("Model/SendFeedback", on, "Feedback"), "UNAVAILABLE"),
            ):
                with pytest.raises(Refused, match="send it again later") as refused:
                    await ask()
                assert refused.value.code == code

    asyncio.run(run())


@contextlib.asynccontextmanager
async def executor(tree, folder, **environment):
    """Seldon's own, asked as a gateway would."""
    http_port, grpc_port = free_ports(2)
    variables = {**os.environ, **environment, "ENGINE_PREDICTOR": base64.b64encode(json.dumps(tree).encode()).decode()}
    arguments = ["--sdep", "dep", "--namespace", "ns", "--predictor", "arms", "--prometheus_path", "/prometheus"]
    arguments += ["--http_port", str(http_port), "--grpc_port", str(grpc_port)]
    with (Path(folder) / "executor.log").open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            os.environ[EXECUTOR], *arguments, env=variables, stdout=output, stderr=output
        )
    try:
        await eventually(lambda: is_open(http_port) and is_open(grpc_port))
        async with Caller(http_port, grpc_port) as caller:
            yield caller
    finally:
        process.kill()
        await process.wait()


@pytest.mark.skipif(EXECUTOR not in os.environ, reason=f"no executor of Seldon's: {EXECUTOR} names none")
@pytest.mark.parametrize("injects", [True, False])
def test_under_seldons_executor_the_tags_come_through(stock, injects, tmp_path):
    async def run():
        tree = predictor("hash_router.HashRouter", stock, arms="champion=50,challenger=50", experiment="e")
        environment = {"SELDON_ENABLE_ROUTING_INJECTION": "true"} if injects else {}
        async with executor(tree, tmp_path, **environment) as caller:
            await require_sticky_and_tagged(caller, tells_routing=injects)
            for transport in TRANSPORTS:
                answer = await caller.predict(request("u1"), transport)
                assert ("routing" in answer["meta"]) is injects
                told = await caller.feedback(feedback_on(answer, 1), transport)
                assert told["meta"]["requestPath"] == {"router": "router:1"}

    asyncio.run(run())


def test_the_graph_server_over_stock_components_does_the_same(stock, tmp_path):
    async def run():
        tree = predictor("hash_router.HashRouter", stock, arms="champion=50,challenger=50", experiment="e")
        async with serving(tree, tmp_path, workers=1) as (_, caller):
            await require_sticky_and_tagged(caller)

    asyncio.run(run())


def simulated(server, transport, **fields):
    port = server.grpc_port if transport == "grpc" else server.http_port
    defaults = {
        "world": "ranked",
        "rate_records_per_second": 400,
        "rows_per_request": 5,
        "duration_seconds": 2,
        "direct": True,
        "gateway": f"127.0.0.1:{port}",
        "transport": transport,
        "timeout_seconds": 30,
        "max_lag_p99_seconds": 60,
        "feedback_ratio": 1,
        "feedback_delay_seconds": 0,
    }
    scenario = Scenario.from_mapping({**defaults, **fields}, "a test")
    return carry_out(scenario, plan_of(scenario, encounters), Progress(Console(file=io.StringIO()), 2))


SIMULATED = pytest.mark.parametrize("transport", ["http", "grpc", "seldon-client"])


@SIMULATED
def test_the_simulator_sees_that_users_stay_with_their_arm(models, transport, tmp_path):
    async def run():
        tree = predictor("hash_router.HashRouter", models=models, arms="champion=50,challenger=50", experiment="e")
        async with serving(tree, tmp_path) as (server, _):
            found = await simulated(server, transport, n_users=12, thresholds=["inconsistent_users <= 0"])
        assert found.exit_code == 0, found.summary
        assert sorted(found.summary.predictors) == ["challenger", "champion"]
        assert found.summary.users_seen == 12

    asyncio.run(run())


@SIMULATED
def test_the_simulators_feedback_teaches_a_bandit_each_reward_once(models, transport, tmp_path):
    async def run(valkey):
        tree = predictor(
            "thompson_sampling.ThompsonSampling", models=models, arms="champion,challenger", state=valkey.url
        )
        async with serving(tree, tmp_path) as (server, _):
            found = await simulated(server, transport, thresholds=["error_ratio <= 0", "feedback_error_ratio <= 0"])
            trials = counted(server.metrics(), "router_trials_total")
        assert found.exit_code == 0, found.summary
        by_arm = {name: tally.n_feedback for name, tally in found.summary.predictors.items()}
        assert trials == by_arm
        assert sum(by_arm.values()) == 160
        client = valkey.client()
        n_marks = len(client.keys("fb:*"))
        client.close()
        # Seldon's client sends no id to a lone server without a gateway, nor tells which one the server made.
        assert n_marks == (0 if transport == "seldon-client" else 160)

    with valkey_server() as valkey:
        asyncio.run(run(valkey))


def test_parameters_that_say_nothing_stop_the_server_at_its_start(tmp_path):
    async def run():
        arguments = ["model_server.routers.hash_router.HashRouter"]
        environment = {"PREDICTIVE_UNIT_PARAMETERS": json.dumps(parameters(arms="a=50,b=49"))}
        async with started(arguments, tmp_path, environment=environment, until_ready=False) as server:
            assert await asyncio.wait_for(server.process.wait(), 60) == 1
            assert "whose percents sum to 99, not to 100" in server.log

    asyncio.run(run())
