"""Scenarios: what is read, what is refused, and what the refusal says."""

import pytest
import yaml

from traffic_sim.scenario import InvalidScenario, Scenario, Seeds, shipped
from traffic_sim.thresholds import METRICS, Threshold, judge


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_scenario_is_valid_and_says_what_it_is(name):
    assert Scenario.from_yaml(name).description


def test_demo_is_the_seeds_traffic():
    demo = Scenario.from_yaml("demo")
    assert (demo.rate_records_per_second, demo.rows_per_request, demo.duration_seconds) == (5_000, 10, 30)
    assert demo.rate_requests_per_second == 500


def test_a_file_is_read_and_overridden_field_by_field(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("rate_records_per_second: 100\nrows_per_request: 4\nseeds: {schedule: 8, moments: 9}\n")
    scenario = Scenario.from_yaml(path, {"rows_per_request": 5, "seeds": {"moments": 11}})
    assert scenario.rate_records_per_second == 100
    assert scenario.rows_per_request == 5
    assert (scenario.seeds.schedule, scenario.seeds.moments) == (8, 11)


def test_a_scenario_survives_being_written_and_read(tmp_path):
    scenario = Scenario.from_yaml("steady")
    path = tmp_path / "again.yaml"
    path.write_text(yaml.safe_dump(scenario.model_dump(mode="json")))
    assert Scenario.from_yaml(path) == scenario


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rows_per_requst": 10}, "did you mean rows_per_request"),
        ({"seeds": {"schedul": 1}}, "seeds.schedul: no such field; did you mean schedule"),
        ({"zzz": 1}, "known are"),
        ({"rate_records_per_second": 0}, "rate_records_per_second: Input should be greater than 0"),
        ({"rate_records_per_second": float("inf")}, "finite"),
        ({"rows_per_request": 10_001}, "less than or equal to 10000"),
        ({"transport": "carrier-pigeon"}, "'http', 'grpc' or 'seldon-client'"),
        ({"gateway": "http://localhost:8003/"}, "gateway"),
        ({"feedback_ratio": 1.5}, "feedback_ratio"),
        ({"thresholds": ["latency_p98_milliseconds <= 3"]}, "did you mean latency_p9"),
        ({"thresholds": ["fast enough"]}, "is no threshold"),
        ({"rate_records_per_second": 1e6, "duration_seconds": 3600}, "too many for one run"),
        ([], "a mapping of fields is expected, not list"),
    ],
)
def test_a_wrong_field_is_refused_with_what_is_accepted(fields, message):
    with pytest.raises(InvalidScenario, match=message):
        Scenario.from_mapping(fields, "mine.yaml")


def test_all_findings_are_told_at_once():
    with pytest.raises(InvalidScenario) as refusal:
        Scenario.from_mapping({"transport": 1, "world": 2, "arrival": 3}, "mine.yaml")
    assert all(text in str(refusal.value) for text in ("mine.yaml", "transport", "world", "did you mean arrivals"))


def test_a_scenario_that_is_nowhere_is_refused_with_those_that_ship():
    with pytest.raises(InvalidScenario, match="did you mean demo"):
        Scenario.from_yaml("deno")


def test_text_that_is_not_yaml_is_refused(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("a: [1,")
    with pytest.raises(InvalidScenario, match="not YAML"):
        Scenario.from_yaml(path)


@pytest.mark.parametrize(
    ("text", "seen", "holds"),
    [
        ("sent_ratio >= 0.995", 0.995, True),
        ("sent_ratio >= 0.995", 0.9949, False),
        ("error_ratio <= 0", 0.0, True),
        ("error_ratio<=0", 1e-9, False),
        ("latency_p99_milliseconds < 20", 20.0, False),
        ("answered_records_per_second > 4.9e3", 4_901.0, True),
        ("latency_p99_milliseconds <= 100", None, False),
    ],
)
def test_a_threshold_holds_or_not(text, seen, holds):
    (verdict,) = judge(
        [Threshold.parse(text)],
        dict.fromkeys(METRICS, None) | {text.split()[0].split("<")[0]: seen},
        is_generator_sound=True,
    )
    assert verdict.holds is holds


def test_nothing_but_the_sent_ratio_is_judged_when_the_generator_was_too_slow():
    thresholds = [Threshold.parse("latency_p99_milliseconds <= 1"), Threshold.parse("sent_ratio >= 1")]
    verdicts = judge(thresholds, dict.fromkeys(METRICS, 0.5), is_generator_sound=False)
    assert [verdict.holds for verdict in verdicts] == [None, False]


def test_equal_seeds_still_draw_differently_for_each_purpose():
    seeds = Seeds(population=1, schedule=1, moments=1, outcomes=1, feedback=1, outliers=1)
    draws = {seeds.rng(of).random() for of in ("schedule", "moments", "outcomes", "feedback", "outliers")}
    assert len(draws) == 5
    assert seeds.rng("moments").random() in draws
