"""Which arm a key belongs to: stable, in proportion, and moved by nothing but its own weights."""

import math
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_server.routers.assignment import arm_of, uniform

PINNED = [
    "challenger",
    "challenger",
    "champion",
    "champion",
    "challenger",
    "challenger",
    "champion",
    "champion",
    "challenger",
    "champion",
    "champion",
    "challenger",
]
KEYS = [f"u{k}" for k in range(2_000)]
FEW = KEYS[:200]
weights = st.dictionaries(st.sampled_from("abcde"), st.integers(0, 1000).map(float), min_size=1).filter(
    lambda found: sum(found.values()) > 0
)


def assigned(shares, experiment="e", keys=FEW):
    return {key: arm_of(key, experiment, shares) for key in keys}


@given(weights)
def test_an_arm_without_weight_gets_nobody_and_the_order_of_arms_is_nothing(shares):
    before = assigned(shares)
    assert all(shares[arm] > 0 for arm in before.values())
    assert assigned(dict(reversed(shares.items()))) == before
    assert assigned({arm: weight / 7 for arm, weight in shares.items()}) == before


@given(weights, weights)
def test_a_key_moves_only_to_an_arm_that_has_grown_in_proportion_to_its_own(before, after):
    for key, old in assigned(before).items():
        new = arm_of(key, "e", after)
        if new != old and after.get(old, 0) > 0:
            grown, left = after[new] / before[new] if before.get(new) else math.inf, after[old] / before[old]
            assert grown > left * (1 - 1e-12)


@given(weights, st.sampled_from("abcdef"), st.integers(1, 1000))
def test_growing_one_arm_moves_users_into_it_alone_and_shrinking_it_back_out_of_it_alone(shares, arm, more):
    grown = {**shares, arm: shares.get(arm, 0.0) + more}
    before, after = assigned(shares), assigned(grown)
    moved = {key for key in FEW if before[key] != after[key]}
    assert all(after[key] == arm for key in moved)
    assert assigned(shares) == before  # and back


@given(st.integers(0, 100), st.integers(0, 100))
def test_with_two_arms_every_change_moves_users_one_way(percent, other):
    before = assigned({"old": 100.0 - percent, "new": float(percent)})
    after = assigned({"old": 100.0 - other, "new": float(other)})
    ways = {(before[key], after[key]) for key in FEW if before[key] != after[key]}
    assert ways <= {("old", "new")} if other >= percent else ways <= {("new", "old")}


def chi_square(observed, expected):
    return sum((o - e) ** 2 / e for o, e in zip(observed, expected, strict=True))


@pytest.mark.parametrize("shares", [{"a": 50.0, "b": 50.0}, {"a": 99.5, "b": 0.5}, {"a": 60.0, "b": 30.0, "c": 10.0}])
def test_arms_get_users_in_proportion(shares):
    """Keys and salt are fixed, so this passes always or never; a good hash fails it with a chance of 1e-6."""
    keys = [f"user-{k}" for k in range(20_000)]
    found = list(assigned(shares, "proportion", keys).values())
    observed = [found.count(arm) for arm in shares]
    limits = {1: 23.93, 2: 27.63}  # chi-square's quantile of 1 - 1e-6, by degrees of freedom
    expected = [len(keys) * share / 100 for share in shares.values()]
    assert chi_square(observed, expected) < limits[len(shares) - 1]


def test_two_salts_assign_independently():
    """As above: the chance of a good hash to fail is 1e-6 (one degree of freedom)."""
    shares = {"a": 50.0, "b": 50.0}
    keys = [f"user-{k}" for k in range(20_000)]
    one, other = assigned(shares, "one", keys), assigned(shares, "other", keys)
    pairs = [(one[key], other[key]) for key in keys]
    observed = [pairs.count((x, y)) for x in "ab" for y in "ab"]
    totals = (
        {arm: list(one.values()).count(arm) for arm in "ab"},
        {arm: list(other.values()).count(arm) for arm in "ab"},
    )
    expected = [totals[0][x] * totals[1][y] / len(keys) for x in "ab" for y in "ab"]
    assert chi_square(observed, expected) < 23.93


def test_the_rule_can_be_computed_with_other_tools():
    """b2sum is coreutils' own BLAKE2b."""
    bits = int(
        subprocess.run(["b2sum", "-l", "64"], input=b"exp|champion|u7", capture_output=True, check=True).stdout.split()[
            0
        ][:13],
        16,
    )
    assert uniform("exp", "champion", "u7") == (bits + 0.5) / 2**52
    scores = {arm: -math.log(uniform("exp", arm, "u7")) / share for arm, share in (("champion", 70.0), ("other", 30.0))}
    assert arm_of("u7", "exp", {"champion": 70.0, "other": 30.0}) == min(scores, key=scores.get)


def test_assignments_of_a_release_stay_in_the_next():
    """Users of an experiment that goes on must not be shuffled by an update: these were seen in the first release."""
    assert [arm_of(f"u{k}", "funnel-features", {"champion": 50.0, "challenger": 50.0}) for k in range(12)] == PINNED


@given(st.text(), st.text(), st.text())
def test_a_uniform_lies_strictly_between_0_and_1_for_any_texts(experiment, arm, key):
    assert 0 < uniform(experiment, arm, key) < 1
