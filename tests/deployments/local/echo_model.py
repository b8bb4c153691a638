"""The user class of these tests: answers what it is asked, and says who it is."""

import os
import time
from pathlib import Path


class EchoModel:
    def __init__(self, delay_seconds=0.0):
        self.delay_seconds = delay_seconds

    def predict(self, X, names, meta=None):  # noqa: ARG002, N803 -- Seldon's words
        time.sleep(self.delay_seconds)
        return X

    def tags(self):
        return {
            "predictor": os.environ["PREDICTOR_ID"],
            "model": os.environ.get("MLSERVER_MODEL_URI", ""),
            "threads": os.environ["OMP_NUM_THREADS"],
        }


class BrokenModel:
    def __init__(self):
        raise RuntimeError(f"no model in {Path.cwd()}")
