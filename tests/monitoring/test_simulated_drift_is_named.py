"""Each drift that the simulator can inject, held against a bundle's training: its column is named, and soon."""

import numpy as np
import pytest

from model_server.drift.windows import Monitor
from model_server.install_model import InstallModel
from model_server.training.train import train
from traffic_sim.drift import DRIFTS
from traffic_sim.population import Population
from traffic_sim.scenario import Scenario
from traffic_sim.worlds import RANKED_START, encounters, with_drift

N_WINDOWS, WINDOW = 2, 1_000
STRENGTHS = {kind: 2.0 if found.is_factor else 0.2 for kind, found in DRIFTS.items()} | {"one-country": 0.3}
"""Visible to anybody; four in a hundred users of the population are in that country anyway."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Trained on the weeks before the simulator's."""
    rng = np.random.default_rng(5)
    scored = Population(seed=1).sample(60_000, rng)
    times = scored.impressions.timestamp
    before = times < times.min() + RANKED_START * (times.max() - times.min())
    installs = (rng.random(len(before)) < scored.probability).astype(np.int8)
    folder = tmp_path_factory.mktemp("models") / "champion"
    past = scored.impressions.take(before)
    train(past, installs[before], feature_set="classic", folder=folder, data={}, seed=1, threads=1)
    return InstallModel(str(folder))


def reports(model, **scenario):
    """Of the windows that the first rows of so many requests fill."""
    asked = Scenario(world="ranked", rows_per_request=1, rate_records_per_second=WINDOW, **scenario)
    n_requests = N_WINDOWS * WINDOW
    impressions = with_drift(asked, encounters(asked, n_requests), np.arange(n_requests) / WINDOW).impressions
    probabilities = model._scorer._booster.predict(model._scorer._features.transform(impressions))
    found = Monitor(model._bundle.drift.reference, windows=(WINDOW,)).add(impressions, probabilities)
    assert len(found) == N_WINDOWS
    return found


@pytest.mark.parametrize("kind", DRIFTS)
def test_its_column_is_named_within_two_windows(model, kind):
    named = {column for report in reports(model, drift={kind: STRENGTHS[kind]}) for column in report.drifted}
    assert DRIFTS[kind].column in named


def test_without_it_no_column_is_named_but_the_version_that_came_out_after_training(model):
    """An iOS that training never saw is drift, and true. Two windows alarm for chance alone with odds of 2 in 100, for
    these seeds not.
    """
    assert {column for report in reports(model) for column in report.drifted} <= {"softwareVersion"}
