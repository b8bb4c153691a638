"""What can go wrong when an overlay is run on this machine."""

from __future__ import annotations

from deployments.errors import CallersFault, OursToMend


class UnsupportedOverlay(CallersFault):
    """The overlay is valid, and asks for something that only a cluster gives."""


class ModelMissing(CallersFault):
    """A predictor's `modelUri` names no folder of this machine."""


class AlreadyRunning(CallersFault):
    """The state folder belongs to a runtime that is up."""


class NothingRunning(CallersFault):
    """No runtime is up in the state folder."""


class UnknownProgram(CallersFault):
    """No program of that name."""


class PortTaken(OursToMend):
    """Another program listens where the gateway should."""


class NotReady(OursToMend):
    """A program ended, or did not answer in time, while it was awaited."""


class GatewayRefused(OursToMend):
    """Envoy did not take the configuration that it was given."""


class ApplyRefused(CallersFault):
    """The runtime refused another overlay; what it served before, it still serves."""


class ApplyFailed(OursToMend):
    """A change of overlay failed on the way; what was served before still is."""


class StartRefused(CallersFault):
    """A runtime in the background refused what it was asked to run."""
