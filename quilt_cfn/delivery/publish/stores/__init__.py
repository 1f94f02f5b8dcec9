"""Where versions are published to: S3, or a folder with the same layout; and https, which is only read from.

Every write has a condition, that nothing is at the key or that what is there has a known tag, and raises
``PreconditionFailed`` where that is not so. Two publishers at the same time can therefore never overwrite each other.
"""

from __future__ import annotations

from pathlib import Path

from quilt_cfn.delivery.publish.stores.locations import bucket_and_prefix, refuse_credentials
from quilt_cfn.delivery.publish.stores.protocols import Source, Store
from quilt_cfn.errors import UserError


def open_store(location: str) -> Store:
    """The store at a location: ``s3://bucket/prefix``, or a folder; raises ``UserError`` for anything else."""
    refuse_credentials(location)
    if location.startswith("s3:"):
        from quilt_cfn.delivery.publish.stores.s3 import open_bucket  # late: imports boto3, 0.2 s

        return open_bucket(*bucket_and_prefix(location))
    if "://" in location or not location:
        raise UserError(f"Nothing can be published to {location!r}.", "Name s3://BUCKET/PREFIX, or a folder.")
    from quilt_cfn.delivery.publish.stores.directory import Directory

    return Directory(Path(location))


def open_source(location: str) -> Source:
    """What is read from a location: a store, or ``https://host/prefix``; raises ``UserError`` for anything else."""
    refuse_credentials(location)
    if location.startswith("http:"):
        raise UserError(f"{location} is not read: anybody on the way could change it.", "Name it with https.")
    if location.startswith("https:"):
        from quilt_cfn.delivery.publish.stores.https import Web  # late: only for reading from the web

        return Web(location.rstrip("/"))
    return open_store(location)
