"""Rewards at a component: each is counted, zeros included, for the predictor that answered."""

import bad_requests
import pytest
from doors import wait_until
from prometheus_client.parser import text_string_to_metric_families

pytestmark = pytest.mark.component


def counted(component, predictor):
    """(rewards, their sum) so far, over all of its processes together."""
    response = component.session.get(component.metrics_url, timeout=10)
    totals = {"install_model_feedback_total": 0.0, "install_model_reward_total": 0.0}
    for family in text_string_to_metric_families(response.text):
        for sample in family.samples:
            if sample.name in totals and sample.labels["credited_predictor"] == predictor:
                totals[sample.name] += sample.value
    return tuple(totals.values())


@pytest.mark.parametrize("send", ["over REST", "over gRPC"])
def test_every_reward_is_counted_also_zero(component, send):
    predictor = f"someone asked {send}"
    answer = component.post(json=bad_requests.GOOD).json()
    answer["meta"]["tags"]["predictor"] = predictor
    for reward in (1, 0, 0, 1, 0):
        feedback = {"request": bad_requests.GOOD, "response": answer, "reward": reward}
        if send == "over REST":
            assert component.post("feedback", json=feedback).status_code == 200
        else:
            component.send_feedback(feedback)
    wait_until("all five are counted", lambda: counted(component, predictor)[0] >= 5, deadline_seconds=10)
    assert counted(component, predictor) == (5, 2)
