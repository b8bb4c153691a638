"""What goes wrong around a graph server, and what is documented to happen then. Real processes, real signals."""

import asyncio
import json
import os
import signal
import socket
import sys

import aiohttp
import grpc
import psutil
import pytest
from graph_server_process import started
from watched_server import DEADLINE_SECONDS, HERE, children, is_alive, predict, serving, total, until

from model_server.graph import protos

pytestmark = pytest.mark.component


def test_counts_of_all_workers_are_one_truth_also_after_one_was_killed(tmp_path):
    async def go():
        async with (
            serving(tmp_path, "Naps", "--workers", "3") as server,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
        ):
            for _ in range(30):
                assert (await predict(session, server))[0] == 200
            before = server.metrics("/metrics")
            labels = {"method": "predict", "bed": "a"}
            assert total(before, "naps_total", **labels) == 30
            assert total(before, "nap_seconds_count") + total(before, "nap_count") == 30
            assert total(before, "last_nap") == 3.5
            assert "worker_id" not in before
            first = set(children(server))
            assert len(first) == 3
            for pid in sorted(first)[:2]:
                os.kill(pid, signal.SIGKILL)

            async def replaced():
                return len(set(children(server)) - first) == 2

            await until(replaced, "two new workers")
            assert total(server.metrics("/metrics"), "naps_total", **labels) == 30
            for _ in range(30):
                assert (await predict(session, server))[0] == 200
            assert total(server.metrics("/metrics"), "naps_total", **labels) == 60

            async def nothing_in_flight():  # a gauge is written after the answer has left
                return total(server.metrics("/metrics"), "graph_server_requests_in_flight") == 0

            await until(nothing_in_flight, "no request in flight")
            assert server.process.returncode is None

    asyncio.run(go())


def test_sigterm_lets_what_is_under_way_finish_while_the_server_says_that_it_is_not_ready(tmp_path):
    async def go():
        async with (
            serving(tmp_path, "Naps", "--workers", "2", "--threads", "4", "--lame-duck-seconds", "20") as server,
            aiohttp.ClientSession() as session,
        ):
            under_way = [asyncio.create_task(predict(session, server, 1.5)) for _ in range(4)]

            async def all_came():
                return total(server.metrics("/metrics"), "graph_server_requests_in_flight") == 4

            await until(all_came, "four requests under way")
            server.process.send_signal(signal.SIGTERM)

            async def not_ready():
                async with session.get(f"{server.url}/ready") as answer:
                    return answer.status == 503

            await until(not_ready, "not being ready")
            assert [status for status, _, _ in await asyncio.gather(*under_way)] == [200] * 4
            server.process.send_signal(signal.SIGTERM)  # a second time: no lame duck any more
            assert await server.process.wait() == 0

    asyncio.run(go())


def test_sigterm_under_load_loses_no_request_that_was_taken(tmp_path):
    """Each of eight clients asks on kept connections until it can connect no more."""

    async def go():
        async with serving(tmp_path, "Naps", "--lame-duck-seconds", "0.3") as server:
            statuses = []

            async def ask():
                is_kept = False
                async with aiohttp.ClientSession() as session:
                    while True:
                        try:
                            status, _, headers = await predict(session, server, 0.002)
                        except (aiohttp.ClientConnectorError, ConnectionResetError):
                            assert not is_kept, "a request on a connection that the server kept was lost"
                            return  # not taken: nobody had accepted the connection
                        statuses.append(status)
                        is_kept = headers.get("Connection") != "close"

            asking = [asyncio.create_task(ask()) for _ in range(8)]

            async def some_answered():
                return len(statuses) > 100

            await until(some_answered, "a hundred answers")
            server.process.send_signal(signal.SIGTERM)
            await asyncio.gather(*asking)
            assert set(statuses) == {200}
            assert await server.process.wait() == 0

    asyncio.run(go())


def test_a_component_that_hangs_is_timed_out_and_named_and_its_worker_is_replaced(tmp_path):
    async def go():
        parameters = json.dumps([{"name": "folder", "value": str(tmp_path), "type": "STRING"}])
        arguments = ["--parameters", parameters, "--component-timeout-seconds", "0.5"]
        environment = {"PREDICTIVE_UNIT_ID": "sleeper"}
        async with (
            serving(tmp_path, "HangsOnce", *arguments, environment=environment) as server,
            aiohttp.ClientSession() as session,
        ):
            hung = set(children(server))
            status, told, _ = await predict(session, server)
            assert status == 500
            assert told["status"]["info"] == 'Post "http://sleeper/predict": context deadline exceeded'

            async def answers_again():
                try:
                    return (await predict(session, server))[0] == 200
                except aiohttp.ClientError:
                    return False

            await until(answers_again, "a new worker's answer")
            assert not hung & set(children(server))
            assert "component sleeper has not come back" in server.log
            assert total(server.metrics("/metrics"), "graph_server_component_timeouts_total", model_name="sleeper") >= 1

    asyncio.run(go())


