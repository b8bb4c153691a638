from hypothesis import given
from hypothesis import strategies as st

from deployments.local.backoff import LONGEST_WAIT_SECONDS, STABLE_AFTER_SECONDS, Restarts


def waits(runs):
    restarts = Restarts()
    for ran_seconds in runs:
        restarts = restarts.after_run(ran_seconds)
        yield restarts.wait_seconds()


def test_the_first_restart_is_at_once_and_then_the_wait_doubles_up_to_its_longest():
    assert list(waits([0.1] * 9)) == [0, 1, 2, 4, 8, 16, 30, 30, 30]


def test_a_minute_of_good_work_begins_the_count_anew():
    assert list(waits([1, 1, 1, STABLE_AFTER_SECONDS, 1])) == [0, 1, 2, 0, 1]
    assert list(waits([1, 1, 1, STABLE_AFTER_SECONDS - 0.1])) == [0, 1, 2, 4]


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=3000))
def test_a_wait_is_never_longer_than_the_longest_and_every_end_is_counted(runs):
    assert all(0 <= wait <= LONGEST_WAIT_SECONDS for wait in waits(runs))
    restarts = Restarts()
    for ran_seconds in runs:
        restarts = restarts.after_run(ran_seconds)
    assert restarts.total == len(runs)
