"""What our IAM identities may do: the only place where IAM actions are spelled.

Each statement is a function that is named for what it allows, lists single actions, and names single resources wherever
IAM lets it. The few that IAM grants only on all resources say so.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from typing import Any

from awacs import (
    cloudformation,
    ec2,
    ecr,
    elasticloadbalancing,
    imagebuilder,
    logs,
    rds,
    s3,
    secretsmanager,
    ssm,
    ssmmessages,
    states,
    sts,
)
from awacs.aws import (
    Allow,
    Bool,
    BoolIfExists,
    Condition,
    Deny,
    PolicyDocument,
    Principal,
    Statement,
    StringEquals,
    StringNotEquals,
)
from troposphere import GetAtt, Ref, Sub, iam
from troposphere import s3 as s3_resources

from quilt_cfn.stack.pseudo_parameters import arn


def policy(name: str, *statements: Statement) -> iam.Policy:
    """An inline policy of that name."""
    return iam.Policy(PolicyName=name, PolicyDocument=document(*statements))


def document(*statements: Statement) -> PolicyDocument:
    return PolicyDocument(Version="2012-10-17", Statement=list(statements))


def trusts(*services: Any, only_this_account: bool = False) -> PolicyDocument:
    """A role's trust policy: these services may assume the role, if ``only_this_account`` only on its behalf."""
    scope = (
        {"Condition": Condition(StringEquals("aws:SourceAccount", Ref("AWS::AccountId")))} if only_this_account else {}
    )
    return document(
        Statement(Effect=Allow, Principal=Principal("Service", list(services)), Action=[sts.AssumeRole], **scope)
    )


def use_packages(bucket_arn: Any) -> tuple[Statement, ...]:
    """The documented permissions: delete, get, head and put objects, and list the bucket.

    There is no ``s3:HeadObject`` action; HEAD is authorised by ``s3:GetObject``.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    """
    return (
        _allow([s3.DeleteObject, s3.GetObject, s3.PutObject], Sub("${Bucket}/*", Bucket=bucket_arn)),
        _allow([s3.ListBucket], bucket_arn),
    )


def refuse_plain_http(bucket: s3_resources.Bucket) -> Statement:
    """Nobody, whatever their permissions, reaches the bucket without TLS."""
    return _refuse(bucket, Bool("aws:SecureTransport", "false"))


def refuse_other_accounts(bucket: s3_resources.Bucket) -> Statement:
    """No identity of another account reaches the bucket, nor anybody without one, whatever is granted later.

    AWS's own services go on, such as S3 with a replication or an inventory.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
    """
    return _refuse(
        bucket,
        StringNotEquals("aws:PrincipalAccount", Ref("AWS::AccountId")),
        # Absent where nobody signed the request.
        BoolIfExists("aws:PrincipalIsAWSService", "false"),
    )


def read_secrets(*secret_arns: Any) -> Statement:
    return _allow([secretsmanager.GetSecretValue], *secret_arns)


def read_texts(*parameter_names: Any) -> Statement:
    """Read these SSM parameters; a generated name has no slash before it."""
    return _allow(
        [ssm.GetParameter],
        *(Sub(_PARAMETER, Name=name) for name in parameter_names),
    )


_PARAMETER = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/${Name}"


def replace_secret(secret_arn: Any) -> Statement:
    return _allow([secretsmanager.PutSecretValue], secret_arn)


def write_logs(*log_group_arns: Any) -> Statement:
    """Create streams in exactly these log groups and write to them; the ARNs end in ``:*``, as GetAtt Arn has it."""
    return _allow([logs.CreateLogStream, logs.PutLogEvents], *log_group_arns)


def write_flow_log(log_group_arn: Any) -> Statement:
    """What a flow log calls. AWS's user guide lists more, on all resources; AWS's CDK gives this much, and it does.

    https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/aws-ec2/lib/vpc-flow-logs.ts
    """
    return _allow([logs.CreateLogStream, logs.DescribeLogStreams, logs.PutLogEvents], log_group_arn)


def expire_logs(*log_group_arns: Any) -> Statement:
    """Create exactly these log groups, and set how long they keep what is in them."""
    return _allow([logs.CreateLogGroup, logs.PutRetentionPolicy], *log_group_arns)


def be_managed() -> Statement:
    """Session Manager and Run Command, without the managed policy's right to read every SSM parameter.

    IAM offers no resource to narrow the message channels to. Since agent 3.3.40 they also carry what ec2messages did.
    https://docs.aws.amazon.com/systems-manager/latest/userguide/getting-started-create-iam-instance-profile.html
    """
    return _allow(
        [
            ssm.UpdateInstanceInformation,
            ssmmessages.CreateControlChannel,
            ssmmessages.CreateDataChannel,
            ssmmessages.OpenControlChannel,
            ssmmessages.OpenDataChannel,
        ],
        "*",
    )


def see_target_health() -> Statement:
    """IAM offers no resource for this action."""
    return _allow([elasticloadbalancing.DescribeTargetHealth], "*")


