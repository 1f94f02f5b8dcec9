"""What ``quilt-cfn publish`` and ``quilt-cfn verify`` do, from the locations that a user names to lines of text.

All plans are made before anything is written anywhere. A location that fails does not stop the others.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from quilt_cfn.delivery.product import LAUNCH_PAGE, PRODUCT
from quilt_cfn.delivery.progress import waiting_for
from quilt_cfn.delivery.publish.execute import execute
from quilt_cfn.delivery.publish.plan import Pointer, PublishPlan, latest_key, plan_publication, version_key
from quilt_cfn.delivery.publish.readers import Readers, deadline
from quilt_cfn.delivery.publish.stores import open_source, open_store
from quilt_cfn.delivery.publish.stores.locations import refuse_credentials
from quilt_cfn.delivery.publish.stores.protocols import Store
from quilt_cfn.delivery.publish.verify import SECONDS, Verification, verify
from quilt_cfn.delivery.release import signing
from quilt_cfn.delivery.release.artifact import (
    LATEST,
    Artifact,
    Manifest,
)
from quilt_cfn.errors import UserError
from quilt_cfn.finding import Finding, counted
from quilt_cfn.inputs.release import DRAFT, VERSION
from quilt_cfn.text import shown

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as PrivateKey

READERS = 8
"""How many files of one location are read or written at once."""


class _Published(NamedTuple):
    """A store that has the version now, or would have it after a dry run."""

    store: Store
    plan: PublishPlan
    pointer: Pointer

    def __str__(self) -> str:
        wrote = counted(len(self.plan.writes), "file")
        what = f"{wrote} written and compared" if self.plan.writes else "there already, byte for byte"
        return f"  at {self.store.name}: {what}; {latest_key()} names {self.pointer.version or 'nothing'}"


def publish(
    artifact: Artifact,
    locations: Sequence[str],
    key_file: Path | None,
    *,
    dry_run: bool,
    withdrawn: frozenset[str] = frozenset(),
) -> Iterator[str]:
    """Publish to each location; yields lines that say so, and at which addresses customers begin.

    A dry run writes nothing, and yields the plans and the same lines. ``key_file`` is the private key that signs;
    ``latest.json`` never names a ``withdrawn`` version. Raises ``UserError`` before anything is written when a location
    has no plan, and at the end for the locations that failed.
    """
    _refuse_draft(artifact.manifest, locations)
    key = signing.read_private_key(key_file) if key_file else None
    signing.refuse_other_key(artifact.manifest, key)
    with (
        ThreadPoolExecutor(READERS * len(locations)) as requests,
        ThreadPoolExecutor(len(locations)) as pool,
    ):
        with waiting_for("Reading what is published"):
            stores = [*pool.map(open_store, dict.fromkeys(locations))]
            now = datetime.now(timezone.utc)
            plans = [*pool.map(lambda store: plan_publication(artifact, key, store, requests, now, withdrawn), stores)]
        if dry_run:
            yield from map(str, plans)
            yield "Without --dry-run this would be the result:"
            outcomes: list[Pointer | UserError] = [plan.pointer for plan in plans]
        else:
            with _progress_bar(sum(len(each.writes) + 1 for each in plans)) as bar:

                def attempt(plan: PublishPlan, store: Store) -> Pointer | UserError:
                    try:
                        return execute(plan, artifact.manifest, store, requests, bar.update)
                    except UserError as error:
                        return error

                outcomes = [*pool.map(attempt, plans, stores)]
    published = [
        _Published(store, plan, outcome)
        for store, plan, outcome in zip(stores, plans, outcomes, strict=True)
        if not isinstance(outcome, UserError)
    ]
    failures = [each for each in outcomes if isinstance(each, UserError)]
    if published:
        yield from _result(artifact.manifest, key, published)
    if failures:
        raise UserError(" ".join(failure.what for failure in failures), failures[0].next_step)


def _refuse_draft(manifest: Manifest, locations: Sequence[str]) -> None:
    for location in locations:
        if manifest.draft and location.startswith("s3:"):
            raise UserError(
                f"{manifest.version} is a draft, and is not published to {shown(location)}: customers read there.",
                "Name a folder, or release the version and publish that.",
            )


def _result(manifest: Manifest, key: PrivateKey | None, published: Sequence[_Published]) -> Iterator[str]:
    """What was published, where, by whose signature, and how to check it."""
    yield f"{PRODUCT} {manifest.version} is published with {counted(len(manifest.files), 'file')}:"
    yield from map(str, published)
    if key:
        yield f"Signed with the key {signing.fingerprint(key.public_key())}."
    else:
        yield "This run signed nothing: nobody vouches for a version without a signature. Add it with --sign FILE."
    first = published[0]
    words = ["quilt-cfn", "verify", first.store.name]
    if first.pointer.version != manifest.version:
        words += ["--version", manifest.version]
    if key:
        words += ["--public-key", signing.PUBLIC_KEY]
    others = " (and every other location)" if len(published) > 1 else ""
    yield f"To check it{others}: {shlex.join(words)}"
    if LAUNCH_PAGE in {entry.name for entry in manifest.files}:
        yield from (f"To launch it: {_address(each.store, manifest.version)}" for each in published)


def _address(store: Store, version: str) -> str:
    """Where a browser finds the launch page: an https URL in S3, and a path in a folder."""
    from quilt_cfn.delivery.publish.stores.s3 import Bucket  # late: imports boto3

    key = version_key(version, LAUNCH_PAGE)
    return store.url(key) if isinstance(store, Bucket) else f"{store.name}/{key}"


def check_buckets(locations: Sequence[str]) -> Iterator[tuple[str, tuple[Finding, ...]]]:
    """Check the bucket of each location; yields the text to print, and the findings in it.

    Raises ``UserError`` for a location that is not in S3, or a bucket that can't be read at all.
    """
    from quilt_cfn.delivery.publish import bucket  # late: imports boto3
    from quilt_cfn.delivery.publish.stores.s3 import Bucket

    for location in dict.fromkeys(locations):
        store = open_store(location)
        if not isinstance(store, Bucket):
            raise UserError(f"{location} is not in S3, and has no bucket to check.", "Name s3://BUCKET/PREFIX.")
        result = bucket.check_bucket(store)
        yield "\n".join(bucket.report(store, result)), result.findings


def verify_at(
    location: str,
    version: str | None,
    public_key: Path | None,
    at_least: str | None = None,
    seconds: float = SECONDS,
) -> Verification:
    """Verify what is published at a location: the version in the location, or ``version``, or the newest.

    See ``verify``. Raises ``UserError`` when they contradict each other, and when the version is not published or can't
    be read.
    """
    refuse_credentials(location)
    base, named = _split(location)
    if version and named and version != named:
        raise UserError(f"{location} is {named}, and --version says {version}.", "Leave one of them out.")
    with Readers(READERS) as requests, waiting_for(f"Reading {location}"):
        end = deadline(base, seconds)
        source = end.result(requests.submit(open_source, base))
        return verify(source, version or named, public_key, requests, at_least=at_least, end=end)


def _split(location: str) -> tuple[str, str | None]:
    """A location without the version in it, and that version; users may paste the address of a version or of a file."""
    base, product, rest = location.rpartition(f"/{PRODUCT}/")
    version = rest.partition("/")[0]
    if not base or not product:
        return location, None
    if rest == LATEST:
        return base, None
    return (base, version) if VERSION.fullmatch(version) or DRAFT.fullmatch(version) else (location, None)


def _progress_bar(total: int) -> Any:
    from tqdm import tqdm  # late: only what takes seconds needs it

    return tqdm(total=total, leave=False, disable=not sys.stderr.isatty(), unit="file")
