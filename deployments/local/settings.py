"""What a person may choose about a local runtime. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_PORT = 8003  # where SeldonClient looks when it is told nothing


@dataclass(frozen=True)
class Settings:
    host: str = "127.0.0.1"
    """The gateway's address. Loopback, because what it serves asks for no credentials."""
    port: int = DEFAULT_PORT
    volumes: Path = Path()
    """The folder whose sub-folders stand for persistent volume claims: pvc://models/x is <volumes>/models/x."""
    start_timeout_seconds: float = 120.0
    """How long a program may take to load its models and answer."""
    drain_seconds: float = 30.0
    """How long the requests of a predictor that leaves may take; gunicorn's own graceful timeout."""
    prometheus: bool = True
    """Whether Prometheus is started, where it is installed."""
    stop_grace_seconds: float = 10.0
    """Between SIGTERM and SIGKILL; shorter than a pod's 20 s, for a person is waiting at the prompt."""

    def __post_init__(self) -> None:
        if not 0 < self.port < 2**16:
            raise ValueError(f"port {self.port}; 1 to 65535 is accepted")
        for name in ("start_timeout_seconds", "drain_seconds", "stop_grace_seconds"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be above 0")

    @property
    def gateway(self) -> str:
        """What a client on this machine dials, as host:port."""
        return f"{'127.0.0.1' if self.host == '0.0.0.0' else self.host}:{self.port}"  # noqa: S104
