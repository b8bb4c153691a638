"""What one HTTP client may take of a server: bytes, time and places. Pure; `http_protocol` holds clients to it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from math import inf

from model_server.graph.errors import InvalidLimits


@dataclass(frozen=True)
class Limits:
    """Errors: InvalidLimits for a number that is not above 0, or a head that may take longer than its request."""

    max_head_bytes: int = 64 * 1024
    """URL, names and values of headers. Envoy's own limit is 60 KiB."""
    max_headers: int = 200
    """Envoy's own limit is 100."""
    max_body_bytes: int = 16 * 1024 * 1024
    max_pipelined_requests: int = 32
    """That may wait on one connection while an earlier one is answered."""
    max_connections: int = 2_000
    """Of one server in one process."""

    head_timeout_seconds: float = 10.0
    """From a request's first byte to the end of its headers."""
    request_timeout_seconds: float = 30.0
    """From a request's first byte to the last of its body."""
    idle_timeout_seconds: float = 65.0
    """For a connection between two requests, or before its first; as long as Seldon's executor allows."""
    answer_timeout_seconds: float = 60.0
    """For a client that takes nothing of an answer that waits for it."""

    linger_seconds: float = 10.0
    """For a client to notice that it was refused. What it still sends meanwhile is thrown away: to close at once would
    make its kernel throw away the answer."""
    linger_bytes: int = 128 * 1024 * 1024
    """That are thrown away at most, for the same reason: many clients read nothing before they have sent everything."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            accepted = int if field.type == "int" else int | float
            if isinstance(value, bool) or not isinstance(value, accepted) or not 0 < float(value) < inf:
                what = "a whole number" if field.type == "int" else "a number"
                raise InvalidLimits(f"limit {field.name} is {value!r}; it must be {what} above 0")
        if self.head_timeout_seconds > self.request_timeout_seconds:
            raise InvalidLimits(
                f"head_timeout_seconds ({self.head_timeout_seconds}) is longer than request_timeout_seconds "
                f"({self.request_timeout_seconds}); a head is part of its request"
            )