INSTANCE_TAG = "quilt:stack"
"""The tag by which a stack's own instances are known, with the stack's ID as its value."""


def take_address(allocation_id: Any) -> tuple[Statement, ...]:
    """Associate this one address with an instance of this stack.

    EC2 asks for permission on the address, the instance and its network interface; only the instance has the tag.
    """
    own = Condition(StringEquals(f"aws:ResourceTag/{INSTANCE_TAG}", Ref("AWS::StackId")))
    address = Sub(
        "arn:${AWS::Partition}:ec2:${AWS::Region}:${AWS::AccountId}:elastic-ip/${Allocation}", Allocation=allocation_id
    )
    here = "ec2:${AWS::Region}:${AWS::AccountId}"
    return (
        _allow([ec2.AssociateAddress], address, arn(f"{here}:network-interface/*")),
        Statement(Effect=Allow, Action=[ec2.AssociateAddress], Resource=[arn(f"{here}:instance/*")], Condition=own),
    )


def protect_stack() -> Statement:
    """Switch on termination protection of this stack, and ask for the physical IDs of its resources."""
    actions = [cloudformation.UpdateTerminationProtection, cloudformation.DescribeStackResource]
    return _allow(actions, Ref("AWS::StackId"))


def look_up_resources() -> Statement:
    """Ask for the physical IDs of this stack's resources."""
    return _allow([cloudformation.DescribeStackResource], Ref("AWS::StackId"))


def modify_database(database_arn: Any) -> Statement:
    return _allow([rds.ModifyDBInstance], database_arn)


def pull_images(*repository_arns: Any) -> tuple[Statement, ...]:
    """Pull images from these repositories in ECR; a token is for a registry, and IAM offers no resource for it.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
    """
    return (
        _allow([ecr.GetAuthorizationToken], "*"),
        _allow([ecr.BatchGetImage, ecr.GetDownloadUrlForLayer], *repository_arns),
    )


def run_components(*component_arns: Any) -> tuple[Statement, ...]:
    """What Image Builder's programs on an instance need: these components, and what AWS has in public buckets.

    AWS's own policy allows every component and every bucket whose name begins so, and a key of the customer's.
    https://docs.aws.amazon.com/imagebuilder/latest/userguide/security-iam-data-perimeter.html
    """
    buckets = ("ec2imagebuilder-toe", "ec2imagebuilder-managed-resources")
    return (
        _allow([imagebuilder.GetComponent], *component_arns),
        _allow([s3.GetObject], *(arn(f"s3:::{bucket}-${{AWS::Region}}-prod/*") for bucket in buckets)),
    )


def write_objects(bucket: s3_resources.Bucket, prefix: str) -> Statement:
    """Write objects below a prefix of a bucket, and read none."""
    return _allow([s3.PutObject], Sub(f"${{{bucket.title}.Arn}}/{prefix}/*"))


def write_build_logs(log_group_arn: Any) -> Statement:
    """Write to exactly this log group; Image Builder asks for it to be made, as if it were not there."""
    return _allow([logs.CreateLogGroup, logs.CreateLogStream, logs.PutLogEvents], log_group_arn)


def share_images() -> tuple[Statement, ...]:
    """Look at the images of this Region, and share those that Image Builder made, with their snapshots.

    These are the actions of AWS's policy AWSMarketplaceAmiIngestion, which allows them on every image and snapshot.
    Image Builder tags what it makes, and its own role may share no other snapshot.
    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSMarketplaceAmiIngestion.html
    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSServiceRoleForImageBuilder.html
    """
    images, snapshots = (arn(f"ec2:${{AWS::Region}}::{kind}/*") for kind in ("image", "snapshot"))
    made = Condition(StringEquals("aws:ResourceTag/CreatedBy", "EC2 Image Builder"))
    return (
        _allow([ec2.DescribeImages], "*"),
        _allow([ec2.DescribeImageAttribute], images),
        _allow([ec2.DescribeSnapshotAttribute], snapshots),
        Statement(Effect=Allow, Action=[ec2.ModifyImageAttribute], Resource=[images], Condition=made),
        Statement(Effect=Allow, Action=[ec2.ModifySnapshotAttribute], Resource=[snapshots], Condition=made),
    )


def start_execution(*state_machine_arns: Any) -> Statement:
    return _allow([states.StartExecution], *state_machine_arns)


def _refuse(bucket: s3_resources.Bucket, *conditions: Any) -> Statement:
    """Refuse everything on a bucket and its objects to everybody for whom all conditions hold."""
    return Statement(
        Effect=Deny,
        Principal=Principal("*"),
        Action=[s3.Action("*")],
        Resource=[GetAtt(bucket, "Arn"), Sub(f"${{{bucket.title}.Arn}}/*")],
        Condition=Condition(list(conditions)),
    )


def _allow(actions: list[Any], *resources: Any) -> Statement:
    return Statement(Effect=Allow, Action=actions, Resource=list(resources))
