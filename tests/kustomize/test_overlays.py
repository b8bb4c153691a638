"""Every overlay, found by walking the folder, renders to what Seldon takes and the local runtime can run."""

import json
import os
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from deployments.render import KustomizeRefused, render
from deployments.seldon import load_documents, model_uri

KUSTOMIZE = Path(__file__).parents[2] / "kustomize"
OVERLAYS = [KUSTOMIZE / "base", *sorted(path.parent for path in KUSTOMIZE.glob("overlays/*/kustomization.yaml"))]
pytestmark = pytest.mark.component


def deployment_of(folder):
    (deployment,) = load_documents(*rendered(folder))
    return deployment


def rendered(folder):
    whole = render(folder)
    return whole.text, whole.source


def containers(deployment):
    return [container for predictor in deployment.spec.predictors for container in predictor.containers()]


@pytest.fixture(params=OVERLAYS, ids=lambda folder: folder.name)
def overlay(request):
    return request.param


def test_every_overlay_is_one_deployment_by_the_name_that_clients_ask_for(overlay):
    deployment = deployment_of(overlay)
    assert (deployment.name, deployment.namespace) == ("xgboost", "seldon")


def test_every_container_runs_without_privileges_on_a_root_that_it_cannot_write(overlay):
    deployment = deployment_of(overlay)
    for predictor in deployment.spec.predictors:
        for component in predictor.component_specs:
            pod = component.spec.model_extra["securityContext"]
            assert pod["runAsNonRoot"]
            assert pod["runAsUser"] == 8888, "any pod securityContext replaces the operator's default user"
    for container in containers(deployment):
        context = container.model_extra["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context["readOnlyRootFilesystem"]
        writable = [each["name"] for each in container.model_extra["volumeMounts"] if not each.get("readOnly")]
        assert writable == ["tmp"]
        assert {"requests", "limits"} <= set(container.model_extra["resources"])


def test_every_predictor_tells_its_version_and_every_node_can_be_started(overlay):
    for predictor in deployment_of(overlay).spec.predictors:
        assert predictor.annotations["version"]
        for unit in predictor.graph.walk():
            assert "MODEL_NAME" in {variable.name for variable in predictor.container(unit.name).env}


def test_every_graph_begins_with_the_outlier_detector(overlay):
    for predictor in deployment_of(overlay).spec.predictors:
        assert (predictor.graph.name, predictor.graph.type) == ("outlier-detector", "TRANSFORMER")
        assert model_uri(predictor.graph, predictor) == "pvc://models/detector"


def test_a_pod_is_ready_as_soon_as_a_prediction_works(overlay):
    for container in containers(deployment_of(overlay)):
        probes = {kind: container.model_extra[f"{kind}Probe"] for kind in ("startup", "readiness", "liveness")}
        for kind in ("startup", "readiness"):
            assert probes[kind]["httpGet"] == {"path": "/health/status", "port": "http"}
        assert probes["liveness"]["httpGet"]["path"] == "/health/ping"
        assert all("initialDelaySeconds" not in probe for probe in probes.values())
        assert probes["startup"]["periodSeconds"] == 1


def test_replicas_are_said(overlay):
    """Without them Seldon's operator writes a Deployment that has changed once again and again."""
    assert all(predictor.replicas for predictor in deployment_of(overlay).spec.predictors)


def test_ports_are_fixed_so_that_a_place_among_the_predictors_changes_nothing_in_a_pod(overlay):
    for predictor in deployment_of(overlay).spec.predictors:
        numbers = [port.container_port for each in predictor.containers() for port in each.ports]
        assert len(set(numbers)) == len(numbers) == 3 * len(list(predictor.containers()))


def test_no_two_models_of_an_overlay_share_a_folder(overlay):
    for predictor in deployment_of(overlay).spec.predictors:
        folders = [uri for unit in predictor.graph.walk() if (uri := model_uri(unit, predictor))]
        assert len(set(folders)) == len(folders)


@pytest.mark.skipif("FORKCAST_SELDON_VECTORS" not in os.environ, reason="FORKCAST_SELDON_VECTORS names no folder")
def test_every_overlay_fits_the_custom_resource_definition(overlay):
    schema = json.loads(
        (Path(os.environ["FORKCAST_SELDON_VECTORS"]).parent / "seldondeployment-v1.schema.json").read_text()
    )
    text, _ = rendered(overlay)
    documents = [each for each in yaml.safe_load_all(text) if each["kind"] == "SeldonDeployment"]
    for document in documents:
        jsonschema.validate(document, schema)
    assert documents


def shares(name):
    return [(p.name, p.traffic, bool(p.shadow)) for p in deployment_of(KUSTOMIZE / "overlays" / name).spec.predictors]


def models(name):
    (predictor,) = deployment_of(KUSTOMIZE / "overlays" / name).spec.predictors
    return [model_uri(unit, predictor) for unit in predictor.graph.walk() if unit.type == "MODEL"]


def test_the_base_is_the_champion_alone():
    (champion,) = deployment_of(KUSTOMIZE / "base").spec.predictors
    assert (champion.name, champion.traffic) == ("champion", 100)
    assert [model_uri(unit, champion) for unit in champion.graph.walk()] == [
        "pvc://models/detector",
        "pvc://models/champion",
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("canary", [("champion", 90, False), ("challenger", 10, False)]),
        ("ab-test", [("champion", 50, False), ("challenger", 50, False)]),
        ("shadow", [("champion", 100, False), ("challenger", 100, True)]),
        ("blue-green", [("challenger", 0, False), ("champion", 100, False)]),
        ("ab-test-sticky", [("arms", 100, False)]),
        ("bandit", [("arms", 100, False)]),
    ],
)
def test_each_strategy_has_its_predictors_in_their_order(name, expected):
    assert shares(name) == expected


