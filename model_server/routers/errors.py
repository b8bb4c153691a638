"""What a router is told that it cannot work with."""

from __future__ import annotations

from model_server.errors import CallersFault, ComeBackLater, OursToMend


class InvalidRouter(OursToMend):
    """A parameter of the graph's node says nothing that can be done; the server does not start."""


class InvalidKey(CallersFault):
    """What should name the user is neither a text nor a whole number, or is missing where it must not be."""


class InvalidFeedback(CallersFault):
    """The reward, or the arm that should get it, cannot be made out."""


class StoreUnavailable(ComeBackLater):
    """The shared state could not be read or written just now."""
