"""What `forkcast predict` is measured against is the same model: each of its features, whatever the row."""

import numpy as np
import pandas as pd
from rig import pandas_way

from model_server.features.classic import ClassicFeatures
from model_server.impressions.csv_files import read_impressions, write_impressions
from traffic_sim.population import Population

N_ROWS = 3_000


def test_the_pandas_way_computes_the_classic_features_bit_by_bit(tmp_path):
    scored = Population(seed=3).sample(N_ROWS, np.random.default_rng(3))
    features, _ = ClassicFeatures.fit(scored.impressions.take(slice(0, N_ROWS // 2)), np.zeros(N_ROWS // 2, np.int8))
    write_impressions(tmp_path / "rows.csv", scored.impressions)
    expected = features.transform(read_impressions(tmp_path / "rows.csv").impressions)
    found = pandas_way.features_of(pandas_way.read(tmp_path / "rows.csv"), features.to_json()["levels"])
    pd.testing.assert_frame_equal(
        found[list(features.names)].astype(np.float64), pd.DataFrame(expected, columns=list(features.names)),
        check_exact=True,
    )  # fmt: skip
    assert np.isnan(expected).any(axis=0).sum() > 16  # never started, and ratios over zero: there are such rows
    assert (expected[:, list(features.names).index("campaignIdCode")] == 0).any()  # unknown categories, too
