"""What AWS Marketplace refuses, in our own templates: exactly one rule reports each."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from quilt_cfn.cloudformation.checks.rules import RULES
from quilt_cfn.cloudformation.launch import EMPTY_CONTRACT, Contract, ValidationError, evaluate
from tests.cloudformation.checks.conftest import IMAGE, findings, image_parameter, rules_and_places


def properties(template, name):
    return template["Resources"][name]["Properties"]


def launch_data(template):
    return properties(template, "ServerTemplate")["LaunchTemplateData"]


def add(template, name, type_, **properties):
    template["Resources"][name] = {"Type": type_, "Properties": properties}


def add_parameter(template, name, **declared):
    """A parameter with all that the rules require, in a group and with a label."""
    template["Parameters"][name] = {"Type": "String", "Description": "Something.", **declared}
    interface = template["Metadata"]["AWS::CloudFormation::Interface"]
    interface["ParameterGroups"][-1]["Parameters"].append(name)
    interface["ParameterLabels"][name] = {"default": name}


def add_worker(template, name, **changed):
    """Another group of instances beside that of the product, and its launch template."""
    data = {key: value for key, value in launch_data(template).items() if key != "UserData"} | changed
    add(template, f"{name}Template", "AWS::EC2::LaunchTemplate", LaunchTemplateData=data)
    version = {"Fn::GetAtt": [f"{name}Template", "LatestVersionNumber"]}
    launched = {"LaunchTemplateId": {"Ref": f"{name}Template"}, "Version": version}
    subnets = [{"Ref": "PublicSubnet1"}]
    group = {"LaunchTemplate": launched, "MinSize": 1, "MaxSize": 1, "VPCZoneIdentifier": subnets}
    add(template, name, "AWS::AutoScaling::AutoScalingGroup", **group)
    template["Resources"][name]["DependsOn"] = template["Resources"]["ServerGroup"]["DependsOn"]


def statements(template, role="ServerRole"):
    return properties(template, role)["Policies"][0]["PolicyDocument"]["Statement"]


# The image.


def an_image_that_is_computed(template):
    launch_data(template)["ImageId"] = {"Fn::Sub": f"${{{image_parameter(template)}}}"}


def an_image_from_a_parameter_of_another_type(template):
    template["Parameters"][image_parameter(template)] |= {"Type": "AWS::SSM::Parameter::Value<String>"}


def an_image_written_down(template):
    launch_data(template)["ImageId"] = "ami-0123456789abcdef0"


def an_image_from_a_mapping(template):
    template["Mappings"]["Images"] = {"us-east-1": {"Id": "ami-0123456789abcdef0"}}
    launch_data(template)["ImageId"] = {"Fn::FindInMap": ["Images", {"Ref": "AWS::Region"}, "Id"]}


def two_images(template):
    has_one = template["Parameters"][image_parameter(template)]["Type"] == "AWS::EC2::Image::Id"
    for name in ("SecondAmi",) if has_one else ("FirstAmi", "SecondAmi"):
        add_parameter(template, name, Type="AWS::EC2::Image::Id", Default="ami-0123456789abcdef0")
        add_worker(template, f"{name}Worker", ImageId={"Ref": name})


def an_image_looked_up_in_the_customers_account(template):
    own = {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": "/our/own/image"}
    template["Parameters"][image_parameter(template)] |= own


# Regions, zones, sizes.


def a_nested_template_of_ours(template):
    add(template, "Nested", "AWS::CloudFormation::Stack", TemplateURL="https://example.com/nested.yaml")


def a_zone_by_its_name(template):
    properties(template, "PublicSubnet1")["AvailabilityZone"] = "us-east-1a"


def a_zone_by_its_letter(template):
    properties(template, "PublicSubnet1")["AvailabilityZone"] = {"Fn::Sub": "${AWS::Region}a"}


def a_region_by_its_name(template):
    content = template["Resources"]["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"]["config"]["files"]
    content["/opt/quilt/region"] = {"content": "us-east-1"}


def a_partition_by_its_name(template):
    properties(template, "ServerRole")["ManagedPolicyArns"] = ["arn:aws:iam::aws:policy/CloudWatchAgentServerPolicy"]


def a_suffix_by_its_name(template):
    content = template["Resources"]["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"]["config"]["files"]
    content["/opt/quilt/endpoint"] = {"content": "sts.amazonaws.com"}


def a_region_in_a_principal(template):
    role = properties(template, "ProtectionRole")["AssumeRolePolicyDocument"]["Statement"][0]
    role["Principal"] = {"Service": ["states.us-east-1.amazonaws.com", "states.amazonaws.com"]}


def a_region_in_a_file_of_the_mapping(template):
    template["Mappings"]["Files"]["boot"]["Text"] += "curl https://s3.eu-west-1.example.com\n"


def a_region_in_an_output(template):
    template["Outputs"]["Console"] = {"Description": "Console", "Value": "https://eu-west-1.console.example.com"}


def an_instance_type_that_can_not_be_recommended(template):
    template["Parameters"]["InstanceType"]["AllowedValues"].append("c7i-flex.large")
    template["Parameters"]["InstanceType"]["Default"] = "c7i-flex.large"


# Credentials and access.


def an_access_key_asked_for(template):
    pattern = {"AllowedPattern": "([A-Z0-9]{16,32})?", "ConstraintDescription": "An access key ID, or empty."}
    add_parameter(template, "MailAccessKeyId", Default="", **pattern)


def an_access_key_for_another_user(template):
    add(template, "MailUser", "AWS::IAM::User", Path="/")
    add(template, "MailKey", "AWS::IAM::AccessKey", UserName={"Ref": "MailUser"})


def the_secret_of_an_access_key(template):
    an_access_key_for_another_user(template)
    add(template, "MailSecret", "AWS::SecretsManager::Secret", SecretString={"Fn::Sub": "a:${MailKey.SecretAccessKey}"})


def a_password_that_is_shown(template):
    del template["Parameters"]["SmtpPassword"]["NoEcho"]


def a_password_of_any_letters(template):
    template["Parameters"]["SmtpPassword"]["AllowedPattern"] = r"(?!.*\{\{resolve:).{1,256}"


def a_password_of_no_letters(template):
    parameter = template["Parameters"]["SmtpPassword"]
    del parameter["MinLength"]
    parameter["AllowedPattern"] = "[!-~]{0,256}"


def a_password_by_use(template):
    add_parameter(template, "Entrance", AllowedPattern="[a-z]{8,20}", ConstraintDescription="8 to 20 letters.")
    template["Parameters"]["Entrance"]["Default"] = "changemesoon"
    profile = {"Password": {"Ref": "Entrance"}}
    add(template, "Auditor", "AWS::IAM::User", LoginProfile=profile)


def ssh_open_by_default(template):
    template["Parameters"]["SshInputCIDR"] |= {"AllowedPattern": "[0-9./]{9,18}", "Default": "0.0.0.0/0"}


def ssh_open_to_whoever_writes_so(template):
    template["Parameters"]["SshInputCIDR"]["AllowedPattern"] = "[0-9./]{9,18}"


def ssh_open_to_everybody(template):
    properties(template, "SshSecurityGroup")["SecurityGroupIngress"][0]["CidrIp"] = "0.0.0.0/0"


def an_instance_without_a_profile(template):
    del launch_data(template)["IamInstanceProfile"]


def an_action_for_everything(template):
    statements(template)[0]["Action"] = ["secretsmanager:*"]


def what_is_not_named(template):
    statement = statements(template)[0]
    del statement["Action"]
    statement["NotAction"] = ["iam:*"]


def a_managed_policy_for_everything(template):
    arn = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/AmazonS3FullAccess"}
    properties(template, "ServerRole")["ManagedPolicyArns"] = [arn]


def metadata_without_a_token(template):
    launch_data(template)["MetadataOptions"]["HttpTokens"] = "optional"


def code_from_a_bucket_of_ours(template):
    content = {"S3Bucket": {"Fn::Sub": "our-code-${AWS::Region}"}, "S3Key": "hook.zip"}
    add(template, "Hook", "AWS::Lambda::LayerVersion", Content=content)


# Parameters.


def a_parameter_in_two_groups(template):
    template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"][0]["Parameters"].append("AlarmEmail")


def a_parameter_without_a_label(template):
    del template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterLabels"]["AlarmEmail"]


def a_label_for_nothing(template):
    template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterLabels"]["Alarmemail"] = {"default": "Alarms"}


def parameters_without_groups(template):
    del template["Metadata"]["AWS::CloudFormation::Interface"]


def a_parameter_without_a_description(template):
    del template["Parameters"]["TeamId"]["Description"]


def a_pattern_without_a_sentence(template):
    del template["Parameters"]["TeamId"]["ConstraintDescription"]


def a_key_pair_as_a_text(template):
    text = {"Type": "String", "AllowedPattern": "[a-z]{1,255}", "ConstraintDescription": "A key pair."}
    template["Parameters"]["KeyName"] |= text


def user_data_without_comments(template):
    script = "#!/bin/bash\n" + "true\n" * 10
    add(template, "Worker", "AWS::EC2::LaunchTemplate")
    launched = {key: value for key, value in launch_data(template).items() if key != "UserData"}
    properties(template, "Worker")["LaunchTemplateData"] = {**launched, "UserData": {"Fn::Base64": script}}


def an_instance_without_a_subnet(template):
    data = {key: value for key, value in launch_data(template).items() if key != "UserData"}
    data["IamInstanceProfile"] = {"Ref": "ServerProfile"}
    wanted = {key: data[key] for key in ("ImageId", "IamInstanceProfile", "MetadataOptions", "InstanceType")}
    add(template, "Worker", "AWS::EC2::Instance", **wanted)


def an_instance_outside_of_a_group(template):
    an_instance_without_a_subnet(template)
    properties(template, "Worker")["SubnetId"] = {"Ref": "PrivateSubnet1"}


DEFECTS = {
    an_image_that_is_computed: {("M01", "ServerTemplate")},
    an_image_from_a_parameter_of_another_type: {("M01", "ServerTemplate")},
    an_image_written_down: {("M02", "ServerTemplate")},
    an_image_from_a_mapping: {("M02", "ServerTemplate")},
    two_images: {("M03", "SecondAmi")},
    an_image_looked_up_in_the_customers_account: {("M05", IMAGE)},
    a_nested_template_of_ours: {("M06", "Nested"), ("T12", "Nested")},
    a_zone_by_its_name: {("M07", "PublicSubnet1")},
    a_zone_by_its_letter: {("M07", "PublicSubnet1")},
    an_access_key_asked_for: {("M08", "MailAccessKeyId")},
    an_access_key_for_another_user: {("M08", "MailKey")},
    the_secret_of_an_access_key: {("M08", "MailKey"), ("M08", "MailSecret")},
    a_password_that_is_shown: {("M10", "SmtpPassword")},
    a_password_of_any_letters: {("M10", "SmtpPassword")},
    a_password_of_no_letters: {("M10", "SmtpPassword")},
    a_password_by_use: {("M10", "Entrance")},
    ssh_open_by_default: {("M11", "SshInputCIDR")},
    ssh_open_to_whoever_writes_so: {("M12", "SshInputCIDR")},
    # In these two a second rule is right: the port serves no known traffic, and nothing uses the role.
    ssh_open_to_everybody: {("M12", "SshSecurityGroup"), ("R02", "SshSecurityGroup")},
    an_instance_without_a_profile: {("M09", "ServerTemplate"), ("P02", "ServerRole")},
    an_action_for_everything: {("M13", "ServerRole")},
    what_is_not_named: {("M13", "ServerRole")},
    a_managed_policy_for_everything: {("M13", "ServerRole")},
    a_parameter_in_two_groups: {("M14", "AlarmEmail")},
    a_parameter_without_a_label: {("M14", "AlarmEmail")},
    a_label_for_nothing: {("M14", "AWS::CloudFormation::Interface")},
    parameters_without_groups: {("M14", "Parameters")},
    a_parameter_without_a_description: {("M15", "TeamId")},
    a_pattern_without_a_sentence: {("M15", "TeamId")},
    a_key_pair_as_a_text: {("M15", "KeyName")},
    user_data_without_comments: {("M16", "Worker")},
    an_instance_without_a_subnet: {("M16", "Worker")},
    an_instance_outside_of_a_group: {("M16", "Worker")},
    a_region_by_its_name: {("M17", "ServerTemplate")},
    a_partition_by_its_name: {("M17", "ServerRole")},
    a_suffix_by_its_name: {("M17", "ServerTemplate")},
    a_region_in_a_principal: {("M17", "ProtectionRole")},
    a_region_in_a_file_of_the_mapping: {("M17", "Files")},
    a_region_in_an_output: {("M17", "Console")},
    metadata_without_a_token: {("M19", "ServerTemplate")},
    code_from_a_bucket_of_ours: {("M20", "Hook")},
    an_instance_type_that_can_not_be_recommended: {("M28", "InstanceType")},
}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_exactly_its_rule_reports_it(edition, seeded, defect):
    image = image_parameter(seeded)
    defect(seeded)
    assert findings(edition, seeded) == {(rule, image if where is IMAGE else where) for rule, where in DEFECTS[defect]}


# Without a contract, whose rules may find the same or more.


def marketplace_findings(template, parameter_values=None):
    """(rule, place) of what this family finds in a template without a contract."""
    rules = [rule for rule in RULES.values() if rule.id.startswith("M")]
    launch = evaluate(template, parameter_values or {}, allow_missing=True)
    return rules_and_places(template, [launch], rules=rules)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}, "M12"),
        ({"IpProtocol": "tcp", "FromPort": "3389", "ToPort": "3389", "CidrIpv6": "::/0"}, "M12"),
        ({"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "CidrIp": "0.0.0.0/0"}, "M12"),
        ({"IpProtocol": -1, "CidrIp": "0.0.0.0/0"}, "M12"),
        ({"IpProtocol": "tcp", "FromPort": 20, "ToPort": 25, "CidrIp": "1.2.3.4/0"}, "M12"),
        ({"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "CidrIp": "0.0.0.0/0"}, "M11"),
        ({"IpProtocol": "udp", "FromPort": 22, "ToPort": 22, "CidrIp": "0.0.0.0/0"}, None),
        ({"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}, None),
        ({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.0/8"}, None),
        ({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": {"Fn::ImportValue": "office"}}, None),
        ({"IpProtocol": "tcp", "FromPort": {"Fn::ImportValue": "port"}, "ToPort": 22, "CidrIp": "0.0.0.0/0"}, None),
        ({"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "SourceSecurityGroupId": "sg-1"}, None),
    ],
)
def test_who_may_reach_which_port(seeded, rule, expected):
    properties(seeded, "SshSecurityGroup")["SecurityGroupIngress"] = [rule]
    before = marketplace_findings(seeded) - {("M08", "RegistryUserKey"), ("M08", "RegistryUserKeySecret")}
    assert before == ({(expected, "SshSecurityGroup")} if expected else set())
    properties(seeded, "SshSecurityGroup")["SecurityGroupIngress"] = []
    add(seeded, "Door", "AWS::EC2::SecurityGroupIngress", GroupId={"Fn::ImportValue": "group"}, **rule)
    after = marketplace_findings(seeded) - {("M08", "RegistryUserKey"), ("M08", "RegistryUserKeySecret")}
    assert after == ({(expected, "Door")} if expected else set())


@pytest.mark.parametrize(
    ("statement", "wide"),
    [
        ({"Action": "*", "Resource": "arn:*:s3:::x"}, True),
        ({"Action": ["s3:GetObject", "rds:*"], "Resource": "arn:*:s3:::x"}, True),
        ({"Action": "s3:GetObject", "Resource": "*"}, True),
        ({"Action": ["secretsmanager:GetSecretValue"], "Resource": ["*"]}, True),
        ({"Action": "s3:Get*", "Resource": "arn:*:s3:::x/*"}, False),
        ({"Action": "ssm:UpdateInstanceInformation", "Resource": "*"}, False),
        ({"Action": ["logs:DescribeLogStreams", "cloudwatch:PutMetricData"], "Resource": "*"}, False),
        ({"Action": "ec2:StopInstances", "Resource": "*", "Condition": {"StringEquals": {"aws:a": "b"}}}, False),
        ({"Action": {"Ref": "Unknown"}, "Resource": {"Ref": "Unknown"}}, False),
        ({"Effect": "Deny", "Action": "*", "Resource": "*"}, False),
        ({"Effect": "Deny", "NotAction": "s3:*", "Resource": "*"}, False),
    ],
)
def test_which_statements_are_too_wide(statement, wide):
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
    policies = [{"PolicyName": "it", "PolicyDocument": document}]
    template = {"Resources": {"User": {"Type": "AWS::IAM::User", "Properties": {"Policies": policies}}}}
    assert (("M13", "User") in marketplace_findings(template)) == wide
    bucket = {"Type": "AWS::S3::BucketPolicy", "Properties": {"Bucket": "x", "PolicyDocument": document}}
    assert marketplace_findings({"Resources": {"Policy": bucket}}) == set()


def test_an_instance_without_a_profile_is_reported_where_something_needs_access(seeded):
    del launch_data(seeded)["IamInstanceProfile"]
    assert ("M09", "ServerTemplate") in marketplace_findings(seeded)
    for name in ("ServerProfile", "RegistryUser", "RegistryUserKey", "RegistryUserKeySecret"):
        seeded["Resources"].pop(name, None)
    assert ("M09", "ServerTemplate") not in marketplace_findings(seeded)


def test_an_instance_from_a_launch_template_of_the_customers_is_not_checked():
    launched = {"LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "1"}}
    server = {"Type": "AWS::EC2::Instance", "Properties": launched}
    template = {"Resources": {"Server": server, "User": {"Type": "AWS::IAM::User"}}}
    assert marketplace_findings(template) == {("M16", "Server")}  # which is in no group


def test_the_parameters_of_aws_marketplace_are_accepted():
    names = ("MPS3BucketName", "MPS3BucketRegion", "MPS3KeyPrefix")
    parts = "https://${MPS3BucketName}.s3.${MPS3BucketRegion}.${AWS::URLSuffix}/${MPS3KeyPrefix}nested.yaml"
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": {"Fn::Sub": parts}}}
    code = {"S3Bucket": {"Ref": "MPS3BucketName"}, "S3Key": "hook.zip"}
    hook = {"Type": "AWS::Lambda::Function", "Properties": {"Code": code}}
    template = {
        "Parameters": {name: {"Type": "String", "Default": "us-east-1", "Description": "A place."} for name in names},
        "Resources": {"Nested": nested, "Hook": hook},
    }
    assert marketplace_findings(template) == {("M14", "Parameters")}


@pytest.mark.parametrize(
    "zone",
    [
        {"Fn::Select": [0, {"Fn::GetAZs": ""}]},
        {"Fn::Select": ["0", {"Fn::GetAZs": {"Ref": "AWS::Region"}}]},
        {"Fn::GetAtt": ["Other", "AvailabilityZone"]},
        {"Fn::ImportValue": "zone"},
        {"Ref": "Zone"},
    ],
)
def test_a_zone_of_the_customers_account_is_accepted(zone):
    subnet = {"Type": "AWS::EC2::Subnet", "Properties": {"AvailabilityZone": zone}}
    declared = {"Type": "AWS::EC2::AvailabilityZone::Name", "Description": "A zone.", "Default": "us-east-1a"}
    other = {"Type": "AWS::EC2::Subnet", "Properties": {}}
    template = {"Parameters": {"Zone": declared}, "Resources": {"Subnet": subnet, "Other": other}}
    assert marketplace_findings(template) == {("M14", "Parameters")}


@pytest.mark.parametrize(
    "named", ["#!/bin/bash\n# for us-east-1\n", "us-east-1a", "x-us-east-1", "arn:${AWS::Partition}:s3"]
)
def test_what_only_looks_like_a_region(named):
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": {"Fn::Sub": named}, "Description": "us-east-1"}}
    table = {"us-east-1": {"Bucket": "bucket-us-east-1"}, "aws-cn": {"Arn": "arn:aws-cn:s3:::x"}}
    assert marketplace_findings({"Resources": {"Topic": topic}, "Mappings": {"Table": table}}) == set()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            {"Fn::Select": [1, {"Fn::Split": [".amazonaws.com/", {"Fn::Sub": "${AWS::StackName}.amazonaws.com/-"}]}]},
            False,
        ),
        ({"Fn::Join": [".amazonaws.com/", ["sts", "path"]]}, True),
    ],
)
def test_a_domain_that_a_text_is_taken_apart_at_is_no_domain_that_something_has(text, found):
    topic = {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": text}}
    assert marketplace_findings({"Resources": {"Topic": topic}}) == ({("M17", "Topic")} if found else set())


ODD: list[Any] = [
    None,
    5,
    "text",
    [],
    [None],
    {},
    {"Ref": 5},
    {"Fn::Sub": []},
    {"a": {"b": [1, {"Ref": "Nothing"}]}},
    True,
    ["a", 1],
]


def test_a_template_that_is_launched_in_certain_regions_may_name_them(seeded):
    a_region_by_its_name(seeded)
    launch = evaluate(seeded, {}, allow_missing=True)
    found = [
        rules_and_places(seeded, [launch], contract, [RULES["M17"]])
        for contract in (EMPTY_CONTRACT, Contract(regions=("us-east-1",)))
    ]
    assert found == [{("M17", "ServerTemplate")}, set()]


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_no_template_makes_a_rule_fail(templates, odd):
    """Anything may stand anywhere: as a section, a part of a resource, a property, an entry of a parameter."""
    template = templates["registry"]
    for section in ("Parameters", "Resources", "Outputs", "Metadata", "Mappings", "Description"):
        marketplace_findings({**template, section: odd})
    parameters = template["Parameters"]
    for name, resource in template["Resources"].items():
        within = dict.fromkeys(resource.get("Properties", {}), odd)
        for changed in (odd, dict.fromkeys(resource, odd), {**resource, "Properties": odd, "Metadata": odd}):
            marketplace_findings({"Parameters": parameters, "Resources": {name: changed}})
        marketplace_findings({"Parameters": parameters, "Resources": {name: {**resource, "Properties": within}}})
    for name, declared in parameters.items():
        with suppress(ValidationError):
            marketplace_findings({"Parameters": {name: dict.fromkeys(declared, odd)}})
    marketplace_findings(
        {**template, "Metadata": {"AWS::CloudFormation::Interface": {"ParameterGroups": odd, "ParameterLabels": odd}}}
    )
