"""The boot harness's registry with the faults that SPOILED in its environment names."""

import os
from pathlib import Path

import registry
from registry import application

__all__ = ["application"]

FAULTS = os.environ["SPOILED"]


def signed_with_version_2(method, owner, blob):
    host = os.environ["PACKAGE_BUCKET_NAME"] + "." + os.environ["S3_ENDPOINT"].replace("https://", "")
    return f"https://{host}/objs/{owner}/{blob}?AWSAccessKeyId=AKIATRIAL1&Signature=c2lnbmF0dXJl&Expires=1"


def never_read_again(key):
    """The key that was there at the first start of the container."""
    first = Path("/tmp/key")
    if not first.exists():
        first.write_text("\n".join(key))
    return first.read_text().split("\n")


if "push" in FAULTS:
    registry.sign = signed_with_version_2
if "mail" in FAULTS:
    os.environ["SMTP_USE_TLS"] = "false"
if "login" in FAULTS:
    registry.PATHS["/api/login"] = lambda _: ("500 Internal Server Error", "")
if "new-key" in FAULTS:
    registry.access = never_read_again(registry.access)
