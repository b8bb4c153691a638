"""The JSON against the types that Grafana's own schema gives a dashboard of 11.6 (grafana-foundation-sdk)."""

from __future__ import annotations

import copy
import enum
import json
import types
import typing

import pytest
from dashboards_read import ALL, NAMES
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

PROMETHEUS_ANNOTATION_FIELDS = ("titleFormat",)
"""Of Grafana's Prometheus data source; the schema leaves them open, the SDK's classes do not know them."""


@pytest.fixture(scope="module", autouse=True)
def _panel_kinds():
    plugins.register_default_plugins()


def flaws(value, hint, path="dashboard"):
    """[what is not of the type that the schema gives it], of a tree of the SDK's objects."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        told = [flaws(value, alternative, path) for alternative in arguments]
        return min(told, key=len)
    if origin is list:
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        return [flaw for at, item in enumerate(value) for flaw in flaws(item, arguments[0], f"{path}[{at}]")]
    if origin is dict:
        if not isinstance(value, dict):
            return [f"{path}: {value!r} is no object"]
        return [flaw for key, item in value.items() for flaw in flaws(item, arguments[1], f"{path}.{key}")]
    if origin is typing.Literal:
        return [] if value in arguments else [f"{path}: {value!r} is none of {arguments}"]
    if hint is float:
        return [] if isinstance(value, int | float) and not isinstance(value, bool) else [f"{path}: {value!r}"]
    if hint in {int, bool, str, type(None)}:
        return [] if type(value) is hint else [f"{path}: {value!r} is no {hint.__name__}"]
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return [] if value in list(hint) else [f"{path}: {value!r} is none of {[str(member) for member in hint]}"]
    if hasattr(hint, "from_json") and isinstance(value, dict):  # some parts are left as they were read
        made = hint.from_json(value)
        return differences(value, as_json(made), path) + flaws(made, hint, path)
    return _of_members(value, path)


def _of_members(value, path):
    if isinstance(value, list | dict | str | int | float | None):
        return []
    hints = typing.get_type_hints(type(value))
    told = {name: getattr(value, name) for name in hints if getattr(value, name, None) is not None}
    return [flaw for name, member in told.items() for flaw in flaws(member, hints[name], f"{path}.{name}")]


def differences(given, kept, path="dashboard"):
    """What the schema's classes did not keep of what they read; defaults that they add are none."""
    if isinstance(given, dict) and isinstance(kept, dict):
        lost = [f"{path}: nothing knows {key!r}" for key in given.keys() - kept.keys()]
        return lost + [flaw for key in given.keys() & kept.keys() for flaw in _below(given, kept, key, path)]
    if isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        return [flaw for at in range(len(given)) for flaw in _below(given, kept, at, path)]
    return [] if given == kept else [f"{path}: {given!r} came back as {kept!r}"]


def _below(given, kept, at, path):
    return differences(given[at], kept[at], f"{path}.{at}")


def as_json(value):
    return json.loads(json.dumps(value, cls=JSONEncoder))


def checked(document):
    document = copy.deepcopy(document)
    for line in document["annotations"]["list"]:
        for field in PROMETHEUS_ANNOTATION_FIELDS:
            del line[field]
    read = Dashboard.from_json(document)
    return differences(document, as_json(read)) + flaws(read, Dashboard)


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_is_one_to_grafana(name):
    assert checked(ALL[name]) == []


def _panel(document, kind):
    return next(panel for panel in document["panels"] if panel["type"] == kind)


SPOILINGS = {
    "a field that nobody knows": lambda board: board.update(colour="red"),
    "an option that nobody knows": lambda board: _panel(board, "stat")["options"].update(colourMode="value"),
    "text for a number": lambda board: board["panels"][1]["gridPos"].update(w="12"),
    "a number for a text": lambda board: board.update(title=1),
    "no value of that list": lambda board: _panel(board, "timeseries")["options"]["tooltip"].update(mode="all"),
    "a threshold without its number": lambda board: _panel(board, "stat")["fieldConfig"]["defaults"]["thresholds"][
        "steps"
    ][0].update(value="low"),
    "a query's field that nobody knows": lambda board: _panel(board, "stat")["targets"][0].update(query="up"),
    "a format that no query has": lambda board: _panel(board, "stat")["targets"][0].update(format="graph"),
    "a variable that refreshes never again": lambda board: board["templating"]["list"][1].update(refresh=7),
    "a link that is no link": lambda board: _panel(board, "stat")["links"][0].update(type="button"),
}


@pytest.mark.parametrize("spoil", SPOILINGS.values(), ids=SPOILINGS)
def test_what_is_wrong_is_found(spoil):
    document = copy.deepcopy(ALL["overview.json"])
    spoil(document)
    assert checked(document) != []
