"""What CloudFormation refuses outright is found by our own rules, each at its place; and nothing in what it takes."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from quilt_cfn.cloudformation.checks.engine import run_rules
from quilt_cfn.cloudformation.checks.rules import RULES
from quilt_cfn.cloudformation.launch import evaluate
from quilt_cfn.cloudformation.launch.contract import EMPTY_CONTRACT
from quilt_cfn.cloudformation.template.read import parse_template
from tests.cloudformation.checks.conftest import findings

# Put into our own templates.


def a_section_of_its_own(template):
    template["Parameter"] = {}


def resources_without_capital_letters(template):
    template["outputs"] = template.pop("Outputs")


def a_hyphen_in_a_name(template):
    template["Resources"]["Jobs-Topic"] = {"Type": "AWS::SNS::Topic"}


def an_underscore_in_a_key(template):
    template["Mappings"] = {**template.get("Mappings", {}), "Images": {"us-east-1": {"arm_64": "x"}}}


def a_parameter_named_as_a_resource(template):
    template["Resources"]["TeamId"] = {"Type": "AWS::SNS::Topic"}


def a_resource_without_a_type(template):
    del template["Resources"]["Vpc"]["Type"]


def a_property_beside_the_properties(template):
    template["Resources"]["Vpc"]["EnableDnsSupport"] = True


def a_policy_that_is_none(template):
    template["Resources"]["Database"]["DeletionPolicy"] = "Keep"


def waiting_for_nothing(template):
    template["Resources"]["Vpc"]["DependsOn"] = "Nobody"


def a_misspelt_name_in_a_part_that_is_left_out(template):
    template["Conditions"]["Never"] = {"Fn::Equals": ["a", "b"]}
    template["Resources"]["Vpc"]["Metadata"] = {"Fn::If": ["Never", {"Fn::Sub": "${Vcp.CidrBlock}"}, {}]}


def a_condition_that_is_not_there(template):
    template["Outputs"]["Address"] = {"Condition": "IsLarge", "Value": "x"}


def a_mapping_that_is_not_there(template):
    template["Outputs"]["Address"] = {"Value": {"Fn::FindInMap": ["Nothing", "a", "b"]}}


def a_misspelt_parameter_type(template):
    template["Parameters"]["VpcCidr"]["Type"] = "Strin"


def a_parameter_without_a_type(template):
    del template["Parameters"]["VpcCidr"]["Type"]


def an_output_without_a_value(template):
    template["Outputs"]["Address"] = {"Description": "The address."}


def a_mapping_with_one_key(template):
    template["Mappings"] = {**template.get("Mappings", {}), "Images": {"x": "y"}}


def a_condition_with_join(template):
    template["Conditions"]["IsX"] = {"Fn::Join": ["", ["a", "b"]]}


def too_many_outputs(template):
    template["Outputs"] |= {f"Output{number}": {"Value": str(number)} for number in range(200)}


def a_long_description(template):
    template["Description"] = "é" * 600


def long_user_data(template):
    data = template["Resources"]["ServerTemplate"]["Properties"]["LaunchTemplateData"]
    data["UserData"]["Fn::Base64"]["Fn::Sub"] += "# a comment\n" * 2000


def one_export_twice(template):
    template["Outputs"] |= {
        name: {"Value": "x", "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-x"}}} for name in ("ExportA", "ExportB")
    }


def an_include(template):
    include = {"Name": "AWS::Include", "Parameters": {"Location": "s3://bucket/more.yaml"}}
    template["Resources"]["Vpc"]["Metadata"] = {"Fn::Transform": include}


def a_long_policy(template):
    """Together with what the role has already."""
    actions = [f"s3:Get{'x' * 100}{number}" for number in range(86)]
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    properties = {"PolicyName": "more", "Roles": [{"Ref": "ServerRole"}], "PolicyDocument": document}
    template["Resources"]["More"] = {"Type": "AWS::IAM::Policy", "Properties": properties}


def a_long_text_in_a_parameter(template):
    template["Resources"]["TeamNameText"]["Properties"]["Value"] = {"Fn::Sub": "x" * 4090 + "${TeamName}"}


def a_function_that_is_none(template):
    template["Outputs"]["Address"] = {"Value": {"Fn::Concat": ["a", "b"]}}


DEFECTS = {
    a_section_of_its_own: {("T01", "Parameter")},
    resources_without_capital_letters: {("T01", "outputs")},
    a_hyphen_in_a_name: {("T02", "Jobs-Topic")},
    an_underscore_in_a_key: {("T02", "Images")},
    a_parameter_named_as_a_resource: {("T02", "TeamId")},
    a_resource_without_a_type: {("T03", "Vpc")},
    a_property_beside_the_properties: {("T03", "Vpc")},
    a_policy_that_is_none: {("T03", "Database")},
    waiting_for_nothing: {("T04", "Vpc")},
    a_misspelt_name_in_a_part_that_is_left_out: {("T04", "Vpc")},
    a_condition_that_is_not_there: {("T04", "Address")},
    a_mapping_that_is_not_there: {("T04", "Address")},
    a_misspelt_parameter_type: {("T05", "VpcCidr")},
    a_parameter_without_a_type: {("T05", "VpcCidr")},
    an_output_without_a_value: {("T06", "Address")},
    a_mapping_with_one_key: {("T07", "Images")},
    a_condition_with_join: {("T08", "IsX")},
    too_many_outputs: {("T09", "Outputs")},
    a_long_description: {("T09", "Description")},
    long_user_data: {("T10", "ServerTemplate")},
    one_export_twice: {("T11", "ExportB")},
    an_include: {("T12", "Vpc")},
    a_function_that_is_none: {("T13", "Address")},
    a_long_policy: {("T14", "More")},
    a_long_text_in_a_parameter: {("T14", "TeamNameText")},
}


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.__name__)
def test_exactly_its_rule_reports_it(edition, seeded, defect):
    defect(seeded)
    found = findings(edition, seeded, ordered=False)
    # Other families see what the defect does to the stack as well: a VPC without a type is no VPC.
    assert {each for each in found if each[0].startswith("T")} == DEFECTS[defect]


# In small templates, both ways.

TOPIC = "  A: {Type: AWS::SNS::Topic}\n"
STACK = f"Resources:\n{TOPIC}"
LOOP = """\
  Fn::ForEach::Topics:
  - X
  - [a, b]
  - T${X}: {Type: AWS::SNS::Topic, Properties: {DisplayName: !Ref Ta}}
