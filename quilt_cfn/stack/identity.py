"""The IAM identities with which the registry calls AWS.

One identity signs the URLs of the bucket's objects, and its permissions on the bucket are exactly the documented ones.
The edition decides which identity that is: an IAM user with an access key, or the instance's role.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from troposphere import GetAtt, Ref, Template, iam
from troposphere.logs import LogGroup

from quilt_cfn.cloudformation.facts.replacement import resource_page
from quilt_cfn.cloudformation.template.immutable import ImmutableProperty
from quilt_cfn.editions import Edition, Signer
from quilt_cfn.stack import permissions
from quilt_cfn.stack.address import Address
from quilt_cfn.stack.container_images import ContainerImages
from quilt_cfn.stack.pseudo_parameters import service
from quilt_cfn.stack.storage import PackageBucket

_S3_POLICY = "quilt-registry-s3"

USER_KEY = "RegistryUserKey"
"""The secret that holds the access key of the IAM user."""

IMMUTABLE = (
    ImmutableProperty(
        "RegistryUser",
        "UserName",
        "Absent: a generated name, so that two stacks fit into one account. Another name replaces the user and its "
        "access key, and every URL that it signed dies.",
        (resource_page("AWS::IAM::User"),),
    ),
    ImmutableProperty("RegistryUserKey", "UserName", "It follows the user.", (resource_page("AWS::IAM::AccessKey"),)),
    ImmutableProperty(
        "RegistryUserKey",
        "Serial",
        "Absent: a number would replace the key behind the back of `rotate_key.sh`.",
        (resource_page("AWS::IAM::AccessKey"),),
    ),
)
"""What must never change, in the edition in which a user signs."""


class UserKey(NamedTuple):
    """The IAM user that signs URLs, and its access key."""

    user: Ref
    id: Ref
    secret: GetAtt


def add_signing_user(t: Template, edition: Edition, bucket: PackageBucket) -> UserKey | None:
    """The IAM user of the documented system and its first access key; None where the instance's role signs."""
    if edition.signer is not Signer.USER:
        return None
    user = t.add_resource(
        iam.User(
            "RegistryUser",
            Path="/",
            Policies=[permissions.policy(_S3_POLICY, *permissions.use_packages(bucket.arn))],
        )
    )
    key = t.add_resource(iam.AccessKey("RegistryUserKey", UserName=Ref(user), Status="Active"))
    return UserKey(user=Ref(user), id=Ref(key), secret=GetAtt(key, "SecretAccessKey"))


def add_instance_profile(
    t: Template,
    edition: Edition,
    bucket: PackageBucket,
    logs: LogGroup,
    secrets: dict[str, Ref],
    texts: dict[str, Ref],
    address: Address,
    images: ContainerImages,
) -> iam.InstanceProfile:
    """The instance's role: what its boot needs, be managed by SSM, sign URLs, pull images of its account."""
    statements = [
        permissions.read_secrets(*secrets.values()),
        permissions.read_texts(*texts.values()),
        permissions.see_target_health(),
        *permissions.take_address(address.allocation_id),
        permissions.write_logs(GetAtt(logs, "Arn")),
        permissions.be_managed(),
    ]
    if edition.signer is Signer.USER:
        # rotate_key.sh stores the new key, so that an instance that replaces this one has it.
        statements.append(permissions.replace_secret(secrets[USER_KEY]))
    policies = [permissions.policy("quilt-server", *statements)]
    if edition.signer is Signer.ROLE:
        policies.append(permissions.policy(_S3_POLICY, *permissions.use_packages(bucket.arn)))
    role = t.add_resource(
        iam.Role(
            "ServerRole",
            AssumeRolePolicyDocument=permissions.trusts(service("ec2")),
            Policies=policies,
        )
    )
    for repository in images.own_repositories:
        # A resource of its own rather than an Fn::If among the role's policies, which security engines can't read.
        t.add_resource(
            iam.PolicyType(
                f"{repository.image}Policy",
                Condition=repository.condition,
                PolicyName=f"quilt-pull-{repository.image}",
                PolicyDocument=permissions.document(*permissions.pull_images(repository.arn)),
                Roles=[Ref(role)],
            )
        )
    profile: Any = t.add_resource(iam.InstanceProfile("ServerProfile", Roles=[Ref(role)]))
    return profile
