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
    file = tmp_path / "rows.csv"
    write_impressions(file, scored.impressions)
    file.write_text(file.read_text().replace(";US;", ";NA;"))  # Namibia, which pandas takes for a missing value
    impressions = read_impressions(file).impressions
    features, _ = ClassicFeatures.fit(impressions.take(slice(0, N_ROWS // 2)), np.zeros(N_ROWS // 2, np.int8))
    levels = features.to_json()["levels"]
    expected = pd.DataFrame(features.transform(impressions), columns=list(features.names))
    found = pandas_way.features_of(pandas_way.read(file), levels)[list(features.names)]
    pd.testing.assert_frame_equal(found.astype(np.float64), expected, check_exact=True)
    assert expected.isna().any(axis=0).sum() > 16  # never started, and ratios over zero: there are such rows
    assert (expected["campaignIdCode"] == 0).any()  # unknown categories, too
    assert "NA" in levels["country"]
