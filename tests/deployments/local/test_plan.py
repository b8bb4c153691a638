import json
from pathlib import Path

import pytest
from runtime_under_test import overlay, predictor

from deployments.local.errors import UnsupportedOverlay
from deployments.local.plan import Destination, ModelFolder, Ports, Route
from deployments.local.planning import plan
from deployments.seldon import load_documents

CHAMPION_MODEL = ModelFolder(Path("/models/champion"), "digest-1")
MODELS = {"pvc://models/champion": CHAMPION_MODEL}


def planned(*predictors, models=MODELS, **options):
    return plan(load_documents(overlay(*predictors, **options), "overlay.json"), models, python="python3.12")


def component(the_plan, name):
    return next(each for each in the_plan.components if each.predictor == name)


def test_a_predictor_is_one_process_of_the_stock_wrapper_named_as_its_service():
    champion = component(planned(predictor("champion")), "champion")
    assert champion.name == "xgboost-champion"
    assert champion.argv == ("python3.12", "-m", "deployments.local.stock_wrapper", "echo_model.EchoModel")


def test_its_environment_is_the_operators_with_ports_and_model_of_this_machine():
    parameters = [{"name": "delay_seconds", "value": "0.5", "type": "FLOAT"}]
    the_plan = planned(
        predictor("champion", env=[("COLOUR", "blue")], model_uri="pvc://models/champion", parameters=parameters)
    )
    environment = component(the_plan, "champion").environment(Ports(http=21001, grpc=21002, metrics=21003))
    expected = {
        "COLOUR": "blue",
        "MLSERVER_MODEL_URI": "/models/champion",
        "OMP_NUM_THREADS": "1",
        "PREDICTIVE_UNIT_GRPC_SERVICE_PORT": "21002",
        "PREDICTIVE_UNIT_HTTP_SERVICE_PORT": "21001",
        "PREDICTIVE_UNIT_ID": "echo",
        "PREDICTIVE_UNIT_IMAGE": "echo:1",
        "PREDICTIVE_UNIT_METRICS_ENDPOINT": "/prometheus",
        "PREDICTIVE_UNIT_METRICS_SERVICE_PORT": "21003",
        "PREDICTOR_ID": "champion",
        "SELDON_DEPLOYMENT_ID": "xgboost",
    }
    assert expected.items() <= environment.items()
    assert json.loads(environment["PREDICTIVE_UNIT_PARAMETERS"]) == parameters
    assert json.loads(environment["PREDICTOR_LABELS"]) == {"version": "champion"}


def test_the_yaml_may_ask_for_more_threads():
    asked = planned(predictor("champion", env=[("OMP_NUM_THREADS", "4")]))
    assert component(asked, "champion").variables["OMP_NUM_THREADS"] == "4"


@pytest.mark.parametrize(
    ("predictors", "expected"),
    [
        ([predictor("a")], [100]),
        ([predictor("a", 100)], [100]),
        ([predictor("a", 0)], [100]),  # Istio reads a lone destination's weight so
        ([predictor("a", 70), predictor("b", 30)], [70, 30]),
        ([predictor("a", 100), predictor("b", 0)], [100, 0]),
        ([predictor("a", 100), predictor("b")], [100, 0]),
    ],
)
def test_traffic_is_what_seldon_and_istio_make_of_it(predictors, expected):
    (route,) = planned(*predictors).routes
    assert [destination.percent for destination in route.destinations] == expected


@pytest.mark.parametrize(("traffic", "expected"), [(None, 100), (0, 100), (35, 35)])
def test_a_shadow_gets_copies_beside_the_traffic(traffic, expected):
    (route,) = planned(predictor("champion", 100), predictor("dark", traffic, shadow=True)).routes
    assert [destination.component.predictor for destination in route.destinations] == ["champion"]
    assert (route.shadow.component.predictor, route.shadow.percent) == ("dark", expected)


