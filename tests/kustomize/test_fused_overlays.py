"""`components/fused` above any overlay whose graphs are the base's: one container, and the graph that it was before."""

import json
import os
from pathlib import Path

import jsonschema
import pytest
import yaml

from deployments.local.planning import model_uris, plan
from deployments.local.programs import ModelFolder
from deployments.render import KustomizeRefused, render
from deployments.seldon import load_documents, unfolded, verdicts

KUSTOMIZE = Path(__file__).parents[2] / "kustomize"
OVERLAYS = ("base", "overlays/canary", "overlays/ab-test", "overlays/shadow", "overlays/blue-green")
pytestmark = pytest.mark.component


@pytest.fixture
def above(tmp_path):
    """What an overlay renders to with these components above it, in their order."""

    def rendered(overlay, *components):
        top = os.path.relpath(KUSTOMIZE, tmp_path)
        paths = [f"{top}/components/{each}" for each in components]
        text = json.dumps({"resources": [f"{top}/{overlay}"], "components": paths})
        (tmp_path / "kustomization.yaml").write_text(text)
        return render(tmp_path)

    return rendered


def deployment_of(whole):
    (deployment,) = load_documents(whole.text, whole.source)
    return deployment


def planned(whole):
    """What `forkcast up` runs for it."""
    deployments = [unfolded(deployment_of(whole))]
    return plan(deployments, {uri: ModelFolder(Path("/") / uri, uri) for uri in model_uris(deployments)})


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_seldon_sees_one_node_in_one_container_where_its_executor_would_listen(above, overlay):
    as_it_is, fused = deployment_of(above(overlay)), deployment_of(above(overlay, "fused"))
    for before, after in zip(as_it_is.spec.predictors, fused.spec.predictors, strict=True):
        assert after.annotations == {**before.annotations, "seldon.io/no-engine": "true"}
        assert (after.graph.name, after.graph.children) == ("classifier", ())
        (container,) = after.containers()
        assert {port.name: port.container_port for port in container.ports} == {
            "http": 8000,
            "grpc": 5001,
            "metrics": 6000,
        }
        assert (after.name, after.traffic, after.shadow) == (before.name, before.traffic, before.shadow)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_nothing_is_said_against_it_but_what_is_said_of_the_overlay(above, overlay):
    (before,), (after,) = ([*verdicts(each.text, each.source)] for each in (above(overlay), above(overlay, "fused")))
    assert after.findings == ()
    assert [each.message for each in after.warnings] == [each.message for each in before.warnings]


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("components", [("fused",), ("fused", "request-logging"), ("request-logging", "fused")])
def test_on_one_machine_the_very_same_runs(above, overlay, components):
    """So what the variable says has not drifted from the base: graph, classes, parameters, models, images, logger."""
    others = [each for each in components if each != "fused"]
    assert planned(above(overlay, *components)) == planned(above(overlay, *others))


@pytest.mark.parametrize("other", ["autoscaling-hpa", "autoscaling-keda", "disruption-budget", "istio", "laptop"])
def test_what_is_orthogonal_goes_with_it_in_either_order(above, other):
    first, second = above("overlays/ab-test", "fused", other), above("overlays/ab-test", other, "fused")
    assert yaml.safe_load(first.text) == yaml.safe_load(second.text)
    assert planned(first) == planned(above("overlays/ab-test", other))


def test_another_image_is_told_once_and_is_every_nodes(above, tmp_path):
    above("overlays/ab-test", "fused")
    with (tmp_path / "kustomization.yaml").open("r+") as file:
        images = [{"name": "forkcast/model-server", "newName": "registry:5000/own", "newTag": "2"}]
        text = {**json.load(file), "images": images}
        file.seek(0)
        file.write(json.dumps(text))
    predictors = unfolded(deployment_of(render(tmp_path))).spec.predictors
    assert {each.image for predictor in predictors for each in predictor.containers()} == {"registry:5000/own:2"}


@pytest.mark.parametrize("overlay", ["overlays/bandit", "overlays/ab-test-sticky"])
def test_a_graph_that_is_not_the_bases_is_refused_by_the_line_of_the_patch(above, overlay):
    with pytest.raises(KustomizeRefused, match=r"first.yaml:\d+: op test: .* is 'router', not 'classifier'"):
        above(overlay, "fused")


@pytest.mark.skipif("FORKCAST_SELDON_VECTORS" not in os.environ, reason="FORKCAST_SELDON_VECTORS names no folder")
def test_it_fits_the_custom_resource_definition(above):
    folder = Path(os.environ["FORKCAST_SELDON_VECTORS"]).parent
    schema = json.loads((folder / "seldondeployment-v1.schema.json").read_text())
    jsonschema.validate(yaml.safe_load(above("overlays/ab-test", "request-logging", "fused").text), schema)
