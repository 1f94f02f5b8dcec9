"""What ``quilt-cfn publish`` and ``quilt-cfn verify`` do, from the places that a user names to lines of text.

The rule: all plans are made before anything is written anywhere, and a place that fails keeps no other from its turn.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from quilt_cfn.delivery.publish.execute import execute
from quilt_cfn.delivery.publish.plan import Pointer, PublishPlan, latest_key, plan_publication, version_key
from quilt_cfn.delivery.publish.stores import open_source, open_store
from quilt_cfn.delivery.publish.stores.protocols import Store
from quilt_cfn.delivery.publish.verify import Verification, verify
from quilt_cfn.delivery.release.artifact import (
    LATEST,
    PRODUCT,
    RELEASES,
    Artifact,
    newest,
    read_artifact,
    released_versions,
)
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import VERSION

READERS = 8
"""How many requests one place is sent at once."""


class Published(NamedTuple):
    """An artifact at a store."""

    store: Store
    plan: PublishPlan
    pointer: Pointer

    def __str__(self) -> str:
        wrote = len(self.plan.writes)
        what = f"{wrote} files written and compared" if wrote else "there already, byte for byte"
        return f"{self.plan.version} is published at {self.store.name}: {what}; {latest_key()}: {self.pointer.version}"


def choose(version: str | None, releases: Path = RELEASES) -> Artifact:
    """The released version of that number, or the newest one; raises ``UserError`` where there is none."""
    versions = released_versions(releases)
    chosen = version or newest(versions)
    if chosen is None:
        raise UserError(f"There is no released version in {releases}.", "Make one with quilt-cfn release.")
    if chosen not in versions:
        raise UserError(f"{chosen} is not a released version.", f"There are: {', '.join(versions) or 'none'}.")
    artifact = read_artifact(releases / chosen)
    if artifact.version != chosen:
        raise UserError(
            f"{releases / chosen} is the release {artifact.version}.",
            "A released version is never edited: restore the folder with git restore, or a fresh clone.",
        )
    return artifact


def publish(artifact: Artifact, locations: Sequence[str], key_file: Path | None, *, dry_run: bool) -> Iterator[str]:
    """Publish at each location; yields what came of each, and launch links, or only the plans for a dry run.

    ``key_file`` is the private key that signs. Raises ``UserError`` before anything is written when there is no plan
    for a location, and at the end for what failed.
    """
    signature = _sign(artifact, key_file) if key_file else None
    with (
        ThreadPoolExecutor(READERS * len(locations)) as requests,
        ThreadPoolExecutor(len(locations)) as places,
    ):
        stores = _all([places.submit(open_store, location) for location in dict.fromkeys(locations)])
        plans = _all([places.submit(plan_publication, artifact, signature, store, requests) for store in stores])
        if dry_run:
            yield from map(str, plans)
            return
        with _bar(sum(len(each.writes) + 1 for each in plans)) as bar:
            carrying = [
                places.submit(execute, each, artifact.manifest, store, requests, bar.update)
                for each, store in zip(plans, stores, strict=True)
            ]
            failures = [failure for each in carrying if isinstance(failure := each.exception(), UserError)]
        published = [
            Published(store, each, carried.result())
            for store, each, carried in zip(stores, plans, carrying, strict=True)
            if carried.exception() not in failures
        ]
        yield from map(str, published)
        if signature:
            yield from (f"Signed; to check it: {_verification(artifact, each.store)}" for each in published)
        if published:
            yield from launch_links(artifact, [each.store for each in published])
        if failures:
            raise UserError(" ".join(failure.what for failure in failures), failures[0].next_step)


def launch_links(artifact: Artifact, stores: Sequence[Store]) -> Iterator[str]:
    """The links that open CloudFormation's console, for each edition, from what is published at these stores."""
    from quilt_cfn.delivery.publish import urls  # late: reads which Regions there are from cfn-lint's data
    from quilt_cfn.delivery.publish.stores.s3 import Bucket

    buckets = [store for store in stores if isinstance(store, Bucket)]
    if not buckets:
        yield "CloudFormation launches from S3: publish to s3://BUCKET/PREFIX for launch links."
        return
    for edition in artifact.manifest.editions:
        key = template_key(artifact, edition)
        places = [urls.Place(store.bucket, store.region, store.key(key)) for store in buckets]
        yield f"Launch the {edition} edition:"
        yield str(urls.launch_links(places, PRODUCT))


def check_buckets(locations: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """For each bucket, what is wrong with it and the policy it needs, as text, and whether anything is."""
    from quilt_cfn.delivery.publish import bucket  # late: imports boto3
    from quilt_cfn.delivery.publish.stores.s3 import Bucket

    for location in dict.fromkeys(locations):
        store = open_store(location)
        if not isinstance(store, Bucket):
            raise UserError(f"{location} is not in S3, and has no bucket to check.", "Name s3://BUCKET/PREFIX.")
        result = bucket.check(store)
        yield "\n".join(bucket.report(store, result)), bool(result.findings)


def verify_at(location: str, version: str | None, public_key: Path | None) -> Verification:
    """Verify what is published at a location: the version named there or here, or the newest."""
    base, named = _split(location)
    if version and named and version != named:
        raise UserError(f"{location} is {named}, and --version says {version}.", "Leave one of them out.")
    with ThreadPoolExecutor(READERS) as requests:
        return verify(open_source(base), version or named, public_key, requests)


def _split(location: str) -> tuple[str, str | None]:
    """A location and the version in it: people paste the address of a version, or of a file of it."""
    base, product, rest = location.rpartition(f"/{PRODUCT}/")
    version = rest.partition("/")[0]
    if not base or not product:
        return location, None
    if rest == LATEST:
        return base, None
    return (base, version) if VERSION.fullmatch(version) else (location, None)


def template_key(artifact: Artifact, edition: str) -> str:
    """Where an edition's YAML lies below each location."""
    return version_key(artifact.version, artifact.manifest.editions[edition]["yaml"])


def _verification(artifact: Artifact, store: Store) -> str:
    from quilt_cfn.delivery.publish.stores.s3 import Bucket
    from quilt_cfn.delivery.release import signing  # late: imports cryptography

    folder = f"{PRODUCT}/{artifact.version}"
    return signing.verification_command(store.url(folder) if isinstance(store, Bucket) else f"{store.name}/{folder}")


def _sign(artifact: Artifact, key_file: Path) -> bytes:
    from quilt_cfn.delivery.release import signing  # late: imports cryptography

    return signing.sign(signing.read_private_key(key_file), artifact.manifest.sums)


def _all(waiting: Sequence[Future[Any]]) -> list[Any]:
    return [each.result() for each in waiting]


def _bar(total: int) -> Any:
    from tqdm import tqdm  # late: only what takes seconds needs it

    return tqdm(total=total, leave=False, disable=not sys.stderr.isatty(), unit="file")
