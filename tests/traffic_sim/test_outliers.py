"""Outliers: at their rates, of their kinds, legal by the contract, and nothing else changed."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_server.impressions import MISSING_TIME, NAMES, Categories, from_table, to_rows
from traffic_sim.outliers import AHEAD_SECONDS, EMULATORS, JUMP_YEARS, KINDS, NO_COUNTRIES, NORMAL, inject
from traffic_sim.population import Population, devices, versions
from traffic_sim.scenario import InvalidScenario, Scenario
from traffic_sim.simulate import plan_of
from traffic_sim.worlds import encounters

N = 20_000
COLUMNS = {name: place for place, name in enumerate(NAMES)}


@pytest.fixture(scope="module")
def drawn():
    return Population(1).sample(N, np.random.default_rng(1)).impressions


def of_kind(drawn, kind, seed=1):
    """All rows of the kind, before and after, as requests carry them."""
    injected = inject(drawn, {kind: 1.0}, np.random.default_rng(seed))
    assert (injected.kind == KINDS.index(kind)).all()
    return to_rows(drawn), to_rows(injected.impressions)


def changed_columns(before, after):
    return {
        frozenset(name for name, old, new in zip(NAMES, *pair, strict=True) if old != new)
        for pair in zip(before, after, strict=True)
    }


def test_each_kind_occurs_at_its_rate_and_the_others_rows_are_untouched(drawn):
    rates = dict(zip(KINDS, (0.02, 0.05, 0.1), strict=True))
    injected = inject(drawn, rates, np.random.default_rng(3))
    for place, kind in enumerate(KINDS):
        # Binomial: six standard deviations are passed with odds of 2e-9.
        expected = N * rates[kind]
        assert abs((injected.kind == place).sum() - expected) < 6 * np.sqrt(expected)
    normal = injected.kind == NORMAL
    before, after = to_rows(drawn), to_rows(injected.impressions)
    assert [old == new for old, new in zip(before, after, strict=True)] == normal.tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_every_outlier_is_a_legal_impression(drawn, kind):
    _, after = of_kind(drawn, kind)
    for first in range(0, N, 10_000):  # as many as a request may hold
        part = after[first : first + 10_000]
        assert to_rows(from_table(part, NAMES)) == part


def test_an_impossible_funnel_has_one_step_that_holds_more_than_the_step_before(drawn):
    before, after = of_kind(drawn, "impossible-funnel")
    assert changed_columns(before, after) == {frozenset([name]) for name in ("viewCount", "clickCount", "installCount")}
    counts = np.array(
        [[row[COLUMNS[f"{step}Count"]] for step in ("start", "view", "click", "install")] for row in after]
    )
    excess = np.diff(counts, axis=1)
    assert (excess.max(axis=1) >= 1).all()
    # A mean of 3 over about 20,000 / 3 rows a step, with a standard deviation of 1.4: six of them are passed at 2e-9.
    assert abs(excess.max(axis=1).mean() - 3) < 6 * 1.5 / np.sqrt(N / 3)


def test_a_far_device_is_one_that_the_population_cannot_make(drawn):
    before, after = of_kind(drawn, "far-device")
    columns = changed_columns(before, after)
    assert columns == {frozenset(["deviceType"]), frozenset(["softwareVersion"]), frozenset(["deviceType", "country"])}
    catalogue = devices.catalogue()
    platform_of_device = dict(zip(catalogue.names, catalogue.platform.tolist(), strict=True))
    platform_of_version = dict(zip(versions.NAMES, versions.PLATFORM.tolist(), strict=True))
    for row in after:
        platform = {"ios": 0, "android": 1}[row[COLUMNS["platform"]]]
        device, version = row[COLUMNS["deviceType"]], row[COLUMNS["softwareVersion"]]
        is_emulator = device in EMULATORS
        assert is_emulator == (row[COLUMNS["country"]] in NO_COUNTRIES)
        assert is_emulator or (platform_of_device[device] != platform) != (platform_of_version[version] != platform)


def test_a_time_jump_is_years_or_ahead(drawn):
    injected = inject(drawn, {"time-jump": 1.0}, np.random.default_rng(1)).impressions
    clock = injected.timestamp - drawn.timestamp
    pause = injected.timestamp - injected.last_start
    never = drawn.last_start == MISSING_TIME
    assert (injected.last_start[never] == MISSING_TIME).all()
    years = np.array(JUMP_YEARS) * 365 * 86_400
    is_clock, is_ahead = clock != 0, ~never & (clock == 0) & (pause < 0)
    is_old = ~is_clock & ~is_ahead
    assert is_clock[never].all()
    assert ((np.abs(clock[is_clock]) >= years[0] - 1) & (np.abs(clock[is_clock]) <= years[1])).all()
    assert ((pause[is_old] >= years[0] - 1) & (pause[is_old] <= years[1])).all()
    assert ((-pause[is_ahead] >= AHEAD_SECONDS[0] - 1) & (-pause[is_ahead] <= AHEAD_SECONDS[1])).all()
    for chosen in (is_clock & ~never, is_ahead, is_old):
        # A third each; six standard deviations of 20,000 draws.
        assert abs(chosen.sum() / (~never).sum() - 1 / 3) < 6 * np.sqrt(2 / 9 / N)


def test_times_stay_within_the_contract_at_its_edge():
    row = dict.fromkeys(NAMES) | {name: 0 for name in NAMES if name.endswith(("Count", "1d", "7d"))} | {"id": 1}
    row |= {"timestamp": "2001-06-01T00:00:00Z", "lastStart": "2001-05-01T00:00:00Z"}
    early = from_table([[row[name] for name in NAMES]] * 300, NAMES)
    after = to_rows(inject(early, {"time-jump": 1.0}, np.random.default_rng(2)).impressions)
    assert to_rows(from_table(after, NAMES)) == after


@settings(deadline=None, max_examples=50)
@given(
    st.integers(1, 60), st.integers(0, 2**32), st.lists(st.floats(0, 1 / 3), min_size=3, max_size=3), st.integers(1, 5)
)
def test_whatever_is_asked_the_same_seed_gives_the_same_and_a_users_rows_stay_one_users(drawn, n, seed, rates, k):
    users = drawn.take(np.repeat(np.arange(n), k))
    asked = dict(zip(KINDS, rates, strict=True))
    one, again = (inject(users, asked, np.random.default_rng(seed), k) for _ in range(2))
    assert to_rows(one.impressions) == to_rows(again.impressions)
    assert (one.kind == again.kind).all()
    assert (one.kind.reshape(n, k) == one.kind.reshape(n, k)[:, :1]).all()
    for field in fields(one.impressions):
        values = getattr(one.impressions, field.name)
        values = np.array(values.values() if isinstance(values, Categories) else values, dtype=object).reshape(n, k)
        assert (values == values[:, :1]).all(), field.name


def scenario(**fields):
    defaults = {"world": "ranked", "rows_per_request": 5, "rate_records_per_second": 2_000, "duration_seconds": 0.5}
    return Scenario.from_mapping({**defaults, **fields}, "a test")


ALL_KINDS = dict.fromkeys(KINDS, 0.1)


def test_a_scenario_without_rates_sends_what_it_always_sent():
    plain, zero = encounters(scenario(), 50), encounters(scenario(outliers=dict.fromkeys(KINDS, 0.0)), 50)
    assert plain.outlier_kinds is zero.outlier_kinds is None
    assert to_rows(plain.impressions) == to_rows(zero.impressions)


def test_outliers_of_the_ranked_world_are_users_and_only_their_rows_change():
    plain, spoilt = encounters(scenario(), 200), encounters(scenario(outliers=ALL_KINDS), 200)
    kinds = spoilt.outlier_kinds
    assert kinds.shape == (200, 5)
    assert (kinds == kinds[:, :1]).all()
    before, after = to_rows(plain.impressions), to_rows(spoilt.impressions)
    assert [old == new for old, new in zip(before, after, strict=True)] == (kinds.ravel() == NORMAL).tolist()
    for name in ("id", "campaignId"):
        assert [row[COLUMNS[name]] for row in before] == [row[COLUMNS[name]] for row in after]
    assert (plain.installs == spoilt.installs).all()


def test_a_plan_knows_which_of_its_rows_are_outliers_in_each_of_its_parts():
    asked = scenario(outliers=ALL_KINDS)
    plan, again = plan_of(asked, encounters), plan_of(asked, encounters)
    other = plan_of(scenario(outliers=ALL_KINDS, seeds={"outliers": 7}), encounters)
    assert list(plan.payloads) == list(again.payloads) != list(other.payloads)
    assert (plan.outlier_kinds == again.outlier_kinds).all()
    assert (plan.planned_at == other.planned_at).all()
    assert (plan.part(1, 3).outlier_kinds == plan.outlier_kinds[1::3]).all()


@pytest.mark.parametrize(
    ("outliers", "message"),
    [
        ({"impossible-funel": 0.1}, "'impossible-funnel', 'far-device' or 'time-jump'"),
        ({"far-device": 1.5}, "outliers.far-device"),
        ({"far-device": -0.1}, "outliers.far-device"),
        ({"far-device": 0.6, "time-jump": 0.6}, "the rates sum to 1.2; at most 1"),
        (5, "outliers"),
    ],
)
def test_a_scenario_with_impossible_rates_is_refused(outliers, message):
    with pytest.raises(InvalidScenario, match=message):
        scenario(outliers=outliers)
