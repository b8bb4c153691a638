"""How calls of components elsewhere are told, to whoever counts them as Seldon's executor does."""

from __future__ import annotations

from collections.abc import Callable

type OnCall = Callable[[str, str, str, float], None]
"""(service, method, code, seconds), as ("/predict", "post", "200", 0.004) or ("/seldon.protos.Model/Predict", "unary",
"DeadlineExceeded", 0.4). The seconds end when the answer begins (REST), or when it is there (gRPC). A REST call to
which no answer began is not told, a gRPC call always is."""


def told_nobody(service: str, method: str, code: str, seconds: float) -> None:
    """For those who do not count."""
