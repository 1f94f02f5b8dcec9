"""Which API calls a template shows, and which user or role makes them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from quilt_cfn.cloudformation.analysis.api_calls import api_calls, commands
from quilt_cfn.cloudformation.launch import evaluate
from quilt_cfn.cloudformation.launch.contract import EMPTY_CONTRACT, Contract, ContractCall
from quilt_cfn.editions import EDITIONS
from tests.cloudformation.checks.conftest import CONTRACT
from tests.launches import evaluate_edition


def made(template: dict[str, Any], contract: Contract = EMPTY_CONTRACT) -> set[tuple[str, str, tuple[str, ...]]]:
    """(caller, action, targets) of each call."""
    launch = evaluate(template, {}, allow_missing=True)
    return {call[:3] for call in api_calls(launch, contract)}


def template(**resources: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    """Logical ID -> type and properties; with a role of the name Role."""
    named = {name: {"Type": type_, "Properties": properties} for name, (type_, properties) in resources.items()}
    return {"Resources": {"Role": {"Type": "AWS::IAM::Role"}, **named}}


@pytest.mark.parametrize(
    ("script", "actions"),
    [
        ("aws logs put-log-events --log-group-name x", {"logs:PutLogEvents"}),
        ("id=$(/usr/local/bin/aws --region x --output=text ec2 describe-instances)", {"ec2:DescribeInstances"}),
        ("aws s3api head-object --bucket x --key y && aws s3api head-bucket", {"s3:GetObject", "s3:ListBucket"}),
        ("aws ssm \\\n  get-parameter --name x", {"ssm:GetParameter"}),
        ("while ! aws elbv2 describe-target-health; do", {"elasticloadbalancing:DescribeTargetHealth"}),
        ('run(["aws", "secretsmanager", "get-secret-value", "--secret-id", arn])', {"secretsmanager:GetSecretValue"}),
        ('command = [\n    "aws",\n    "logs",\n    "create-log-stream",\n    *where,\n]', {"logs:CreateLogStream"}),
        (
            'run(["aws", *command]); ask("ssm", "get-parameter", "--name"); ask("s3api", "get-object")',
            {"ssm:GetParameter", "s3:GetObject"},
        ),
        ('run(["other", *command]); ask("ssm", "get-parameter")', set()),
        ("AWS_ACCESS_KEY_ID=$id AWS_SECRET_ACCESS_KEY=$key aws s3api head-bucket", set()),
        ("aws --profile other s3api get-object", set()),
        ("# aws logs put-log-events", set()),
        ("aws sts get-caller-identity", set()),
        ("aws logs is what we use, put simply", set()),
        ("aws s3 sync . s3://x", set()),
        ("awslogs logs put-log-events", set()),
    ],
)
def test_commands_of_the_aws_cli_are_recognised(script, actions):
    assert {action for action, _ in commands(script)} == actions


def test_our_scripts_and_dockers_driver_call_as_the_instances_role(edition, template):
    launch = evaluate_edition(template, CONTRACT.parameter_sets["documented"])
    contract = CONTRACT.for_template(EDITIONS[edition].file)
    boot = {call.action for call in api_calls(launch, contract) if call.caller == "ServerRole"}
    assert {action for action in boot if not action.startswith(("s3:", "ssmmessages:"))} == {
        "ec2:AssociateAddress",
        "elasticloadbalancing:DescribeTargetHealth",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "secretsmanager:GetSecretValue",
        "ssm:GetParameter",
        "ssm:UpdateInstanceInformation",
    } | ({"secretsmanager:PutSecretValue"} if edition == "registry" else set())


def test_a_call_that_the_contract_has_on_a_condition_is_made_where_that_holds(templates):
    contract = CONTRACT.for_template(EDITIONS["registry"].file)
    made = {}
    for name in ("documented", "options"):
        calls = api_calls(evaluate_edition(templates["registry"], CONTRACT.parameter_sets[name]), contract)
        made[name] = {(call.caller, call.action, call.targets) for call in calls if call.action.startswith("ecr:")}
    repositories = [
        f"arn:aws:ecr:{region}:111122223333:repository/{name}"
        for region, name in (("us-west-2", "example.com/quilt/registry"), ("eu-west-1", "catalog"))
    ]
    assert made["documented"] == set()
    assert made["options"] == {
        ("ServerRole", "ecr:GetAuthorizationToken", ("*",)),
        *(("ServerRole", "ecr:BatchGetImage", (each,)) for each in repositories),
        *(("ServerRole", "ecr:GetDownloadUrlForLayer", (each,)) for each in repositories),
    }


def test_a_condition_that_a_template_does_not_have_never_holds():
    call = ContractCall("Role", "s3:GetObject", "*", "it is so", "template.yaml", "Missing")
    contract = Contract(calls=(call, call._replace(condition=None, action="s3:PutObject")))
    assert {call.action for call in api_calls(evaluate({"Resources": {}}, {}), contract)} == {"s3:PutObject"}


@pytest.mark.parametrize(
    ("action", "type_name"),
    [
        ("secretsmanager:GetSecretValue", "AWS::SecretsManager::Secret"),
        ("ssm:GetParameter", "AWS::SSM::Parameter"),
    ],
)
def test_every_secret_and_every_text_in_the_instances_files_is_read(edition, template, action, type_name):
    launch = evaluate_edition(template, CONTRACT.parameter_sets["documented"])
    read = {call.targets for call in api_calls(launch, EMPTY_CONTRACT) if call.action == action}
    assert read == {(f"<{name}>",) for name in launch.of_type(type_name)}


def test_an_address_is_associated_by_permissions_on_three_resources(edition, template):
    launch = evaluate_edition(template, CONTRACT.parameter_sets["documented"])
    targets = {call.targets for call in api_calls(launch, EMPTY_CONTRACT) if call.action == "ec2:AssociateAddress"}
    here = "arn:aws:ec2:us-east-1:111122223333"
    assert targets == {
        (f"{here}:elastic-ip/<ServerAddress.AllocationId>",),
        (f"{here}:instance/i-0123456789abcdef0",),
        (f"{here}:network-interface/eni-0123456789abcdef0",),
    }


def test_an_action_that_iam_grants_only_on_everything_is_called_on_everything(edition, template):
    launch = evaluate_edition(template, CONTRACT.parameter_sets["documented"])
    action = "elasticloadbalancing:DescribeTargetHealth"
    assert {call.targets for call in api_calls(launch, EMPTY_CONTRACT) if call.action == action} == {("*",)}


def test_who_protects_the_stack_calls_for_this_stack_and_this_database(edition, template):
    launch = evaluate_edition(template, CONTRACT.parameter_sets["documented"])
    stack = (str(launch.compute({"Ref": "AWS::StackId"})),)
    protecting = {call[1:3] for call in api_calls(launch, EMPTY_CONTRACT) if call.caller == "ProtectionRole"}
    assert protecting == {
        ("cloudformation:UpdateTerminationProtection", stack),
        ("cloudformation:DescribeStackResource", stack),
        ("rds:ModifyDBInstance", ("<Database>",)),
    }
    starting = {call[1:3] for call in api_calls(launch, EMPTY_CONTRACT) if call.caller == "SuccessRuleRole"}
    assert starting == {("states:StartExecution", (f"<{name}>",)) for name in ("Protection", "DatabaseLogs")}


def test_a_script_that_reads_a_file_with_an_access_key_calls_with_that():
    script = """\
