import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from deployments.local.errors import AlreadyRunning, NothingRunning, PortTaken, UnknownProgram
from deployments.local.logs import LARGEST_FILE_BYTES, LogFile, files_of, follow, last_lines
from deployments.local.ports import _take, give_back, require_free, take_ports
from deployments.local.settings import Settings
from deployments.local.state import LONGEST_SOCKET_PATH_BYTES, StateFolder


def test_a_state_folder_has_one_runtime_at_a_time(tmp_path):
    state = StateFolder(tmp_path / "state")
    with state.held("127.0.0.1:1"):
        assert state.is_held()
        assert state.running().gateway == "127.0.0.1:1"
        with pytest.raises(AlreadyRunning, match="forkcast apply"), state.held("127.0.0.1:2"):
            pass
        assert state.running().gateway == "127.0.0.1:1"
    assert not state.is_held()
    with pytest.raises(NothingRunning, match="forkcast up"):
        state.running()


@pytest.mark.parametrize("depth", [1, 12])
def test_sockets_have_a_path_that_the_kernel_takes_and_are_gone_afterwards(tmp_path, depth):
    state = StateFolder(tmp_path.joinpath(*["a-deep-folder"] * depth))
    with state.held("127.0.0.1:1") as record:
        assert len(str(record.admin_socket)) <= LONGEST_SOCKET_PATH_BYTES
        folder = Path(record.sockets)
        assert folder.stat().st_mode & 0o077 == 0
        record.control_socket.touch()
        (record.temporary / "left").touch()
    assert not record.control_socket.exists()
    assert not record.temporary.exists()
    assert folder.exists() == (folder == state.path)


def test_a_port_in_use_is_refused_with_its_holder():
    with closing(socket.socket()) as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"port {port} .*python.* \(pid \d+\)"):
            require_free("127.0.0.1", port)
    require_free("127.0.0.1", port)


def test_ports_are_all_different_and_nobody_elses_until_they_are_given_back():
    ports = take_ports(20)
    others = "from deployments.local.ports import _take; import sys; print(*map(_take, map(int, sys.argv[1:])))"

    def another_runtime_takes(*wanted):
        command = [sys.executable, "-c", others, *map(str, wanted)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    try:
        assert len(set(ports)) == 20
        assert another_runtime_takes(*ports) == ["False"] * 20
    finally:
        give_back(ports)
    assert "True" in another_runtime_takes(*ports)


def test_a_port_that_somebody_listens_on_is_not_taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not _take(port)


def test_a_log_that_has_grown_is_set_aside(tmp_path):
    log = LogFile(tmp_path / "a.log")
    log.write("x" * (LARGEST_FILE_BYTES - 1))
    log.write("still the old one")
    log.write("the new one")
    log.close()
    assert last_lines(tmp_path / "a.log", 5) == ["the new one"]
    assert last_lines(tmp_path / "a.log.1", 1) == ["still the old one"]
    assert last_lines(tmp_path / "absent.log", 1) == []


def test_following_a_log_goes_on_in_the_new_file(tmp_path):
    log = LogFile(tmp_path / "a.log")
    log.write("from before")
    lines = follow(tmp_path / "a.log", pause_seconds=0.01)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(next, lines)
        while not first.done():  # it reads what is written after it began, whenever that is
            log.write("first")
        assert first.result() == "first"
    log.write("x" * LARGEST_FILE_BYTES)
    log.write("in the new file")
    assert next(line for line in lines if line.startswith("in")) == "in the new file"
    lines.close()
    log.close()


def test_a_log_is_meant_by_its_predictor_or_by_its_whole_name(tmp_path):
    for name in ("xgboost-champion", "xgboost-challenger", "envoy"):
        (tmp_path / f"{name}.log").touch()
    assert set(files_of(tmp_path, "champion")) == {"xgboost-champion"}
    assert set(files_of(tmp_path, "xgboost-champion")) == {"xgboost-champion"}
    assert len(files_of(tmp_path, None)) == 3
    with pytest.raises(UnknownProgram, match="there are: envoy, xgboost-challenger, xgboost-champion"):
        files_of(tmp_path, "hampion")


def test_the_logs_of_an_isolated_predictor_are_meant_together_or_one_by_one(tmp_path):
    for name in ("xgboost-champion", "xgboost-champion.scorer", "xgboost-champion.router", "xgboost-dark.scorer"):
        (tmp_path / f"{name}.log").touch()
    of_champion = {"xgboost-champion", "xgboost-champion.scorer", "xgboost-champion.router"}
    assert set(files_of(tmp_path, "champion")) == of_champion
    assert set(files_of(tmp_path, "champion.scorer")) == {"xgboost-champion.scorer"}
    assert set(files_of(tmp_path, "scorer")) == {"xgboost-champion.scorer", "xgboost-dark.scorer"}


@pytest.mark.parametrize("wrong", [{"port": 0}, {"port": 70_000}, {"drain_seconds": 0}, {"stop_grace_seconds": -1}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong)).partition("_")[0]):
        Settings(**wrong)
