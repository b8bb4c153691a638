"""What benchmarks write and what is read of it: figures, goals, two runs side by side."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rig import records
from rig.harness import Figure, in_turns, tell, tell_skipped

SUMMARY = Path(__file__).parents[2] / "bench/summary.py"
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
FIGURES = st.builds(
    Figure, what=st.text(), figure=NUMBERS, unit=st.text(), goal=st.none() | NUMBERS, is_most=st.booleans(),
    seen=st.dictionaries(st.text(), NUMBERS),
)  # fmt: skip


@given(FIGURES)
def test_a_figure_outlives_its_json(figure):
    assert Figure.from_json(json.loads(json.dumps(figure.to_json()))) == figure


@pytest.mark.parametrize(
    ("figure", "goal", "is_most", "is_reached"),
    [
        (4.0, 4.0, False, True),
        (3.99, 4.0, False, False),
        (8.0, 8.0, True, True),
        (8.01, 8.0, True, False),
        (1.0, None, False, None),
    ],
)
def test_a_goal_is_reached_at_its_edge(figure, goal, is_most, is_reached):
    assert Figure("x", figure, goal=goal, is_most=is_most).is_reached is is_reached


def test_every_goal_has_a_row_and_what_was_not_measured_has_one_too(tmp_path):
    goal = Figure("REST", 4.5, goal=10.0, seen={"stock": 2.0, "ours": 9.0})
    tell("Stock", [goal, Figure("for information", 1.0)], {"cores": 2}, tmp_path / "stock.json")
    tell("Memory", [Figure("memory", 86.0, "MB", goal=250.0, is_most=True)], {}, tmp_path / "memory.json")
    tell_skipped("Executor", "there is none", tmp_path / "executor.json")
    assert records.goal_rows(records.read(tmp_path)) == [
        records.GoalRow("executor", "Executor", "", "there is none", "skipped"),
        records.GoalRow("memory", "memory", "<= 250 MB", "86.00 MB", "reached"),
        records.GoalRow("stock", "REST", ">= 10 x", "4.50 x", "missed"),
    ]


def test_two_runs_are_compared_figure_by_figure():
    def record(*figures):
        return [records.Record("bench", "title", {}, figures, None)]

    old = record(Figure("slower", 10.0), Figure("zero", 0.0), Figure("gone", 1.0, "MB"), Figure("unit", 1.0, "s"))
    new = record(Figure("slower", 7.5), Figure("zero", 2.0), Figure("unit", 1.0, "ms"), Figure("new", 3.0))
    assert [(row.what, row.old, row.new, row.change) for row in records.change_rows(old, new)] == [
        ("slower", "10.00 x", "7.50 x", "-25 %"),
        ("zero", "0.00 x", "2.00 x", ""),
        ("unit", "1.00 s", "1.00 ms", ""),
        ("new", "", "3.00 x", ""),
        ("gone", "1.00 MB", "", ""),
    ]


@pytest.mark.parametrize(
    "content", [None, "no JSON", "[]", "{}", '{"title": "x", "machine": {}, "figures": [{"a": 1}]}']
)
def test_a_folder_without_figures_is_refused_with_what_to_do(tmp_path, content):
    if content is not None:
        (tmp_path / "broken.json").write_text(content)
    with pytest.raises(records.NoRecords, match=r"make bench|remove it"):
        records.read(tmp_path)


def test_the_summary_shows_one_run_or_two(tmp_path):
    for name, figure in {"old": 2.0, "new": 3.0}.items():
        tell("Stock", [Figure("REST", figure, goal=2.5)], {"cores": 2}, tmp_path / name / "stock.json")

    def shown(*names):
        command = [sys.executable, str(SUMMARY), *(str(tmp_path / name) for name in names)]
        return subprocess.run(command, check=False, capture_output=True, text=True)

    assert "1 of 1 goals reached" in shown("new").stdout
    assert "missed" in shown("old").stdout
    assert "+50 %" in shown("old", "new").stdout
    nothing = shown("elsewhere")
    assert (nothing.returncode, "no figures" in nothing.stderr) == (1, True)


def test_sides_take_turns_and_their_medians_count():
    order, values = [], {"a": iter([1.0, 9.0, 2.0]), "b": iter([5.0, 5.0, 4.0])}

    def measure(name):
        order.append(name)
        return next(values[name])

    assert in_turns({"a": lambda: measure("a"), "b": lambda: measure("b")}, 3) == {"a": 2.0, "b": 5.0}
    assert order == ["a", "b"] * 3
