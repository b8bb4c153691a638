"""The search for a limit, on systems that are simulated: with a true limit, and with stumbles."""

from hypothesis import given
from hypothesis import strategies as st

from traffic_sim.limit.saturation import Load, saturated
from traffic_sim.limit.search import Search, Tried, highest_kept, lowest_broken

rates = st.floats(1, 100_000)


def searched(search, keeps):
    tried = []
    while (rate := search.next_rate(tried)) is not None:
        tried.append(Tried(rate, keeps(rate, len(tried))))
        assert len(tried) < 200
    return tried


@given(first=rates, limit=rates, precision=st.floats(0.01, 0.5))
def test_the_limit_is_found_to_the_precision_asked_for(first, limit, precision):
    tried = searched(Search(first, 0.5, 200_000, precision), lambda rate, _: rate <= limit)
    kept = highest_kept(tried)
    assert kept <= limit < lowest_broken(tried) <= kept * (1 + precision)


@given(first=rates, limit=rates, stumble=st.integers(0, 40))
def test_one_stumble_does_not_decide(first, limit, stumble):
    tried = searched(Search(first, 0.5, 200_000), lambda rate, n: rate <= limit and n != stumble)
    assert highest_kept(tried) <= limit < highest_kept(tried) * 1.05


@given(first=rates, luck=st.lists(st.booleans(), min_size=200, max_size=200))
def test_a_search_ends_whatever_comes_back_and_stays_within_its_bounds(first, luck):
    tried = searched(Search(first, 0.5, 200_000), lambda _, n: luck[n])
    assert all(0.5 <= each.rate <= 200_000 for each in tried)


@given(first=rates)
def test_what_never_breaks_and_what_never_holds_have_no_limit(first):
    search = Search(first, 0.5, 200_000)
    assert highest_kept(searched(search, lambda *_: True)) == 200_000
    assert highest_kept(searched(search, lambda *_: False)) is None


def load(**fields):
    usual = {"n_cores": 2, "machine": 1.2, "simulator": 0.3, "n_simulators": 1, "lag_p99_milliseconds": 1.0}
    return Load(**{**usual, "parts": {"Envoy": 0.31, "predictor champion": 0.5}, **fields})


def test_the_part_that_had_no_more_to_give_is_named():
    slow = ["p99 300.0 ms > 100 ms"]
    assert "the simulator itself: 97% of one core" in saturated(load(simulator=0.97), slow)
    assert "use --processes 2" in saturated(load(simulator=0.97), slow)
    assert (
        saturated(load(parts={"Envoy": 0.3, "predictor champion": 0.99}), slow) == "predictor champion: 99% of one core"
    )
    assert saturated(load(machine=1.98), slow).startswith("the machine: 1.98 of 2 cores busy: predictor champion 50%")
    wide = load(parts={"Envoy": 0.95}, threads={"Envoy": 2})
    assert "nothing" in saturated(wide, slow)
    nothing = saturated(load(), ["errors 5.00% > 0 %, mostly `failed: HTTP 503`"])
    assert "nothing that was seen was saturated" in nothing
    assert "HTTP 503" in nothing
    assert "cannot be seen from here" in saturated(load(parts={}), slow)
