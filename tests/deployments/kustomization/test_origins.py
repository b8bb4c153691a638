"""Every value of a rendered overlay is traced to its file and line; where that cannot be sure, nothing is said."""

import shutil
from pathlib import Path

import pytest

from deployments.kustomization import fault_of, origins_of
from deployments.render import KustomizeRefused, render
from deployments.seldon import documents

pytestmark = pytest.mark.component
KUSTOMIZE = Path(__file__).parents[3] / "kustomize"
BASE = """\
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata:
  name: xgboost
spec:
  predictors:
  - name: champion
    traffic: 100
    graph: {name: classifier}
    componentSpecs:
    - spec: {containers: [{name: classifier, image: "forkcast/champion:1"}]}
"""


def rendered(folder):
    (document,) = [each for each in documents(render(folder).text, "x") if each.content["kind"] == "SeldonDeployment"]
    return document.content


def places(content, here=()):
    yield here
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for step, inner in pairs:
        yield from places(inner, (*here, step))


def value_at(content, place):
    for step in place:
        content = content[step]
    return content


OVERLAYS = sorted(path.parent for path in KUSTOMIZE.glob("overlays/*/kustomization.yaml"))
COMPONENTS = sorted(
    path.parent
    for path in KUSTOMIZE.glob("components/*/kustomization.yaml")
    if path.parent.name not in {"challenger", "router", "blue-live", "green-live"}
)


def assert_each_value_stands_on_its_line(folder):
    content, origins = rendered(folder), origins_of(folder)
    for place in places(content):
        spot = origins.spot(content, place)
        assert spot is not None, place
        value = value_at(content, place)
        lines = Path(spot.file).read_text().splitlines()[spot.line - 1 :]
        if isinstance(value, str | int) and not isinstance(value, bool):
            first, *more = str(value).splitlines()  # a text of several lines stands below its key
            assert first in lines[1 if more else 0], (place, spot)


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.name)
def test_each_value_of_an_overlay_of_ours_stands_on_the_line_that_is_named(overlay):
    assert_each_value_stands_on_its_line(overlay)


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda path: path.name)
def test_each_value_that_a_component_brings_stands_on_the_line_that_is_named(component, tmp_path):
    shutil.copytree(KUSTOMIZE, tmp_path / "kustomize")
    folder = tmp_path / "kustomize" / "mine"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(
        f"resources: [../overlays/canary]\ncomponents: [../components/{component.name}]\n"
    )
    assert_each_value_stands_on_its_line(folder)


@pytest.fixture
def overlay(tmp_path):
    """A base and an overlay of it, whose kustomization a test writes."""
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "kustomization.yaml").write_text("resources: [deployment.yaml]\n")
    (tmp_path / "base" / "deployment.yaml").write_text(BASE)
    folder = tmp_path / "overlay"
    folder.mkdir()

    def written(text, **files):
        (folder / "kustomization.yaml").write_text("resources: [../base]\n" + text)
        for name, content in files.items():
            (folder / f"{name}.yaml").write_text(content)
        return folder

    return written


def spot_of(folder, *place):
    spot = origins_of(folder).spot(rendered(folder), place)
    return None if spot is None else (Path(spot.file).name, spot.line)


TRAFFIC = ("spec", "predictors", 0, "traffic")
INLINE = """\
patches:
- target: {kind: SeldonDeployment}
  patch: |-
    # a comment
    - op: replace
      path: /spec/predictors/0/traffic
      value: 70
"""


def test_a_patch_within_the_kustomization_is_counted_from_where_it_stands(overlay):
    assert spot_of(overlay(INLINE), *TRAFFIC) == ("kustomization.yaml", 8)


def test_a_strategic_merge_replaces_lists_and_merges_maps(overlay):
    patch = (
        "kind: SeldonDeployment\napiVersion: machinelearning.seldon.io/v1\nmetadata: {name: xgboost}\n"
        "spec:\n  protocol: seldon\n  annotations:\n    a: b\n"
    )
    folder = overlay("patches: [{path: more.yaml}]\n", more=patch)
    assert spot_of(folder, "spec", "protocol") == ("more.yaml", 5)
    assert spot_of(folder, "spec", "annotations", "a") == ("more.yaml", 7)
    assert spot_of(folder, *TRAFFIC) == ("deployment.yaml", 8)


def test_the_namespace_is_the_kustomizations(overlay):
    assert spot_of(overlay("namespace: seldon\n"), "metadata", "namespace") == ("kustomization.yaml", 2)


def test_of_what_is_missing_the_nearest_above_is_named(overlay):
    folder = overlay("")
    assert spot_of(folder, "spec", "predictors", 0, "graph", "modelUri") == ("deployment.yaml", 9)
    assert spot_of(folder, "spec", "predictors", 7, "name") == ("deployment.yaml", 6)


def test_what_is_not_built_here_is_no_guess(overlay):
    image = ("spec", "predictors", 0, "componentSpecs", 0, "spec", "containers", 0, "image")
    folder = overlay("images: [{name: forkcast/champion, newTag: '2'}]\n")
    assert spot_of(folder, *image) is None
    assert spot_of(folder, *TRAFFIC) == ("deployment.yaml", 8), "the image alone is another"
    assert spot_of(overlay("namePrefix: my-\n"), *TRAFFIC) is None
    selected = INLINE.replace("{kind: SeldonDeployment}", "{kind: SeldonDeployment, annotationSelector: a=b}")
    assert spot_of(overlay(selected), *TRAFFIC) is None


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (INLINE.replace("predictors/0", "predictors/3"), 6, "/spec/predictors has 1 items"),
        (INLINE.replace("replace", "test"), 6, "is 100, not 70"),
        (INLINE.replace("replace", "rename"), 6, "none of add, remove"),
        ("components: [../nowhere]\n", None, "nowhere"),
        ("resourcs: []\n", 2, "resourcs is no field"),
        ("patches: [{path: none.yaml}]\n", 2, "none.yaml"),
        ("patches:\n- a: [\n", None, "no YAML"),
    ],
    ids=["path", "test", "operation", "component", "field", "file", "yaml"],
)
def test_what_kustomize_refuses_is_told_with_its_line_and_kustomizes_words(overlay, text, line, words):
    folder = overlay(text)
    with pytest.raises(KustomizeRefused, match=words) as caught:
        render(folder)
    if line is not None:
        assert f"kustomization.yaml:{line}: " in str(caught.value)
        assert "Kustomize's words: " in str(caught.value)


def test_an_overlay_in_order_has_no_fault(overlay):
    assert fault_of(overlay(INLINE)) is None
