"""What can go wrong between us and a cluster."""

from __future__ import annotations

from deployments.errors import CallersFault, OursToMend


class NoCluster(CallersFault):
    """No kubeconfig, or one that cannot be read, or no such context in it."""


class Unreachable(OursToMend):
    """The API server does not answer, or not as one."""


class NotAllowed(OursToMend):
    """The API server does not know the user (401), or does not let them (403)."""


class NoSeldon(OursToMend):
    """The cluster has no SeldonDeployment kind: Seldon Core is not installed."""


class UnknownKind(CallersFault):
    """A document of a kind that the cluster does not know."""


class UnfitDocument(CallersFault):
    """A document that cannot be applied as an object: no name, no kind, another namespace than was asked for."""


class Refused(CallersFault):
    """The API server, or a webhook of its, refused a document; nothing was changed unless the message says so."""


class FieldsOwned(CallersFault):
    """Fields that somebody else manages; --force-conflicts takes them over."""


class NotAvailable(OursToMend):
    """What was applied did not become available; the message says what is missing, and why."""


class NothingApplied(CallersFault):
    """No overlay was applied here by `forkcast apply --target cluster`."""


class UnreadableInventory(OursToMend):
    """The record of what was applied has been written over."""


class UnknownPod(CallersFault):
    """No predictor or container of that name."""


class NotRemoved(OursToMend):
    """Something that was to be deleted is still there."""


class Interrupted(OursToMend):
    """Ctrl-C; the message says what is under way and what is not."""

    exit_code = 130  # as a shell tells it: 128 and SIGINT
