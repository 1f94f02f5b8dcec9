"""What is gone with a resource and can't be made again: generated values, addresses, data without a copy."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.analysis.lifecycle.retained import deletion_policy
from quilt_cfn.cloudformation.launch import Launch, is_known
from quilt_cfn.cloudformation.template.coerce import as_text

LOST = {
    "AWS::EC2::EIP": ("released-address", "Its address goes back to AWS; another stack gets another one."),
    "AWS::ElasticLoadBalancingV2::LoadBalancer": (
        "lost-dns-name",
        "Its DNS name goes; another stack has another one, and records made by hand have to follow.",
    ),
    "AWS::IAM::AccessKey": ("deleted-key", "The key is deleted, and URLs that were signed with it stop working."),
}
"""Type -> the cause, and what is gone with a resource of it."""

HOLDS_DATA = (
    *("AWS::Cognito::UserPool", "AWS::DocDB::DBCluster", "AWS::DynamoDB::Table", "AWS::EC2::Volume"),
    *("AWS::EFS::FileSystem", "AWS::ElastiCache::ReplicationGroup", "AWS::Kinesis::Stream", "AWS::Logs::LogGroup"),
    *("AWS::Neptune::DBCluster", "AWS::OpenSearchService::Domain", "AWS::RDS::DBCluster", "AWS::RDS::DBInstance"),
    *("AWS::Redshift::Cluster", "AWS::SQS::Queue"),
)
"""Types whose data AWS deletes with them, full or empty; a bucket or a repository is only deleted when it is empty."""


def losses(launch: Launch, deleted: Collection[str]) -> Iterator[Fact]:
    """What is gone for good with resources that are deleted."""
    for name in deleted:
        resource_type, properties = launch.type_of(name), launch.properties(name)
        if resource_type in LOST:
            yield Fact(name, *LOST[resource_type])
        elif resource_type == "AWS::SecretsManager::Secret" and "GenerateSecretString" in properties:
            about = properties.get("Description")
            purpose = f" ({as_text(about).rstrip('.')})" if about and is_known(about) else ""
            sentence = f"Its generated value{purpose} goes; another stack generates another one."
            yield Fact(name, "generated-secret", sentence, ("Properties", "GenerateSecretString"))
        elif resource_type in HOLDS_DATA and deletion_policy(launch, name) == "Delete":
            yield Fact(name, "deleted-data", "Its data is deleted with it, without a copy.", ("DeletionPolicy",))
