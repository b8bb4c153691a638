"""Fixtures that several planes share: a small world, two small models trained on it, and an outlier detector."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from model_server.training.train import train
from traffic_sim.population import Population

REQUIRE_TOOLS = os.environ.get("REQUIRE_TOOLS") == "1"
"""In CI: a test that skips for want of a tool has failed. Only what lies outside the project, and is named by a
variable FORKCAST_*, may be missing."""


os.environ.setdefault("FORKCAST_PROMETHEUS", "0")  # dozens of runtimes; those that want one say so

LONGEST_FIRST = (
    "test_a_watched_day.py",
    "test_every_change_under_load.py",
    "test_strategies_here.py",
    "test_accidents.py",
    "test_models_compared.py",
    "test_parity.py",
    "test_graphs_in_use.py",
    "test_changes_under_load.py",
    "test_against_seldon.py",
    "test_images.py",
    "test_wrapper_accidents.py",
    "test_routers_served.py",
    "test_stores_in_use.py",
    "test_fuzz.py",
)
"""Files that take a minute and more: begun last, they would keep one process busy while the others are done."""


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    del item, call
    report = yield
    if REQUIRE_TOOLS and report.skipped and "FORKCAST_" not in str(report.longrepr):
        report.outcome = "failed"
    return report


@pytest.fixture(scope="session", autouse=True)
def _stock_wrapper_as_it_came():
    """Some tests hold against Seldon's wrapper in this process, which our classes would adapt; each of those that serve
    has a process of its own.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("model_server.stock_wrapper.adapt", lambda: None)
        yield


@pytest.fixture(scope="session")
def labelled():
    """12,000 impressions of the synthetic population and their labels, with installs enough for small models."""
    rng = np.random.default_rng(11)
    scored = Population(seed=1).sample(12_000, rng)
    installs = (rng.random(12_000) < scored.probability).astype(np.int8)
    return scored.impressions, installs


@pytest.fixture(scope="session")
def models(labelled, tmp_path_factory) -> Path:
    """A folder with two small bundles: `champion` (classic) and `challenger` (funnel)."""
    folder = tmp_path_factory.mktemp("volumes") / "models"  # where pvc://models/NAME is looked for
    for name, feature_set in (("champion", "classic"), ("challenger", "funnel")):
        train(
            *labelled,
            feature_set=feature_set,
            folder=folder / name,
            data={"file": "made up"},
            seed=1,
            threads=1,
            now=datetime(2019, 1, 28, 12, 30, 5, tzinfo=UTC),
        )
    return folder


@pytest.fixture(scope="session")
def detector(labelled, models) -> Path:
    """The folder of a small outlier detector, `detector` beside the models; alibi-detect takes seconds to import."""
    from model_server.training.fit_detector import fit_detector

    folder = models / "detector"
    fit_detector(labelled[0], folder=folder, data={"file": "made up"}, seed=1, threads=1)
    return folder
