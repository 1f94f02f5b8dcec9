"""What a template may consist of: sections, attributes, parameter types and the functions of conditions.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-product-attribute-reference.html
"""

VERSION = "2010-09-09"
SECTIONS = frozenset(
    [
        "AWSTemplateFormatVersion",
        "Description",
        "Metadata",
        "Parameters",
        "Rules",
        "Mappings",
        "Conditions",
        "Transform",
        "Hooks",
        "Resources",
        "Outputs",
    ]
)
RESOURCE = frozenset(
    [
        "Type",
        "Properties",
        "Metadata",
        "DependsOn",
        "Condition",
        "CreationPolicy",
        "UpdatePolicy",
        "DeletionPolicy",
        "UpdateReplacePolicy",
        "Version",
        "Description",
    ]
)
"""Attributes of a resource. The AWS CDK writes Description (``ICfnResourceOptions``); custom resources have Version:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudformation-customresource.html."""
PARAMETER = frozenset(
    [
        "Type",
        "Default",
        "Description",
        "NoEcho",
        "AllowedValues",
        "AllowedPattern",
        "ConstraintDescription",
        "MinLength",
        "MaxLength",
        "MinValue",
        "MaxValue",
    ]
)
OUTPUT = frozenset(["Value", "Description", "Export", "Condition"])

DELETION_POLICIES = ("Delete", "Retain", "RetainExceptOnCreate", "Snapshot")
UPDATE_REPLACE_POLICIES = ("Delete", "Retain", "Snapshot")

CONDITION_FUNCTIONS = {
    "Fn::And": (2, 10),
    "Fn::Equals": (2, 2),
    "Fn::Not": (1, 1),
    "Fn::Or": (2, 10),
}
"""Function -> the least and the most arguments; beside these there is ``Condition``, which takes a name:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-conditions.html."""

PSEUDO_PARAMETERS = frozenset(
    f"AWS::{name}"
    for name in ["AccountId", "NoValue", "NotificationARNs", "Partition", "Region", "StackId", "StackName", "URLSuffix"]
)
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/pseudo-parameter-reference.html"""

_IDENTIFIERS = (
    "AWS::EC2::AvailabilityZone::Name",
    "AWS::EC2::Image::Id",
    "AWS::EC2::Instance::Id",
    "AWS::EC2::KeyPair::KeyName",
    "AWS::EC2::SecurityGroup::GroupName",
    "AWS::EC2::SecurityGroup::Id",
    "AWS::EC2::Subnet::Id",
    "AWS::EC2::VPC::Id",
    "AWS::EC2::Volume::Id",
    "AWS::Route53::HostedZone::Id",
)
_LISTS = ("CommaDelimitedList", *(f"List<{each}>" for each in ("String", "Number", *_IDENTIFIERS)))
PARAMETER_TYPES = frozenset(
    (
        *("String", "Number", "AWS::SSM::Parameter::Name", *_IDENTIFIERS, *_LISTS),
        *(
            f"AWS::SSM::Parameter::Value<{each}>"
            for each in ("String", "Number", "AWS::SSM::Parameter::Name", *_IDENTIFIERS, *_LISTS)
        ),
    )
)
"""https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html. Some of
the lists are not on that page; a type that CloudFormation may know is not called unknown here."""
