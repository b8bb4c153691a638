"""Seldon classes that the test of a whole deployment serves on a cluster."""

import numpy as np


class Double:
    """TRANSFORMER: 2 X."""

    def transform_input(self, X, names=None, meta=None):
        return np.asarray(X) * 2

    def tags(self):
        return {"doubled": 1}


class PlusOne:
    """MODEL: X + 1."""

    def predict(self, X, names=None, meta=None):
        return np.asarray(X) + 1
