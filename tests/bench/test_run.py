"""Several benchmarks, one after the other: none stops those after it, and no earlier run is told as this one."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
TELLS = f"""
import os, sys
sys.path.insert(0, {str(BENCH)!r})
from pathlib import Path
from rig.harness import Figure, arguments, tell
tell("title", [Figure("goal of NAME", 1.0, goal=GOAL)], {{}}, arguments(None).json)
Path("world of NAME").write_text(os.environ["FORKCAST_BENCH_WORLD"])
"""
BREAKS = "raise SystemExit('out of order')"


@pytest.fixture
def run(tmp_path):
    def run(**programs):
        files = []
        for name, text in programs.items():
            files.append(tmp_path / f"{name}.py")
            files[-1].write_text(text.replace("NAME", name))
        command = [sys.executable, str(BENCH / "run.py"), "--to", str(tmp_path / "figures"), *map(str, files)]
        return subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)

    return run


def test_a_missed_goal_is_told_and_is_no_failure(run, tmp_path):
    done = run(first=TELLS.replace("GOAL", "2.0"), second=TELLS.replace("GOAL", "1.0"))
    assert done.returncode == 0, done.stderr
    assert "1 of 2 goals reached" in done.stdout
    worlds = {(tmp_path / f"world of {name}").read_text() for name in ("first", "second")}
    assert len(worlds) == 1  # made once, for both
    assert not Path(worlds.pop()).exists()


def test_one_that_breaks_fails_the_command_after_all_have_run(run, tmp_path):
    done = run(breaks=BREAKS, after=TELLS.replace("GOAL", "1.0"))
    assert done.returncode == 1
    assert "out of order" in done.stderr
    assert "breaks.py" in done.stderr.splitlines()[-1]
    assert "after.py" not in done.stderr.splitlines()[-1]
    assert "1 of 1 goals reached" in done.stdout


def test_figures_of_an_earlier_run_are_not_told(run):
    run(earlier=TELLS.replace("GOAL", "1.0"))
    assert "goal of earlier" not in run(now=TELLS.replace("GOAL", "1.0")).stdout
