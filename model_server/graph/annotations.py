"""A pod's annotations, as Kubernetes' downward API writes them to a file: a line `key="value"` for each."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Final

logger = logging.getLogger(__name__)

DEFAULT_PATH: Final = Path("/etc/podinfo/annotations")


def read_annotations(path: Path) -> dict[str, str]:
    """None where there is no such file. A value may hold `=`: Seldon's executor then ignores the whole file."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    annotations = {}
    for line in lines:
        key, equals, quoted = line.strip().partition("=")
        if equals:
            annotations[key.strip()] = _unquoted(quoted.strip())
        elif line.strip():
            logger.warning("%s: no annotation: %s", path, line)
    return annotations


def _unquoted(text: str) -> str:
    """Go's quoting, which for what annotations hold is JSON's."""
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip('"')
    return value if isinstance(value, str) else text
