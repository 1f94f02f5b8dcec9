"""what creation, failure, retry and deletion leave behind.

The worst case of a creation is that the last resource fails: then everything exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.analysis.lifecycle.addresses import addresses_before_gateway
from quilt_cfn.cloudformation.analysis.lifecycle.blocking import (
    protected_from_creation,
    snapshot_while_creating,
    used_by_retained,
)
from quilt_cfn.cloudformation.analysis.lifecycle.buckets import written_at_creation, written_later
from quilt_cfn.cloudformation.analysis.lifecycle.names import duplicate_names, retained_names
from quilt_cfn.cloudformation.analysis.lifecycle.retained import ON_DELETION, ON_ROLLBACK, retained_and_deleted
from quilt_cfn.cloudformation.checks.rules.rule import Violation, rule
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.launch.contract import Contract

REFERENCE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference"
GUIDE = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide"


@rule(
    "L01",
    "error",
    "A launch that fails ends in ROLLBACK_FAILED, because a resource is protected from its first moment on.",
    f"{GUIDE}/troubleshooting.html#troubleshooting-errors-delete-stack-fails",
)
def protected_from_the_start(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Deletion protection keeps CloudFormation from deleting, too, and CloudFormation never lifts it. When another
    resource fails, the protected one blocks the rollback, and an administrator has to find it and switch the protection
    off before the stack can be deleted and launched again. Switch protection on when the stack stands.
    """
    _, gone = retained_and_deleted(launch, launch.resources, ON_ROLLBACK)
    yield from faults(protected_from_creation(launch, gone))


@rule(
    "L02",
    "error",
    "A launch that fails ends in ROLLBACK_FAILED, because a bucket is no longer empty.",
    f"{REFERENCE}/aws-attribute-deletionpolicy.html",
)
def bucket_written_at_creation(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """S3 refuses to delete a bucket that holds objects. Elastic Load Balancing and Config write a test file when they
    are given a bucket for their logs, CloudTrail and flow logs deliver within minutes: long before a launch is over.
    Keep the bucket (DeletionPolicy Retain, with a generated name), or empty it with a custom resource.
    """
    _, gone = retained_and_deleted(launch, launch.resources, ON_ROLLBACK)
    yield from faults(written_at_creation(launch, gone))


@rule(
    "L03",
    "error",
    "The launch after one that failed fails, too: a resource that was kept has the name.",
    f"{REFERENCE}/aws-attribute-deletionpolicy.html",
)
def name_kept_by_a_failure(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """DeletionPolicy Retain also keeps what a creation made that is then rolled back. With a name of its own it is in
    the way of the next stack with the same values. RetainExceptOnCreate keeps the resource in every other case.
    """
    kept, _ = retained_and_deleted(launch, launch.resources, ON_ROLLBACK)
    yield from faults(retained_names(launch, kept))


@rule(
    "L04",
    "error",
    "The stack can't be deleted or rolled back: the Internet gateway is detached while public addresses are in use.",
    f"{REFERENCE}/aws-attribute-dependson.html",
)
def address_before_gateway(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """CloudFormation deletes in the reverse order of dependency, and at the same time what nothing orders. EC2 refuses
    to detach an Internet gateway while the VPC "has some mapped public address(es)". No property of an Elastic IP
    address, a NAT gateway, a public instance, database or load balancer refers to the gateway: each needs a DependsOn,
    on the attachment or on the default route that waits for it.
    """
    yield from faults(addresses_before_gateway(launch, launch.resources))


@rule(
    "L05",
    "error",
    "Deletion of the stack ends in DELETE_FAILED, because something that is kept uses something that is not.",
    f"{GUIDE}/troubleshooting.html#troubleshooting-errors-delete-stack-fails",
)
def kept_in_what_goes(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A retained database goes on running in its subnets, its security group and its subnet group, and AWS deletes none
    of them while it does. Keep those too, or let the resource go: DeletionPolicy Snapshot keeps the data.
    """
    kept, gone = retained_and_deleted(launch, launch.resources, ON_DELETION)
    yield from faults(used_by_retained(launch, kept, gone))


@rule(
    "L06",
    "error",
    "Deletion of the stack ends in DELETE_FAILED, because a service of the stack has filled a bucket.",
    f"{REFERENCE}/aws-attribute-deletionpolicy.html",
)
def bucket_written_later(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """S3 refuses to delete a bucket that holds objects, and logs are objects. Keep the bucket (DeletionPolicy
    RetainExceptOnCreate), or empty it with a custom resource. A bucket that only people and programs write to is no
    fault: whether it is full is their affair.
    """
    _, gone = retained_and_deleted(launch, launch.resources, ON_DELETION)
    yield from faults(written_later(launch, gone))


@rule(
    "L07",
    "error",
    "The launch fails: two resources are given the same name.",
    f"{REFERENCE}/aws-properties-name.html",
)
def one_name_for_two(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A name that a template sets has to be unique among the resources of its type, in the account and the Region at
    least. The second resource that wants it fails with "already exists", in this launch and in every other.
    """
    yield from faults(duplicate_names(launch))


@rule(
    "L08",
    "error",
    "A launch that fails ends in ROLLBACK_FAILED, because RDS takes no snapshot of a database that is being created.",
    f"{REFERENCE}/aws-attribute-deletionpolicy.html",
)
def snapshot_of_an_unfinished_database(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """With DeletionPolicy Snapshot, the default of a database, CloudFormation asks for a final snapshot in a rollback,
    too. It rolls back as soon as any resource fails, and RDS may answer "Instance is currently creating - a final
    snapshot cannot be taken". Let the database wait, by DependsOn, for everything that does not need it. Asked of
    products that a contract is about: hardly a public template with a database is ordered so.
    """
    if not contract.parameter_sets:
        return
    _, gone = retained_and_deleted(launch, launch.resources, ON_ROLLBACK)
    yield from faults(snapshot_while_creating(launch, gone, launch.resources))


def faults(remarks: Iterable[Fact]) -> Iterator[Violation]:
    for remark in remarks:
        yield (remark.path, remark.sentence)
