"""Programs are killed under traffic: what should come back does, and what should end leaves nothing."""

import os
import signal

import psutil
import pytest
from runtime_under_test import (
    assert_have_ended,
    champion_of,
    eventually,
    graph_of,
    has_restarted,
    node,
    overlay,
    predictor,
    tree_of,
)
from steady_load import Load

pytestmark = [pytest.mark.component, pytest.mark.filterwarnings("ignore::DeprecationWarning")]


AB_TEST = overlay(predictor("champion", 50), predictor("challenger", 50))


FUSED_AND_ISOLATED = pytest.mark.parametrize("options", [[], ["--isolated"]], ids=["fused", "isolated"])


@pytest.fixture
def ab_test(forkcast):
    forkcast.up(AB_TEST)
    return forkcast


@pytest.fixture(scope="module")
def mended(forkcast_of_module):
    """One runtime for the accidents that it mends itself."""
    forkcast_of_module.up(AB_TEST)
    return forkcast_of_module


def test_envoy_comes_back_on_the_same_port_after_kill_9(mended):
    old = mended.status()["envoy"]["pid"]
    with Load(mended.url, 50) as load:
        eventually(lambda: len(load.answers) > 10)
        os.kill(old, signal.SIGKILL)
        eventually(lambda: load.failures, what="a failed request")
        eventually(lambda: load.answers[-1] in {"champion", "challenger"}, what="an answer from the new Envoy")
    envoy = mended.status()["envoy"]
    assert envoy["restarts"] == 1
    assert envoy["pid"] != old


def test_a_killed_graph_server_comes_back_whole_and_the_other_predictor_serves_meanwhile(mended):
    (before,) = champion_of(mended)
    tree = tree_of(before["pid"])
    assert len(tree) >= 2  # the one that holds the sockets, and its worker: kill -9 of the first orphans the other
    with Load(mended.url, 50) as load:
        eventually(lambda: {"champion", "challenger"} <= set(load.answers))
        os.kill(before["pid"], signal.SIGKILL)

        def is_back():
            (champion,) = champion_of(mended)
            return champion["condition"] == "ready" and has_restarted(champion, before)

        eventually(is_back, what="the champion being back")
        n_until_back = len(load.answers)
        eventually(lambda: "champion" in load.answers[n_until_back:])
    assert "challenger" in load.answers
    assert all(failure.startswith("failed: 503") for failure in load.failures)
    assert_have_ended(tree)


def test_a_killed_worker_of_a_graph_server_is_replaced_by_its_server(mended):
    (before,) = champion_of(mended)
    (worker,) = psutil.Process(before["pid"]).children()
    with Load(mended.url, 50) as load:
        eventually(lambda: "champion" in load.answers)
        worker.kill()
        eventually(lambda: not worker.is_running() or worker.status() == psutil.STATUS_ZOMBIE)
        n_until_killed = len(load.answers)
        eventually(lambda: "champion" in load.answers[n_until_killed:])
    (after,) = champion_of(mended)
    assert (after["pid"], after["restarts"]) == (before["pid"], before["restarts"])


def test_a_graph_server_that_hangs_is_started_anew(mended):
    (before,) = champion_of(mended)
    tree = tree_of(before["pid"])
    for process in tree:
        process.suspend()
    eventually(lambda: has_restarted(champion_of(mended)[0], before), what="another graph server")
    eventually(lambda: champion_of(mended)[0]["condition"] == "ready", what="the champion being back")
    assert_have_ended(tree)


@FUSED_AND_ISOLATED
def test_when_the_runtime_is_killed_everything_ends_by_itself(forkcast, options):
    forkcast.up(AB_TEST, *options)
    status = forkcast.status()
    with Load(forkcast.url, 50) as load:
        eventually(lambda: len(load.answers) > 10)
        os.kill(status["pid"], signal.SIGKILL)
        eventually(lambda: not forkcast.processes(), what="the end of every process")
    forkcast.assert_nothing_is_left(status)
    assert "nothing is running here" in forkcast("status", code=2)


