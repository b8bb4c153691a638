"""Whose logs a name means, and how their lines are told apart. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deployments.cluster.errors import UnknownPod


@dataclass(frozen=True)
class Source:
    """One container of one Pod."""

    program: str
    """A predictor, or a workload that stands beside the SeldonDeployment."""
    pod: str
    container: str

    @property
    def prefix(self) -> str:
        """Predictor, the part of the Pod's name that is its own, container."""
        return f"{self.program}/{self.pod.rpartition('-')[2]}/{self.container}"


def chosen(sources: Sequence[Source], asked: str | None) -> list[Source]:
    """All, or those of a predictor, or of one container of it (PREDICTOR/CONTAINER).

    Errors: UnknownPod, with the names that there are.
    """
    if asked is None:
        return list(sources)
    program, _, container = asked.partition("/")
    meant = [each for each in sources if each.program == program and container in {"", each.container}]
    if not meant:
        names = dict.fromkeys(f"{each.program}/{each.container}" for each in sources)
        raise UnknownPod(f"there is no {asked}; there are: {', '.join(names) or 'none'}")
    return meant