"""


def found_in(text: str) -> list[tuple[str, int]]:
    """(rule, line) of what the family finds in a template."""
    template = parse_template(text.encode(), "stack.yaml")
    launch = evaluate(template.data, {}, allow_missing=True)
    rules = [each for each in RULES.values() if each.id.startswith(("T", "W01"))]
    return [(each.rule, each.line) for each in run_rules(template, [launch], EMPTY_CONTRACT, rules)]


def topic(attributes: str) -> str:
    return f"Resources:\n  A:\n    Type: AWS::SNS::Topic\n    {attributes}\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"AWSTemplateFormatVersion: 2010-09-10\n{STACK}", ("T01", 1)),
        (f"Description: [a]\n{STACK}", ("T01", 1)),
        (f"{STACK}Outputs: x\n", ("T01", 3)),
        (f"Resources:\n  {'A' * 256}: {{Type: AWS::SNS::Topic}}\n", ("T02", 2)),
        (f"{STACK}Outputs:\n  O-x: {{Value: x}}\n", ("T02", 4)),
        (f"Parameters:\n  P_x: {{Type: String}}\n{STACK}", ("T02", 2)),
        (f"Mappings:\n  M:\n    a_b: {{c: d}}\n{STACK}", ("T02", 3)),
        (topic("Type: [x]"), ("T03", 4)),
        (topic("DependsOn: {a: b}"), ("T03", 4)),
        (topic("Properties: [x]"), ("T03", 4)),
        (topic("Metadata: x"), ("T03", 4)),
        (topic("UpdateReplacePolicy: RetainExceptOnCreate"), ("T03", 4)),
        (topic("DeletionPolicy: !Ref AWS::Region"), ("T03", 4)),
        ("Resources:\n  A: hello\n", ("T03", 2)),
        (topic("DependsOn: [A]"), ("W01", 2)),
        (topic("Properties: {DisplayName: !GetAtt A.TopicName}"), ("W01", 2)),
        (topic("Properties: {DisplayName: !Ref AWS::Regoin}"), ("T04", 4)),
        (topic("Properties: {DisplayName: !Sub 'x ${Nobody}'}"), ("T04", 4)),
        (topic("Properties: {DisplayName: !GetAtt Nobody.Arn}"), ("T04", 4)),
        (topic("Condition: Nobody"), ("T04", 4)),
        (f"Parameters:\n  P: {{Type: String}}\n{topic('Properties: {DisplayName: !GetAtt P.Arn}')}", ("T04", 6)),
        (f"Conditions:\n  C: !Not [{{Condition: Nobody}}]\n{STACK}", ("T04", 2)),
        (f"Parameters:\n  P: {{Type: Strin}}\n{STACK}", ("T05", 2)),
        (f"Parameters:\n  P: {{Type: String, Defualt: x}}\n{STACK}", ("T05", 2)),
        (f"Parameters:\n  P: {{Type: String, Default: [x]}}\n{STACK}", ("T05", 2)),
        (f"Parameters:\n  P: {{Type: String, AllowedValues: x}}\n{STACK}", ("T05", 2)),
        (f"Parameters:\n  P: x\n{STACK}", ("T05", 2)),
        (f"{STACK}Outputs:\n  O: x\n", ("T06", 4)),
        (f"{STACK}Outputs:\n  O: {{Value: [x]}}\n", ("T06", 4)),
        (f"{STACK}Outputs:\n  O: {{Value: x, Values: y}}\n", ("T06", 4)),
        (f"{STACK}Outputs:\n  O: {{Value: x, Export: {{}}}}\n", ("T06", 4)),
        (f"Mappings:\n  M: x\n{STACK}", ("T07", 2)),
        (f"Mappings:\n  M: {{a: {{b: {{c: d}}}}}}\n{STACK}", ("T07", 2)),
        (f"Conditions:\n  C: true\n{STACK}", ("T08", 2)),
        (f"Conditions:\n  C: {{Fn::Equal: [a, b]}}\n{STACK}", ("T08", 2)),
        (f"Conditions:\n  C: !Not [!Equals [a, b], !Equals [a, b]]\n{STACK}", ("T08", 2)),
        (f"Conditions:\n  C: !Or [!Equals [a, b], !Join ['', [a]]]\n{STACK}", ("T08", 2)),
        (f"Parameters:\n  P: {{Type: String, Description: {'x' * 4001}}}\n{STACK}", ("T09", 2)),
        (f"Mappings:\n  M: {{{','.join(f'a{n}: {{b: c}}' for n in range(201))}}}\n{STACK}", ("T09", 2)),
        (f"{STACK}Outputs:\n  O: {{Value: x, Description: {'x' * 1025}}}\n", ("T09", 4)),
        (f"Transform: Own\n{STACK}", ("T12", 1)),
        (f"Transform: AWS::LanguageExtensions\n{STACK}{LOOP}", ("T12", 4)),
        ("Resources:\n  N: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: x}}\n", ("T12", 2)),
        ("Resources:\n  N: {Type: Our::Web::Server::MODULE}\n", ("T12", 2)),
        (topic("Properties: {DisplayName: {Fn::Concat: [a, b]}}"), ("T13", 4)),
    ],
)
def test_a_template_that_cloudformation_refuses_or_expands_has_the_finding_at_its_place(text, found):
    assert found in found_in(text)
    assert {rule for rule, _ in found_in(text)} == {found[0]}


def test_a_loop_without_its_transform_is_no_name() -> None:
    assert found_in(f"{STACK}{LOOP}") == [("T02", 3), ("T12", 3)]


@pytest.mark.parametrize(
    "text",
    [
        STACK,
        f"AWSTemplateFormatVersion: 2010-09-09\nDescription: x\nMetadata: {{}}\nRules: {{}}\nHooks: {{}}\n{STACK}",
        f"AWSTemplateFormatVersion: '2010-09-09'\nMappings:\n  M: {{us-east-1: {{a: x, b: [1, 2]}}}}\n{STACK}",
        f"Conditions: {{a_b: !Equals [a, b], C: !Condition a_b, D: !Not [!Condition C]}}\n{STACK}",
        f"Parameters: {{P: {{Type: 'AWS::SSM::Parameter::Value<List<AWS::EC2::Subnet::Id>>', Default: x}}}}\n{STACK}",
        f"Parameters: {{P: {{Type: Number, Default: 5, MaxValue: 9, NoEcho: true}}}}\n{STACK}",
        topic("DeletionPolicy: RetainExceptOnCreate"),
        topic("Description: what the CDK writes"),
        "Resources:\n  A: {Type: Custom::Own, Version: '1.0', Properties: {ServiceToken: x}}\n",
        f"Transform: AWS::LanguageExtensions\n{topic('DeletionPolicy: !Ref AWS::Region')}",
        topic("Properties: {DisplayName: !Sub ['${X} ${!Y} ${AWS::Region}', {X: y}]}"),
        topic("Properties: {Policy: {Statement: [{Condition: {Bool: {x: y}}}]}, Other: {Condition: Nobody}}"),
        f"{STACK}Outputs:\n  O: {{Value: !Ref A, Export: {{Name: x}}}}\n  P: {{Value: x, Export: {{Name: y}}}}\n",
    ],
)
def test_what_cloudformation_takes_is_not_reported(text):
    assert found_in(text) == []


def test_a_macro_may_take_what_cloudformation_refuses() -> None:
    """Which is why only the macro is reported, and that nothing of it was checked."""
    text = f"Transform: Own\nColours: [red]\nResources:\n  A-b: {{Colour: !Ref Nobody}}\n{TOPIC}"
    assert found_in(text) == [("T12", 1)]


def test_a_parameter_of_every_type_that_cfn_lint_knows_has_a_type() -> None:
    from cfnlint.helpers import VALID_PARAMETER_TYPES

    parameters: Any = "".join(f"  P{n}: {{Type: '{each}'}}\n" for n, each in enumerate(sorted(VALID_PARAMETER_TYPES)))
    assert found_in(f"Parameters:\n{parameters}{STACK}") == []


SIZES = [
    ("AWS::SSM::Parameter", "Value: {}", 4_096),
    ("AWS::SSM::Parameter", "Tier: Advanced, Value: {}", 8_192),
    ("AWS::SecretsManager::Secret", "SecretString: {}", 65_536),
    ("AWS::Lambda::Function", "Environment: {{Variables: {{A: {}}}}}", 4_096 - len('{"A":""}')),
    ("AWS::StepFunctions::StateMachine", "DefinitionString: {}", 1_048_576),
    ("AWS::S3::BucketPolicy", "PolicyDocument: {}", 20_480),
]


@pytest.mark.parametrize(("kind", "properties", "most"), SIZES, ids=lambda each: str(each))
def test_a_text_may_be_as_large_as_its_service_takes_and_no_byte_larger(kind, properties, most):
    def found(text: str) -> list[str]:
        filled = properties.format(text)
        resources = {"A": {"Type": kind, "Properties": yaml.safe_load(f"{{{filled}}}")}}
        launch = evaluate({"Resources": resources}, {}, allow_missing=True)
        return [message for _, message in RULES["T14"].find(launch, EMPTY_CONTRACT)]

    assert found("x" * most) == []
    (message,) = found("x" * (most + 1))
    assert message.endswith(
        f"{most + 1 + (8 if kind.startswith('AWS::Lambda') else 0):,} bytes, and "
        f"{most + (8 if kind.startswith('AWS::Lambda') else 0):,} are allowed."
    )


def test_what_is_only_known_in_aws_counts_nothing():
    value = {"Fn::Sub": "x" * 4_090 + "${B.TopicName}"}
    resources = {
        "A": {"Type": "AWS::SSM::Parameter", "Properties": {"Value": value}},
        "B": {"Type": "AWS::SNS::Topic"},
    }
    launch = evaluate({"Resources": resources}, {})
    assert not [*RULES["T14"].find(launch, EMPTY_CONTRACT)]
