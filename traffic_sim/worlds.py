"""Where requests come from, and what comes of the answers.

Whatever the world, the best-scored ad of a request is the one that is shown, and the reward is whether it is installed.
Everything is drawn before the run, so the same seeds and the same scores bring the same rewards.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from traffic_sim import drift
from traffic_sim.errors import CallersFault
from traffic_sim.outliers import inject
from traffic_sim.plan import Encounters
from traffic_sim.population import Population
from traffic_sim.scenario import Scenario

RANKED_START: Final = 6 / 7
"""Where in the population's time span of 42 days the ranked world begins: its last six, after the training
data of `forkcast data`, which by default are the first four fifths of the impressions."""


class NoSuchWorld(CallersFault):
    """The data of a world cannot be had."""


def encounters(scenario: Scenario, n_requests: int) -> Encounters:
    """What the scenario's world asks in n requests. Errors: NoSuchWorld, and those of the data's own readers."""
    drawn = ranked(scenario, n_requests) if scenario.world == "ranked" else replay(scenario, n_requests)
    return with_outliers(scenario, drawn) if any(scenario.outliers.values()) else drawn


def replay(scenario: Scenario, n_requests: int) -> Encounters:
    """Rows of a file, each drawn with equal chance, again and again.

    A label is the row's own: from the truth file, else from the file's `install` column; with neither, outcomes are
    unknown. Rows of a request have nothing to do with each other.
    """
    from model_server.impressions.csv_files import UnknownIds, read_impressions, read_truth  # noqa: PLC0415  # needs pyarrow

    _refuse_absent(scenario.data, "`forkcast data` writes one; or name another with --data")
    file = read_impressions(scenario.data)
    labels = file.installs
    if scenario.truth is not None:
        _refuse_absent(scenario.truth, "name another with --truth, or leave it out: then no feedback is sent")
        try:
            labels = read_truth(scenario.truth).installs_of(file.impressions.id)
        except UnknownIds as error:
            raise NoSuchWorld(f"{scenario.truth}: {error}") from error
    rng = scenario.seeds.rng("moments")
    rows = rng.integers(len(file.impressions), size=n_requests * scenario.rows_per_request)
    installs = None if labels is None else labels[rows].astype(np.bool_).reshape(n_requests, -1)
    return Encounters(file.impressions.take(rows), installs)


def ranked(scenario: Scenario, n_requests: int) -> Encounters:
    """A user's moment with as many ads as a request has rows, from the population that the training data came from.

    Each moment has one uniform u, and the ad that is shown is installed if u is below its true probability: whoever
    shows a likelier ad to this user loses none of the installs that another choice would have had.
    """
    rng = scenario.seeds.rng("moments")
    scored = Population(scenario.seeds.population).moments(
        n_requests, scenario.rows_per_request, rng, start=RANKED_START
    )
    # Users of all hours at once, as the time of the run is not theirs; else the first second would be all Monday night.
    order = rng.permutation(n_requests)
    rows = (order[:, None] * scenario.rows_per_request + np.arange(scenario.rows_per_request)).ravel()
    uniforms = scenario.seeds.rng("outcomes").random(n_requests)
    probability = scored.probability[rows].reshape(n_requests, -1)
    return Encounters(scored.impressions.take(rows), uniforms[:, None] < probability)


def with_outliers(scenario: Scenario, drawn: Encounters) -> Encounters:
    """The same encounters, in which some rows (ranked world: all rows of some users) are outliers.

    Outcomes stay: they are those of the user whose place an outlier takes.
    """
    rng, rows_per_user = scenario.seeds.rng("outliers"), _rows_per_user(scenario)
    injected = inject(drawn.impressions, scenario.outliers, rng, rows_per_user)
    kinds = injected.kind.reshape(-1, scenario.rows_per_request)
    return replace(drawn, impressions=injected.impressions, outlier_kinds=kinds)


def with_drift(scenario: Scenario, drawn: Encounters, planned_at: NDArray[np.float64]) -> Encounters:
    """The same encounters, in which those that are planned for after the scenario's moment have drifted.

    Shapes: planned_at float64[n], one for each encounter. Outcomes stay: the truth does not know of the drift.
    """
    has_begun = np.repeat(planned_at >= scenario.drift_after_seconds, scenario.rows_per_request)
    rng, rows_per_user = scenario.seeds.rng("drift"), _rows_per_user(scenario)
    return replace(drawn, impressions=drift.inject(drawn.impressions, scenario.drift, has_begun, rng, rows_per_user))


def _rows_per_user(scenario: Scenario) -> int:
    return scenario.rows_per_request if scenario.world == "ranked" else 1


def _refuse_absent(path: Path, hint: str) -> None:
    if not path.is_file():
        raise NoSuchWorld(f"{path}: no such file; {hint}")
