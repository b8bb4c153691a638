"""Rows of the synthetic population in no order, with the true probability as their score, and ways to shift them."""

from dataclasses import replace

import numpy as np

from model_server.drift.bins import CategoryBins
from model_server.impressions import MISSING_TIME, Categories, Impressions
from traffic_sim.population import Population


def drawn(n_rows, seed):
    """(impressions, float32[n]), each row independent of the others."""
    rng = np.random.default_rng([seed, 97])
    scored = Population(seed=1).sample(n_rows, rng)
    order = rng.permutation(n_rows)
    return scored.impressions.take(order), scored.probability[order].astype(np.float32)


def taken(batch, rows):
    impressions, probabilities = batch
    return impressions.take(rows), probabilities[rows]


def with_text(column: Categories, rows, text):
    """`text`, which may be new, or None, in these rows."""
    levels = column.levels if text is None or text in column.levels else (*column.levels, text)
    codes = column.codes.copy()
    codes[rows] = -1 if text is None else levels.index(text)
    return Categories(codes, levels)


def with_levels_in_another_order(impressions: Impressions, seed) -> Impressions:
    """The same texts, encoded otherwise, among levels that do not occur."""
    rng = np.random.default_rng(seed)
    changed = {}
    for name, column in vars(impressions).items():
        if isinstance(column, Categories):
            places = rng.permutation(len(column.levels) + 1)
            levels = [""] * len(places)
            for place, level in zip(places.tolist(), (*column.levels, "never seen"), strict=True):
                levels[place] = level
            changed[name] = Categories(np.append(places[:-1], -1)[column.codes].astype(np.int32), tuple(levels))
    return replace(impressions, **changed)


def country_gone(batch):
    impressions, _ = batch
    (largest,) = CategoryBins.fit(impressions.country).levels[:1]
    return taken(batch, impressions.country.codes != impressions.country.levels.index(largest))


def country_grown(batch):
    """The tenth in size takes a tenth of the rows, whoever they are."""
    impressions, probabilities = batch
    tenth = CategoryBins.fit(impressions.country).levels[9]
    return replace(impressions, country=with_text(impressions.country, slice(None, None, 10), tenth)), probabilities


def version_renewed(batch):
    """A tenth of the rows has one that training never saw."""
    impressions, probabilities = batch
    renewed = with_text(impressions.software_version, slice(None, None, 10), "13.0")
    return replace(impressions, software_version=renewed), probabilities


def starts_scaled(batch):
    impressions, probabilities = batch
    return replace(impressions, start_count=(impressions.start_count * 1.5).astype(np.int64)), probabilities


def device_missing(batch):
    impressions, probabilities = batch
    return replace(
        impressions, device_type=with_text(impressions.device_type, slice(None, None, 5), None)
    ), probabilities


def last_start_missing(batch):
    impressions, probabilities = batch
    last_start = impressions.last_start.copy()
    last_start[::10] = MISSING_TIME
    return replace(impressions, last_start=last_start), probabilities


def scores_raised(batch):
    """By half, as of a model whose calibration is gone."""
    impressions, probabilities = batch
    return impressions, np.minimum(probabilities * np.float32(1.5), 1)
