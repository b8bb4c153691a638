"""YAML (or JSON) text -> its documents, each with the line of every node. Pure.

Read as kubectl reads: a key given twice is an error, a date is text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from deployments.seldon.findings import Finding, InvalidDeployment, Place, RefusedBy

LARGEST_NUMBER_OF_NODES: Final = 1_000_000
"""Of a document: an API server takes no more than 3 MB of one."""


@dataclass(frozen=True)
class Document:
    """One document: `content` as plain data, and the file that it stands in."""

    content: Any
    source: str
    root: yaml.Node

    def line(self, place: Place) -> int:
        """The line of a node, or of the nearest one above it that exists; from 1."""
        node = self.root
        line = node.start_mark.line
        for step in place:
            child = _child(node, step)
            if child is None:
                break
            line, node = child
        return line + 1

    def items(self) -> Iterator[Document]:
        """Those that a `kind: List` holds, as `kubectl get -o yaml` writes it; else the document itself."""
        items = self.content.get("items") if isinstance(self.content, dict) else None
        found = _child(self.root, "items")
        if not isinstance(items, list) or self.content.get("kind") != "List" or found is None:
            yield self
            return
        for i, item in enumerate(items):
            child = _child(found[1], i)
            if child is not None:
                yield Document(item, self.source, child[1])


def documents(text: str, source: str) -> Iterator[Document]:
    """Every document that is not empty. Errors: InvalidDeployment where the text is no YAML."""
    try:
        for root in yaml.compose_all(text, _Loader):
            _require_bounded(root)
            content = _Loader("").construct_document(root)
            if content is not None:
                yield Document(content, source, root)
    except yaml.YAMLError as error:
        raise InvalidDeployment([_no_yaml(error, source)]) from error
    except RecursionError as error:
        finding = Finding("", "no YAML: nested too deeply", refused_by=RefusedBy.SCHEMA, source=source)
        raise InvalidDeployment([finding]) from error


def _no_yaml(error: yaml.YAMLError, source: str) -> Finding:
    if not isinstance(error, yaml.MarkedYAMLError):
        return Finding("", f"no YAML: {error}", refused_by=RefusedBy.SCHEMA, source=source)
    mark = error.problem_mark or error.context_mark
    problem = ", ".join(part for part in (error.context, error.problem) if part)
    line = None if mark is None else mark.line + 1
    return Finding("", f"no YAML: {problem}", refused_by=RefusedBy.SCHEMA, source=source, line=line)


def _require_bounded(root: yaml.Node) -> None:
    """Refuses a text that holds itself by an alias, or that aliases blow up; kubectl does too."""
    sizes: dict[int, int | None] = {}  # None while it is being counted

    def size(node: yaml.Node) -> int:
        if id(node) in sizes:
            known = sizes[id(node)]
            if known is None:
                raise yaml.constructor.ConstructorError(problem="an anchor holds itself", problem_mark=node.start_mark)
            return known
        sizes[id(node)] = None
        total = 1
        if isinstance(node, yaml.MappingNode):
            total += sum(size(key) + size(value) for key, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            total += sum(map(size, node.value))
        sizes[id(node)] = total
        if total > LARGEST_NUMBER_OF_NODES:
            problem = f"more than {LARGEST_NUMBER_OF_NODES:,} values, aliases counted each time"
            raise yaml.constructor.ConstructorError(problem=problem, problem_mark=node.start_mark)
        return total

    size(root)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {  # noqa: RUF012
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        problem=f'the key "{key.value}" is given twice', problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _child(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    """The line (from 0) where a child begins, its key included, and the child."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == step:
                return key.start_mark.line, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        child = node.value[step]
        return child.start_mark.line, child
    return None
