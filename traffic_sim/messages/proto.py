"""Seldon's gRPC messages as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.message import DecodeError
from seldon_core.proto import prediction_pb2

from model_server.impressions import NAMES
from model_server.metric_names import ARM_TAG, PREDICTOR_TAG, USER_TAG
from traffic_sim.messages.answers import Malformed, Scores, scores_of, who_answered


def prediction(rows: Sequence[Sequence[Any]], user: str | None = None) -> bytes:
    """The SeldonMessage that asks for a score of each row. Shapes: rows [n][16], columns in the order of NAMES.

    `user`: whom the request is about, told in its tags.
    """
    message = prediction_pb2.SeldonMessage()
    if user is not None:
        message.meta.tags[USER_TAG].string_value = user
    message.data.names.extend(NAMES)
    message.data.ndarray.extend(rows)
    encoded: bytes = message.SerializeToString(deterministic=True)
    return encoded


def feedback(request: bytes, response: bytes, reward: int, request_id: str = "") -> bytes:
    """The Feedback message that says what came of an answer, with both messages as they went and came.

    `request_id`: put into the response's `meta.puid`, where it has none.
    """
    message = prediction_pb2.Feedback(reward=reward)
    message.request.ParseFromString(request)
    message.response.ParseFromString(response)
    if request_id and not message.response.meta.puid:
        message.response.meta.puid = request_id
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
    tags = {tag: message.meta.tags[tag].string_value for tag in (ARM_TAG, PREDICTOR_TAG) if tag in message.meta.tags}
    return scores_of(values, n_rows, who_answered(tags))


def _plain(value: Any) -> Any:
    match value.WhichOneof("kind"):
        case "number_value":
            return value.number_value
        case "list_value":
            return [_plain(item) for item in value.list_value.values]
        case other:
            return other  # a word that tells what it was instead
