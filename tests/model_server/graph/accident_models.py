"""Classes that take their time, for a server under test."""

import os
import signal
import threading
import time
from pathlib import Path


class Naps:
    """Sleeps as many seconds as the first cell says."""

    def predict(self, X, names=None, meta=None):
        time.sleep(float(X[0][0]))
        return X

    def metrics(self):
        return [
            {"type": "COUNTER", "key": "naps", "value": 1, "tags": {"bed": "a"}},
            {"type": "GAUGE", "key": "last_nap", "value": 3.5},
            {"type": "TIMER", "key": "nap", "value": 20.0},
        ]


class HangsOnce:
    """Hangs for ever in its first call of all processes, which it knows by a file in its folder."""

    def __init__(self, folder):
        self._mark = Path(folder) / "hung"

    def predict(self, X, names=None, meta=None):
        if not self._mark.exists():
            self._mark.touch()
            threading.Event().wait()
        return X


class WithoutModel:
    """Misses its model, as it is made."""

    def __init__(self, model_uri="/nowhere/model.ubj"):
        raise FileNotFoundError(f"no model at {model_uri}")


class LoadsNothing:
    """Misses its model, as it is loaded."""

    def load(self):
        raise FileNotFoundError("no model at /nowhere/model.ubj")


class Rows:
    """Says how many rows it got."""

    def predict(self, X, names=None, meta=None):
        return [len(X)]


class TakesLongToMake:
    """Is made for a minute; by its mark others know that it has begun."""

    def __init__(self, mark):
        Path(mark).touch()
        threading.Event().wait(60)


class CatchesTheEnd:
    """Is made for a minute, whatever it is told meanwhile the first time."""

    def __init__(self, mark):
        try:
            TakesLongToMake(mark)
        except BaseException:  # noqa: BLE001 -- as some do
            threading.Event().wait(60)


class HasAService(Rows):
    """Runs a program of its own beside the servers, for ever; by its mark others know its process."""

    def __init__(self, mark):
        self._mark = Path(mark)

    def custom_service(self):
        self._mark.write_text(str(os.getpid()))
        threading.Event().wait()


class SaysWhichProcess:
    """Answers with the id of its process."""

    def predict(self, X, names=None, meta=None):
        return [os.getpid()]


class HasAThread(Rows):
    """Starts a thread as it is made, in the parent; once its folder holds `signal`, the thread takes that signal."""

    def __init__(self, folder):
        self._file = Path(folder) / "signal"
        threading.Thread(target=self._wait, daemon=True).start()

    def _wait(self):
        while not self._file.exists():
            time.sleep(0.02)
        signal.pthread_kill(threading.get_ident(), int(self._file.read_text()))
