"""Row-wise classes, which fail where they are told to."""

import sys
import time
from pathlib import Path


class Doubler:
    row_wise = True
    never_waits = True

    def transform_input(self, X, names):
        return X * 2


class Scorer:
    row_wise = True
    never_waits = True

    def predict(self, X, names):
        if (X < 0).any():
            raise ValueError("no score below zero")
        return X + 1

    def send_feedback(self, features, names, reward, truth, routing=None):
        pass


class Alone(Scorer):
    """Asked for one request at a time."""

    row_wise = False


class Slow(Scorer):
    """Waits while its file is not there, and so lets requests come together."""

    never_waits = False

    def __init__(self, gate):
        self._gate = gate

    def predict(self, X, names):
        while X.max() < 1 and not Path(self._gate).exists():
            time.sleep(0.01)
        return X


class Modules(Scorer):
    """Tells what of OpenTelemetry is imported in its process."""

    row_wise = False

    def tags(self):
        return {"opentelemetry": [name for name in sys.modules if name.startswith("opentelemetry")]}
