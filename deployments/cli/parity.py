"""`forkcast parity`: does every way to a model give the same number, to the last bit?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from deployments.errors import OursToMend

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from model_server.impressions import Impressions

MAX_REQUESTS: Final = 200
"""Until every version has answered; at 50/50 one is missed with odds of 2^-199."""
MIN_REQUESTS: Final = 10
"""To each door, though every version has answered: one that should not answer, with half of the traffic, then goes
unnoticed at all three doors with odds of 2^-30."""


class NotServed(OursToMend):
    """A version that should answer did not."""


type Answer = tuple[str, list[float]]
"""The version that answered, and its probabilities."""


def parity(  # noqa: PLR0917  (typer needs them positional)
    models: Annotated[list[Path], typer.Argument(help="Folders of the model bundles that the deployment serves.")],
    data: Annotated[Path, typer.Option(help="CSV of impressions.")] = Path("data/test_data.csv"),
    rows: Annotated[int, typer.Option(min=1, max=2000, help="How many of its rows to ask about.")] = 200,
    gateway: Annotated[str, typer.Option(help="host:port of the gateway.")] = "127.0.0.1:8003",
    deployment: Annotated[str, typer.Option(help="Name of the SeldonDeployment.")] = "xgboost",
    namespace: Annotated[str, typer.Option(help="Its namespace.")] = "seldon",
) -> None:
    """Compare the predictions file, the class called directly, REST, gRPC and SeldonClient, row by row.

    Every version that the deployment serves is asked, whoever the gateway sends a request to: answers are told apart
    by the model version in their tags. Exit code 1 if a single bit differs.

    Example: forkcast parity models/champion models/challenger --rows 200
    """
    from rich.console import Console

    from model_server.impressions import to_rows
    from model_server.impressions.csv_files import read_impressions

    impressions = read_impressions(data).impressions.take(slice(0, rows))
    expected, direct = _offline(models, impressions)
    compared = [("direct call", version, values) for version, values in direct.items()]
    for door, ask in _doors(gateway, deployment, namespace, to_rows(impressions)).items():
        compared += [(door, version, values) for version, values in _ask_all(door, ask, set(expected)).items()]
    console = Console()
    differing = [
        f"{door} differs from the predictions file in {n} of {len(impressions)} rows of version {version}"
        for door, version, values in compared
        if (n := int((expected[version] != values).sum()))
    ]
    for line in differing:
        console.print(f"parity: {line}", highlight=False, soft_wrap=True)
    if differing:
        raise typer.Exit(1)
    console.print(
        f"parity: {len(impressions)} rows, {len(expected)} models: predictions file, direct call, REST, gRPC and "
        "SeldonClient agree to the last float32 bit",
        highlight=False,
        soft_wrap=True,
    )


def _offline(
    folders: list[Path], impressions: Impressions
) -> tuple[dict[str, NDArray[np.float32]], dict[str, NDArray[np.float32]]]:
    """By version: what the predictions file says, and what the class says when it is called directly."""
    import tempfile

    import numpy as np

    from model_server import artifact
    from model_server.impressions import NAMES, to_rows
    from model_server.install_model import InstallModel
    from model_server.training.predictions import predict_in_chunks, write_predictions

    written, direct = {}, {}
    for folder in folders:
        bundle = artifact.load(folder)
        with tempfile.TemporaryDirectory() as temporary:
            file = Path(temporary) / "predictions.csv"
            write_predictions(file, impressions.id, predict_in_chunks(bundle, impressions))
            written[bundle.version] = np.loadtxt(file, dtype=np.float32, delimiter=",", skiprows=1, usecols=1, ndmin=1)
        direct[bundle.version] = InstallModel(str(folder)).predict(to_rows(impressions), NAMES)
    return written, direct


def _doors(gateway: str, deployment: str, namespace: str, rows: list[list[Any]]) -> dict[str, Callable[[], Answer]]:
    import grpc
    import numpy as np
    import requests
    from google.protobuf import json_format
    from seldon_core.proto import prediction_pb2, prediction_pb2_grpc
    from seldon_core.seldon_client import SeldonClient

    from model_server.impressions import NAMES

    message: dict[str, Any] = {"data": {"names": list(NAMES), "ndarray": rows}}

    def answer(response: dict[str, Any]) -> Answer:
        return response["meta"]["tags"]["model_version"], response["data"]["ndarray"]

    def over_rest() -> Answer:
        url = f"http://{gateway}/seldon/{namespace}/{deployment}/api/v1.0/predictions"
        response = requests.post(url, json=message, timeout=30)
        response.raise_for_status()
        return answer(response.json())

    def over_grpc() -> Answer:
        request = json_format.ParseDict(message, prediction_pb2.SeldonMessage())
        metadata = (("seldon", deployment), ("namespace", namespace))
        with grpc.insecure_channel(gateway) as channel:
            reply = prediction_pb2_grpc.SeldonStub(channel).Predict(request, metadata=metadata, timeout=30)
        return answer(json_format.MessageToDict(reply))

    def over_seldon_client() -> Answer:
        client = SeldonClient(deployment_name=deployment, namespace=namespace, gateway_endpoint=gateway)
        reply = client.predict(data=np.array(rows, dtype=object), names=list(NAMES), payload_type="ndarray")
        return answer(reply.response)

    return {"REST": over_rest, "gRPC": over_grpc, "SeldonClient": over_seldon_client}


def _ask_all(door: str, ask: Callable[[], Answer], versions: set[str]) -> dict[str, NDArray[np.float32]]:
    """One answer of every version."""
    import numpy as np

    answers: dict[str, NDArray[np.float32]] = {}
    for n_asked in range(1, MAX_REQUESTS + 1):
        try:
            version, values = ask()
        except Exception as error:
            raise NotServed(f"{door}: {type(error).__name__}: {error}; is it running? see `forkcast status`") from error
        answers[version] = np.array(values, dtype=np.float32)
        if answers.keys() >= versions and n_asked >= MIN_REQUESTS:
            break
    strangers, silent = answers.keys() - versions, versions - answers.keys()
    if strangers or silent:
        expected, got = ", ".join(sorted(versions)), ", ".join(sorted(answers))
        raise NotServed(
            f"{door}: answers of the versions {expected} were expected, {got} answered; were the models trained again "
            "since `forkcast up`?"
        )
    return answers


def register(app: typer.Typer) -> None:
    app.command()(parity)