send() { aws events put-events; }
list() {
  aws s3api list-objects-v2
}
look() {
  aws sns list-topics
}
case $1 in
other) . /etc/env/web; look ;;
keys)
  . /etc/env/keys
  list
  aws sns publish
  ;;
own) aws sqs send-message ;;
esac
"""
    variables = {"Environments": {"keys": {"AWS_ACCESS_KEY_ID": "{Id}"}, "web": {"PORT": "80"}}}
    resources = template(
        Profile=("AWS::IAM::InstanceProfile", {"Roles": [{"Ref": "Role"}]}),
        Web=(
            "AWS::EC2::Instance",
            {"IamInstanceProfile": {"Ref": "Profile"}, "UserData": {"Fn::Base64": script}},
        ),
    )
    init = {"config": {"files": {"/etc/variables.json": {"content": variables}}}}
    resources["Resources"]["Web"]["Metadata"] = {"AWS::CloudFormation::Init": init}
    called = {action for _, action, _ in made(resources)}
    assert called == {"events:PutEvents", "sns:ListTopics", "sqs:SendMessage"}
    del resources["Resources"]["Web"]["Metadata"]
    assert {action for _, action, _ in made(resources)} == called | {"s3:ListBucket", "sns:Publish"}


def test_a_bucket_is_tried_with_the_credentials_that_sign_urls(edition, template):
    contract = CONTRACT.for_template(EDITIONS[edition].file)
    launch = evaluate_edition(template, contract.parameter_sets["documented"])
    signer = {"registry": "RegistryUser", "marketplace": "ServerRole"}[edition]
    assert {call.caller for call in api_calls(launch, contract) if call.action == "s3:ListBucket"} == {signer}


def test_the_contract_adds_what_no_file_shows(edition, template):
    contract = CONTRACT.for_template(EDITIONS[edition].file)
    launch = evaluate_edition(template, contract.parameter_sets["documented"])
    signer = {"registry": "RegistryUser", "marketplace": "ServerRole"}[edition]
    found = {call[:3] for call in api_calls(launch, contract)}
    assert (signer, "s3:PutObject", ("arn:aws:s3:::example-packages/*",)) in found
    assert ("ServerRole", "ssm:UpdateInstanceInformation", ("*",)) in found


def test_the_contract_is_more_exact_than_a_script():
    script = {"Fn::Base64": {"Fn::Sub": "aws sns publish --topic-arn ${Wanted} # or ${Other}"}}
    resources = template(
        Wanted=("AWS::SNS::Topic", {}),
        Other=("AWS::SNS::Topic", {}),
        Profile=("AWS::IAM::InstanceProfile", {"Roles": [{"Ref": "Role"}]}),
        Web=("AWS::EC2::Instance", {"IamInstanceProfile": {"Ref": "Profile"}, "UserData": script}),
    )
    assert made(resources) == {("Role", "sns:Publish", ("<Other>", "<Wanted>"))}
    agreed = Contract(calls=(ContractCall("Role", "sns:Publish", "${Wanted}", "it says so", "any"),))
    assert made(resources, agreed) == {("Role", "sns:Publish", ("<Wanted>",))}


DEFINITION = {
    "StartAt": "Both",
    "States": {
        "Both": {
            "Type": "Parallel",
            "Branches": [
                {"States": {"Ask": {"Type": "Task", "Resource": "${Function.Arn}"}}},
                {
                    "States": {
                        "Tell": {
                            "Type": "Task",
                            "Resource": "arn:aws:states:::sns:publish",
                            "Parameters": {"TopicArn": "${Topic}"},
                        }
                    }
                },
            ],
        }
    },
}


def test_the_tasks_of_a_state_machine_call_as_its_role():
    resources = template(
        Function=("AWS::Lambda::Function", {}),
        Topic=("AWS::SNS::Topic", {}),
        Machine=(
            "AWS::StepFunctions::StateMachine",
            {"RoleArn": {"Fn::GetAtt": "Role.Arn"}, "DefinitionString": {"Fn::Sub": json.dumps(DEFINITION)}},
        ),
    )
    assert made(resources) == {
        ("Role", "lambda:InvokeFunction", ("<Function.Arn>",)),
        ("Role", "sns:Publish", ("<Topic>",)),
    }


@pytest.mark.parametrize(
    ("type_", "property_"),
    [("AWS::Events::Rule", "Targets"), ("AWS::Scheduler::Schedule", "Target")],
)
def test_rules_and_schedules_start_their_targets_with_the_targets_role(type_, property_):
    target = {"Arn": {"Fn::GetAtt": "Function.Arn"}, "RoleArn": {"Fn::GetAtt": "Role.Arn"}}
    starting = template(Function=("AWS::Lambda::Function", {}), Starter=(type_, {property_: target}))
    assert made(starting) == {("Role", "lambda:InvokeFunction", ("<Function.Arn>",))}


def test_the_files_of_an_auto_scaling_groups_instances_are_read_too():
    driver = json.dumps({"log-driver": "awslogs", "log-opts": {"awslogs-group": "${Logs}"}})
    resources = template(
        Logs=("AWS::Logs::LogGroup", {}),
        Profile=("AWS::IAM::InstanceProfile", {"Roles": [{"Ref": "Role"}]}),
        Launch=("AWS::AutoScaling::LaunchConfiguration", {"IamInstanceProfile": {"Ref": "Profile"}}),
        Group=("AWS::AutoScaling::AutoScalingGroup", {"LaunchConfigurationName": {"Ref": "Launch"}}),
    )
    files = {"/etc/docker/daemon.json": {"content": {"Fn::Sub": driver}}}
    resources["Resources"]["Launch"]["Metadata"] = {"AWS::CloudFormation::Init": {"config": {"files": files}}}
    assert made(resources) == {
        ("Role", "logs:CreateLogStream", ("<Logs>",)),
        ("Role", "logs:PutLogEvents", ("<Logs>",)),
    }


def test_the_calls_of_an_instance_without_a_role_of_the_template_are_not_known():
    script = {"Fn::Base64": "aws ec2 describe-instances"}
    web = ("AWS::EC2::Instance", {"IamInstanceProfile": "of-another-stack", "UserData": script})
    assert made(template(Web=web)) == set()
