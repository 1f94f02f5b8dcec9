"""What ``quilt-cfn publish`` and ``quilt-cfn verify`` do, from the locations that a user names to lines of text.

All plans are made before anything is written anywhere. A location that fails does not stop the others.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilt_cfn.delivery.publish.execute import execute
from quilt_cfn.delivery.publish.launch_links import launch_links
from quilt_cfn.delivery.publish.plan import Pointer, PublishPlan, latest_key, plan_publication, version_key
from quilt_cfn.delivery.publish.stores import open_source, open_store
from quilt_cfn.delivery.publish.stores.protocols import Store
from quilt_cfn.delivery.publish.verify import Verification, verify
from quilt_cfn.delivery.release.artifact import LATEST, PRODUCT, Artifact
from quilt_cfn.errors import UserError
from quilt_cfn.finding import Finding
from quilt_cfn.inputs.release import VERSION

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as PrivateKey

READERS = 8
"""How many files of one location are read or written at once."""


def publish(
    artifact: Artifact,
    locations: Sequence[str],
    key_file: Path | None,
    *,
    dry_run: bool,
    withdrawn: frozenset[str] = frozenset(),
) -> Iterator[str]:
    """Publish to each location; yields lines about what was published and the launch links, or the plans of a dry run.

    ``key_file`` is the private key that signs; ``latest.json`` never names a ``withdrawn`` version. Raises
    ``UserError`` before anything is written when a location has no plan, and at the end for the locations that failed.
    """
    key = _read_key(key_file) if key_file else None
    with (
        ThreadPoolExecutor(READERS * len(locations)) as requests,
        ThreadPoolExecutor(len(locations)) as pool,
    ):
        stores = [*pool.map(open_store, dict.fromkeys(locations))]
        now = datetime.now(timezone.utc)
        plans = [*pool.map(lambda store: plan_publication(artifact, key, store, requests, now, withdrawn), stores)]
        if dry_run:
            yield from map(str, plans)
            return
        with _progress_bar(sum(len(each.writes) + 1 for each in plans)) as bar:

            def attempt(plan: PublishPlan, store: Store) -> Pointer | UserError:
                try:
                    return execute(plan, artifact.manifest, store, requests, bar.update)
                except UserError as error:
                    return error

            outcomes = [*pool.map(attempt, plans, stores)]
        published = []
        for store, plan, outcome in zip(stores, plans, outcomes, strict=True):
            if not isinstance(outcome, UserError):
                wrote = f"{len(plan.writes)} files written and compared"
                what = wrote if plan.writes else "there already, byte for byte"
                yield f"{plan.version} is published at {store.name}: {what}; {latest_key()}: {outcome.version}"
                published.append(store)
        if key:
            yield from (f"Signed; to check it: {_verification_command(artifact, store)}" for store in published)
        if published:
            yield from _launch_links(artifact, published)
        failures = [each for each in outcomes if isinstance(each, UserError)]
        if failures:
            raise UserError(" ".join(failure.what for failure in failures), failures[0].next_step)


def _launch_links(artifact: Artifact, stores: Sequence[Store]) -> Iterator[str]:
    """The links that open CloudFormation's console, for each edition, with the templates in these stores."""
    from quilt_cfn.delivery.publish.stores.s3 import Bucket

    buckets = [store for store in stores if isinstance(store, Bucket)]
    if not buckets:
        yield "CloudFormation launches from S3: publish to s3://BUCKET/PREFIX for launch links."
        return
    for edition, formats in artifact.manifest.editions.items():
        key = version_key(artifact.version, formats["yaml"])
        urls: dict[str, str] = {}
        for store in buckets:
            urls.setdefault(store.region, store.url(key))
        yield f"Launch the {edition} edition:"
        yield str(launch_links(urls, PRODUCT))


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


def verify_at(location: str, version: str | None, public_key: Path | None) -> Verification:
    """Verify what is published at a location: the version in the location, or ``version``, or the newest.

    Raises ``UserError`` when they contradict each other, and when the version is not published or can't be read.
    """
    base, named = _split(location)
    if version and named and version != named:
        raise UserError(f"{location} is {named}, and --version says {version}.", "Leave one of them out.")
    with ThreadPoolExecutor(READERS) as requests:
        return verify(open_source(base), version or named, public_key, requests)


def _split(location: str) -> tuple[str, str | None]:
    """A location without the version in it, and that version; users may paste the address of a version or of a file."""
    base, product, rest = location.rpartition(f"/{PRODUCT}/")
    version = rest.partition("/")[0]
    if not base or not product:
        return location, None
    if rest == LATEST:
        return base, None
    return (base, version) if VERSION.fullmatch(version) else (location, None)


def _verification_command(artifact: Artifact, store: Store) -> str:
    from quilt_cfn.delivery.publish.stores.s3 import Bucket
    from quilt_cfn.delivery.release import signing  # late: imports cryptography

    folder = f"{PRODUCT}/{artifact.version}"
    return signing.verification_command(store.url(folder) if isinstance(store, Bucket) else f"{store.name}/{folder}")


def _read_key(key_file: Path) -> PrivateKey:
    from quilt_cfn.delivery.release import signing  # late: imports cryptography

    return signing.read_private_key(key_file)


def _progress_bar(total: int) -> Any:
    from tqdm import tqdm  # late: only what takes seconds needs it

    return tqdm(total=total, leave=False, disable=not sys.stderr.isatty(), unit="file")
