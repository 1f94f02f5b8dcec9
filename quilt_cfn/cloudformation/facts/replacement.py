"""Which properties CloudFormation can't change in place, and which resources nobody wants to see replaced.

The schemas of the resource types, in cfn-lint's package, call a property create-only if a change replaces the resource,
and conditionally create-only if that depends. On what it depends no schema says: ``IN_PLACE`` does, from the sources of
the resource providers.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.facts.package_data import file_of

_REGION = "us-east-1"
_DOCS = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference"

RDS_PROVIDER = "https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-rds"
_DATABASE = "aws-rds-dbinstance/src/main/java/software/amazon/rds/dbinstance"
TRANSLATOR = f"{RDS_PROVIDER}/blob/3c0c770a8544e6c16eaccb803fbb59a07220476d/{_DATABASE}/Translator.java"
UPDATE_HANDLER = f"{RDS_PROVIDER}/blob/3c0c770a8544e6c16eaccb803fbb59a07220476d/{_DATABASE}/UpdateHandler.java"
IMMUTABILITY = f"{RDS_PROVIDER}/blob/0c01667c88b6a2d60897ccd7108ae2f6e007fdb7/{_DATABASE}/util/ImmutabilityHelper.java"
"""The source of the provider of AWS::RDS::DBInstance, at the commits that were read: what it sends, what replaces."""


def resource_page(resource_type: str) -> str:
    """AWS's page about a resource type, which says of each property what an update of it does."""
    return f"{_DOCS}/aws-resource-{resource_type.removeprefix('AWS::').replace('::', '-').lower()}.html"


STATEFUL_TYPES = {
    "AWS::AutoScaling::AutoScalingGroup": "its instances",
    "AWS::EC2::EIP": "the address",
    "AWS::EC2::SecurityGroup": "its place at every network interface that has it",
    "AWS::EC2::Subnet": "its place in the network, with everything in it",
    "AWS::EC2::VPC": "the network, with everything in it",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "its DNS name and its addresses",
    "AWS::ElasticLoadBalancingV2::TargetGroup": "its targets",
    "AWS::IAM::AccessKey": "the key",
    "AWS::IAM::User": "its access keys",
    "AWS::Logs::LogGroup": "the log",
    "AWS::RDS::DBInstance": "every change since the last snapshot, and its address",
    "AWS::RDS::DBParameterGroup": "its place at the database, which restarts",
    "AWS::RDS::DBSubnetGroup": "the database in it",
    "AWS::S3::Bucket": "the way to its objects",
    "AWS::S3::BucketPolicy": "the bucket's protection for a moment",
    "AWS::SecretsManager::Secret": "a generated value",
}
"""Resource types -> what is lost when such a resource is replaced. Not all types that there are: those we use."""


class InPlace(NamedTuple):
    """A change that the schema says may replace, and the provider makes in place."""

    why: str
    sources: tuple[str, ...]


_MODIFIED = InPlace(
    "`Translator.modifyDbInstanceRequest` sends what changed to ModifyDBInstance; `ImmutabilityHelper.isChangeMutable` "
    "does not look at it.",
    (TRANSLATOR, IMMUTABILITY),
)
_ROLLING = InPlace(
    "The group stays; its UpdatePolicy replaces the instances.",
    (f"{_DOCS}/aws-attribute-updatepolicy.html", resource_page("AWS::AutoScaling::AutoScalingGroup")),
)
IN_PLACE = {
    ("AWS::RDS::DBInstance", "AutoMinorVersionUpgrade"): _MODIFIED,
    ("AWS::RDS::DBInstance", "BackupRetentionPeriod"): _MODIFIED,
    ("AWS::RDS::DBInstance", "DBParameterGroupName"): _MODIFIED,
    ("AWS::RDS::DBInstance", "MultiAZ"): _MODIFIED,
    ("AWS::RDS::DBInstance", "PreferredMaintenanceWindow"): _MODIFIED,
    ("AWS::AutoScaling::AutoScalingGroup", "LaunchTemplate"): _ROLLING,
    ("AWS::AutoScaling::AutoScalingGroup", "VPCZoneIdentifier"): _ROLLING,
}
"""(Resource type, conditionally create-only property) whose value may change without replacing the resource."""

CLEARED_IN_PLACE = {
    ("AWS::RDS::DBInstance", "DBSnapshotIdentifier"): InPlace(
        "It may be cleared: `ImmutabilityHelper.isDBSnapshotIdentifierMutable` is true if the desired identifier is "
        "empty. Another one replaces the database.",
        (IMMUTABILITY, f"{RDS_PROVIDER}/pull/351"),
    ),
}
"""The same for those that may only be removed."""


class CreateOnly(NamedTuple):
    """Names of a resource type's properties, at the top level or with the path below it (``A/B``)."""

    always: frozenset[str]
    conditionally: frozenset[str]


@cache
def create_only(resource_type: str) -> CreateOnly | None:
    """The properties of a type that can't be changed in place, by its schema; None if cfn-lint has no schema of it."""
    found = schema(resource_type)
    if found is None:
        return None
    return CreateOnly(
        *(
            frozenset(pointer.removeprefix("/properties/") for pointer in found.get(kind, []))
            for kind in ("createOnlyProperties", "conditionalCreateOnlyProperties")
        )
    )


def schema(resource_type: str) -> dict[str, Any] | None:
    """The schema of a resource type; None if cfn-lint has none of it."""
    schema_id = _schemas().get(resource_type)
    if schema_id is None:
        return None
    file = file_of("cfnlint", f"data/schemas/resources/{schema_id}.json")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


@cache
def _schemas() -> dict[str, str]:
    schemas: dict[str, str] = json.loads(
        file_of("cfnlint", f"data/schemas/providers/{_REGION}.json").read_text(encoding="utf-8")
    )
    return schemas
