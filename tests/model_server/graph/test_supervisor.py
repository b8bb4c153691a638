"""The processes of a graph server: who ends whom, who takes whose place, and what is seen of it from outside."""

import asyncio
import json
import os
import signal
import subprocess
import sys

import aiohttp
import psutil
import pytest
from graph_server_process import ROOT, free_ports, started
from watched_server import DEADLINE_SECONDS, HERE, children, is_alive, predict, serving, total, until

pytestmark = pytest.mark.component


def parameters(**values):
    return json.dumps([{"name": name, "value": str(value), "type": "STRING"} for name, value in values.items()])


def a_session():
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))


def test_one_worker_that_is_told_to_end_leaves_the_port_open_for_the_others(tmp_path):
    async def go():
        async with (
            serving(tmp_path, "Rows", "--workers", "2", "--lame-duck-seconds", "0") as server,
            a_session() as session,
        ):
            first = set(children(server))
            told = min(first)
            os.kill(told, signal.SIGTERM)

            async def replaced_without_a_refusal():
                assert (await predict(session, server))[0] == 200
                now = set(children(server))
                return told not in now and len(now) == 2

            await until(replaced_without_a_refusal, "another worker")
            assert (await predict(session, server))[0] == 200

    asyncio.run(go())


def test_a_worker_counts_on_where_the_one_before_it_in_its_place_ended(tmp_path):
    async def go():
        async with serving(tmp_path, "Naps") as server, a_session() as session:
            for expected in (1, 2, 3):
                assert (await predict(session, server))[0] == 200
                assert total(server.metrics("/metrics"), "naps_total") == expected
                (ended,) = children(server)
                os.kill(ended, signal.SIGKILL)

                async def replaced(ended=ended):
                    now = children(server)
                    return len(now) == 1 and now != [ended]

                await until(replaced, "another worker")
            (folder,) = tmp_path.glob("graph-server-metrics-*")
            kinds = [file.stem.rpartition("_")[0] for file in folder.glob("*.db")]
            assert len(kinds) == len(set(kinds))

    asyncio.run(go())


def test_ctrl_c_in_a_terminal_reaches_all_processes_at_once_and_what_is_under_way_finishes(tmp_path):
    async def go():
        async with (
            serving(tmp_path, "Naps", "--workers", "2", "--threads", "4") as server,
            aiohttp.ClientSession() as session,
        ):
            under_way = [asyncio.create_task(predict(session, server, 1.0)) for _ in range(4)]

            async def all_came():
                return total(server.metrics("/metrics"), "graph_server_requests_in_flight") == 4

            await until(all_came, "four requests under way")
            os.killpg(server.process.pid, signal.SIGINT)
            assert [status for status, _, _ in await asyncio.gather(*under_way)] == [200] * 4
            assert await asyncio.wait_for(server.process.wait(), DEADLINE_SECONDS) == 0
            assert "Traceback" not in server.log
            assert "ERROR" not in server.log

    asyncio.run(go())


def test_a_server_that_nohup_started_outlives_its_terminal(tmp_path):
    async def go():
        async with serving(tmp_path, "Rows", ignored=[signal.SIGHUP]) as server, a_session() as session:
            workers = children(server)
            os.killpg(server.process.pid, signal.SIGHUP)
            for _ in range(5):
                assert (await predict(session, server))[0] == 200
            assert children(server) == workers
            server.process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(server.process.wait(), DEADLINE_SECONDS) == 0
            assert "SIGHUP" not in server.log

    asyncio.run(go())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("class_name", ["TakesLongToMake", "CatchesTheEnd"])
def test_a_server_that_is_told_to_end_while_it_makes_its_objects_ends(tmp_path, class_name, number):
    async def go():
        mark = tmp_path / "begun"
        arguments = ["--parameters", parameters(mark=mark)]
        async with serving(tmp_path, class_name, *arguments, until_ready=False) as server:

            async def begun():
                return mark.exists()

            await until(begun, "the making of an object")
            os.killpg(server.process.pid, number)
            assert await asyncio.wait_for(server.process.wait(), 20) == 0
            assert "Traceback" not in server.log
            assert not list(tmp_path.glob("graph-server-metrics-*"))

    asyncio.run(go())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_a_thread_of_a_class_takes_ends_the_server_in_order(tmp_path, number):
    """The kernel gives it to any thread that does not block it, when the main thread is not waiting for it."""

    async def go():
        async with serving(tmp_path, "HasAThread", "--parameters", parameters(folder=tmp_path)) as server:
            written = tmp_path / "written"
            written.write_text(str(int(number)))
            written.rename(tmp_path / "signal")
            assert await asyncio.wait_for(server.process.wait(), DEADLINE_SECONDS) == 0
            assert f"told to end by {number.name}" in server.log
            assert "Traceback" not in server.log

    asyncio.run(go())


def test_a_custom_service_ends_with_its_parent_and_keeps_no_worker_from_ending(tmp_path):
    async def go():
        mark = tmp_path / "service"
        async with serving(tmp_path, "HasAService", "--parameters", parameters(mark=mark)) as server:

            async def runs():
                return mark.exists() and mark.read_text()

            service = int(await until(runs, "the service"))
            assert service in children(server)
            left = [psutil.Process(pid) for pid in children(server)]
            assert len(left) == 2
            os.kill(server.process.pid, signal.SIGKILL)
            await server.process.wait()

            async def all_ended():
                return not any(map(is_alive, left))

            await until(all_ended, "the end of worker and service")

    asyncio.run(go())


def test_a_server_whose_log_nobody_reads_any_more_still_replaces_workers(tmp_path):
    async def go():
        reading, writing = os.pipe()
        async with serving(tmp_path, "Rows", output=writing) as server, a_session() as session:
            os.close(writing)
            os.close(reading)
            (first,) = children(server)
            os.kill(first, signal.SIGKILL)

            async def replaced():
                assert server.process.returncode is None
                return [each for each in children(server) if each != first]

            await until(replaced, "another worker")
            assert (await predict(session, server))[0] == 200

    asyncio.run(go())


def test_a_second_server_on_the_same_grpc_port_does_not_start(tmp_path):
    async def go():
        async with serving(tmp_path, "Rows") as server:
            http_port, metrics_port = free_ports(2)
            arguments = ["accident_models.Rows", "--http-port", str(http_port), "--metrics-port", str(metrics_port)]
            second = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "model_server.graph", *arguments, "--grpc-port", str(server.grpc_port),
                env={**os.environ, "PYTHONPATH": f"{ROOT}:{HERE}", "TMPDIR": str(tmp_path)}, cwd=tmp_path,
                stderr=subprocess.PIPE,
            )  # fmt: skip
            try:
                _, told = await asyncio.wait_for(second.communicate(), 20)
            finally:
                if second.returncode is None:
                    second.kill()
            assert second.returncode == 1
            assert f"the gRPC port {server.grpc_port} of 127.0.0.1 cannot be had" in told.decode()

    asyncio.run(go())


def test_a_graph_that_runs_elsewhere_says_too_that_it_is_serving(tmp_path):
    async def go():
        graph = """
            spec: {predictors: [{name: p, graph: {name: far, type: MODEL,
              endpoint: {service_host: 127.0.0.1, httpPort: 1, grpcPort: 1}}}]}"""
        (tmp_path / "deployment.yaml").write_text(graph)
        async with started(["--file", "deployment.yaml", "--lame-duck-seconds", "0"], tmp_path) as server:

            async def told():
                return "serving predictor p" in server.log

            await until(told, "that it is serving")

    asyncio.run(go())
