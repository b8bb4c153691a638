"""Where panels stand, where links lead, and that the committed files are those that the code makes."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from dashboards_read import ALL, COMMITTED, NAMES, RENDERED, every_panel

from deployments.monitoring.dashboards import dashboards

CONFIG_MAP_BYTES = 2**20
GRID_WIDTH = 24
NAMES_OF_ALL = {
    "overview.json",
    "experiment.json",
    "canary-and-shadow.json",
    "model-inputs.json",
    "serving-internals.json",
    "traffic-simulator.json",
}


def test_the_committed_files_are_those_rendered():
    committed = {path.name: path.read_text(encoding="utf-8") for path in COMMITTED.glob("*.json")}
    assert committed == RENDERED, "kustomize/monitoring/dashboards is not what the code makes; render it again"


def test_rendering_twice_gives_the_same_text():
    assert dashboards() == RENDERED
    assert set(RENDERED) == NAMES_OF_ALL
    assert all(text.endswith("}\n") for text in RENDERED.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_dashboard_fits_into_a_config_map(name):
    assert len(RENDERED[name].encode()) < CONFIG_MAP_BYTES


def test_uids_are_those_of_the_names():
    assert {name: board["uid"] for name, board in ALL.items()} == {name: f"forkcast-{name[:-5]}" for name in ALL}
    assert len({board["title"] for board in ALL.values()}) == len(ALL)


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_unique(name):
    ids = [panel["id"] for panel in ALL[name]["panels"]]
    assert sorted(ids) == list(range(1, len(ids) + 1))


@pytest.mark.parametrize("name", NAMES)
def test_panels_stand_in_the_grid_and_do_not_overlap(name):
    places = {panel["title"]: panel["gridPos"] for panel in ALL[name]["panels"]}
    assert all(at["x"] >= 0 and at["w"] > 0 and at["x"] + at["w"] <= GRID_WIDTH for at in places.values())
    overlapping = [pair for pair in combinations(places, 2) if _overlap(places[pair[0]], places[pair[1]])]
    assert overlapping == []


def _overlap(one, other):
    return (
        one["x"] < other["x"] + other["w"]
        and other["x"] < one["x"] + one["w"]
        and one["y"] < other["y"] + other["h"]
        and other["y"] < one["y"] + one["h"]
    )


@pytest.mark.parametrize("name", NAMES)
def test_each_line_of_panels_is_full(name):
    """A hole at the right would be a width that somebody forgot."""
    lines = {}
    for panel in ALL[name]["panels"]:
        lines.setdefault(panel["gridPos"]["y"], 0)
        lines[panel["gridPos"]["y"]] += panel["gridPos"]["w"]
    assert set(lines.values()) == {GRID_WIDTH}


@pytest.mark.parametrize("name", NAMES)
def test_a_title_stands_once_in_a_dashboard(name):
    titles = [panel["title"] for panel in ALL[name]["panels"]]
    assert sorted(titles) == sorted(set(titles))


def test_links_lead_to_dashboards_that_are_there_and_keep_what_was_chosen():
    uids = {board["uid"] for board in ALL.values()}
    links = [(name, link["url"]) for name, panel in every_panel() for link in panel["links"]]
    assert links
    for name, url in links:
        uid = re.fullmatch(r"/d/([a-z-]+)\?\$\{__url_time_range\}&\$\{__all_variables\}", url).group(1)
        assert uid in uids - {ALL[name]["uid"]}, url


@pytest.mark.parametrize("name", NAMES)
def test_all_are_in_one_menu(name):
    (link,) = ALL[name]["links"]
    assert (link["type"], link["tags"], link["asDropdown"]) == ("dashboards", ["forkcast"], True)
    assert link["includeVars"]
    assert link["keepTime"]
    assert ALL[name]["tags"] == ["forkcast"]
