"""A model's URI as a folder of this machine: found where it is one already, else fetched.

    PATH, file://PATH, local://PATH             the folder itself
    pvc://CLAIM/PATH                            PATH in the folder CLAIM among the volumes
    s3://, gs://, http://, zip://...::..., ...  whatever fsspec opens: a copy in the cache

Who may read is settled by the protocol's own package: for `s3://` by AWS_ACCESS_KEY_ID and its like, or fsspec's
FSSPEC_S3_KEY. Seldon's rclone spellings `s3:BUCKET/PATH` and `gs:BUCKET/PATH` are understood; what another remote of
rclone's means stands in rclone's configuration, so it is refused.
"""

from model_server.storage.errors import ModelMissing, ModelNotFetched, ModelTooLarge, ModelUriNotUnderstood
from model_server.storage.folders import default_cache, local_folder

__all__ = [
    "ModelMissing",
    "ModelNotFetched",
    "ModelTooLarge",
    "ModelUriNotUnderstood",
    "default_cache",
    "local_folder",
]