def test_timeouts_are_the_annotations_in_seconds_and_none_without_them():
    annotations = {"seldon.io/rest-timeout": "5500", "seldon.io/grpc-timeout": "750", "seldon.io/istio-retries": "7"}
    (route,) = planned(predictor("champion"), annotations=annotations).routes
    assert (route.rest_timeout_seconds, route.grpc_timeout_seconds, route.retries) == (5.5, 0.75, 7)
    (route,) = planned(predictor("champion")).routes
    assert (route.rest_timeout_seconds, route.grpc_timeout_seconds, route.retries) == (None, None, 2)


def test_a_revision_does_not_notice_traffic_order_or_the_other_predictors():
    alone = component(planned(predictor("champion")), "champion")
    last = component(planned(predictor("x", 20), predictor("y", 30), predictor("champion", 50)), "champion")
    assert alone.key == last.key


@pytest.mark.parametrize(
    "changed",
    [
        predictor("champion", env=[("COLOUR", "blue")]),
        predictor("champion", parameters=[{"name": "n", "value": "1", "type": "INT"}]),
        predictor("champion", model_name="echo_model.OtherModel"),
        predictor("champion", model_uri="pvc://models/champion"),
        predictor("champion") | {"labels": {"version": "2"}},
    ],
)
def test_a_revision_notices_everything_that_the_process_would(changed):
    assert component(planned(changed), "champion").key != component(planned(predictor("champion")), "champion").key


def test_a_revision_notices_a_newly_trained_model():
    def revision(digest):
        models = {"pvc://models/champion": ModelFolder(Path("/models/champion"), digest)}
        return component(
            planned(predictor("champion", model_uri="pvc://models/champion"), models=models), "champion"
        ).key

    assert revision("digest-1") == revision("digest-1")
    assert revision("digest-1") != revision("digest-2")


def two_nodes():
    found = predictor("champion")
    found["graph"]["children"] = [{"name": "echo", "type": "MODEL"}]
    return found


def router():
    found = predictor("champion")
    found["graph"]["type"] = "ROUTER"
    return found


def prepackaged():
    return {"name": "champion", "graph": {"name": "m", "implementation": "XGBOOST_SERVER", "modelUri": "pvc://a/b"}}


def with_container(**fields):
    found = predictor("champion")
    found["componentSpecs"][0]["spec"]["containers"][0] |= fields
    return found


SECRET = {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        (two_nodes(), "several nodes"),
        (router(), "a ROUTER"),
        (prepackaged(), "prepackaged XGBOOST_SERVER"),
        (with_container(env=[]), "no env MODEL_NAME"),
        (with_container(command=["sleep"]), "has its own command"),
        (with_container(env=[{"name": "MODEL_NAME", "value": "a.B"}, SECRET]), "env TOKEN comes from elsewhere"),
    ],
)
def test_what_one_stock_wrapper_cannot_do_is_refused_by_name(refused, expected):
    with pytest.raises(UnsupportedOverlay, match=expected) as refusal:
        planned(refused)
    assert "xgboost/champion" in refusal.value.message


def test_every_refusal_is_told_at_once():
    with pytest.raises(UnsupportedOverlay) as refusal:
        planned(two_nodes() | {"name": "a", "traffic": 50}, router() | {"name": "b", "traffic": 50})
    assert "several nodes" in refusal.value.message
    assert "a ROUTER" in refusal.value.message


def test_an_overlay_without_a_deployment_is_refused():
    with pytest.raises(UnsupportedOverlay, match="no SeldonDeployment"):
        plan([], {})


def test_two_deployments_whose_predictors_would_share_a_name_are_refused():
    text = overlay(predictor("b-c"), name="a") + "\n---\n" + overlay(predictor("c"), name="a-b")
    with pytest.raises(UnsupportedOverlay, match="a-b-c: two predictors"):
        plan(load_documents(text, "overlay.yaml"), {})


def test_values_that_cannot_be_are_refused_at_construction():
    champion = component(planned(predictor("champion")), "champion")
    with pytest.raises(ValueError, match="101 %"):
        Destination(champion, 101)
    with pytest.raises(ValueError, match="sums to 90 %"):
        Route("seldon", "xgboost", (Destination(champion, 90),))