def test_while_a_component_hangs_health_and_metrics_are_answered(tmp_path):
    async def go():
        async with serving(tmp_path, "Naps") as server, aiohttp.ClientSession() as session:
            long = asyncio.create_task(predict(session, server, 3.0))

            async def under_way():
                return total(server.metrics("/metrics"), "graph_server_requests_in_flight") == 1

            await until(under_way, "a request under way")
            for path in ("/live", "/ready", "/health/ping"):
                async with session.get(server.url + path) as answer:
                    assert answer.status == 200
            assert not long.done()
            assert (await long)[0] == 200

    asyncio.run(go())


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["accident_models.WithoutModel"], 1, "no model at /nowhere/model.ubj"),
        (["accident_models.LoadsNothing"], 1, "LoadsNothing.load"),
        (["accident_models.Absent"], 1, "has no class Absent"),
        (["nowhere.Absent"], 1, "nowhere"),
        (["accident_models.Rows", "--parameters", "{"], 2, "is no JSON"),
        (["accident_models.Rows", "--workers", "0"], 2, "0 is too small"),
        ([], 2, "nothing to serve"),
        (["--file", "absent.yaml"], 2, "absent.yaml cannot be read"),
    ],
)
def test_what_cannot_be_served_ends_the_server_with_a_reason(tmp_path, arguments, code, says):
    async def go():
        async with started(arguments, tmp_path, python_path=[HERE], metrics_port=True, until_ready=False) as server:
            assert await asyncio.wait_for(server.process.wait(), DEADLINE_SECONDS) == code
            assert says in server.log
            assert not list(tmp_path.glob("graph-server-metrics-*"))

    asyncio.run(go())


def test_a_port_that_is_taken_is_named(tmp_path):
    async def go():
        with socket.create_server(("127.0.0.1", 0)) as held:
            port = held.getsockname()[1]
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "model_server.graph", "accident_models.Rows", "--http-port", str(port),
                env={**os.environ, "PYTHONPATH": f"{HERE.parents[2]}:{HERE}"}, cwd=tmp_path,
                stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            _, told = await asyncio.wait_for(process.communicate(), DEADLINE_SECONDS)
            assert process.returncode == 1
            assert f"the HTTP port {port} of 127.0.0.1 cannot be had" in told.decode()

    asyncio.run(go())


def test_workers_end_when_their_parent_is_killed_and_leave_nothing(tmp_path):
    async def go():
        async with serving(tmp_path, "Naps", "--workers", "2") as server:
            left = [psutil.Process(pid) for pid in children(server)]
            os.kill(server.process.pid, signal.SIGKILL)
            await server.process.wait()

            async def all_ended():
                return not any(map(is_alive, left))

            await until(all_ended, "the workers' end")
            assert not list(tmp_path.glob("graph-server-metrics-*"))

    asyncio.run(go())


def test_more_requests_than_may_wait_are_told_to_come_back_and_counted(tmp_path):
    async def go():
        async with (
            serving(tmp_path, "Naps", "--max-requests-waiting", "3") as server,
            aiohttp.ClientSession() as session,
        ):
            answers = await asyncio.gather(*(predict(session, server, 0.5) for _ in range(8)))
            refused = [(told, headers) for status, told, headers in answers if status == 429]
            assert sorted(status for status, _, _ in answers) == [200] * 3 + [429] * 5
            assert all(headers["Retry-After"] == "1" and told["status"]["code"] == 429 for told, headers in refused)
            held = [asyncio.create_task(predict(session, server, 1.0)) for _ in range(3)]

            async def all_came():
                return total(server.metrics("/metrics"), "graph_server_requests_in_flight") == 3

            await until(all_came, "three requests under way")
            async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
                with pytest.raises(grpc.aio.AioRpcError) as refusal:
                    await channel.unary_unary("/seldon.protos.Seldon/Predict")(b"")
            assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            await asyncio.gather(*held)
            assert total(server.metrics("/metrics"), "graph_server_refused_total", reason="queue_full") == 6

    asyncio.run(go())


def test_more_rows_than_allowed_are_refused_at_both_doors(tmp_path):
    async def go():
        async with (
            serving(tmp_path, "Rows", "--max-rows", "5") as server,
            aiohttp.ClientSession() as session,
        ):
            assert (await predict(session, server, rows=5))[0] == 200
            status, told, _ = await predict(session, server, rows=6)
            assert (status, told["status"]["code"]) == (413, 413)
            assert "6 rows; a request holds at most 5" in told["status"]["info"]
            message = protos.ours().SeldonMessage()
            message.data.tensor.shape.extend([6, 1])
            message.data.tensor.values.extend([0.0] * 6)
            async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
                with pytest.raises(grpc.aio.AioRpcError) as refusal:
                    await channel.unary_unary("/seldon.protos.Model/Predict")(message.SerializeToString())
            assert refusal.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert total(server.metrics("/metrics"), "graph_server_refused_total", reason="too_large") == 2

    asyncio.run(go())
