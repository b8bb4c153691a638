"""Model bundles: what is saved is what is loaded, and nothing else is."""

import hashlib
import json
import shutil

import numpy as np
import pytest

from model_server import artifact
from model_server.artifact import BundleDamaged, BundleMissing, NotABundle


@pytest.fixture
def bundle(models, tmp_path):
    return shutil.copytree(models / "challenger", tmp_path / "challenger")


def test_a_loaded_bundle_scores_as_before_it_was_saved(models, labelled):
    impressions, _ = labelled
    for name in ("champion", "challenger"):
        loaded = artifact.load(models / name)
        learnt_again = type(loaded.features).from_json(json.loads(json.dumps(loaded.features.to_json())))
        np.testing.assert_array_equal(learnt_again.transform(impressions), loaded.features.transform(impressions))


@pytest.mark.parametrize("file", ["model.ubj", "vocabulary.json", "drift.json"])
def test_a_changed_byte_is_noticed_and_the_file_named(bundle, file):
    content = bytearray((bundle / file).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / file).write_bytes(content)
    with pytest.raises(BundleDamaged, match=rf"{file} has sha256"):
        artifact.load(bundle)


@pytest.mark.parametrize("file", ["model.ubj", "vocabulary.json", "drift.json"])
def test_a_missing_file_is_named(bundle, file):
    (bundle / file).unlink()
    with pytest.raises(BundleDamaged, match=file):
        artifact.load(bundle)


def test_a_bundle_of_an_earlier_release_has_no_record_of_training_and_the_same_version(bundle, labelled):
    loaded = artifact.load(bundle)
    assert loaded.drift is not None
    model = (bundle / "model.ubj").read_bytes()
    about = {key: loaded.manifest[key] for key in ("metrics", "data", "split", "training", "versions")}
    assert artifact.save(bundle, features=loaded.features, model=model, about=about) == loaded.version
    assert not (bundle / "drift.json").exists()
    earlier = artifact.load(bundle)
    assert earlier.drift is None
    some = labelled[0].take(slice(0, 100))
    np.testing.assert_array_equal(earlier.features.transform(some), loaded.features.transform(some))


def test_a_record_that_the_manifest_does_not_vouch_for_is_not_read(bundle):
    loaded = artifact.load(bundle)
    artifact.save(bundle, features=loaded.features, model=(bundle / "model.ubj").read_bytes(), about={})
    (bundle / "drift.json").write_text("mine")
    assert artifact.load(bundle).drift is None


def test_a_record_of_another_release_is_refused_with_its_path(bundle):
    content = (bundle / "drift.json").read_bytes().replace(b'"format":1', b'"format":2')
    (bundle / "drift.json").write_bytes(content)
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["sha256"]["drift.json"] = hashlib.sha256(content).hexdigest()
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(
        BundleDamaged, match=r"drift\.json: format 2; this release reads format 1; train the model again"
    ):
        artifact.load(bundle)


def test_an_empty_folder_says_how_to_train_a_model(tmp_path):
    with pytest.raises(BundleMissing, match="forkcast train --features"):
        artifact.load(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "format 2"),
        ({"feature_set": "deep"}, "feature set deep; known: classic, funnel"),
        ({"contract": {}}, "another request contract"),
        ({"feature_names": ["id"]}, "other features"),
    ],
)
def test_a_manifest_of_another_release_is_refused(bundle, change, said):
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps(manifest | change))
    with pytest.raises(BundleDamaged, match=said):
        artifact.load(bundle)


@pytest.mark.parametrize("text", ["", "{", '{"format": 1}'])
def test_a_broken_manifest_is_refused(bundle, text):
    (bundle / "manifest.json").write_text(text)
    with pytest.raises(BundleDamaged, match=r"manifest\.json"):
        artifact.load(bundle)


@pytest.mark.parametrize("text", ["[]", '{"sha256": []}', "5"])
def test_a_manifest_of_another_shape_is_refused(bundle, text):
    (bundle / "manifest.json").write_text(text)
    with pytest.raises(BundleDamaged, match="is not what `forkcast train` writes"):
        artifact.load(bundle)


def test_a_folder_that_holds_anything_else_is_not_replaced(bundle, tmp_path):
    loaded = artifact.load(bundle)
    content = {"features": loaded.features, "model": (bundle / "model.ubj").read_bytes(), "about": {}}
    assert artifact.save(bundle, **content) == loaded.version, "an earlier bundle is"
    with pytest.raises(NotABundle, match="holds challenger"):
        artifact.save(tmp_path, **content)
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NotABundle):
        artifact.save(tmp_path / "file", **content)
    assert (tmp_path / "file").read_text() == "mine"
    assert artifact.load(bundle).version == loaded.version


@pytest.mark.parametrize("uri", ["pvc://models/champion", "s3://bucket/champion", "https://host/champion"])
def test_a_uri_that_is_no_folder_here_is_refused_by_name(uri):
    with pytest.raises(BundleMissing, match=uri):
        artifact.folder_of(uri)
