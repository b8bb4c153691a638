"""A place in a rendered document -> the file and line of the overlay that it comes from, if that is sure. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from deployments.kustomization.enacted import KIND
from deployments.kustomization.traced import Spot, Traced


@dataclass(frozen=True)
class Origins:
    """The SeldonDeployments of an overlay, built here; none where that could not be done."""

    documents: Sequence[Traced] = ()

    def spot(self, rendered: Any, place: Iterable[str | int]) -> Spot | None:
        """Where the value at a place of a rendered document was written, or the nearest above it that exists.

        None where what was built here is not what Kustomize rendered: then this overlay does what is not done here.
        """
        document = self._same(rendered)
        if document is None:
            return None
        node, content = document, rendered
        for step in place:
            inner = _child(node.value, step)
            if inner is None:
                if _child(content, step) is not None:
                    return None
                break
            node, content = inner, _child(content, step)
            if isinstance(step, int) and node.at("name") != _child(content, "name"):
                return None  # another item of the list
        return node.spot if node.plain() == content else None

    def _same(self, rendered: Any) -> Traced | None:
        name = _child(_child(rendered, "metadata"), "name")
        found = [each for each in self.documents if each.at("metadata", "name") == name]
        return found[0] if len(found) == 1 else None


def deployments_of(documents: Iterable[Traced]) -> Origins:
    return Origins(tuple(each for each in documents if each.at("kind") == KIND))


def _child(content: Any, step: str | int) -> Any:
    if isinstance(content, dict):
        return content.get(step)
    if isinstance(content, list) and isinstance(step, int) and step < len(content):
        return content[step]
    return None
