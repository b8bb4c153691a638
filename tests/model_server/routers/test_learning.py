"""A process and the state that it shares: fresh, never waited for, and honest about a store that is away."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from model_server.routers import learning as learning_module
from model_server.routers.errors import StoreUnavailable
from model_server.routers.learning import Learning
from model_server.routers.policies import Tally
from model_server.routers.store import InMemoryStore, ValkeyStore

ROOT = Path(__file__).parents[3]


def eventually(is_true, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


@pytest.fixture
def learner():
    """Makes a Learning with the store of its choice, and what it knows."""
    made = []

    def make(store):
        known = {}

        def take_in(tallies):
            known.clear()
            known.update(tallies)

        learning = Learning(store, take_in)
        made.append(learning)
        learning.start()
        return learning, known

    yield make
    for learning in made:
        learning.close()


def test_what_was_learnt_before_is_known_at_the_start(learner, valkey_of_module):
    store = ValkeyStore(valkey_of_module.url, "before")
    store.learn("a", [1.0], "")
    store.close()
    _, known = learner(ValkeyStore(valkey_of_module.url, "before"))
    assert known == {"a": Tally(1, 1)}


def test_own_lessons_are_known_at_once_and_others_soon(learner, valkey_of_module):
    one, ones = learner(ValkeyStore(valkey_of_module.url, "shared"))
    _, others = learner(ValkeyStore(valkey_of_module.url, "shared"))
    assert one.learn("a", [1.0, 0.0], "x")
    assert ones == {"a": Tally(1, 2)}
    assert not one.learn("a", [1.0, 0.0], "x")
    eventually(lambda: others == {"a": Tally(1, 2)})


def test_while_the_store_is_away_nothing_is_learnt_nor_forgotten_and_then_it_goes_on(learner, valkey, caplog):
    learning, known = learner(ValkeyStore(valkey.url, "away"))
    learning.learn("a", [1.0], "")
    valkey.kill()
    with pytest.raises(StoreUnavailable):
        learning.learn("a", [1.0], "")
    eventually(lambda: learning.take_errors() > 0)
    with pytest.raises(StoreUnavailable, match="send it again later"):
        learning.learn("a", [1.0], "")
    assert known == {"a": Tally(1, 1)}
    age = learning.age_seconds
    eventually(lambda: learning.age_seconds > age)
    assert "choices go on from what was known" in caplog.text
    valkey.start()
    eventually(lambda: _learns(learning))
    assert known == {"a": Tally(1, 1), "b": Tally(0, 1)}


def _learns(learning):
    try:
        return learning.learn("b", [0.0], "")
    except StoreUnavailable:
        return False


def test_a_process_may_start_while_the_store_is_away(learner, valkey):
    valkey.kill()
    learning, known = learner(ValkeyStore(valkey.url, "late"))
    assert known == {}
    with pytest.raises(StoreUnavailable, match="nothing was learnt"):
        learning.learn("a", [1.0], "")
    valkey.start()
    eventually(lambda: _learns(learning))
    assert known == {"b": Tally(0, 1)}


def test_a_store_that_hangs_costs_one_timeout_and_is_then_left_alone(learner, valkey, monkeypatch):
    monkeypatch.setattr(learning_module, "REFRESH_SECONDS", 3_600)  # nobody asks it but this test
    store = ValkeyStore(valkey.url, "hangs")
    learning, known = learner(store)
    asked = []
    learn = store.learn
    monkeypatch.setattr(store, "learn", lambda *lesson: asked.append(lesson) or learn(*lesson))
    with valkey.paused():
        with pytest.raises(StoreUnavailable, match="not known to be learnt"):
            learning.learn("a", [1.0], "x")
        for _ in range(100):
            with pytest.raises(StoreUnavailable, match="nothing was learnt"):
                learning.learn("a", [1.0], "y")
        assert len(asked) == 1
    assert known == {}


class SlowReader(InMemoryStore):
    """Reads what it holds, and takes a while to say so."""

    def __init__(self):
        super().__init__()
        self.has_read, self.may_tell = threading.Event(), threading.Event()
        self.is_slow = False

    def read(self):
        found = super().read()
        if self.is_slow:
            self.has_read.set()
            assert self.may_tell.wait(30)
        return found


def test_what_was_read_before_an_own_lesson_does_not_undo_it(learner, monkeypatch):
    monkeypatch.setattr(learning_module, "REFRESH_SECONDS", 0.01)
    store = SlowReader()
    learning, known = learner(store)
    store.is_slow = True
    assert store.has_read.wait(30)
    learning.learn("a", [1.0], "")
    store.is_slow = False
    seen = []
    monkeypatch.setattr(learning, "_on_tallies", lambda tallies: seen.append(dict(tallies)))
    store.may_tell.set()
    eventually(lambda: seen)
    assert known == seen[0] == {"a": Tally(1, 1)}


def test_each_outage_is_logged_once(learner, valkey, caplog):
    caplog.set_level(logging.INFO)
    learning, _ = learner(ValkeyStore(valkey.url, "logged"))
    valkey.kill()
    n_errors = 0

    def has_failed_thrice():
        nonlocal n_errors
        n_errors += learning.take_errors()
        return not _learns(learning) and n_errors >= 3

    eventually(has_failed_thrice)
    assert caplog.text.count("choices go on") == 1


ROUTER_PROCESS = """
import sys
from model_server.routers.epsilon_greedy import EpsilonGreedy

router = EpsilonGreedy("a,b", state=sys.argv[1], experiment="killed")
router.load()
print(router.state_name, flush=True)
n = 0
while True:
    router.send_feedback_raw({"reward": 1, "response": {"meta": {"tags": {"arm": "ab"[n % 2]}, "puid": str(n)}}})
    print(n, flush=True)
    n += 1
"""


def test_nothing_acknowledged_is_lost_when_the_routers_process_is_killed(valkey):
    process = subprocess.Popen(
        [sys.executable, "-c", ROUTER_PROCESS, valkey.url],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
    )
    try:
        name = process.stdout.readline().strip()
        acknowledged = 1 + max(int(process.stdout.readline()) for _ in range(200))
    finally:
        process.kill()
        rest = process.communicate()[0]
    acknowledged = max([acknowledged, *(1 + int(line) for line in rest.splitlines() if line.isdigit())])
    valkey.kill()
    valkey.start()
    store = ValkeyStore(valkey.url, name)
    found = store.read()
    trials = found["a"].trials + found["b"].trials
    assert acknowledged <= trials <= acknowledged + 1, json.dumps([acknowledged, trials])
    store.close()
