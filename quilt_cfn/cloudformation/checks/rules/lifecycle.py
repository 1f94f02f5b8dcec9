"""What creation, failure, retry and deletion of a stack leave behind.

The worst case of a creation is that the last resource fails: then all others exist and have to be deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.analysis.lifecycle import addresses, blocking, buckets, names
from quilt_cfn.cloudformation.analysis.lifecycle.retained import ON_DELETION, ON_ROLLBACK, retained_and_deleted
from quilt_cfn.cloudformation.checks.rules.rule import REFERENCE, USER_GUIDE, Violation, rule
from quilt_cfn.cloudformation.launch import Contract, Launch


@rule(
    "L01",
    "error",
    "A launch that fails ends in ROLLBACK_FAILED, because a resource is created with deletion protection.",
    f"{USER_GUIDE}/troubleshooting.html#troubleshooting-errors-delete-stack-fails",
)
def protected_from_the_start(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds resources that are created with deletion protection or termination protection.

    Why it is bad: protection stops CloudFormation too, and CloudFormation never switches it off. When another resource
    fails, the protected one blocks the rollback; somebody has to find it and switch the protection off before the stack
    can be deleted and launched again.

    Use instead: create the resource without protection, and switch protection on once the stack is created.
    """
    _, deleted = retained_and_deleted(launch, launch.resources, ON_ROLLBACK)
    yield from _violations(blocking.protected_from_creation(launch, deleted))


@rule(
    "L02",
    "error",
    "A launch that fails ends in ROLLBACK_FAILED, because a bucket is no longer empty.",
    f"{REFERENCE}/aws-attribute-deletionpolicy.html",
)
def bucket_written_at_creation(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds buckets to which a service of the stack writes while the stack is still being created.

    Why it is bad: S3 refuses to delete a bucket that holds objects. Elastic Load Balancing and Config write a test file
    as soon as they get a bucket for their logs; CloudTrail and flow logs deliver within minutes.

    Use instead: DeletionPolicy Retain and a generated name for the bucket, or a custom resource that empties it.
    """
    _, deleted = retained_and_deleted(launch, launch.resources, ON_ROLLBACK)
    yield from _violations(buckets.written_at_creation(launch, deleted))


@rule(
    "L03",
    "error",
    "The next launch after one that failed fails too: a retained resource has the name already.",
    f"{REFERENCE}/aws-attribute-deletionpolicy.html",
)
def name_retained_by_a_rollback(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds resources with a fixed name and DeletionPolicy Retain.

    Why it is bad: with Retain, a resource also outlives the rollback of a creation. The next stack with the same
    parameter values wants the same name and fails.

    Use instead: RetainExceptOnCreate, which retains the resource in every other case, or no name of its own.
    """
    retained, _ = retained_and_deleted(launch, launch.resources, ON_ROLLBACK)
    yield from _violations(names.retained_names(launch, retained))


@rule(
    "L04",
    "error",
    "The stack can't be deleted or rolled back: the Internet gateway is detached while public addresses are in use.",
    f"{REFERENCE}/aws-attribute-dependson.html",
)
def address_before_gateway(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds NAT gateways, associations of Elastic IP addresses, and public instances, databases and load balancers that
    don't depend on the attachment of their VPC's Internet gateway. An Elastic IP address itself has to depend on it
    only with an InstanceId: anything else that has the address depends on it, and is gone before it.

    Why it is bad: CloudFormation deletes in the reverse order of dependencies, and everything else at the same time.
    EC2 refuses to detach an Internet gateway while the VPC "has some mapped public address(es)", and no property of
    these resources refers to the gateway.

    Use instead: DependsOn the attachment, or the default route that itself depends on the attachment.

        NatGateway:
          Type: AWS::EC2::NatGateway
          DependsOn: GatewayAttachment
    """
    yield from _violations(addresses.addresses_before_gateway(launch, launch.resources))


@rule(
    "L05",
    "error",
    "Deletion of the stack ends in DELETE_FAILED, because a retained resource uses one that is to be deleted.",
    f"{USER_GUIDE}/troubleshooting.html#troubleshooting-errors-delete-stack-fails",
)
def retained_resource_uses_a_deleted_one(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds retained resources that use others of the stack that are not retained.

    Why it is bad: a retained database, for instance, goes on running in its subnets, security groups and subnet group,
    and AWS deletes none of them as long as it does.

    Use instead: retain those too, or don't retain the resource. DeletionPolicy Snapshot keeps the data of a database.
    """
    retained, deleted = retained_and_deleted(launch, launch.resources, ON_DELETION)
    yield from _violations(blocking.used_by_retained(launch, retained, deleted))


@rule(
    "L06",
    "error",
    "Deletion of the stack ends in DELETE_FAILED, because a service of the stack has written to a bucket.",
    f"{REFERENCE}/aws-attribute-deletionpolicy.html",
)
def bucket_written_later(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds buckets to which a service of the stack writes logs or copies after the creation.

    Why it is bad: S3 refuses to delete a bucket that holds objects. Buckets to which only people and programs write are
    not reported, because they may be empty.

    Use instead: DeletionPolicy RetainExceptOnCreate for the bucket, or a custom resource that empties it.
    """
    _, deleted = retained_and_deleted(launch, launch.resources, ON_DELETION)
    yield from _violations(buckets.written_later(launch, deleted))


@rule("L07", "error", "The launch fails: two resources have the same name.", f"{REFERENCE}/aws-properties-name.html")
def one_name_for_two(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds two resources of one type to which the template gives the same name.

    Why it is bad: the name has to be unique among the resources of its type, at least in the account and Region. The
    second one fails with "already exists", in every launch.

    Use instead: two names, or none, so that CloudFormation generates them.
    """
    yield from _violations(names.duplicate_names(launch))


@rule(
    "L08",
    "warning",
    "A launch that fails may end in ROLLBACK_FAILED: RDS takes no snapshot of a database that is being created.",
    f"{REFERENCE}/aws-attribute-deletionpolicy.html",
)
def snapshot_of_an_unfinished_database(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds databases with DeletionPolicy Snapshot, the default, that are created at the same time as other resources.
    Only checked with a contract that has parameter sets, because hardly any public template orders its database.

    Why it is bad: CloudFormation rolls back as soon as any resource fails, and asks for a final snapshot then, too. RDS
    may answer "Instance is currently creating - a final snapshot cannot be taken".

    Use instead: DependsOn, in the database, of everything that doesn't depend on the database.
    """
    if contract.parameter_sets:
        _, deleted = retained_and_deleted(launch, launch.resources, ON_ROLLBACK)
        yield from _violations(blocking.snapshot_while_creating(launch, deleted, launch.resources))


def _violations(facts: Iterable[Fact]) -> Iterator[Violation]:
    for fact in facts:
        yield (fact.path, fact.sentence)
