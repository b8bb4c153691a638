"""The prepackaged servers: what the ConfigMap `seldon-config` of Seldon Core 1.17.1 maps an `implementation` to.

Source: the values of Seldon's Helm chart 1.17.1; a cluster's operator may be given more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SELDON: Final = "seldon"
TENSORFLOW: Final = "tensorflow"
V2: Final = "v2"
KFSERVING: Final = "kfserving"
"""Another name of v2."""

V2_PROTOCOLS: Final = frozenset({V2, KFSERVING})

UNKNOWN_IMPLEMENTATION: Final = "UNKNOWN_IMPLEMENTATION"
BUILT_IN: Final = frozenset({"SIMPLE_MODEL", "SIMPLE_ROUTER", "RANDOM_ABTEST", "AVERAGE_COMBINER"})
"""Served by the orchestrator itself, without a container (by today's executor: RANDOM_ABTEST alone)."""

IMAGES: Final[Mapping[str, Mapping[str, str]]] = {
    "SKLEARN_SERVER": {SELDON: "seldonio/sklearnserver:1.17.1", V2: "seldonio/mlserver:1.3.5-sklearn"},
    "XGBOOST_SERVER": {SELDON: "seldonio/xgboostserver:1.17.1", V2: "seldonio/mlserver:1.3.5-xgboost"},
    "MLFLOW_SERVER": {SELDON: "seldonio/mlflowserver:1.17.1", V2: "seldonio/mlserver:1.3.5-mlflow"},
    "HUGGINGFACE_SERVER": {V2: "seldonio/mlserver:1.3.5-huggingface"},
    "TEMPO_SERVER": {V2: "seldonio/mlserver:1.3.5-slim"},
    "TENSORFLOW_SERVER": {SELDON: "seldonio/tfserving-proxy:1.17.1"},
    "TRITON_SERVER": {V2: "nvidia/tritonserver:21.08-py3"},
}

HUGGINGFACE_SERVER: Final = "HUGGINGFACE_SERVER"
TRITON_SERVER: Final = "TRITON_SERVER"
TENSORFLOW_SERVER: Final = "TENSORFLOW_SERVER"

MLSERVER_CLASSES: Final[Mapping[str, str]] = {
    "SKLEARN_SERVER": "mlserver_sklearn.SKLearnModel",
    "XGBOOST_SERVER": "mlserver_xgboost.XGBoostModel",
    "MLFLOW_SERVER": "mlserver_mlflow.MLflowRuntime",
    HUGGINGFACE_SERVER: "mlserver_huggingface.HuggingFaceRuntime",
    "TEMPO_SERVER": "tempo.mlserver.InferenceRuntime",
}
"""What MLServer, which serves these under protocol v2, is told to load. Recorded: XGBOOST_SERVER, HUGGINGFACE_SERVER;
the others are by its documentation."""

WITHOUT_MODEL_URI: Final = frozenset({HUGGINGFACE_SERVER})
WITHOUT_TENSORFLOW_PROTOCOL: Final = frozenset(
    {"SKLEARN_SERVER", "XGBOOST_SERVER", "MLFLOW_SERVER", HUGGINGFACE_SERVER}
)


def is_prepackaged(implementation: str | None) -> bool:
    """Whether a node of this implementation is served by an image of the operator's choice, known or not."""
    return bool(implementation) and implementation != UNKNOWN_IMPLEMENTATION and implementation not in BUILT_IN


def image(implementation: str, protocol: str | None) -> str | None:
    images = IMAGES.get(implementation, {})
    return images.get(V2 if protocol == KFSERVING else protocol or SELDON)
