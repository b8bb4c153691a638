"""Why a model's URI leads to no folder. All are mended by whoever runs the server."""

from typing import Final

from model_server.errors import OursToMend

ACCEPTED: Final = "a path, file://PATH, pvc://CLAIM/PATH and what fsspec opens, such as s3://BUCKET/PATH, are accepted"


class ModelUriNotUnderstood(OursToMend):
    """The URI is none that can be followed here, as things stand."""


class ModelMissing(OursToMend):
    """The URI is understood, but no folder or file is there."""


class ModelNotFetched(OursToMend):
    """What is there did not come here."""


class ModelTooLarge(OursToMend):
    """What is there is more than a model."""
