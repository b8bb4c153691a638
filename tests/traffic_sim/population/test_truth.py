"""The formula, one term at a time: two moments that differ in one thing differ in probability as the docs say."""

from dataclasses import replace

import numpy as np
import pytest

from traffic_sim.population import truth
from traffic_sim.population.histories import Histories
from traffic_sim.population.truth import Moments

TRAITS = truth.draw_traits(np.random.default_rng(21))


def history(**columns):
    usual = {"starts": 50, "views": 30, "clicks": 5, "installs": 1, "starts_1d": 4, "starts_7d": 9, "pause_seconds": 60}
    return Histories(**{name: np.array([value]) for name, value in (usual | columns).items()})


def moment(**columns):
    # 2019-01-21T09:00:14Z, a Monday
    usual = {
        "timestamp": 1_548_061_214,
        "country": 0,
        "platform": 0,
        "device": 0,
        "version": 0,
        "game": 0,
        "connection": 1,
    }
    past = columns.pop("history", history())
    return Moments(**{name: np.array([value]) for name, value in (usual | columns).items()}, history=past)


def logit(**columns):
    return truth.moment_logits(TRAITS, moment(**columns)).item()


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (moment(connection=1), moment(connection=0)),
        (moment(), moment(timestamp=1_548_061_214 + 11 * 3600)),  # the evening of the same day
        (moment(), moment(timestamp=1_548_061_214 + 5 * 86_400)),  # the same hour on Saturday
        (moment(version=0), moment(version=9)),  # 9.3.5 and 12.1.1
        (moment(history=history(pause_seconds=60)), moment(history=history(pause_seconds=7200))),
        (moment(history=history(starts_1d=4)), moment(history=history(starts_1d=1))),
        (moment(history=history(installs=1)), moment(history=history(installs=3))),
        (moment(history=history(clicks=5)), moment(history=history(clicks=9))),
        # The same rate, counted over more starts, is better known.
        (
            moment(history=history(starts=10, clicks=2, installs=1)),
            moment(history=history(starts=100, clicks=20, installs=10)),
        ),
    ],
    ids=["wifi", "evening", "weekend", "version", "fatigue", "wear", "installs", "clicks", "smoothing"],
)
def test_each_effect_points_the_way_it_is_documented(less, more):
    assert truth.moment_logits(TRAITS, less).item() < truth.moment_logits(TRAITS, more).item()


def test_a_newcomers_history_counts_as_one_number():
    newcomer = history(starts=0, views=0, clicks=0, installs=0, starts_1d=0, starts_7d=0, pause_seconds=-1)
    neutral = replace(newcomer, starts=np.array([1]), pause_seconds=np.array([10**9]))
    smoothed = (truth.INSTALL_WEIGHT + truth.CLICK_WEIGHT) * np.log(truth.PRIOR / (truth.PRIOR + 1))
    assert logit(history=newcomer) - logit(history=neutral) == pytest.approx(truth.NEWCOMER - smoothed)


def test_a_flagship_is_worth_more_where_advertisers_pay_and_less_where_they_do_not():
    table = truth.PRICE_BY_COUNTRY
    assert table[2, 0] > table[0, 0]
    assert table[2, 2] < table[0, 2]


def test_the_intercept_brings_the_mean_to_the_target():
    logits = np.random.default_rng(22).normal(0, 1.5, 1000)
    shifted = logits + truth.intercept(logits)
    assert truth.probability(shifted).mean() == pytest.approx(truth.TARGET_RATE, abs=1e-9)
