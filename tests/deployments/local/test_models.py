import pytest

from deployments.local.errors import ModelMissing
from deployments.local.models import digest, folder_of, model_folders


@pytest.mark.parametrize("uri", ["pvc://models/champion", "file://{here}/models/champion", "{here}/models/champion"])
def test_a_model_uri_is_a_folder_of_this_machine(tmp_path, uri):
    (tmp_path / "models/champion").mkdir(parents=True)
    uri = uri.format(here=tmp_path)
    assert model_folders([uri], tmp_path)[uri].path == tmp_path / "models/champion"


def test_every_missing_model_is_named_with_what_to_do(tmp_path):
    with pytest.raises(ModelMissing) as missing:
        model_folders(["pvc://models/a", "pvc://models/b"], tmp_path)
    assert f"{tmp_path}/models/a does not exist" in missing.value.message
    assert f"{tmp_path}/models/b does not exist" in missing.value.message
    assert "forkcast train" in missing.value.message


@pytest.mark.parametrize("uri", ["s3://bucket/model", "gs://bucket/model", "https://example.org/model"])
def test_what_lies_elsewhere_is_no_folder_of_this_machine_and_not_looked_for(tmp_path, uri):
    assert folder_of(uri, tmp_path) is None
    assert model_folders([uri], tmp_path) == {}


def test_a_digest_notices_a_files_name_its_content_and_nothing_else(tmp_path):
    folder = tmp_path / "model"
    (folder / "inner").mkdir(parents=True)
    file = folder / "inner" / "model.ubj"
    file.write_text("1")
    first = digest(folder)
    file.touch()
    assert digest(folder) == first
    file.write_text("2")
    assert digest(folder) != first
    file.write_text("1")
    file.rename(folder / "inner" / "other.ubj")
    assert digest(folder) != first
