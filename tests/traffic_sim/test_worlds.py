"""Worlds: where rows and outcomes come from."""

import numpy as np
import pytest

from model_server.impressions import NAMES, to_rows
from traffic_sim.population import Population
from traffic_sim.scenario import Scenario
from traffic_sim.worlds import RANKED_START, NoSuchWorld, encounters


def ranked(**seeds):
    return Scenario.from_mapping({"world": "ranked", "rows_per_request": 5, "seeds": seeds}, "a test")


def test_ranked_requests_are_moments_of_one_user_with_different_ads():
    drawn = encounters(ranked(), 200)
    rows = np.array(to_rows(drawn.impressions), dtype=object).reshape(200, 5, len(NAMES))
    same_for_all_ads = [i for i, name in enumerate(NAMES) if name not in {"id", "campaignId"}]
    assert (rows[:, :, same_for_all_ads] == rows[:, :1, same_for_all_ads]).all()
    campaigns = rows[:, :, NAMES.index("campaignId")]
    assert all(len(set(row)) == 5 for row in campaigns)
    assert len(set(rows[:, :, 0].ravel())) == 1_000


def test_ranked_outcomes_follow_the_true_probability():
    scenario = ranked()
    drawn = encounters(scenario, 4_000)
    truth = Population(1).moments(4_000, 5, scenario.seeds.rng("moments"), start=RANKED_START)
    expected = truth.probability.mean()
    # One draw a moment: the standard deviation of the mean over 4,000 is at most sqrt(p / 4000); 6 of them, 2e-9.
    assert abs(drawn.installs.mean() - expected) < 6 * np.sqrt(expected / 4_000)
    # The same u for all ads of a moment: whoever is installed with some probability is with any higher one.
    by_id = dict(zip(truth.impressions.id.tolist(), truth.probability.tolist(), strict=True))
    probability = np.array([by_id[i] for i in drawn.impressions.id.tolist()]).reshape(4_000, 5)
    least_installed = np.where(drawn.installs, probability, 2).min(axis=1)
    most_not_installed = np.where(drawn.installs, -1, probability).max(axis=1)
    assert (most_not_installed <= least_installed).all()


def test_ranked_draws_are_the_same_for_the_same_seeds_and_outcomes_have_their_own():
    one, again, other = (encounters(ranked(**seeds), 300) for seeds in ({}, {}, {"outcomes": 44}))
    assert to_rows(one.impressions) == to_rows(again.impressions) == to_rows(other.impressions)
    assert (one.installs == again.installs).all()
    assert (one.installs != other.installs).any()


@pytest.fixture
def files(tmp_path):
    """30 impressions without labels, their truth in another order, and the same with an install column."""
    first = {"timestamp": "2019-01-21T09:00:14Z", "lastStart": "", "country": "US"}
    cells = [first.get(name, "0" if name.endswith(("Count", "1d", "7d")) else "a") for name in NAMES[1:]]
    rows = [[str(100 + i), *cells] for i in range(30)]
    header = list(NAMES)
    write(tmp_path / "plain.csv", [header, *rows])
    write(tmp_path / "labelled.csv", [[*header, "install"], *([*row, str(i % 3 // 2)] for i, row in enumerate(rows))])
    truth = [[str(100 + i), str(i % 2), "0.25"] for i in reversed(range(30))]
    write(tmp_path / "truth.csv", [["id", "install", "probability"], *truth])
    write(tmp_path / "short.csv", [["id", "install", "probability"], *truth[:10]])
    return tmp_path


def write(path, rows):
    path.write_text("".join(";".join(row) + "\n" for row in rows))


def replay(data, truth=None, **seeds):
    fields = {"world": "replay", "rows_per_request": 2, "data": data, "truth": truth, "seeds": seeds}
    return Scenario.from_mapping(fields, "a test")


def test_replay_labels_are_the_rows_own_by_id(files):
    drawn = encounters(replay(files / "plain.csv", files / "truth.csv"), 500)
    ids = drawn.impressions.id.reshape(500, 2)
    assert set(ids.ravel().tolist()) == set(range(100, 130))
    assert (drawn.installs == (ids % 2 == 1)).all()


def test_replay_takes_the_install_column_where_there_is_no_truth_file(files):
    drawn = encounters(replay(files / "labelled.csv"), 500)
    assert (drawn.installs == ((drawn.impressions.id.reshape(500, 2) - 100) % 3 == 2)).all()


def test_replay_without_labels_knows_no_outcome(files):
    assert encounters(replay(files / "plain.csv"), 10).installs is None


def test_replay_draws_the_same_for_the_same_seed_only(files):
    one, again, other = (
        encounters(replay(files / "plain.csv", **seeds), 50).impressions.id.tolist()
        for seeds in ({}, {}, {"moments": 9})
    )
    assert one == again != other


def test_files_that_are_absent_or_do_not_fit_are_refused(files):
    with pytest.raises(NoSuchWorld, match="forkcast data"):
        encounters(replay(files / "absent.csv"), 1)
    with pytest.raises(NoSuchWorld, match="--truth"):
        encounters(replay(files / "plain.csv", files / "absent.csv"), 1)
    with pytest.raises(NoSuchWorld, match="no label for 20 of 30"):
        encounters(replay(files / "plain.csv", files / "short.csv"), 1)
