"""From every overlay to every other by `forkcast apply`, while 200 requests a second arrive: not one of them fails."""

import itertools

import promises
import pytest
from steady_load import Load

pytestmark = [pytest.mark.component, pytest.mark.timeout(900)]
RATE_PER_SECOND = 200


def round_trip(names):
    """A walk over each ordered pair of names once, as Hierholzer finds it: the last name is the first."""
    unused = {name: [other for other in names if other != name] for name in names}
    way, found = [names[0]], []
    while way:
        if unused[way[-1]]:
            way.append(unused[way[-1]].pop())
        else:
            found.append(way.pop())
    return found[::-1]


def test_the_round_trip_takes_every_change_once():
    way = round_trip(promises.OVERLAYS)
    assert sorted(itertools.pairwise(way)) == sorted(itertools.permutations(promises.OVERLAYS, 2))


def test_no_change_of_overlay_fails_a_request(here):
    first, *rest = round_trip(promises.OVERLAYS)
    here.bring(first)
    with Load(here.url, RATE_PER_SECOND, largest=10**6, body=promises.BODY) as load:
        for overlay in rest:
            here.bring(overlay)
            n_answers = len(load.answers)
            promises.eventually(lambda n=n_answers: len(load.answers) > n + 50, what=f"answers under {overlay}")
            assert load.failures == {}, overlay
    assert load.failures == {}
    assert set(load.answers) == {"champion", "challenger"}
