"""The user classes of these tests: they answer what they are asked, and say who they are."""

import logging
import os
import time
from pathlib import Path

import redis


class EchoModel:
    def __init__(self, delay_seconds=0.0):
        self.delay_seconds = delay_seconds
        logging.getLogger("echo").warning("an echo for %s", os.environ["PREDICTOR_ID"])
        self.own_tags = {
            "predictor": os.environ["PREDICTOR_ID"],
            "model": os.environ.get("MLSERVER_MODEL_URI", ""),
            "threads": os.environ["OMP_NUM_THREADS"],
        }

    def predict(self, X, names, meta=None):
        time.sleep(self.delay_seconds)
        return X

    def tags(self):
        return self.own_tags


class Doubler:
    """A TRANSFORMER that counts how often it was asked, in a metric."""

    def transform_input(self, X, names, meta=None):
        return X * 2

    def tags(self):
        return {"doubled": True}

    def metrics(self):
        return [{"type": "COUNTER", "key": "doublings", "value": 1}]


class BySign:
    """A ROUTER: negative numbers go to the second branch."""

    def route(self, X, names):
        return 1 if X[0][0] < 0 else 0


class Scorer:
    """A MODEL that tells its place in the graph, and takes rewards."""

    def __init__(self, bias=0.0):
        self.bias = bias
        self.own_tags = {"predictor": os.environ["PREDICTOR_ID"], "scored_by": os.environ["PREDICTIVE_UNIT_ID"]}

    def predict(self, X, names, meta=None):
        return X + self.bias

    def send_feedback(self, features, names, reward, truth, routing=None):
        assert reward >= 0

    def class_names(self):
        return ["score"]

    def tags(self):
        return self.own_tags


class BrokenModel:
    def __init__(self):
        raise RuntimeError(f"no model in {Path.cwd()}")


class Remembering:
    """A MODEL that counts its requests in a store, and answers with the count."""

    def __init__(self, state):
        self.client = redis.Redis.from_url(state)

    def predict(self, X, names, meta=None):
        return [[float(self.client.incr("requests"))]]

    def tags(self):
        return {"predictor": os.environ["PREDICTOR_ID"]}
