"""A graph with Seldon's XGBOOST_SERVER in it, served by a real server of two workers, over REST and gRPC."""

import asyncio
import json

import aiohttp
import grpc
import pytest
from graph_server_process import started
from trained_models import rows, saved, stock_answer, trained

from model_server.graph import protos

pytestmark = pytest.mark.component

DEPLOYMENT = """
apiVersion: machinelearning.seldon.io/v1
kind: SeldonDeployment
metadata: {name: gbt}
spec:
  predictors:
  - name: main
    graph: {name: booster, implementation: %s, modelUri: "pvc://models/my booster", parameters: %s}
"""


def arguments(folder, implementation="XGBOOST_SERVER", parameters=()):
    """Of a server of the deployment, whose model is looked for in the folder."""
    file = folder / "gbt.yaml"
    file.write_text(DEPLOYMENT % (implementation, json.dumps(list(parameters))))
    return ["--file", file, "--sdep", "gbt", "--volumes", folder, "--workers", "2", "--lame-duck-seconds", "0"]


def test_answers_are_those_of_xgboost_and_a_callers_fault_costs_nobody_else_anything(tmp_path):
    booster = trained("binary:logistic")
    saved(booster, tmp_path / "models" / "my booster" / "model.json")
    asyncio.run(ask(booster, tmp_path))


async def ask(booster, folder):
    good = [rows(n, seed=n, missing=0) for n in range(1, 30)]
    bad = [[[1, 2, 3]], [1, 2, 3, 4], [["1", "2", "3", "4"]], [[1, 2, 3, 1e300]]]
    async with started(arguments(folder), folder) as server, aiohttp.ClientSession(server.url) as client:

        async def post(ndarray):
            async with client.post("/api/v1.0/predictions", json={"data": {"ndarray": ndarray}}) as answer:
                return answer.status, await answer.json()

        asked = [each.tolist() for each in good] + bad
        answers = await asyncio.gather(*map(post, asked))
        for sent, (status, answer) in zip(good, answers, strict=False):
            assert status == 200, answer
            assert answer["data"]["ndarray"] == stock_answer(booster, sent).tolist()
        for ndarray, (status, answer) in zip(bad, answers[len(good) :], strict=True):
            assert (status, answer["status"]["code"]) == (400, 400), ndarray
        status, answer = await post([[1, None, 3, 4]])
        assert (status, len(answer["data"]["ndarray"])) == (200, 1)

        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            messages = protos.ours()
            predict = channel.unary_unary(
                "/seldon.protos.Seldon/Predict",
                request_serializer=messages.SeldonMessage.SerializeToString,
                response_deserializer=messages.SeldonMessage.FromString,
            )
            sent = good[-1]
            tensor = {"shape": sent.shape, "values": sent.ravel()}
            values = (await predict(messages.SeldonMessage(data={"tensor": tensor}))).data.tensor.values
            assert list(values) == stock_answer(booster, sent).tolist()
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await predict(messages.SeldonMessage(data={"tensor": {"shape": [1, 3], "values": [1, 2, 3]}}))
            assert refusal.value.code() == grpc.StatusCode.INVALID_ARGUMENT
            assert "rows of 4 numbers each are expected" in refusal.value.details()


@pytest.mark.parametrize(
    ("kept_bytes", "more", "code", "said"),
    [
        (-100, {}, 1, "my booster/model.ubj: it is not all there"),
        (0, {}, 1, "0 bytes that are neither XGBoost's JSON nor its UBJSON"),
        (None, {"parameters": [{"name": "method", "value": "x", "type": "STRING"}]}, 1, "this node has method"),
        (None, {"implementation": "SKLEARN_SERVER"}, 2, "node booster is a prepackaged SKLEARN_SERVER"),
    ],
)
def test_a_server_without_its_model_ends_with_the_reason_before_it_takes_a_request(
    tmp_path, kept_bytes, more, code, said
):
    file = saved(trained("binary:logistic"), tmp_path / "models" / "my booster" / "model.ubj") / "model.ubj"
    file.write_bytes(file.read_bytes()[:kept_bytes])

    async def start():
        async with started(arguments(tmp_path, **more), tmp_path, until_ready=False) as server:
            async with asyncio.timeout(60):
                await server.process.wait()
            return server.process.returncode, server.log

    ended_with, log = asyncio.run(start())
    assert (ended_with, said in log, "Traceback" in log) == (code, True, False), log
