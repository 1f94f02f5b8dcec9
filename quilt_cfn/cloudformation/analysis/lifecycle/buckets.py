"""Buckets that somebody writes to: S3 refuses to delete one that is not empty."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.lifecycle.outcome import Fact, is_on, maps
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.launch.values import is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import as_text
from quilt_cfn.cloudformation.template.walk import strings_in

BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
ATTRIBUTES = "LoadBalancerAttributes"


class Writers(NamedTuple):
    """Services that write into buckets."""

    properties: Mapping[str, tuple[str, ...]]
    """Type -> the properties that name the bucket."""
    balancers: tuple[str, ...]
    """The kinds of load balancer whose log goes there."""


AT_ONCE = Writers(
    {
        "AWS::CloudTrail::Trail": ("S3BucketName",),
        "AWS::Config::DeliveryChannel": ("S3BucketName",),
        "AWS::EC2::FlowLog": ("LogDestination",),
        "AWS::ElasticLoadBalancing::LoadBalancer": ("S3BucketName",),
    },
    ("application",),
)
"""Elastic Load Balancing first writes a file ELBAccessLogTestFile, Config a file ConfigWritabilityCheckFile; a trail
and a flow log deliver every few minutes."""

IN_USE = Writers(
    {
        "AWS::CloudFront::Distribution": ("Bucket",),
        "AWS::KinesisFirehose::DeliveryStream": ("BucketARN",),
        "AWS::Route53Resolver::ResolverQueryLoggingConfig": ("DestinationArn",),
        "AWS::S3::Bucket": ("DestinationBucketName", "BucketArn"),
    },
    ("network",),
)
"""These write when there is something to write."""


def written_at_once(launch: Launch, gone: Collection[str]) -> Iterator[Fact]:
    """Buckets that a service writes to while the stack is still being created."""
    return _not_empty(launch, gone, _written(launch, gone, AT_ONCE))


def written_in_use(launch: Launch, gone: Collection[str]) -> Iterator[Fact]:
    """Buckets that a service of the stack writes to later."""
    at_once = _written(launch, gone, AT_ONCE)
    later = _written(launch, gone, IN_USE)
    return _not_empty(launch, gone, {bucket: by for bucket, by in later.items() if bucket not in at_once})


def _not_empty(launch: Launch, gone: Collection[str], written: Mapping[str, str]) -> Iterator[Fact]:
    for bucket, writer in written.items():
        if bucket in gone and not is_emptied(launch, bucket):
            yield Fact(
                ("Resources", bucket),
                f"{writer} writes to {bucket}, and S3 refuses to delete a bucket that is not empty.",
                "Empty the bucket, then delete the stack again.",
            )


def _written(launch: Launch, existing: Collection[str], writers: Writers) -> dict[str, str]:
    """The buckets of the stack that some service writes to, and a resource that makes it do so."""
    found: dict[str, str] = {}
    for name in existing:
        type_name, properties = launch.type_of(name), launch.properties(name)
        targets: Iterable[Any] = ()
        if type_name in writers.properties:
            keys = writers.properties[type_name]
            targets = [text for text, path in strings_in(properties) if path[-1] in keys]
        elif type_name == BALANCER and as_text(properties.get("Type", "application")) in writers.balancers:
            targets = _log_buckets(properties)
        for target in targets:
            for bucket in _buckets(launch, target):
                found.setdefault(bucket, name)
    return found


def _log_buckets(properties: dict[str, Any]) -> Iterator[Any]:
    """The buckets to which a load balancer writes: of its access log, connection log and health check log."""
    attributes = {as_text(each.get("Key")): each.get("Value") for each in maps(properties.get(ATTRIBUTES))}
    for key, value in attributes.items():
        if key.endswith(".s3.bucket") and is_on(attributes.get(key.replace(".bucket", ".enabled"))):
            yield value


def _buckets(launch: Launch, value: Any) -> set[str]:
    """The buckets of the stack that a value names, by reference or by their own name."""
    buckets = launch.of_type("AWS::S3::Bucket")
    referred = {origin.name for origin in origins_of(value) if origin.source in ("resource", "attribute")}
    return {
        name
        for name, properties in buckets.items()
        if name in referred or (value == properties.get("BucketName") and is_known(value))
    }


def is_emptied(launch: Launch, bucket: str) -> bool:
    """Whether a custom resource has to do with a bucket: it may empty it."""
    return any(
        bucket in launch.dependencies[name]
        for name in launch.resources
        if launch.type_of(name).startswith(("Custom::", "AWS::CloudFormation::CustomResource"))
    )
