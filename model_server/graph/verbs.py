"""The six things that a component can be asked, and what each is called where.

Source: Seldon's wrapper (paths, metric labels), `proto/prediction.proto` (services), the executor (which service it
calls: feedback always goes to `Model`).
"""

from __future__ import annotations

from enum import Enum


class Verb(Enum):
    """(REST path of the wrapper, gRPC method, label `method` of custom metrics, stem of the user's method)."""

    PREDICT = ("/predict", "/seldon.protos.Model/Predict", "predict", "predict")
    TRANSFORM_INPUT = (
        "/transform-input",
        "/seldon.protos.Transformer/TransformInput",
        "inputtransform",
        "transform_input",
    )
    TRANSFORM_OUTPUT = (
        "/transform-output",
        "/seldon.protos.OutputTransformer/TransformOutput",
        "outputtransform",
        "transform_output",
    )
    ROUTE = ("/route", "/seldon.protos.Router/Route", "router", "route")
    AGGREGATE = ("/aggregate", "/seldon.protos.Combiner/Aggregate", "aggregate", "aggregate")
    SEND_FEEDBACK = ("/send-feedback", "/seldon.protos.Model/SendFeedback", "feedback", "send_feedback")

    def __init__(self, path: str, grpc_method: str, metric_label: str, method: str) -> None:
        self.path = path
        self.grpc_method = grpc_method
        self.metric_label = metric_label
        self.method = method

    __hash__ = object.__hash__  # a verb is itself alone; Enum's own takes its name's, by way of Python