def test_down_ends_what_is_left_when_the_guardian_died_with_the_runtime(ab_test):
    status = ab_test.status()
    foreign = psutil.Popen(["sleep", "600"], start_new_session=True)
    try:
        os.kill(status["pid"], signal.SIGSTOP)  # so that it does not replace its guardian
        os.kill(status["guardian"], signal.SIGKILL)
        os.kill(status["pid"], signal.SIGKILL)
        assert "left of an earlier runtime" in ab_test("doctor", "--port", str(ab_test.port), code=1)
        assert "ended what an earlier runtime had left" in ab_test("down")
        ab_test.assert_nothing_is_left(status)
        assert foreign.is_running()
    finally:
        foreign.kill()
        foreign.wait()


def test_up_over_the_remains_of_a_killed_runtime_works(ab_test):
    status = ab_test.status()
    os.kill(status["pid"], signal.SIGSTOP)
    os.kill(status["guardian"], signal.SIGKILL)
    os.kill(status["pid"], signal.SIGKILL)
    ab_test.up(overlay(predictor("champion")))
    old = {each["pid"] for each in status["predictors"]}
    assert old.isdisjoint(process.pid for process in ab_test.processes())
    assert [each["condition"] for each in ab_test.status()["predictors"]] == ["ready"]


def test_a_dead_guardian_is_replaced(mended):
    old = mended.status()["guardian"]
    os.kill(old, signal.SIGKILL)
    eventually(lambda: mended.status()["guardian"] != old, what="another guardian")


def test_a_runtime_that_hangs_is_ended_by_down(ab_test):
    status = ab_test.status()
    os.kill(status["pid"], signal.SIGSTOP)
    ab_test("down")
    ab_test.assert_nothing_is_left(status)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_foreground_runtime_leaves_nothing_when_it_is_interrupted(forkcast, number):
    process = forkcast.up_in_foreground(overlay(predictor("champion", 50), predictor("challenger", 50)))
    status = forkcast.status()
    process.send_signal(number)
    assert process.wait(30) == 0
    forkcast.assert_nothing_is_left(status)


def test_a_runtime_that_is_interrupted_while_it_starts_leaves_nothing(forkcast):
    process = forkcast.start_in_foreground(AB_TEST)
    eventually(lambda: len(forkcast.processes()) > 2, what="graph servers that are starting")
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert forkcast.processes() == []
    assert not (forkcast.state / "runtime.json").exists()


def test_down_leaves_nothing(ab_test):
    status = ab_test.status()
    assert "stopped" in ab_test("down")
    ab_test.assert_nothing_is_left(status)
    assert not (ab_test.state / "runtime.json").exists()
    assert "nothing is running here" in ab_test("down", code=2)


@pytest.mark.parametrize(
    ("options", "program"),
    [([], "xgboost-champion"), (["--detach"], "xgboost-champion"), (["--isolated"], "xgboost-champion.echo")],
    ids=["foreground", "detached", "isolated"],
)
def test_an_up_whose_predictor_does_not_start_says_why_and_leaves_nothing(forkcast, options, program):
    broken = overlay(predictor("champion", model_name="echo_model.BrokenModel"))
    said = forkcast("up", forkcast.write(broken), "--port", str(forkcast.port), *options, code=1)
    assert f"{program} ended with exit code 1 before it was ready" in said
    assert "RuntimeError: no model in" in said
    assert forkcast.processes() == []


def test_an_up_over_a_folder_without_a_model_says_what_is_looked_for_and_leaves_nothing(forkcast):
    (forkcast.folder / "models" / "empty").mkdir(parents=True)
    prepackaged = node("m", None, implementation="XGBOOST_SERVER", model_uri="pvc://models/empty")
    said = forkcast.up(overlay(graph_of("champion", prepackaged)), code=1)
    assert "xgboost-champion ended with exit code 1 before it was ready" in said
    assert "models/empty" in said
    assert "model.bst" in said
    assert forkcast.processes() == []
