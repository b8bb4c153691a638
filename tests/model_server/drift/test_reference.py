"""What training keeps: the same after JSON, and refused by name where it is not what training writes."""

import json

import numpy as np
import pytest
from drawn_rows import taken
from hypothesis import given
from hypothesis import strategies as st

from model_server.drift.errors import InvalidRecord
from model_server.drift.kept import N_KEPT, Kept, largest_difference
from model_server.drift.record import TrainingRecord
from model_server.drift.reference import Reference
from model_server.impressions import NAMES, from_table, to_rows


@given(first=st.integers(0, 19_000), n_rows=st.integers(1, 300))
def test_a_reference_is_the_same_after_json_and_counts_as_before(training, first, n_rows):
    rows = taken(training, slice(first, first + n_rows))
    fitted = Reference.fit(*rows)
    again = Reference.from_json(json.loads(json.dumps(fitted.to_json())))
    assert again.to_json() == fitted.to_json()
    assert again.bins == fitted.bins
    assert all((again.counts[column] == counts).all() for column, counts in fitted.counts.items())
    assert {int(counts.sum()) for counts in fitted.counts.values()} == {n_rows} == {fitted.n_rows}


def test_the_reference_does_not_depend_on_the_order_of_rows_and_holds_none(training, reference):
    order = np.random.default_rng(3).permutation(20_000)
    assert Reference.fit(*taken(training, order)).to_json() == reference.to_json()
    assert len(json.dumps(reference.to_json())) < 10_000, "bytes, of 20,000 rows"


def test_a_reference_of_no_rows_or_other_scores_is_refused(training):
    impressions, probabilities = training
    with pytest.raises(ValueError, match="0 impressions"):
        Reference.fit(*taken(training, slice(0, 0)))
    with pytest.raises(ValueError, match=r"probabilities of the shape \(3,\)"):
        Reference.fit(impressions, probabilities[:3])


@pytest.fixture
def learnt(training):
    return json.loads(TrainingRecord.fit(*taken(training, slice(0, 500))).to_bytes())


def changed(learnt, path, value):
    *parents, last = path.split(".")
    place = learnt
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return json.dumps(learnt).encode()


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("format", 2, "format 2; this release reads format 1"),
        ("reference", [], "the reference has no columns"),
        ("reference.rows", -1, "no number of rows"),
        ("reference.columns.country", None, "the reference has the columns campaignId"),
        ("reference.columns.country", 5, "column country: neither bins nor counts"),
        ("reference.columns.country.levels", ["FI", "FI"], "column country: levels are not distinct"),
        ("reference.columns.country.levels", ["FI", None], "column country: levels are not a list of texts"),
        (
            "reference.columns.country.levels",
            ["FI", "SE"],
            "column country: 22 counts of 500 rows together; 4 counts of",
        ),
        ("reference.columns.platform.counts", [400, 101, 0, 0], "column platform: 4 counts of 501 rows together"),
        (
            "reference.columns.platform.counts",
            [501, -1, 0, 0],
            "column platform: counts are not a list of whole numbers",
        ),
        ("reference.columns.platform.counts", [True, 499, 0, 0], "column platform: counts are not a list of whole"),
        ("reference.columns.lastStart.edges", [1.0, 1.0], "column lastStart: edges do not ascend"),
        (
            "reference.columns.lastStart.edges",
            [float("nan")],
            "column lastStart: edges are not a list of finite numbers",
        ),
        ("kept", {}, "kept: a list of rows"),
        ("kept.probabilities", [0.5], "kept: a list of rows"),
        ("kept.probabilities", [1.5] * N_KEPT, "kept: probabilities are not numbers from 0 to 1"),
        ("kept.rows", [[1]] * N_KEPT, "kept: "),
    ],
)
def test_what_training_did_not_write_is_refused_by_name(learnt, path, value, said):
    with pytest.raises(InvalidRecord, match=said):
        TrainingRecord.from_bytes(changed(learnt, path, value))


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"5", b"[" * 100_000])
def test_what_is_no_record_is_refused(content):
    with pytest.raises(InvalidRecord):
        TrainingRecord.from_bytes(content)


def test_kept_rows_are_spread_over_all_in_the_form_of_a_request_and_their_scores_to_the_bit(training):
    impressions, probabilities = training
    kept = Kept.from_json(json.loads(json.dumps(Kept.choose(impressions, probabilities).to_json())))
    ids = from_table(kept.rows, NAMES).id
    assert len(kept.rows) == len(np.unique(ids)) == N_KEPT
    rows = {int(key): place for place, key in enumerate(impressions.id)}
    places = [rows[key] for key in ids.tolist()]
    assert (places[0], places[-1]) == (0, 19_999)
    assert to_rows(impressions.take(places)) == kept.rows
    assert kept.probabilities.tobytes() == probabilities[places].tobytes()
    assert len(Kept.choose(*taken(training, slice(0, 3))).rows) == 3


def test_the_largest_difference_is_that_of_the_worst_row(training):
    kept = Kept.choose(*training)
    assert largest_difference(kept.probabilities, kept) == 0
    moved = kept.probabilities.astype(np.float64)
    moved[7] -= 0.25
    moved[9] += 0.125
    assert largest_difference(moved, kept) == 0.25
    moved[3] = np.nan
    assert np.isnan(largest_difference(moved, kept))
    with pytest.raises(ValueError, match="50 kept rows"):
        largest_difference(moved[:-1], kept)
