"""Every overlay, found by walking the folder, renders to what Seldon takes and the local runtime can run."""

import json
import os
from pathlib import Path

import jsonschema
import pytest
import yaml

from deployments.render import KustomizeRefused, render
from deployments.seldon import load_documents

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
        mounts = [mount["name"] for mount in container.model_extra["volumeMounts"]]
        assert mounts == ["tmp"]
        assert {"requests", "limits"} <= set(container.model_extra["resources"])


def test_every_predictor_tells_its_version_and_every_node_can_be_started(overlay):
    for predictor in deployment_of(overlay).spec.predictors:
        assert predictor.annotations["version"]
        for unit in predictor.graph.walk():
            names = {variable.name for variable in predictor.container(unit.name).env}
            assert {"MODEL_NAME", "SERVICE_TYPE"} <= names


def test_no_two_models_share_a_folder_or_an_image_name(overlay):
    """Kustomize's `images:` gives all tags of one image name the same new tag."""
    models = [
        (unit.model_uri, predictor.container(unit.name).image.partition(":")[0])
        for predictor in deployment_of(overlay).spec.predictors
        for unit in predictor.graph.walk()
        if unit.model_uri
    ]
    folders, image_names = zip(*models, strict=True)
    assert len(set(folders)) == len(set(image_names)) == len(models)


@pytest.mark.skipif("FORKCAST_SELDON_VECTORS" not in os.environ, reason="FORKCAST_SELDON_VECTORS names no folder")
def test_every_overlay_fits_the_custom_resource_definition(overlay):
    schema = json.loads(
        (Path(os.environ["FORKCAST_SELDON_VECTORS"]).parent / "seldondeployment-v1.schema.json").read_text()
    )
    text, _ = rendered(overlay)
    for document in yaml.safe_load_all(text):
        jsonschema.validate(document, schema)


def test_the_base_is_the_champion_alone():
    (champion,) = deployment_of(KUSTOMIZE / "base").spec.predictors
    assert (champion.name, champion.traffic, champion.graph.model_uri) == ("champion", 100, "pvc://models/champion")


def test_the_ab_test_splits_evenly_between_champion_and_challenger_in_this_order():
    champion, challenger = deployment_of(KUSTOMIZE / "overlays" / "ab-test").spec.predictors
    assert [(p.name, p.traffic, p.shadow) for p in (champion, challenger)] == [
        ("champion", 50, False),
        ("challenger", 50, False),
    ]
    for predictor in (champion, challenger):
        assert (predictor.graph.name, predictor.graph.type) == ("classifier", "MODEL")
        assert predictor.graph.model_uri == f"pvc://models/{predictor.name}"
        assert predictor.container("classifier").image == f"forkcast/{predictor.name}:0.1.0"


def test_a_new_tag_for_one_predictor_leaves_the_other_alone(tmp_path):
    base = os.path.relpath(KUSTOMIZE / "overlays" / "ab-test", tmp_path)
    text = f"resources: [{base}]\nimages: [{{name: forkcast/challenger, newTag: 0.2.0}}]\n"
    (tmp_path / "kustomization.yaml").write_text(text)
    images = [container.image for container in containers(deployment_of(tmp_path))]
    assert images == ["forkcast/champion:0.1.0", "forkcast/challenger:0.2.0"]


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
