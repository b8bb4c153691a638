"""Model URIs: each names a folder here, or comes here whole, or is refused with what to do."""

import functools
import http.server
import threading
import zipfile
from pathlib import Path
from urllib.parse import quote

import fsspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_server import storage
from model_server.storage import (
    ModelMissing,
    ModelNotFetched,
    ModelTooLarge,
    ModelUriNotUnderstood,
    copies,
    local_folder,
)


@pytest.fixture
def folder(tmp_path):
    """A model's folder, with whatever a name may hold."""
    made = tmp_path / "my models" / "50% off"
    write(made)
    return made


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


@pytest.fixture
def bucket():
    """A folder of fsspec's in-memory files, and of nobody else's."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Mirrors(Quiet):
    """Every page links to one below itself, and so on without end; and to itself, sorted."""

    def do_GET(self):
        is_page = self.path.endswith("/")
        body = b'<a href="?C=N">N</a> <a href="deeper/">deeper</a> <a href="model.json">m</a>' if is_page else b"{}"
        self.send_response(200)
        self.send_header("Content-Type", "text/html" if is_page else "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def serve():
    servers = []

    def start(handler):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


CONTENT = {"model.json": b"{}", "sub folder/a%20b.txt": b"\x00\xff", "sub folder/deep/empty": b""}


def write(folder):
    for name, content in CONTENT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def read(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def fetched(uri, cache, **settings):
    return local_folder(uri, volumes=None, cache=cache, **settings)


# Folders of this machine


@pytest.mark.parametrize(
    "uri",
    ["{}", "file://{}", "local://{}", "file:{}", "file://localhost{}", "FILE://{}", "file://{}/", "{}/../50% off"],
)
def test_a_folder_of_this_machine_is_itself(folder, cache, uri):
    assert fetched(uri.format(folder), cache).resolve() == folder
    assert not cache.exists(), "nothing was copied"


def test_a_file_uri_may_be_escaped_as_the_standard_has_it(folder, cache):
    assert fetched(f"file://{quote(str(folder))}", cache) == folder


def test_a_folder_whose_name_has_an_escape_in_it_is_found_as_it_stands(tmp_path, cache):
    (tmp_path / "a%20b").mkdir()
    (tmp_path / "a b").mkdir()
    assert fetched(f"file://{tmp_path}/a%20b", cache) == tmp_path / "a%20b"


def test_a_relative_path_is_one_from_here(folder, cache, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert fetched("50% off", cache) == folder
    assert fetched("file://50% off", cache) == folder, "as Seldon's wrapper takes it"


def test_a_folder_with_a_colon_in_its_name_is_no_remote(tmp_path, cache, monkeypatch):
    (tmp_path / "s3:models").mkdir()
    monkeypatch.chdir(tmp_path)
    assert fetched("s3:models", cache) == tmp_path / "s3:models"


@pytest.mark.parametrize("uri", ["{}/none", "file://{}/none"])
def test_a_folder_that_is_not_there_is_told(tmp_path, cache, uri):
    with pytest.raises(ModelMissing, match=r"none does not exist \(model URI"):
        fetched(uri.format(tmp_path), cache)


def test_a_file_in_the_place_of_a_folder_is_told(folder, cache):
    with pytest.raises(ModelMissing, match=r"model\.json is a file; name the folder"):
        fetched(str(folder / "model.json"), cache)


@pytest.mark.parametrize("uri", ["", "a\0b"])
def test_a_uri_that_can_be_none_is_refused(cache, uri):
    with pytest.raises(ModelUriNotUnderstood, match="are accepted"):
        fetched(uri, cache)


# Claims


@pytest.mark.parametrize("path", ["claim/50% off", "claim/50%25%20off", "claim/./50% off/"])
def test_a_claim_is_a_folder_among_the_volumes(tmp_path, cache, path):
    write(tmp_path / "claim" / "50% off")
    found = local_folder(f"pvc://{path}", volumes=tmp_path, cache=cache)
    assert found.samefile(tmp_path / "claim" / "50% off")


def test_a_claim_by_itself_is_its_root(tmp_path, cache):
    (tmp_path / "claim").mkdir()
    assert local_folder("pvc://claim", volumes=tmp_path, cache=cache) == tmp_path / "claim"


def test_a_claim_may_be_a_link(tmp_path, cache):
    write(tmp_path / "elsewhere" / "champion")
    (tmp_path / "volumes").mkdir()
    (tmp_path / "volumes" / "claim").symlink_to(tmp_path / "elsewhere")
    found = local_folder("pvc://claim/champion", volumes=tmp_path / "volumes", cache=cache)
    assert read(found) == CONTENT


def test_a_claim_without_volumes_is_refused(cache):
    with pytest.raises(ModelUriNotUnderstood, match="no folder of volumes was given"):
        fetched("pvc://claim/champion", cache)


def test_a_claim_that_is_not_there_is_told_and_so_is_a_folder_in_one(tmp_path, cache):
    with pytest.raises(ModelMissing, match=r"there is no folder .*claim for the claim of the model URI"):
        local_folder("pvc://claim/champion", volumes=tmp_path, cache=cache)
    (tmp_path / "claim").mkdir()
    with pytest.raises(ModelMissing, match="champion does not exist"):
        local_folder("pvc://claim/champion", volumes=tmp_path, cache=cache)


@pytest.mark.parametrize(
    "path", ["", "/", "..", "claim/../../secret", "../secret", "%2e%2e/secret", "claim/%2E./x", "%2fetc", "claim/.."]
)
def test_nothing_leads_out_of_a_claim(tmp_path, cache, path):
    (tmp_path / "secret").mkdir()
    (tmp_path / "volumes" / "claim").mkdir(parents=True)
    with pytest.raises(ModelUriNotUnderstood, match="a path that stays in its claim"):
        local_folder(f"pvc://{path}", volumes=tmp_path / "volumes", cache=cache)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from(["..", ".", "claim", "%2e", "%2e%2e", "/", "%2f", "a", "%25", "%00", " "]), max_size=6))
def test_whatever_a_claims_path_is_made_of_it_stays_among_the_volumes(tmp_path, pieces):
    volumes = tmp_path / "volumes"
    for name in ("claim/a", "a/claim", "../a", "../claim"):
        (volumes / name).mkdir(parents=True, exist_ok=True)
    try:
        found = local_folder("pvc://" + "/".join(pieces), volumes=volumes, cache=tmp_path / "cache")
    except (ModelUriNotUnderstood, ModelMissing):
        return
    assert found.resolve().is_relative_to(volumes.resolve())


# Elsewhere


@pytest.mark.parametrize("uri", ["memory://bucket/my model", "memory://bucket/my model/"])
def test_what_is_elsewhere_is_copied_whole(bucket, cache, uri):
    for name, content in CONTENT.items():
        bucket.pipe(f"/bucket/my model/{name}", content)
    bucket.pipe("/bucket/my model of last year/model.json", b"another")
    assert read(fetched(uri, cache)) == CONTENT


def test_one_file_comes_in_a_folder(bucket, cache):
    bucket.pipe("/bucket/model.json", b"{}")
    assert read(fetched("memory://bucket/model.json", cache)) == {"model.json": b"{}"}


def test_a_copy_is_made_once_and_stays_as_it_is_when_the_model_changes(bucket, cache):
    bucket.pipe("/bucket/model.json", b"{}")
    first = fetched("memory://bucket", cache)
    inode = (first / "model.json").stat().st_ino
    assert fetched("memory://bucket", cache) == first
    assert (first / "model.json").stat().st_ino == inode, "the same content leaves the copy alone"
    bucket.pipe("/bucket/model.json", b"[]")
    second = fetched("memory://bucket", cache)
    assert (read(first), read(second)) == ({"model.json": b"{}"}, {"model.json": b"[]"})
    assert first.parent == second.parent
    assert first.parent.parent == cache
    assert list(cache.glob(".*")) == [], "nothing is left behind"


def test_two_uris_share_no_copy(bucket, cache):
    bucket.pipe("/a/model.json", b"{}")
    bucket.pipe("/b/model.json", b"{}")
    assert fetched("memory://a", cache).parent != fetched("memory://b", cache).parent


@pytest.mark.parametrize("uri", ["memory://nothing/here", "zip://a::file:///nowhere/none.zip"])
def test_nothing_elsewhere_is_told(bucket, cache, uri):
    with pytest.raises(ModelMissing, match=f"nothing is at the model URI {uri}"):
        fetched(uri, cache)
    assert not list(cache.rglob("*/*"))


def test_more_bytes_than_a_model_has_are_not_fetched(bucket, cache, monkeypatch):
    bucket.pipe("/bucket/model.json", b"x" * 11)
    monkeypatch.setattr(copies, "MAX_BYTES", 11)
    assert fetched("memory://bucket", cache)
    monkeypatch.setattr(copies, "MAX_BYTES", 10)
    with pytest.raises(ModelTooLarge, match="more than 10 bytes; name the model's own folder"):
        fetched("memory://bucket", cache)
    assert list(cache.glob(".*")) == []


def test_more_files_than_a_model_has_are_not_fetched(bucket, cache, monkeypatch):
    for i in range(3):
        bucket.pipe(f"/bucket/{i}", b"")
    monkeypatch.setattr(copies, "MAX_FILES", 2)
    with pytest.raises(ModelTooLarge, match="names 3 files; name the model's own folder, of 2 at most"):
        fetched("memory://bucket", cache)


def test_a_model_in_an_archive_is_reached_through_it(folder, cache, tmp_path):
    with zipfile.ZipFile(tmp_path / "my models.zip", "w") as archive:
        for name, content in CONTENT.items():
            archive.writestr(f"champion/{name}", content)
    assert read(fetched(f"zip://champion::file://{tmp_path}/my models.zip", cache)) == CONTENT
    whole = fetched(f"zip://::file://{tmp_path}/my models.zip", cache)
    assert read(whole / "champion") == CONTENT


def test_a_file_that_would_leave_its_folder_is_refused(cache, tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.writestr("champion/../../../evil", b"!")
    with pytest.raises((ModelNotFetched, ModelMissing)):
        fetched(f"zip://champion::file://{tmp_path}/evil.zip", cache)
    with pytest.raises(ModelNotFetched, match=r"evil', which no folder can hold"):
        fetched(f"zip://::file://{tmp_path}/evil.zip", cache)
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("path", ["/my%20models/50%25%20off", "/my%20models/50%25%20off/", "/my models/50%25 off"])
def test_a_folder_of_a_web_server_is_what_it_lists(folder, cache, serve, path):
    web = serve(functools.partial(Quiet, directory=folder.parent.parent))
    assert read(fetched(f"{web}{path}", cache)) == CONTENT


def test_a_file_of_a_web_server_comes_in_a_folder_without_its_query(folder, cache, serve):
    web = serve(functools.partial(Quiet, directory=folder))
    found = fetched(f"{web}/sub%20folder/a%2520b.txt?token=secret", cache)
    assert read(found) == {"a%20b.txt": b"\x00\xff"}


def test_a_web_server_whose_pages_never_end_is_left_at_some_depth(cache, serve):
    found = read(fetched(serve(Mirrors) + "/models/", cache))
    assert set(found.values()) == {b"{}"}
    assert {name.rpartition("/")[2] for name in found} == {"model.json"}
    assert max(name.count("/") for name in found) < copies.MAX_HTTP_DEPTH


def test_a_web_server_does_not_send_more_than_a_model_has(folder, cache, serve, monkeypatch):
    web = serve(functools.partial(Quiet, directory=folder))
    monkeypatch.setattr(copies, "MAX_BYTES", 1)
    with pytest.raises(ModelTooLarge):
        fetched(f"{web}/model.json", cache)


@pytest.mark.parametrize("uri", ["http://me:hidden@127.0.0.1:1/model.json", "http://127.0.0.1:1/model.json?key=hidden"])
def test_a_web_server_that_is_away_is_told_without_secrets(cache, uri):
    with pytest.raises(ModelNotFetched, match=r"127\.0\.0\.1:1/model\.json\S* could not be fetched: ") as told:
        fetched(uri, cache)
    assert "hidden" not in told.value.message


def test_a_page_that_is_not_there_is_told(folder, cache, serve):
    web = serve(functools.partial(Quiet, directory=folder))
    for path in ("/none", "/none/"):
        with pytest.raises(ModelMissing, match=f"nothing is at the model URI {web}{path}"):
            fetched(web + path, cache)


def test_a_web_server_that_fails_is_told_even_if_only_one_page_of_it_does(folder, cache, serve):
    class Broken(Quiet):
        def do_GET(self):
            if self.path.endswith("deep/"):
                self.send_error(503)
            else:
                super().do_GET()

    with pytest.raises(ModelNotFetched, match=r"could not be fetched: .*503"):
        fetched(serve(functools.partial(Broken, directory=folder)) + "/", cache)


@pytest.mark.parametrize(
    ("uri", "package"),
    [
        ("s3://bucket/model", "s3fs"),
        ("s3:bucket/model", "s3fs"),
        ("gs://bucket/model", "gcsfs"),
        ("gs:bucket/model", "gcsfs"),
        ("abfs://container@account/model", "adlfs"),
        ("zip://model::s3://bucket/models.zip", "s3fs"),
    ],
)
def test_a_protocol_whose_package_is_not_installed_names_it(cache, uri, package):
    with pytest.raises(
        ModelUriNotUnderstood, match=rf"not installed here: .*[Ii]nstall {package}.*; or copy the model"
    ):
        fetched(uri, cache)


def test_a_protocol_that_nobody_knows_is_refused_with_what_is_accepted(cache):
    with pytest.raises(ModelUriNotUnderstood, match="Protocol not known: nope; a path, file://PATH"):
        fetched("nope://bucket/model", cache)


def test_a_remote_of_rclones_own_is_refused(cache):
    with pytest.raises(ModelUriNotUnderstood, match="names a remote of rclone's, minio, that is not configured here"):
        fetched("minio:bucket/model", cache)


def test_a_cache_that_cannot_be_written_is_told(bucket, tmp_path):
    bucket.pipe("/bucket/model.json", b"{}")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(
        ModelNotFetched, match=r"no copy of memory://bucket can be kept in .*file/cache: .*; set XDG_CACHE_HOME"
    ):
        fetched("memory://bucket", tmp_path / "file" / "cache")


def test_the_cache_is_where_the_machines_caches_are(monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert storage.default_cache() == Path("/somewhere/forkcast/models")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert storage.default_cache().expanduser() == Path.home() / ".cache/forkcast/models"


def test_a_machine_user_without_a_home_can_still_serve_folders_and_is_told_where_copies_could_go(
    folder, bucket, monkeypatch
):
    bucket.pipe("/bucket/model.json", b"{}")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def without_home(_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", without_home)
    assert fetched(str(folder), storage.default_cache()) == folder
    with pytest.raises(ModelNotFetched, match=r"home directory\.; set XDG_CACHE_HOME to a folder"):
        fetched("memory://bucket", storage.default_cache())
