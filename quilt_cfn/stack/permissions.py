"""What our IAM identities may do: the only place where IAM actions are spelled.

Each statement is a function that is named for what it allows, lists single actions, and names single resources wherever
IAM lets it. The few that IAM grants only on all resources say so.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from typing import Any

from awacs import logs, rds, s3, secretsmanager, ssm, ssmmessages, states, sts
from awacs.aws import Allow, Bool, Condition, Deny, PolicyDocument, Principal, Statement, StringEquals
from troposphere import GetAtt, Ref, Sub, iam
from troposphere import s3 as s3_resources


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


def use_packages(bucket: s3_resources.Bucket) -> tuple[Statement, ...]:
    """The documented permissions: delete, get, head and put objects, and list the bucket.

    There is no ``s3:HeadObject`` action; HEAD is authorised by ``s3:GetObject``.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
    """
    return (
        _allow([s3.DeleteObject, s3.GetObject, s3.PutObject], _objects(bucket)),
        _allow([s3.ListBucket], GetAtt(bucket, "Arn")),
    )


def refuse_plain_http(bucket: s3_resources.Bucket) -> Statement:
    """Nobody, whatever their permissions, reaches the bucket without TLS."""
    return Statement(
        Effect=Deny,
        Principal=Principal("*"),
        Action=[s3.Action("*")],
        Resource=[GetAtt(bucket, "Arn"), _objects(bucket)],
        Condition=Condition(Bool("aws:SecureTransport", "false")),
    )


def read_secrets(*secret_arns: Any) -> Statement:
    return _allow([secretsmanager.GetSecretValue], *secret_arns)


def replace_secret(secret_arn: Any) -> Statement:
    return _allow([secretsmanager.PutSecretValue], secret_arn)


def write_logs(*log_group_arns: Any) -> Statement:
    """Create streams in exactly these log groups and write to them; the ARNs end in ``:*``, as GetAtt Arn has it."""
    return _allow([logs.CreateLogStream, logs.PutLogEvents], *log_group_arns)


def describe_logs() -> Statement:
    """What a flow log looks up before it writes; IAM grants it on all log groups or none."""
    return _allow([logs.DescribeLogGroups, logs.DescribeLogStreams], "*")


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


def modify_database(database_arn: Any) -> Statement:
    return _allow([rds.ModifyDBInstance], database_arn)


def start_execution(state_machine_arn: Any) -> Statement:
    return _allow([states.StartExecution], state_machine_arn)


def _objects(bucket: s3_resources.Bucket) -> Sub:
    return Sub(f"${{{bucket.title}.Arn}}/*")


def _allow(actions: list[Any], *resources: Any) -> Statement:
    return Statement(Effect=Allow, Action=actions, Resource=list(resources))
