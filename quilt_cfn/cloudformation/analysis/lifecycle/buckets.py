"""Buckets that services write to: S3 refuses to delete a bucket that is not empty."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.launch import Launch, is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, is_true
from quilt_cfn.cloudformation.template.walk import strings_in

LOAD_BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
ATTRIBUTES = "LoadBalancerAttributes"


AT_CREATION = {
    "AWS::CloudTrail::Trail": ("S3BucketName",),
    "AWS::Config::DeliveryChannel": ("S3BucketName",),
    "AWS::EC2::FlowLog": ("LogDestination",),
    "AWS::ElasticLoadBalancing::LoadBalancer": ("S3BucketName",),
}
"""Type -> the properties that name a bucket to which a service writes at once, as it does for an Application Load
Balancer. Elastic Load Balancing first writes a file ELBAccessLogTestFile, Config a file ConfigWritabilityCheckFile; a
trail and a flow log deliver every few minutes."""

LATER = {
    "AWS::CloudFront::Distribution": ("Bucket",),
    "AWS::KinesisFirehose::DeliveryStream": ("BucketARN",),
    "AWS::Route53Resolver::ResolverQueryLoggingConfig": ("DestinationArn",),
    "AWS::S3::Bucket": ("DestinationBucketName", "BucketArn"),
}
"""The same for services that write when there is something to log, so after the creation, as for a Network Load
Balancer."""


def written_at_creation(launch: Launch, deleted: Collection[str]) -> Iterator[Fact]:
    """Buckets that a service writes to while the stack is still being created."""
    return _not_empty(launch, deleted, _written(launch, deleted, AT_CREATION, "application"))


def written_later(launch: Launch, deleted: Collection[str]) -> Iterator[Fact]:
    """Buckets that a service of the stack writes to only after the creation."""
    at_creation = _written(launch, deleted, AT_CREATION, "application")
    later = _written(launch, deleted, LATER, "network")
    return _not_empty(launch, deleted, {bucket: by for bucket, by in later.items() if bucket not in at_creation})


def _not_empty(launch: Launch, deleted: Collection[str], written: Mapping[str, str]) -> Iterator[Fact]:
    for bucket, writer in written.items():
        if bucket in deleted and not may_be_emptied(launch, bucket):
            sentence = f"{writer} writes to {bucket}, and S3 refuses to delete a bucket that is not empty."
            yield Fact(bucket, "written-bucket", sentence)


def _written(
    launch: Launch, existing: Collection[str], writers: Mapping[str, tuple[str, ...]], load_balancer_type: str
) -> dict[str, str]:
    """Bucket of the stack -> a resource that makes a service write to it."""
    found: dict[str, str] = {}
    for name in existing:
        resource_type, properties = launch.type_of(name), launch.properties(name)
        targets: Iterable[Any] = ()
        if resource_type in writers:
            targets = [text for text, path in strings_in(properties) if path[-1] in writers[resource_type]]
        elif resource_type == LOAD_BALANCER and properties.get("Type", "application") == load_balancer_type:
            targets = _log_buckets(properties)
        for target in targets:
            for bucket in _buckets(launch, target):
                found.setdefault(bucket, name)
    return found


def _log_buckets(properties: dict[str, Any]) -> Iterator[Any]:
    """The buckets to which a load balancer writes its access log, connection log and health check log."""
    entries = map(dict_or_empty, as_list(properties.get(ATTRIBUTES)))
    attributes = {as_text(each.get("Key")): each.get("Value") for each in entries}
    for key, value in attributes.items():
        if key.endswith(".s3.bucket") and is_true(attributes.get(key.replace(".bucket", ".enabled"))):
            yield value


def _buckets(launch: Launch, value: Any) -> set[str]:
    """The buckets of the stack that a value names, by reference or by their own name."""
    referred = {origin.name for origin in origins_of(value) if origin.source in ("resource", "attribute")}
    buckets = launch.of_type("AWS::S3::Bucket").items()
    return {name for name, it in buckets if name in referred or (value == it.get("BucketName") and is_known(value))}


def may_be_emptied(launch: Launch, bucket: str) -> bool:
    """Whether a custom resource depends on a bucket: its function may empty the bucket."""
    return any(
        bucket in launch.dependencies[name]
        for name in launch.resources
        if launch.type_of(name).startswith(("Custom::", "AWS::CloudFormation::CustomResource"))
    )
