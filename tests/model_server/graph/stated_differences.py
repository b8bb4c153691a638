"""What lists of differences from Seldon are made of: a function for each, with its reason; and texts that are ours."""

import re

NO_WORDS = "Exception calling application: "
"""What grpcio says of an exception in a servicer; nothing follows where Seldon's wrapper chose the status."""


class Differences:
    """Functions from what Seldon answered to what is expected of us instead, or None where they do not apply."""

    def __init__(self):
        self._changes = []

    def __call__(self, reason):
        def register(change):
            change.reason = reason
            self._changes.append(change)
            return change

        return register

    def __iter__(self):
        return iter(self._changes)

    @property
    def names(self):
        return {change.__name__ for change in self}


class Like:
    """Equal to every text that looks so: the words are ours there, and tested elsewhere."""

    __hash__ = None

    def __init__(self, pattern):
        self._pattern = re.compile(pattern, re.DOTALL)

    def __eq__(self, other):
        return isinstance(other, str) and self._pattern.fullmatch(other) is not None

    def __repr__(self):
        return f"<like {self._pattern.pattern}>"


ANY = Like(".+")
CLIENTS_FAULT = {"status": 1, "code": -1, "reason": "MICROSERVICE_BAD_DATA", "info": ANY}
"""The status object of a component that refuses."""


def failure(code, info=ANY):
    """The status object of an executor."""
    return {"code": code, "info": info, "status": "FAILURE"}
