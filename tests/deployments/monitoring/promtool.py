"""promtool, Prometheus' own checker and simulator of rules."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployments.monitoring.rendering import rule_file
from deployments.monitoring.rules.model import Group

PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (it comes with Prometheus)")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False)


def test_rules(folder: Path, groups: Collection[Group], document: dict[str, Any]) -> None:
    """Fails with promtool's words where the document expects something else of the groups.

    They are evaluated in their order, as it is never promised elsewhere; without it promtool throws dice.
    """
    (folder / "rules.yaml").write_text(rule_file(groups))
    document |= {"rule_files": ["rules.yaml"], "group_eval_order": [group.name for group in groups]}
    file = folder / f"{document['evaluation_interval']}.yaml"
    file.write_text(yaml.safe_dump(document, width=10_000))
    finished = run("test", "rules", str(file))
    assert finished.returncode == 0, finished.stdout + finished.stderr


test_rules.__test__ = False
