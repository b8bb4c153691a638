"""Rows that were read are read again unless they were left, for once, for whoever asks for the very same."""

import pytest

from model_server import reading
from model_server.impressions import NAMES, to_rows
from model_server.install_model import InstallModel
from model_server.seldon_messages import Table


@pytest.fixture
def rows(labelled):
    return to_rows(labelled[0].take(slice(0, 3)))


def test_rows_that_their_owner_changes_are_scored_as_they_are(models, rows):
    model = InstallModel(str(models / "champion"))
    message = {"data": {"names": list(NAMES), "ndarray": rows}}
    for ask in (lambda: model.predict(rows, NAMES).tolist(), lambda: model.predict_raw(message)["data"]["ndarray"]):
        before = ask()
        rows[0][NAMES.index("startCount")] += 5_000
        after = ask()
        assert after == model.predict([[*row] for row in rows], NAMES).tolist()
        assert after != before
        rows[0][NAMES.index("startCount")] = 0


def test_what_is_left_is_taken_once_and_only_for_the_very_same_rows(rows):
    payloads = {0: Table(rows[:2], list(NAMES)), 1: Table(rows[2:], list(NAMES))}
    read = reading.read_together(payloads)
    reading.leave(payloads, read)
    assert reading.left_or_read(payloads) is read
    assert reading.left_or_read(payloads) is not read
    for others in ({0: payloads[0]}, {0: payloads[0], 1: Table([*rows[2:]], list(NAMES))}):
        reading.leave(payloads, read)
        assert reading.left_or_read(others) is not read
