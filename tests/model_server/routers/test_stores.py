"""What every store promises, held against each of them: in memory, and a real Valkey."""

import itertools
import multiprocessing
import threading
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_server.routers.errors import InvalidRouter, StoreUnavailable
from model_server.routers.policies import Tally
from model_server.routers.store import InMemoryStore, ValkeyStore, place_of

_names = itertools.count()


@pytest.fixture(params=["memory", "valkey"])
def make_store(request):
    """Makes empty stores."""
    made = []

    def make():
        if request.param == "memory":
            made.append(InMemoryStore())
        else:
            url = request.getfixturevalue("valkey_of_module").url
            made.append(ValkeyStore(url, f"test-{next(_names)}"))
        return made[-1]

    yield make
    for store in made:
        store.close()


def test_an_empty_store_knows_of_no_arm(make_store):
    assert make_store().read() == {}


def test_rewards_add_up_by_arm_and_come_back_at_once(make_store):
    store = make_store()
    assert store.learn("a", [0.25], "") == (True, {"a": Tally(0.25, 1)})
    assert store.learn("b", [0.0, 0.0], "") == (True, {"a": Tally(0.25, 1), "b": Tally(0.0, 2)})
    assert store.learn("a", [1.0, 0.5], "")[1]["a"] == Tally(1.75, 3)
    assert store.read() == {"a": Tally(1.75, 3), "b": Tally(0.0, 2)}


def test_a_request_is_learnt_once(make_store):
    store = make_store()
    assert store.learn("a", [1.0], "id-1")[0]
    assert store.learn("a", [1.0], "id-1") == (False, {"a": Tally(1, 1)})
    assert store.learn("b", [0.0], "id-1")[0] is False
    assert store.learn("a", [1.0], "id-2")[0]
    assert store.learn("a", [1.0], "")[0]
    assert store.learn("a", [1.0], "")[0]
    assert store.read() == {"a": Tally(4, 4)}


lessons = st.lists(
    st.tuples(
        st.sampled_from(["a", "b.c", "d-e"]),
        st.lists(st.floats(0, 1), min_size=1, max_size=4),
        st.sampled_from(["", "1", "2", "\ud800", "x" * 1000]),
    )
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
@given(all_lessons=lessons)
def test_any_lessons_add_up_to_what_they_should(make_store, all_lessons):
    store, seen, sums = make_store(), set(), defaultdict(lambda: [0.0, 0])
    for arm, rewards, request_id in all_lessons:
        is_new = request_id not in seen
        assert store.learn(arm, rewards, request_id)[0] is is_new
        if is_new:
            sums[arm][0] += sum(rewards)
            sums[arm][1] += len(rewards)
            seen |= {request_id} - {""}
    found = store.read()
    assert {arm: tally.trials for arm, tally in found.items()} == {arm: n for arm, (_, n) in sums.items()}
    for arm, (reward_sum, _) in sums.items():
        assert found[arm].reward_sum == pytest.approx(reward_sum, abs=1e-9)


def test_threads_lose_nothing_of_each_other(make_store):
    store = make_store()
    new = []

    def learn(thread):
        for i in range(200):
            store.learn("a", [1.0], "")
            new.append(store.learn("b", [0.5], f"shared-{i}")[0])
            store.learn(f"own-{thread}", [0.0], "")

    threads = [threading.Thread(target=learn, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = store.read()
    assert found["a"] == Tally(800, 800)
    assert found["b"] == Tally(100, 200)
    assert new.count(True) == 200
    assert all(found[f"own-{thread}"].trials == 200 for thread in range(4))


def test_an_id_is_forgotten_after_its_window_in_memory():
    now = [0.0]
    store = InMemoryStore(window_seconds=10, now=lambda: now[0])
    assert store.learn("a", [1.0], "x")[0]
    now[0] = 9.9
    assert not store.learn("a", [1.0], "x")[0]
    now[0] = 10.0
    assert store.learn("a", [1.0], "x")[0]
    assert store.read() == {"a": Tally(2, 2)}


def test_an_id_is_kept_for_its_window_in_valkey(valkey_of_module):
    store = ValkeyStore(valkey_of_module.url, "windowed", window_seconds=1234)
    store.learn("a", [1.0], "x")
    client = valkey_of_module.client()
    mark = store._mark("x")
    assert 1200 < client.ttl(mark) <= 1234
    assert client.ttl("forkcast:bandit:windowed") == -1  # what was learnt stays
    store.close()
    client.close()


def _learn_in_a_process(url, name, n):
    store = ValkeyStore(url, name)
    for i in range(n):
        store.learn("a", [1.0], f"{i}")
        store.learn("b", [0.5], "")
    store.close()


def test_processes_learn_together(valkey_of_module):
    context = multiprocessing.get_context("spawn")
    arguments = (valkey_of_module.url, "together", 100)
    processes = [context.Process(target=_learn_in_a_process, args=arguments) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
        assert process.exitcode == 0
    store = ValkeyStore(valkey_of_module.url, "together")
    assert store.read() == {"a": Tally(100, 100), "b": Tally(100, 200)}
    store.close()


def test_nothing_acknowledged_is_lost_when_valkey_is_killed(valkey):
    store = ValkeyStore(valkey.url, "durable")
    acknowledged = 0
    for round_ in range(3):
        for i in range(50):
            store.learn("a", [1.0], f"{round_}-{i}")
            acknowledged += 1
        valkey.kill()
        with pytest.raises(StoreUnavailable, match="cannot be had"):
            store.learn("a", [1.0], "while it is away")
        valkey.start()
        assert store.read() == {"a": Tally(acknowledged, acknowledged)}
        assert store.learn("a", [1.0], f"{round_}-0")[0] is False  # nor are the ids
    store.close()


def test_a_store_that_takes_nothing_says_so(valkey):
    store = ValkeyStore(valkey.url, "full")
    store.learn("a", [1.0], "x")
    client = valkey.client()
    client.config_set("maxmemory", "1")
    with pytest.raises(StoreUnavailable, match="OutOfMemory"):
        store.learn("a", [1.0], "y")
    client.config_set("maxmemory", "0")
    client.hset("forkcast:bandit:full", "a:trials", "many")
    with pytest.raises(StoreUnavailable):
        store.read()
    with pytest.raises(StoreUnavailable):
        store.learn("a", [1.0], "z")
    client.hset("forkcast:bandit:full", "a:trials", "1")
    assert store.learn("a", [1.0], "z")[0]  # nothing of what was refused is remembered as learnt
    store.close()
    client.close()


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("redis://bandit-state:6379/0", "bandit-state:6379"),
        ("redis://me:secret@there", "there:6379"),
        ("rediss://there:7/1", "there:7"),
        ("unix:///run/valkey.sock", "/run/valkey.sock"),
    ],
)
def test_a_place_is_told_without_secrets(url, place):
    assert place_of(url) == place


@pytest.mark.parametrize(
    "url", ["bandit-state:6379", "http://me:secret@there", "redis://", "redis://there:port", "", 7]
)
def test_an_address_that_is_none_is_refused_without_secrets(url):
    with pytest.raises(InvalidRouter, match="redis://HOST") as refused:
        place_of(url)
    assert "secret" not in refused.value.message
