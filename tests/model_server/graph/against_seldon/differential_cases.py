"""One request, what Seldon answers and what we do; and whether a list of differences tells the one from the other."""

from dataclasses import dataclass

from differential_forms import Request
from differential_graphs import Graph
from differential_programs import Outcome


@dataclass(frozen=True)
class Case:
    request: Request
    seldons: Outcome
    ours: Outcome
    graph: Graph | None = None
    """None: a component alone."""

    @property
    def is_same(self):
        return self._exact(self.seldons) == self._exact(self.ours)

    def explained_by(self, differences):
        """The names of those that, one after the other, make Seldon's answer ours; nothing where they do not."""
        expected, names = self.seldons, []
        for change in differences:
            changed = change(self, expected)
            if changed is not None:
                expected = changed
                names.append(change.__name__)
        return names if self._exact(expected) == self._exact(self.ours) else []

    def _exact(self, outcome):
        kind = outcome.content_type.partition(";")[0]
        return [outcome.code, _with_kinds(outcome.body), kind, outcome.puid if self.graph else ""]

    def __str__(self):
        graph = f"{self.graph}\n" if self.graph else ""
        return f"{graph}{self.request}\nSeldon: {self.seldons}\nours:   {self.ours}"


def _with_kinds(tree):
    """So that 1 is not 1.0 nor True, and NaN is NaN."""
    if isinstance(tree, dict):
        return {key: _with_kinds(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_with_kinds(value) for value in tree]
    return f"{type(tree).__name__} {tree!r}" if isinstance(tree, int | float) else tree
