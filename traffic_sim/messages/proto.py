"""Seldon's gRPC messages as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import DecodeError
from seldon_core.proto import prediction_pb2

from model_server.impressions import NAMES
from traffic_sim.messages.answers import Malformed, Scores, scores_of
from traffic_sim.results import UNKNOWN_PREDICTOR


def prediction(rows: Sequence[Sequence[Any]]) -> bytes:
    """The SeldonMessage that asks for a score of each row. Shapes: rows [n][16], columns in the order of NAMES."""
    message = prediction_pb2.SeldonMessage()
    message.data.names.extend(NAMES)
    message.data.ndarray.extend(rows)
    encoded: bytes = message.SerializeToString(deterministic=True)
    return encoded


def feedback(request: bytes, response: bytes, reward: int) -> bytes:
    """The Feedback message that says what came of an answer, with both messages as they went and came."""
    message = prediction_pb2.Feedback(reward=reward)
    message.request.ParseFromString(request)
    message.response.ParseFromString(response)
    encoded: bytes = message.SerializeToString()
    return encoded


def scores(body: bytes, n_rows: int) -> Scores:
    """The scores in a gRPC answer. Errors: Malformed."""
    try:
        message = prediction_pb2.SeldonMessage.FromString(body)
    except DecodeError as error:
        raise Malformed("not a SeldonMessage") from error
    values: list[Any]
    match message.data.WhichOneof("data_oneof"):
        case "tensor":
            values, shape = list(message.data.tensor.values), list(message.data.tensor.shape)
            if shape not in ([n_rows], [n_rows, 1]):
                raise Malformed(f"tensor of shape {shape} for {n_rows} rows")
        case "ndarray":
            values = [_plain(value) for value in message.data.ndarray.values]
        case _:
            raise Malformed("neither data.ndarray nor data.tensor")
    predictor = message.meta.tags["predictor"].string_value if "predictor" in message.meta.tags else ""
    return scores_of(values, n_rows, predictor or UNKNOWN_PREDICTOR)


def _plain(value: Any) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            return value.number_value
        case "list_value":
            return [_plain(item) for item in value.list_value.values]
        case other:
            return other  # a word that tells what it was instead
