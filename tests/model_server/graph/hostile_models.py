"""Classes that are sound for whatever Seldon's wrapper hands them: a failure beside them is the server's own."""

import threading
from pathlib import Path


class Echo:
    """Answers with what it got; takes any feedback."""

    def predict(self, X, names=None, meta=None):
        return X

    def transform_input(self, X, names=None, meta=None):
        return X

    def transform_output(self, X, names=None, meta=None):
        return X

    def route(self, X, names=None, meta=None):
        return 0

    def aggregate(self, Xs, names=None):
        return Xs[0]

    def send_feedback(self, X, names, reward, truth, routing=None):
        return None


class RowWiseEcho(Echo):
    """Takes the rows of several requests in one call."""

    row_wise = True


class RawEcho:
    """Answers with the message that it got, and rewards with the request; an answer's status is its own business."""

    def predict_raw(self, message):
        if isinstance(message, dict):
            return {key: value for key, value in message.items() if key != "status"}
        return message

    def transform_input_raw(self, message):
        return message

    def send_feedback_raw(self, feedback):
        return feedback.request


class ByNames(Echo):
    """Branch 0 for what names its columns, 1 for everything else."""

    def route(self, X, names=None, meta=None):
        return 0 if names else 1


class Waits(Echo):
    """Answers once a file is there."""

    def __init__(self, file):
        self._file = Path(file)

    def predict(self, X, names=None, meta=None):
        waiting = threading.Event()
        while not self._file.exists():
            waiting.wait(0.01)
        return X