@pytest.mark.parametrize("name", ["canary", "ab-test", "shadow", "blue-green"])
def test_champion_and_challenger_differ_in_their_model_alone(name):
    by_name = {p.name: p for p in deployment_of(KUSTOMIZE / "overlays" / name).spec.predictors}
    for predictor in by_name.values():
        (classifier,) = predictor.graph.children
        assert model_uri(classifier, predictor) == f"pvc://models/{predictor.name}"
    champion, challenger = (by_name[each].model_dump_json() for each in ("champion", "challenger"))
    without_their_own = [
        text.replace(f'"{name}"', '"x"') for text, name in ((champion, "champion"), (challenger, "challenger"))
    ]
    cut = [re.sub(r'"traffic":\d+|"shadow":\w+', "", text) for text in without_their_own]
    assert cut[0] == cut[1]


@pytest.mark.parametrize("name", ["ab-test-sticky", "bandit"])
def test_a_router_chooses_between_both_models_and_can_tell_which(name):
    (arms,) = deployment_of(KUSTOMIZE / "overlays" / name).spec.predictors
    (router,) = arms.graph.children
    assert (router.type, router.methods) == ("ROUTER", ("TRANSFORM_INPUT", "ROUTE", "SEND_FEEDBACK"))
    assert [child.name for child in router.children] == ["champion", "challenger"]
    assert models(name) == ["pvc://models/champion", "pvc://models/challenger"]
    given = {parameter.name: parameter.value for parameter in router.parameters}
    assert [arm.partition("=")[0] for arm in given["arms"].split(",")] == ["champion", "challenger"]
    assert [variable.name for variable in arms.svc_orch_spec.env] == ["SELDON_ENABLE_ROUTING_INJECTION"]


def test_the_switch_of_blue_green_is_one_line(tmp_path):
    """Whoever is live comes last: under Ambassador v1 the first has no weight, and a weight of 0 is none either."""
    text = (KUSTOMIZE / "overlays/blue-green/kustomization.yaml").read_text()
    assert text.count("../../components/blue-live") == 1
    switched = text.replace("blue-live #", "green-live #").replace("../..", os.path.relpath(KUSTOMIZE, tmp_path))
    (tmp_path / "kustomization.yaml").write_text(switched)
    predictors = deployment_of(tmp_path).spec.predictors
    assert [(p.name, p.traffic) for p in predictors] == [("champion", 0), ("challenger", 100)]


COMPONENTS = ["autoscaling-hpa", "autoscaling-keda", "disruption-budget", "istio", "laptop", "request-logging"]


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("name", ["ab-test", "bandit"])
def test_what_is_orthogonal_can_be_had_above_any_overlay(tmp_path, name, component):
    top = os.path.relpath(KUSTOMIZE, tmp_path)
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{top}/overlays/{name}]\ncomponents: [{top}/components/{component}]\n"
    )
    deployment = deployment_of(tmp_path)
    spec, predictors = deployment.spec, deployment.spec.predictors
    pods = [component for predictor in predictors for component in predictor.component_specs]
    assert {
        "autoscaling-hpa": lambda: all(pod.hpa_spec for pod in pods),
        "autoscaling-keda": lambda: all(pod.keda_spec for pod in pods),
        "disruption-budget": lambda: (
            all(predictor.replicas == 2 for predictor in predictors)
            and [bool(pod.pdb_spec) for pod in pods].count(True) == 1
        ),
        "istio": lambda: spec.annotations["seldon.io/istio-retries"] == "5",
        "laptop": lambda: (
            {"10m"} == {each.model_extra["resources"]["requests"]["cpu"] for each in containers(deployment)}
            and all(predictor.replicas == 1 for predictor in predictors)
        ),
        "request-logging": lambda: all(predictor.graph.logger.mode == "all" for predictor in predictors),
    }[component]()
    kinds = {document["kind"] for document in yaml.safe_load_all(rendered(tmp_path)[0])}
    assert "Values" not in kinds


def test_every_component_is_tested():
    found = {path.parent.name for path in KUSTOMIZE.glob("components/*/kustomization.yaml")}
    of_their_own = {"challenger", "router", "blue-live", "green-live", "fused"}
    assert found == {*COMPONENTS, *of_their_own}


def test_a_patch_that_would_hit_the_wrong_predictor_fails(tmp_path):
    renamed, above = tmp_path / "renamed", tmp_path / "above"
    renamed.mkdir()
    above.mkdir()
    base = os.path.relpath(KUSTOMIZE / "base", renamed)
    patch = '[{"op": "replace", "path": "/spec/predictors/0/name", "value": "other"}]'
    (renamed / "kustomization.yaml").write_text(
        f"resources: [{base}]\npatches: [{{target: {{kind: SeldonDeployment}}, patch: '{patch}'}}]\n"
    )
    challenger = os.path.relpath(KUSTOMIZE / "components" / "challenger", above)
    (above / "kustomization.yaml").write_text(f"resources: [../renamed]\ncomponents: [{challenger}]\n")
    with pytest.raises(KustomizeRefused, match="testing value /spec/predictors/0/name failed"):
        render(above)
