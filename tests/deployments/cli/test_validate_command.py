"""`forkcast validate` as it is typed: exit codes, JSON, and the line to mend."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.component
ROOT = Path(__file__).parents[3]
OVERLAYS = sorted(path.parent for path in ROOT.glob("kustomize/overlays/*/kustomization.yaml"))
GOOD = """\
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: xgboost, namespace: seldon}
spec:
  annotations: {seldon.io/rest-timeout: "5000"}
  predictors:
  - name: champion
    replicas: 1
    graph: {name: classifier, implementation: XGBOOST_SERVER, modelUri: "s3://b/m"}
"""


def validate(*arguments):
    command = [sys.executable, "-m", "deployments.cli.main", "validate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, cwd=ROOT)


def objects(*arguments, code):
    done = validate(*arguments, "--json")
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def file(tmp_path):
    def written(text, name="deployment.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return written


def test_every_overlay_of_ours_is_allowed_in_one_call():
    found = objects(*OVERLAYS, code=0)
    assert [each["file"] for each in found] == list(map(str, OVERLAYS))
    assert all(each["allowed"] and each["refused_by"] is None and not each["findings"] for each in found)
    assert {each["name"] for each in found} == {"xgboost"}


def test_a_broken_overlay_is_told_in_seldons_words_with_the_line_of_its_patch(tmp_path):
    base = ROOT / "kustomize" / "overlays" / "ab-test"
    shares = {"/spec/predictors/1/traffic": 40, "/spec/predictors/0/traffic": 9}
    patch = "".join(f"- {{op: replace, path: {path}, value: {share}}}\n" for path, share in shares.items())
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{os.path.relpath(base, tmp_path)}]\n"
        "patches: [{path: p.yaml, target: {kind: SeldonDeployment}}]\n"
    )
    (tmp_path / "p.yaml").write_text(patch)
    (found,) = objects(tmp_path, code=2)
    assert (found["allowed"], found["refused_by"]) == (False, "webhook")
    assert found["message"] == (
        'SeldonDeployment.machinelearing.seldon.io "" is invalid: spec: Invalid value: "champion": '
        "Traffic must sum to 100 for multiple predictors"
    )
    (finding,) = found["findings"]
    assert finding["origin"] == f"{tmp_path}/p.yaml:2"
    plain = validate(tmp_path)
    assert plain.returncode == 2
    assert plain.stdout.startswith(f"{tmp_path}/p.yaml:2: refused by Seldon's webhook: spec: ")
    assert "1 SeldonDeployments: 0 fine, 1 refused, 1 warnings" in plain.stdout
    up = subprocess.run(
        [sys.executable, "-m", "deployments.cli.main", "up", str(tmp_path), "--state", str(tmp_path / "state")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert up.returncode == 2
    assert f"{tmp_path}/p.yaml:2: spec: " in up.stderr


@pytest.mark.parametrize(
    ("old", "new", "by", "message"),
    [
        ('"5000"', "5000", "schema", 'SeldonDeployment.machinelearning.seldon.io "xgboost" is invalid: '),
        ("XGBOOST_SERVER", "LIGHTGBM_SERVER", "webhook", 'SeldonDeployment.machinelearing.seldon.io "" is invalid: '),
        ('"5000"', "10s", "operator", "Seldon's operator fails on it: "),
    ],
)
def test_who_refuses_and_in_which_words(file, old, new, by, message):
    (found,) = objects(file(GOOD.replace(old, new)), code=2)
    assert (found["allowed"], found["refused_by"]) == (False, by)
    assert found["message"].startswith(message)
    assert {finding["refused_by"] for finding in found["findings"]} == {by}
    assert all(isinstance(finding["line"], int) and finding["path"] for finding in found["findings"])


def test_what_a_cluster_takes_and_drops_is_allowed_and_fails_all_the_same(file):
    (found,) = objects(file(GOOD.replace("  predictors", "  colour: blue\n  predictors")), code=2)
    assert (found["allowed"], found["refused_by"], found["message"]) == (True, None, None)
    (finding,) = found["findings"]
    assert (finding["line"], finding["path"], finding["refused_by"]) == (6, "spec.colour", None)


def test_warnings_fail_only_if_strict(file):
    quiet, warned = file(GOOD), file(GOOD.replace("rest-timeout", "x"), "other.yaml")
    assert validate(quiet, "--strict").returncode == 0
    assert validate(quiet, warned).returncode == 0
    assert validate(quiet, warned, "--strict").returncode == 2


def test_what_cannot_be_read_is_told_beside_the_others(file, tmp_path):
    found = objects(tmp_path / "nothing.yaml", file("a: [", "broken.yaml"), file(GOOD), code=2)
    assert [each["name"] for each in found] == [None, None, "xgboost"]
    assert [each["allowed"] for each in found] == [False, False, True]
    assert found[1]["findings"][0]["line"] == 1


def test_json_several_documents_and_lists_are_read_with_their_own_lines(file):
    one = json.dumps({"apiVersion": "v1", "kind": "List", "items": [{"kind": "Namespace"}]})
    bad = GOOD.replace('"5000"', "10s").replace("\n", "\n  ").rstrip()
    several = file(f"apiVersion: v1\nkind: List\nitems:\n- {bad}\n---\n{GOOD}", "list.yaml")
    found = objects(file(one, "one.json"), several, code=2)
    assert [each["allowed"] for each in found] == [False, True]
    assert found[0]["findings"][0]["line"] == 8
