"""`forkcast apply` while 200 requests a second arrive: not one of them fails."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from runtime_under_test import eventually, overlay, predictor
from seldon_core.seldon_client import SeldonClient
from steady_load import Load, ask_many

pytestmark = [pytest.mark.component, pytest.mark.filterwarnings("ignore::DeprecationWarning")]

RATE_PER_SECOND = 200


@pytest.fixture
def serving(shared_forkcast):
    """The shared runtime, brought to an overlay that a test starts from."""

    def bring(text):
        shared_forkcast.apply(text)
        return shared_forkcast

    return bring


def processes(status):
    return {each["predictor"]: (each["pid"], each["restarts"], each["revision"]) for each in status["predictors"]}


def test_other_weights_reach_the_gateway_without_a_failed_request_or_a_restart(serving):
    forkcast = serving(overlay(predictor("champion", 90), predictor("challenger", 10)))
    before = processes(forkcast.status())
    with Load(forkcast.url, RATE_PER_SECOND) as load:
        eventually(lambda: len(load.answers) > 200)
        forkcast.apply(overlay(predictor("challenger", 80), predictor("champion", 20)))
        n_until_applied = len(load.answers)
        eventually(lambda: len(load.answers) > n_until_applied + 200)
    assert load.failures == {}
    assert processes(forkcast.status()) == before
    # 1200 draws at 0.2: 240 expected, standard deviation 13.9; 5 of them on either side: odds of a false alarm 6e-7.
    assert abs(ask_many(forkcast.url, 1200)["champion"] - 240) <= 69


def test_a_predictor_comes_and_goes_without_a_failed_request(serving):
    forkcast = serving(overlay(predictor("champion", 100)))
    champion = processes(forkcast.status())["champion"]
    with Load(forkcast.url, RATE_PER_SECOND) as load:
        eventually(lambda: len(load.answers) > 5)
        forkcast.apply(overlay(predictor("champion", 50), predictor("challenger", 50)))
        assert forkcast.status_of("challenger")["condition"] == "ready"
        eventually(lambda: "challenger" in load.answers)
        challenger_pid = forkcast.status_of("challenger")["pid"]
        forkcast.apply(overlay(predictor("champion")))
        n_until_applied = len(load.answers)
        eventually(lambda: len(load.answers) > n_until_applied + 10)
    assert load.failures == {}
    assert set(load.answers[n_until_applied:]) == {"champion"}
    assert processes(forkcast.status()) == {"champion": champion}
    assert challenger_pid not in {process.pid for process in forkcast.processes()}


def test_a_changed_predictor_is_replaced_without_a_failed_request_and_the_other_is_not_touched(
    serving, shared_forkcast
):
    model = shared_forkcast.folder / "models" / "champion"
    model.mkdir(parents=True)
    (model / "model.txt").write_text("1")
    champion = predictor("champion", 50, model_uri="pvc://models/champion")
    forkcast = serving(overlay(champion, predictor("challenger", 50)))
    before = processes(forkcast.status())
    (model / "model.txt").write_text("2")  # the same YAML, a newly trained model
    with Load(forkcast.url, RATE_PER_SECOND) as load:
        eventually(lambda: len(load.answers) > 100)
        forkcast.apply(overlay(champion, predictor("challenger", 50)))
    after = processes(forkcast.status())
    assert load.failures == {}
    assert after["challenger"] == before["challenger"]
    assert after["champion"][0] != before["champion"][0]
    assert after["champion"][2] != before["champion"][2]


def test_a_grpc_request_that_is_under_way_is_answered_before_its_predictor_stops(serving):
    slow = [{"name": "delay_seconds", "value": "6", "type": "FLOAT"}]
    forkcast = serving(overlay(predictor("champion", 100, parameters=slow), predictor("challenger", 0)))
    client = SeldonClient(
        deployment_name="xgboost", namespace="seldon", gateway_endpoint=forkcast.gateway, transport="grpc"
    )
    with ThreadPoolExecutor() as pool:
        # A stopping wrapper cuts its gRPC calls off, so only a runtime that waits for them gets this one answered.
        answer = pool.submit(client.predict, data=np.array([[1.0]]))
        eventually(lambda: "upstream_rq_active: 1" in forkcast.envoy_statistics("champion"), what="a call under way")
        forkcast.apply(overlay(predictor("challenger")))
        assert answer.done()
    assert answer.result().success, answer.result().msg
    assert answer.result().response["meta"]["tags"]["predictor"] == "champion"


def test_a_shadow_gets_a_copy_of_every_request_and_answers_none(serving):
    forkcast = serving(overlay(predictor("champion", 100), predictor("dark", 100, shadow=True)))
    before = {name: forkcast.status_of(name)["requests"] for name in ("champion", "dark")}
    assert ask_many(forkcast.url, 40) == {"champion": 40}
    for name, count in before.items():
        eventually(lambda name=name, count=count: forkcast.status_of(name)["requests"] == count + 40, what=name)


def test_a_change_whose_predictor_does_not_start_is_undone(serving):
    forkcast = serving(overlay(predictor("champion")))
    before = processes(forkcast.status())
    with Load(forkcast.url, RATE_PER_SECOND) as load:
        said = forkcast.apply(
            overlay(predictor("champion", 50), predictor("challenger", 50, model_name="echo_model.BrokenModel")), code=1
        )
    assert "no model in" in said  # the end of the component's own log
    assert load.failures == {}
    assert set(load.answers) == {"champion"}
    assert processes(forkcast.status()) == before


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (overlay(predictor("champion", model_uri="pvc://models/absent")), "models/absent does not exist"),
        (overlay(predictor("a", 50), predictor("b", 40)), "sum to 100"),
    ],
)
def test_an_overlay_that_cannot_run_is_refused_and_nothing_changes(shared_forkcast, change, expected):
    before = shared_forkcast.status()["predictors"]
    assert expected in shared_forkcast.apply(change, code=2)
    assert processes(shared_forkcast.status()) == processes({"predictors": before})
