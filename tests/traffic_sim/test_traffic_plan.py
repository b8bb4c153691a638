"""Plans: whole, the same again for the same seeds, and evenly shared out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traffic_sim.plan import Plan
from traffic_sim.scenario import Scenario
from traffic_sim.simulate import plan_of


def scenario(**fields):
    seeds = fields.pop("seeds", {})
    defaults = {"rate_records_per_second": 400, "rows_per_request": 4, "duration_seconds": 2, "arrivals": "poisson"}
    return Scenario.from_mapping({**defaults, "feedback_ratio": 0.5, "seeds": seeds, **fields}, "a test")


@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_the_same_seeds_give_the_same_requests_byte_for_byte(world, transport):
    one, other = (plan_of(scenario(transport=transport), world) for _ in range(2))
    assert len(one) > 100
    assert list(one.payloads) == list(other.payloads)
    assert one.planned_at.tobytes() == other.planned_at.tobytes()
    assert one.wants_feedback.tobytes() == other.wants_feedback.tobytes()


@pytest.mark.parametrize("transport", ["http", "grpc"])
def test_users_are_drawn_by_their_own_seed_and_named_in_the_requests(world, transport):
    plans = [
        plan_of(scenario(arrivals="constant", transport=transport, n_users=50, seeds={"users": seed}), world)
        for seed in (1, 1, 2)
    ]
    assert list(plans[0].payloads) == list(plans[1].payloads)
    assert (plans[0].users != plans[2].users).any()
    assert plans[0].wants_feedback.tobytes() == plans[2].wants_feedback.tobytes()
    for index, payload in enumerate(plans[0].payloads):
        assert f"u{plans[0].user(index)}".encode() in payload
    nobody = plan_of(scenario(arrivals="constant", transport=transport), world)
    assert nobody.user(0) is None
    for part in (plans[0].part(1, 3),):
        assert part.users.tolist() == plans[0].users[1::3].tolist()


def test_each_seed_changes_its_own_part_only(world):
    plan = plan_of(scenario(arrivals="constant"), world)
    other = plan_of(scenario(arrivals="constant", seeds={"feedback": 99}), world)
    assert list(plan.payloads) == list(other.payloads)
    assert (plan.planned_at == other.planned_at).all()
    assert (plan.wants_feedback != other.wants_feedback).any()
    schedules = [plan_of(scenario(seeds={"schedule": seed}), world).planned_at for seed in (1, 2)]
    assert not np.array_equal(*schedules)


def test_no_feedback_is_wanted_where_no_outcome_is_known(world):
    def unlabelled(chosen, n):
        encounters = world(chosen, n)
        return type(encounters)(encounters.impressions, None)

    plan = plan_of(scenario(feedback_ratio=1), unlabelled)
    assert not plan.wants_feedback.any()
    assert plan.reward(0, (0.1, 0.2, 0.3, 0.4)) is None


def of_size(n):
    installs = np.arange(n * 3).reshape(n, 3) % 2 == 0
    return Plan(1.0, 3, np.arange(n) / max(n, 1), [bytes([i]) for i in range(n)], np.arange(n) % 3 == 0, installs)


@given(st.integers(0, 60), st.integers(1, 7))
def test_the_parts_of_a_plan_are_all_of_it_and_even(n, n_parts):
    plan = of_size(n)
    parts = [plan.part(i, n_parts) for i in range(n_parts)]
    payloads = sorted(payload for part in parts for payload in part.payloads)
    assert payloads == list(plan.payloads)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for part in parts:
        for i, payload in enumerate(part.payloads):
            assert part.planned_at[i] == plan.planned_at[payload[0]]
            assert part.wants_feedback[i] == plan.wants_feedback[payload[0]]
            assert (part.installs[i] == plan.installs[payload[0]]).all()


@pytest.mark.parametrize(
    ("scores", "reward"), [((0.9, 0.1, 0.2), 1), ((0.1, 0.9, 0.2), 0), ((0.1, 0.2, 0.9), 1), ((0.5, 0.5, 0.5), 1)]
)
def test_the_reward_is_that_of_the_best_scored_ad_the_first_of_equals(scores, reward):
    assert of_size(1).reward(0, scores) == reward


def test_a_plan_whose_parts_do_not_fit_is_refused():
    with pytest.raises(ValueError, match="2 planned times"):
        Plan(1.0, 3, np.zeros(2), [b""], np.zeros(2, dtype=np.bool_), None)


def test_a_run_in_which_no_request_is_due_has_an_empty_plan(world):
    plan = plan_of(scenario(rate_records_per_second=1e-6), world)
    assert (len(plan), len(plan.installs)) == (0, 0)
