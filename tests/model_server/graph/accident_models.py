"""Classes that take their time, for a server under test."""

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
