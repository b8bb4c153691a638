"""Each overlay on this machine, and its promise."""

import os
import signal

import promises
import psutil
import pytest
from steady_load import Load, ask_many

pytestmark = [pytest.mark.component, pytest.mark.timeout(600)]
RATE_PER_SECOND = 50


def test_a_canary_gets_a_tenth(here, tmp_path):
    promises.a_canary_gets_a_tenth(here, tmp_path)


def test_an_ab_test_splits_evenly(here, tmp_path):
    promises.an_ab_test_splits_evenly(here, tmp_path)


def test_a_shadow_sees_every_request_once_and_no_client_sees_it(here, tmp_path):
    promises.a_shadow_sees_every_request_once_and_no_client_sees_it(here, tmp_path)


@pytest.mark.parametrize("harm", [signal.SIGSTOP, signal.SIGKILL], ids=["hangs", "dies"])
def test_no_client_notices_a_shadow_that(here, harm):
    here.bring("shadow")
    before = here.predictor("challenger")
    tree = [psutil.Process(before["pid"]), *psutil.Process(before["pid"]).children(recursive=True)]
    with Load(here.url, RATE_PER_SECOND, body=promises.BODY) as load:
        promises.eventually(lambda: len(load.answers) > 50)
        for process in tree:
            process.send_signal(harm)
        n_until_harmed = len(load.answers)
        promises.eventually(lambda: len(load.answers) > n_until_harmed + 100)
    here.until_back("challenger", before)  # one that hangs is ended and started anew
    assert set(load.answers) == {"champion"}


def test_users_stay_with_their_arm(here):
    promises.users_stay_with_their_arm(here, n_users=20_000)


def test_a_bandit_learns_from_feedback_and_forgets_nothing(here, tmp_path):
    promises.a_bandit_learns_by_feedback_through_the_gateway(here, tmp_path)
    arms = here.predictor("arms")
    os.kill(arms["pid"], signal.SIGKILL)
    here.until_back("arms", arms)
    promises.eventually(lambda: promises.prefers_the_challenger(here), what="what it knew before")
    (store,) = here.status()["stores"]
    os.kill(store["pid"], signal.SIGKILL)
    assert promises.prefers_the_challenger(here), "while its store is away, it goes by what it knew"
    promises.eventually(lambda: here.status()["stores"][0]["condition"] == "ready")
    here.bring("canary")
    here.bring(tmp_path)
    promises.eventually(lambda: promises.prefers_the_challenger(here), what="what it knew before")


def test_the_replicas_of_a_bandit_are_processes_that_learn_together(here, tmp_path):
    promises.a_bandit_learns_by_feedback_through_the_gateway(here, tmp_path)
    arms = psutil.Process(here.predictor("arms")["pid"])
    assert len(arms.children()) >= 2
    # Connections are spread over the workers: both of them answer some of these.
    assert ask_many(here.url, 400, at_once=32, body=promises.BODY)["champion"] <= 60


def test_blue_green_switches_between_two_requests_and_back_and_starts_nothing_anew(here, tmp_path):
    here.bring("blue-green")
    before = here.processes()
    ask = promises.OneAfterTheOther(here.url)
    with Load(here.url, RATE_PER_SECOND, body=promises.BODY) as load:
        assert {ask() for _ in range(20)} == {"champion"}
        here.bring(promises.green_in(tmp_path))
        assert {ask() for _ in range(20)} == {"challenger"}
        here.bring("blue-green")
        assert {ask() for _ in range(20)} == {"champion"}
    assert load.failures == {}
    assert here.processes() == before


def test_an_overlay_that_is_fused_is_what_runs_already(here, tmp_path):
    here.bring("ab-test")
    before = here.processes()
    top = promises.above(tmp_path)
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{top}/overlays/ab-test]\ncomponents: [{top}/components/fused]\n"
    )
    here.bring(tmp_path)
    assert here.processes() == before
    assert set(ask_many(here.url, 60, body=promises.BODY)) == {"champion", "challenger"}  # odds of missing one: 2e-18
