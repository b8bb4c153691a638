"""Rarity: what as many training rows reach as it says, in order, and never beyond its bounds."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model_server.outliers.rarity import CHUNK_ROWS, RarityTable

numbers = st.one_of(st.integers(-5, 5).map(float), st.floats(-1e12, 1e12))
columns = st.lists(numbers, min_size=1, max_size=300)


def of(column, asked):
    return RarityTable.fit(np.array([column]))(np.array([asked]))[0]


@given(columns, st.lists(numbers, min_size=1, max_size=20))
def test_a_value_is_never_called_rarer_than_it_is_and_at_most_half_a_bit_commoner(column, asked):
    found = of(column, asked)
    for value, rarity in zip(asked, found.tolist(), strict=True):
        n_as_far = sum(other >= value for other in column)
        if n_as_far == 0:
            assert rarity == np.float32(np.sqrt(2 * len(column)))
            continue
        assert rarity <= np.sqrt(len(column) / n_as_far) * (1 + 1e-6)
        # Between training values it is as rare as the lower one, which is half a bit off: under the root, a quarter.
        lower = max((other for other in column if other <= value), default=min(column))
        assert rarity >= np.sqrt(len(column) / sum(other >= lower for other in column)) * 2**-0.26


@given(columns, st.lists(numbers, min_size=2, max_size=20))
def test_the_further_out_the_rarer(column, asked):
    assert (np.diff(of(column, sorted(asked))) >= 0).all()


@given(st.lists(columns.map(lambda column: (column * 20)[:20]), min_size=1, max_size=4))
def test_measures_together_get_what_each_gets_alone_also_after_being_written(measures):
    fitted = RarityTable.fit(np.array(measures))
    read = RarityTable.from_json(json.loads(json.dumps(fitted.to_json())))
    together = read(np.array(measures))
    for column, found in zip(measures, together, strict=True):
        assert found.tolist() == of(column, column).tolist()


def test_long_columns_are_looked_at_in_parts_and_come_out_the_same():
    column = np.random.default_rng(1).normal(size=3 * CHUNK_ROWS + 7)
    table = RarityTable.fit(column[None])
    assert table(column[None])[0].tolist() == [table(np.array([[value]]))[0, 0] for value in column]
