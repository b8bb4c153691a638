"""What a worker tells beside its requests, whatever the classes that it asks do."""

import threading

from model_server.graph.observing import Observer


def test_a_class_that_fails_keeps_no_other_from_being_told_and_is_complained_of_once(caplog):
    told, used = [], []

    def broken():
        raise ArithmeticError("broken")

    observed = [("broken", broken, told.append), ("none", lambda: None, told.append), ("one", lambda: [1], told.append)]
    observer = Observer(observed, lambda cpu_seconds, memory_bytes: used.append((cpu_seconds, memory_bytes)))
    for _ in range(2):
        observer.look()
    assert told == [(), [1]] * 2
    assert caplog.text.count("what broken observed was not told") == 1
    assert all(cpu_seconds >= 0 and memory_bytes > 0 for cpu_seconds, memory_bytes in used)


def test_the_end_comes_with_a_last_look_and_waits_for_none_that_hangs(monkeypatch):
    monkeypatch.setattr("model_server.graph.observing.LAST_LOOK_SECONDS", 0.05)
    hangs, looks_again, n_looks = threading.Event(), threading.Event(), []

    def observe():
        n_looks.append(1)
        if len(n_looks) > 1:
            looks_again.set()
            hangs.wait(30)

    observer = Observer([("one", observe, lambda _: None)], lambda *_: None)
    observer.start()
    observer.stop()
    assert looks_again.wait(30)
    assert observer._thread.is_alive()
    hangs.set()
