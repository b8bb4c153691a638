"""Plain data of which every value knows the file and the line that it was written on. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import yaml

from deployments.seldon import documents


class Spot(NamedTuple):
    """A line of a file, from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass
class Traced:
    """A scalar, a dict[str, Traced] or a list[Traced], and where it was written: with its key, if it has one."""

    value: Any
    spot: Spot

    def plain(self) -> Any:
        if isinstance(self.value, dict):
            return {key: inner.plain() for key, inner in self.value.items()}
        if isinstance(self.value, list):
            return [inner.plain() for inner in self.value]
        return self.value

    def copy(self) -> Traced:
        if isinstance(self.value, dict):
            return Traced({key: inner.copy() for key, inner in self.value.items()}, self.spot)
        if isinstance(self.value, list):
            return Traced([inner.copy() for inner in self.value], self.spot)
        return Traced(self.value, self.spot)

    def at(self, *keys: str) -> Any:
        """The plain value below a map; None where there is none."""
        node: Traced | None = self
        for key in keys:
            node = node.value.get(key) if node is not None and isinstance(node.value, dict) else None
        return None if node is None else node.plain()


def traced_documents(text: str, file: str, line_of: Callable[[int], int] = lambda line: line) -> list[Traced]:
    """Every document of a YAML text; `line_of` turns a line of the text into one of the file.

    Errors: InvalidDeployment where it is no YAML.
    """

    def spot(mark: yaml.Mark) -> Spot:
        return Spot(file, line_of(mark.line + 1))

    def traced(content: Any, node: yaml.Node, where: Spot) -> Traced:
        if isinstance(node, yaml.MappingNode):
            # A key of one's own stands after those that "<<" brings, and wins.
            found = {key.value: (key, value) for key, value in node.value}
            return Traced(
                {
                    str(key): traced(inner, found[str(key)][1], spot(found[str(key)][0].start_mark))
                    for key, inner in content.items()
                    if str(key) in found
                },
                where,
            )
        if isinstance(node, yaml.SequenceNode):
            pairs = zip(content, node.value, strict=True)
            return Traced([traced(inner, child, spot(child.start_mark)) for inner, child in pairs], where)
        return Traced(content, where)

    return [traced(each.content, each.root, spot(each.root.start_mark)) for each in documents(text, file)]
