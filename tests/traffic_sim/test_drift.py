"""Drift: one column, from its moment on, for the share that was asked, legal by the contract, and again by its seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_server.impressions import COLUMNS, NAMES, from_table, to_rows
from traffic_sim.drift import COUNTRY, DRIFTS, NEW_VERSIONS, InvalidDrift, inject, parse
from traffic_sim.population import Population, versions
from traffic_sim.scenario import InvalidScenario, Scenario
from traffic_sim.simulate import plan_of
from traffic_sim.worlds import encounters, with_drift

N = 20_000
PLACES = {name: place for place, name in enumerate(NAMES)}
SHARES = [kind for kind in DRIFTS if not DRIFTS[kind].is_factor]


@pytest.fixture(scope="module")
def drawn():
    return Population(1).sample(N, np.random.default_rng(1)).impressions


def drifted(drawn, drift, *, after=0, seed=1, rows_per_user=1):
    has_begun = np.arange(len(drawn)) >= after
    return inject(drawn, drift, has_begun, np.random.default_rng(seed), rows_per_user)


def column(impressions, name):
    return np.array([row[PLACES[name]] for row in to_rows(impressions)], dtype=object)


def largest(kind):
    return 3.0 if DRIFTS[kind].is_factor else 1.0


@pytest.mark.parametrize("kind", DRIFTS)
def test_a_kind_moves_its_column_and_no_other_and_only_from_its_moment_on(drawn, kind):
    before, after = to_rows(drawn), to_rows(drifted(drawn, {kind: largest(kind)}, after=5_000))
    assert before[:5_000] == after[:5_000]
    changed = {
        name
        for row, moved in zip(before, after, strict=True)
        for name in NAMES
        if row[PLACES[name]] != moved[PLACES[name]]
    }
    assert changed == {DRIFTS[kind].column}


@pytest.mark.parametrize("kind", DRIFTS)
def test_what_has_drifted_is_a_legal_impression(drawn, kind):
    after = to_rows(drifted(drawn, {kind: largest(kind)}))
    for first in range(0, N, 10_000):  # as many as a request may hold
        part = after[first : first + 10_000]
        assert to_rows(from_table(part, NAMES)) == part


@pytest.mark.parametrize("kind", SHARES)
def test_as_many_rows_drift_as_were_asked(drawn, kind):
    whole, part = (column(drifted(drawn, {kind: share}), DRIFTS[kind].column) for share in (1.0, 0.3))
    before = column(drawn, DRIFTS[kind].column)
    # Rows that were so before do not show: of the others, 0.3 are expected. Binomial, six standard deviations: 2e-9.
    could = before != whole
    assert could.sum() > N / 4
    assert abs((before != part).sum() - 0.3 * could.sum()) < 6 * np.sqrt(0.21 * could.sum())


@pytest.mark.parametrize("kind", SHARES)
def test_a_larger_share_takes_in_the_rows_of_a_smaller_one_and_none_is_none(drawn, kind):
    none, few, more = (column(drifted(drawn, {kind: share}), DRIFTS[kind].column) for share in (0.0, 0.2, 0.4))
    before = column(drawn, DRIFTS[kind].column)
    assert (none == before).all()
    assert ((few == before) | (few == more)).all()
    assert (few != more).any()


def test_what_becomes_of_the_columns(drawn):
    after = drifted(drawn, {kind: largest(kind) for kind in DRIFTS})
    platform = column(drawn, "platform")
    assert set(column(after, "country")) == {COUNTRY}
    assert (column(after, "softwareVersion") == np.where(platform == "ios", *NEW_VERSIONS)).all()
    assert not set(NEW_VERSIONS) & set(versions.NAMES)
    assert (column(after, "startCount") == 3 * column(drawn, "startCount")).all()
    assert set(column(after, "deviceType")) == {None}
    assert set(column(after, "connectionType")) == {"cellular"}
    assert set(column(after, "lastStart")) == {None}
    assert set(column(after, "platform")) == {"android"}
    assert set(column(after, "campaignId")) == {"new-campaign-1"}


def test_every_start_count_stays_within_the_contract_and_above_what_it_holds(drawn):
    for factor in (1.0, 1.001, 1e12):
        after = drifted(drawn, {"more-starts": factor})
        assert (after.start_count >= drawn.start_count).all()
        assert (after.start_count >= np.maximum(after.view_count, after.start_count_7d)).all()
        assert after.start_count.max() < 2**31
        assert (after.start_count[drawn.start_count == 0] == 0).all()


def test_kinds_do_not_disturb_each_other(drawn):
    both = drifted(drawn, {"cellular": 0.3, "no-device": 0.3})
    for kind in ("cellular", "no-device"):
        alone = drifted(drawn, {kind: 0.3})
        assert (column(alone, DRIFTS[kind].column) == column(both, DRIFTS[kind].column)).all()
    # Nor do they meet the same rows: of a third of a third of 20,000, six standard deviations.
    met = (both.device_type.codes != drawn.device_type.codes) & (
        both.connection_type.codes != drawn.connection_type.codes
    )
    could = (drawn.connection_type.codes != 1).sum()
    assert abs(met.sum() - 0.09 * could) < 6 * np.sqrt(0.09 * 0.91 * could)


@settings(deadline=None, max_examples=50)
@given(
    st.integers(1, 60),
    st.integers(1, 5),
    st.integers(0, 2**32),
    st.dictionaries(st.sampled_from(SHARES), st.floats(0, 1)),
)
def test_the_same_seed_gives_the_same_and_a_users_rows_stay_one_users(drawn, n, k, seed, drift):
    users = drawn.take(np.repeat(np.arange(n), k))
    one, again = (drifted(users, drift, after=n // 2 * k, seed=seed, rows_per_user=k) for _ in range(2))
    assert to_rows(one) == to_rows(again)
    rows = np.array(to_rows(one), dtype=object).reshape(n, k, len(NAMES))
    of_the_user = [i for i, each in enumerate(COLUMNS) if each.name not in {"id", "campaignId"}]
    assert (rows[:, :, of_the_user] == rows[:, :1, of_the_user]).all()


def scenario(**fields):
    defaults = {"world": "ranked", "rows_per_request": 5, "rate_records_per_second": 2_000, "duration_seconds": 1}
    return Scenario.from_mapping({**defaults, **fields}, "a test")


EVERYTHING = {kind: 2.0 if DRIFTS[kind].is_factor else 0.4 for kind in DRIFTS}


def test_requests_of_the_ranked_world_drift_from_the_moment_on_and_their_outcomes_stay():
    asked = scenario(drift=EVERYTHING, drift_after_seconds=0.5)
    planned_at = np.linspace(0, 0.999, 400)
    plain = encounters(asked, 400)
    moved = with_drift(asked, plain, planned_at)
    before, after = (np.array(to_rows(each.impressions), dtype=object).reshape(400, -1) for each in (plain, moved))
    differs = (before != after).any(axis=1)
    assert not differs[planned_at < 0.5].any()
    # Counts double for all but newcomers, 6 in 100: that 100 of 200 are such has odds below 1e-50.
    assert differs[planned_at >= 0.5].sum() > 100
    assert (plain.installs == moved.installs).all()
    campaigns = column(moved.impressions, "campaignId").reshape(400, 5)
    assert all(len(set(row)) == 5 for row in campaigns)
    assert any(0 < sum(text.startswith("new-") for text in row) < 5 for row in campaigns)


def test_a_plan_drifts_by_its_own_seed():
    asked = {"drift": EVERYTHING, "drift_after_seconds": 0.5}
    plain, plan, again, other = (
        plan_of(scenario(**fields), encounters) for fields in ({}, asked, asked, {**asked, "seeds": {"drift": 9}})
    )
    assert list(plan.payloads) == list(again.payloads)
    half = int(np.searchsorted(plan.planned_at, 0.5))
    assert list(plain.payloads[:half]) == list(plan.payloads[:half]) == list(other.payloads[:half])
    assert list(plain.payloads[half:]) != list(plan.payloads[half:]) != list(other.payloads[half:])
    assert (plain.planned_at == other.planned_at).all()


def test_a_run_without_a_request_has_nothing_to_drift():
    assert len(plan_of(scenario(drift=EVERYTHING, rate_records_per_second=1e-3, arrivals="poisson"), encounters)) == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"drift": {"one-contry": 0.1}}, ".*".join(f"'{kind}'" for kind in DRIFTS)),
        ({"drift": {"one-country": 1.5}}, "drift.one-country: 1.5; a share of the rows is expected, 0 to 1"),
        ({"drift": {"one-country": -0.1}}, "drift.one-country: -0.1"),
        ({"drift": {"more-starts": 0.5}}, "drift.more-starts: 0.5; what startCount is multiplied by is expected, 1 or"),
        ({"drift": {"more-starts": float("inf")}}, "finite"),
        ({"drift": {"no-device": 0.5}, "drift_after_seconds": 1}, "drift_after_seconds: 1; less than the run's 1 sec"),
        ({"drift_after_seconds": -1}, "drift_after_seconds"),
        ({"drift": 5}, "drift"),
    ],
)
def test_a_scenario_with_impossible_drift_is_refused(fields, message):
    with pytest.raises(InvalidScenario, match=message):
        scenario(**fields)


def test_drift_is_read_from_text():
    assert parse("one-country=0.3") == ("one-country", 0.3)
    assert parse(" more-starts = 2 ") == ("more-starts", 2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one-contry=0.3", f"no such kind; did you mean one-country.*{', '.join(DRIFTS)}"),
        ("0.3", f"no such kind; KIND=VALUE is expected, of {', '.join(DRIFTS)}"),
        ("one-country", "it has no value; KIND=VALUE is expected, as in one-country=0.3"),
        ("more-starts=twice", "'twice' is no number; KIND=VALUE is expected, as in more-starts=2"),
    ],
)
def test_text_that_is_no_drift_is_refused_with_what_is_accepted(text, message):
    with pytest.raises(InvalidDrift, match=message):
        parse(text)
