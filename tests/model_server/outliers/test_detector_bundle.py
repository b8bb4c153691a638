"""Detector bundles: what is saved is what is loaded; whatever else is there is refused before treelite sees it."""

import json
import shutil

import pytest

from model_server import artifact
from model_server.outliers import detector_bundle
from model_server.outliers.forest import Forest
from model_server.outliers.outlier_detector import OutlierDetector
from model_server.training.fit_detector import fit_detector


@pytest.fixture
def folder(detector, tmp_path):
    return shutil.copytree(detector, tmp_path / "detector")


@pytest.fixture
def no_treelite(monkeypatch):
    """Treelite must not see bytes that are not known to be whole: it crashes on them."""

    def refuse(_):
        pytest.fail("treelite was handed the damaged checkpoint")

    monkeypatch.setattr(Forest, "from_bytes", refuse)


def flipped(content):
    changed = bytearray(content)
    changed[len(changed) // 2] ^= 1
    return bytes(changed)


DAMAGES = {
    "missing": None,
    "a flipped bit": flipped,
    "truncated": lambda content: content[: len(content) // 2],
    "empty": lambda _: b"",
    "longer": lambda content: content + b"\0",
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", ["forest.tl", "view.json", "manifest.json"])
def test_a_damaged_file_is_noticed_and_named_and_the_server_does_not_start(folder, no_treelite, file, damage):
    path = folder / file
    change = DAMAGES[damage]
    if change is None:
        path.unlink()
    else:
        path.write_bytes(change(path.read_bytes()))
    expected = artifact.BundleMissing if (file, damage) == ("manifest.json", "missing") else artifact.BundleDamaged
    with pytest.raises(expected, match=r"fit-detector|fit the detector again") as refused:
        OutlierDetector(str(folder))
    assert file in refused.value.message


def test_every_bit_of_the_manifest_counts(folder, no_treelite):
    """Also where it stays JSON: a digit of the threshold, say."""
    path = folder / "manifest.json"
    content = path.read_bytes()
    meant = json.loads(content)
    n_changed = 0
    for place in range(0, len(content), 7):
        changed = bytearray(content)
        changed[place] ^= 1
        try:
            if json.loads(changed) == meant or json.loads(changed) | {"name": ""} == meant | {"name": ""}:
                continue
        except ValueError:
            pass
        path.write_bytes(changed)
        n_changed += 1
        with pytest.raises(artifact.BundleDamaged):
            detector_bundle.load(folder)
    assert n_changed > 100


def test_another_threshold_in_the_manifest_is_refused_with_where_it_belongs(folder):
    path = folder / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"threshold": 0.2}))
    with pytest.raises(artifact.BundleDamaged, match="a parameter of OutlierDetector"):
        detector_bundle.load(folder)


@pytest.mark.parametrize("text", ["[]", "5", "null", '"x"', "{}", "[" * 100_000])
def test_a_manifest_of_another_shape_is_refused(folder, text):
    (folder / "manifest.json").write_text(text)
    with pytest.raises(artifact.BundleDamaged, match=r"manifest\.json"):
        detector_bundle.load(folder)


def test_a_model_is_no_detector_and_a_detector_no_model(models, detector):
    with pytest.raises(artifact.BundleDamaged, match="is a model, not an outlier detector"):
        OutlierDetector(str(models / "champion"))
    with pytest.raises(artifact.BundleDamaged, match="lacks feature_names"):
        artifact.load(detector)


def test_an_empty_folder_says_how_to_fit_a_detector(tmp_path):
    with pytest.raises(artifact.BundleMissing, match="forkcast fit-detector"):
        OutlierDetector(str(tmp_path / "nothing"))


def test_a_detector_takes_the_place_of_an_earlier_one_and_of_nothing_else(folder, models, labelled, tmp_path):
    before = detector_bundle.load(folder)
    again = fit_detector(labelled[0], folder=folder, data={"file": "made up"}, seed=1, threads=1)
    assert again.version == before.version, "the same rows and seed give the same detector"
    other = fit_detector(labelled[0], folder=folder, data={"file": "made up"}, seed=2, threads=1)
    assert other.version == detector_bundle.load(folder).version != before.version
    model = shutil.copytree(models / "champion", tmp_path / "champion")
    with pytest.raises(artifact.NotABundle, match=r"holds drift\.json, model\.ubj"):
        fit_detector(labelled[0], folder=model, data={}, seed=1, threads=1)
    assert artifact.load(model).version == artifact.load(models / "champion").version


def test_the_manifest_tells_what_the_detector_is_made_of(detector, labelled):
    manifest = json.loads((detector / "manifest.json").read_text())
    assert manifest["columns"] == ["funnel", "recency", "time", "device", "place"]
    assert manifest["contract"] == artifact.input_contract()
    assert manifest["false_alarm_rate"]["stated"] == 0.01
    assert manifest["split"] == {"train": 9600, "validation": 1200, "held_out": 1200}
    assert {"alibi-detect", "treelite", "scikit-learn", "numpy"} <= manifest["versions"].keys()
    assert manifest["data"]["rows"] == len(labelled[0])
