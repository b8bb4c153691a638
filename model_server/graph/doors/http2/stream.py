"""One request and its answer, as the connection sees it. Whoever answers requests says what becomes of their bytes."""

from __future__ import annotations

from typing import Final

WINDOW_BYTES: Final = 1024 * 1024
"""That may be on their way to a stream."""


class Stream:
    __slots__ = ("has_ended", "id", "receive_window", "send_window", "trailers", "unsent")

    def __init__(self) -> None:
        self.id = 0
        """These two are the connection's to set, when it opens the stream."""
        self.send_window = 0
        self.receive_window = WINDOW_BYTES
        self.has_ended = False
        """The client has said that it was all."""
        self.unsent = memoryview(b"")
        """For which the client has no room yet."""
        self.trailers: bytes | None = None
        """A block of fields that follows what is unsent, and ends the answer."""

    def begin(self) -> None:
        """The stream is open, and may be answered. Errors: StreamBroken."""

    def received(self, data: bytes) -> None:
        """More of the request; the last of it if it `has_ended`. Errors: StreamBroken."""
        raise NotImplementedError

    def abandoned(self) -> None:
        """Nobody wants an answer any more."""
        raise NotImplementedError
