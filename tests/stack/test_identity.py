"""Each identity may do what the product needs, on its own resources, and nothing else."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.launch import Origin
from quilt_cfn.editions import EDITIONS, Signer
from tests.launches import launch_stack

# https://docs.aws.amazon.com/service-authorization/latest/reference: these actions know no resource to narrow them to.
NO_RESOURCE_LEVEL = {
    "elasticloadbalancing:DescribeTargetHealth",
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
}
PACKAGES = {
    ("s3:DeleteObject", "arn:aws:s3:::example-packages/*"),
    ("s3:GetObject", "arn:aws:s3:::example-packages/*"),
    ("s3:PutObject", "arn:aws:s3:::example-packages/*"),
    ("s3:ListBucket", "arn:aws:s3:::example-packages"),
}
THE_BUCKET = Origin("attribute", "Bucket", "Arn")


def test_the_user_of_the_registry_edition_may_do_what_is_documented_and_nothing_else(templates):
    stack = launch_stack(templates["registry"])
    user = stack.properties("RegistryUser")
    assert stack.resources["RegistryUser"]["Type"] == "AWS::IAM::User"
    assert user["Path"] == "/"
    assert stack.permissions("RegistryUser") == {"quilt-registry-s3": PACKAGES}
    assert "UserName" not in user, "a name of our choosing would need CAPABILITY_NAMED_IAM and meet itself on a retry"
    assert not {"Groups", "LoginProfile", "ManagedPolicyArns"} & set(user)


def test_the_role_of_the_marketplace_edition_signs_instead(templates):
    stack = launch_stack(templates["marketplace"])
    assert stack.permissions("ServerRole")["quilt-registry-s3"] == PACKAGES


def test_whoever_signs_has_permissions_on_the_bucket_by_reference_and_not_by_name(edition, stack):
    signer = "RegistryUser" if EDITIONS[edition].signer is Signer.USER else "ServerRole"
    assert all(THE_BUCKET in target.origins for _, target in stack.permissions(signer)["quilt-registry-s3"])


def test_one_identity_signs_urls(edition, stack):
    signing = [
        name
        for name, resource in stack.resources.items()
        if resource["Type"] in ("AWS::IAM::User", "AWS::IAM::Role") and "quilt-registry-s3" in stack.permissions(name)
    ]
    assert signing == (["RegistryUser"] if EDITIONS[edition].signer is Signer.USER else ["ServerRole"])


def test_the_marketplace_edition_has_no_long_term_keys(templates):
    stack = launch_stack(templates["marketplace"])
    types = {resource["Type"] for resource in stack.resources.values()}
    assert not types & {"AWS::IAM::AccessKey", "AWS::IAM::User"}
    assert "SecretAccessKey" not in str(templates["marketplace"]["Resources"])
    assert "ACCESS_KEY" not in str(stack.file("/opt/quilt/config.json"))


def test_the_instance_reads_its_own_secrets_and_texts_and_writes_its_own_log(stack):
    permitted = stack.permissions("ServerRole")["quilt-server"]
    secrets = {f"<{name}>" for name in stack.of_type("AWS::SecretsManager::Secret")}
    assert {resource for action, resource in permitted if action == "secretsmanager:GetSecretValue"} == secrets
    texts = {f"arn:aws:ssm:us-east-1:111122223333:parameter/<{name}>" for name in stack.of_type("AWS::SSM::Parameter")}
    assert {resource for action, resource in permitted if action == "ssm:GetParameter"} == texts
    logs = {(action, resource) for action, resource in permitted if action.startswith("logs:")}
    assert logs == {("logs:CreateLogStream", "<RegistryLogs.Arn>"), ("logs:PutLogEvents", "<RegistryLogs.Arn>")}


def test_a_flow_log_writes_to_its_own_group_and_reads_no_other(stack):
    (permitted,) = stack.permissions("NetworkLogsRole").values()
    assert permitted == {
        (f"logs:{operation}", "<NetworkLogs.Arn>")
        for operation in ("CreateLogStream", "DescribeLogStreams", "PutLogEvents")
    }


def test_the_instance_takes_no_address_but_the_stacks_and_gives_it_to_no_instance_but_the_stacks(stack):
    (policy,) = [each for each in stack.properties("ServerRole")["Policies"] if each["PolicyName"] == "quilt-server"]
    here = "arn:aws:ec2:us-east-1:111122223333"
    statements = [each for each in policy["PolicyDocument"]["Statement"] if each["Action"] == ["ec2:AssociateAddress"]]
    (tag,) = [tag for tag in stack.properties("ServerGroup")["Tags"] if tag["Key"] == "quilt:stack"]
    assert tag["PropagateAtLaunch"] is True
    assert [(each["Resource"], each.get("Condition")) for each in statements] == [
        ([f"{here}:elastic-ip/<ServerAddress.AllocationId>", f"{here}:network-interface/*"], None),
        ([f"{here}:instance/*"], {"StringEquals": {"aws:ResourceTag/quilt:stack": tag["Value"]}}),
    ]


def test_only_where_a_user_signs_may_the_instance_replace_a_secret_and_that_is_the_users_key(edition, stack):
    permitted = stack.permissions("ServerRole")["quilt-server"]
    replaceable = {resource for action, resource in permitted if action == "secretsmanager:PutSecretValue"}
    assert replaceable == ({"<RegistryUserKeySecret>"} if EDITIONS[edition].signer is Signer.USER else set())


def test_no_statement_is_wider_than_iam_makes_it(stack):
    for name, resource in stack.resources.items():
        if not resource["Type"].startswith("AWS::IAM::"):
            continue
        assert "ManagedPolicyArns" not in resource["Properties"], "managed policies grant what nobody here needs"
        for permitted in stack.permissions(name).values():
            for action, target in permitted:
                assert "*" not in action, (name, action)
                assert target != "*" or action in NO_RESOURCE_LEVEL, (name, action)


@pytest.mark.parametrize(
    ("role", "services"),
    [
        ("ServerRole", ["ec2.amazonaws.com"]),
        ("NetworkLogsRole", ["vpc-flow-logs.amazonaws.com"]),
        ("ProtectionRole", ["states.amazonaws.com"]),
        ("DatabaseLogsRole", ["states.amazonaws.com"]),
        ("SuccessRuleRole", ["events.amazonaws.com"]),
    ],
)
def test_a_role_can_be_assumed_by_its_service_alone(stack, role, services):
    (statement,) = stack.properties(role)["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": services}
    assert statement["Action"] == ["sts:AssumeRole"]
    if role != "ServerRole":
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": "111122223333"}}


def test_there_are_no_other_identities(edition, stack):
    identities = {
        name for name, each in stack.resources.items() if each["Type"] in ("AWS::IAM::User", "AWS::IAM::Role")
    }
    user = {"RegistryUser"} if edition == "registry" else set()
    roles = {"ServerRole", "NetworkLogsRole", "ProtectionRole", "DatabaseLogsRole", "SuccessRuleRole"}
    assert identities == roles | user
