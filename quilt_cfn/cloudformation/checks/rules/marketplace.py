"""AWS Marketplace: the image, Regions and zones, limits, and parameters of a template that is to be listed.

The numbers of the ids that are missing here belong to rules about a submission (M04, M22 to M27), to the family S (M21:
secrets in outputs, metadata and user data), or to the family T (M18: the limits of a template and of user data). Not
checked: downloads at boot (M20), and the instance types that are enabled for the product (M28).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from quilt_cfn.cloudformation.analysis.instances import LAUNCHED, decoded_user_data, instances, is_complete, user_data
from quilt_cfn.cloudformation.analysis.parameter_use import (
    declaration,
    declared_parameters,
    parameter_behind,
    parameter_uses,
    ref_target,
)
from quilt_cfn.cloudformation.checks.rules.rule import Violation, property_path, rule
from quilt_cfn.cloudformation.launch import Contract, Launch, Origin, is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at
from quilt_cfn.cloudformation.template.walk import Path, entries, strings_in

GUIDE = "https://docs.aws.amazon.com/marketplace/latest/userguide/cloudformation.html"
POLICIES = "https://docs.aws.amazon.com/marketplace/latest/userguide/product-and-ami-policies.html"
REFUSED = "AWS Marketplace refuses the template."

IMAGE = "AWS::EC2::Image::Id"
SSM = "AWS::SSM::Parameter::Value<"
PUBLIC = "/aws/service/"
"""How the names of the public SSM parameters begin, which every account has."""


# The image.


@rule("M01", "error", REFUSED, GUIDE, once=True)
def image_is_a_parameter(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds an ImageId that is not a Ref to a parameter for an AMI.

    Why it is bad: AWS Marketplace copies the AMI into every Region and writes the copies' IDs into the template. It can
    do that only in a parameter that the ImageId refers to.

    Use instead: a Ref to a parameter of type ``AWS::EC2::Image::Id`` or
    ``AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>``. Images that AWS publishes may also be named by a dynamic
    reference to a parameter below ``/aws/service/``.

        Parameters:
          AmiId:
            Type: AWS::EC2::Image::Id
        Resources:
          Server:
            Type: AWS::EC2::Instance
            Properties:
              ImageId: !Ref AmiId
    """
    for path, value in _images(launch.template):
        parameter_type = as_text(declaration(launch, ref_target(value)).get("Type", ""))
        if not _is_fixed(value) and not _is_published(value) and parameter_type not in (IMAGE, f"{SSM}{IMAGE}>"):
            yield (path, f"The ImageId of {path[1]} is no Ref to a parameter for an AMI.")


@rule("M02", "error", REFUSED, GUIDE, once=True)
def image_is_not_fixed(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds an ImageId that is written into the template, or looked up in a mapping.

    Why it is bad: such an image is in the seller's account, and no buyer may use it. AWS Marketplace puts its own copy
    only into a parameter.

    Use instead: a Ref to a parameter for the AMI; see M01.
    """
    for path, value in _images(launch.template):
        if _is_fixed(value):
            yield (path, f"The ImageId of {path[1]} is fixed in the template.")


@rule("M03", "error", REFUSED, GUIDE, once=True)
def product_is_one_image(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds a second AMI among the parameters to which ImageId refers.

    Why it is bad: a delivery option has one AMI.

    Use instead: for every other image one that AWS publishes, by a parameter whose default is below ``/aws/service/``.
    """
    names = dict.fromkeys(filter(None, (ref_target(value) for _, value in _images(launch.template))))
    own = [name for name in names if not as_text(declaration(launch, name).get("Default", "")).startswith(PUBLIC)]
    for name in own[1:]:
        yield (("Parameters", name), f"{name} is a second AMI beside {own[0]}.")


@rule(
    "M05",
    "error",
    "The launch fails: CloudFormation looks for the SSM parameter in the customer's account, where it doesn't exist.",
    GUIDE,
    once=True,
)
def ssm_default_is_public(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds defaults of parameters of an SSM type that are not public.

    Why it is bad: the value of such a parameter is the name of an SSM parameter, which CloudFormation reads in the
    account that launches the stack. Only those below ``/aws/service/`` exist in every account.

    Use instead: a name below ``/aws/service/``, or no default.
    """
    for name, declared in declared_parameters(launch):
        default = as_text(declared.get("Default", PUBLIC))
        if as_text(declared.get("Type", "")).startswith(SSM) and not default.startswith(PUBLIC):
            yield (("Parameters", name, "Default"), f"{default}, the default of {name}, is not below {PUBLIC}.")


def _images(template: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """(path, value as the template has it) of every ImageId of instances, launch templates and configurations."""
    for name, resource in map_at(template, "Resources").items():
        inner = LAUNCHED.get(as_text(dict_or_empty(resource).get("Type", "")))
        if inner is not None:
            launched = map_at(resource, "Properties", *inner)
            if "ImageId" in launched:
                yield property_path(name, *inner, "ImageId"), launched["ImageId"]


def _is_fixed(value: Any) -> bool:
    texts = [text for text, _ in strings_in(value)]
    return "Fn::FindInMap" in texts or (isinstance(value, str) and "{{resolve:" not in value)


def _is_published(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(f"{{{{resolve:ssm:{PUBLIC}")


# Regions, zones, sizes.


@rule("M06", "error", REFUSED, GUIDE)
def nested_templates_are_marketplaces(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds nested stacks whose TemplateURL is not made of Marketplace's parameters.

    Why it is bad: AWS Marketplace keeps a copy of the nested templates and passes its place in the parameters
    MPS3BucketName, MPS3BucketRegion and MPS3KeyPrefix. Any other URL leads to a bucket of the seller.

    Use instead: a TemplateURL made of these three parameters; or no nested stacks.
    """
    wanted = {Origin("parameter", name) for name in ("MPS3BucketName", "MPS3BucketRegion", "MPS3KeyPrefix")}
    for name, properties in launch.of_type("AWS::CloudFormation::Stack").items():
        if not wanted <= origins_of(properties.get("TemplateURL")):
            path = property_path(name, "TemplateURL")
            yield (path, f"The TemplateURL of {name} is not made of MPS3BucketName, MPS3BucketRegion, MPS3KeyPrefix.")


ZONE = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9][a-z]|[a-z]{3,4}[0-9]-az[0-9]")


@rule("M07", "error", "The launch fails for customers who don't have that Availability Zone.", GUIDE, once=True)
def no_zone_is_named(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds Availability Zones that the template names.

    Why it is bad: accounts have different Availability Zones, and the same letter is another zone in another account.

    Use instead: ``Fn::GetAZs``, or a parameter of type ``AWS::EC2::AvailabilityZone::Name``.
    """
    for name, resource in map_at(launch.template, "Resources").items():
        for path, value in entries(dict_or_empty(resource).get("Properties"), property_path(name)):
            if "AvailabilityZone" not in str(path[-1]) or "Fn::GetAZs" in (text for text, _ in strings_in(value)):
                continue
            for zone in as_list(launch.compute(value)):
                if isinstance(zone, str) and is_known(zone) and not origins_of(zone) and ZONE.fullmatch(zone):
                    yield (path, f"{name} names the Availability Zone {zone}.")


REGION = (
    r"(?<![\w-])(af|ap|ca|cn|eu|eusc|il|me|mx|sa|us)(-gov|-iso[a-z]?|-de)?"
    r"-(central|east|west|((north|south)(east|west)?))-[0-9](?![\w-])"
)
REGION_ALONE = re.compile(REGION)
PLACE = re.compile(rf"{REGION}|aws(-cn|-us-gov|-eusc|-iso(-[bef])?)?")
LITERAL = re.compile(rf"arn:aws[a-z-]*:|(?<![\w-])([\w-]+\.)*amazonaws\.com|{REGION}")
SERVICE = re.compile(r"(\S+:role/aws-service-role/)?([a-z0-9.-]|\$\{AWS::Region\})+\.amazonaws\.com(/\w+)?")
SERVICES = ("Principal", "NotPrincipal", "AWSServiceName", "iam:PassedToService", "iam:AWSServiceName")
"""The keys whose values are names of services, which are the same in every partition; see P06."""


@rule("M17", "error", "The launch fails, or the product doesn't work, in some Regions.", GUIDE, once=True)
def no_region_is_named(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds a Region, ``arn:aws:`` or ``amazonaws.com`` that is written into resources, outputs or mappings. Mappings
    whose keys are Regions or partitions, conditions and rules, descriptions and comments may name them, and so may a
    text that Fn::Split takes apart. A service principal ends in ``amazonaws.com`` everywhere. Nothing is found in a
    template of which the contract says in which Regions it is launched.

    Why it is bad: the product is launched in every Region that is enabled for it, and a literal fits only some of them.

    Use instead: ``AWS::Region``, ``AWS::Partition`` and ``AWS::URLSuffix``.

        Resource: !Sub 'arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:jobs'
    """
    if contract.regions:
        return
    tables = {
        name: table
        for name, table in map_at(launch.template, "Mappings").items()
        if not any(PLACE.fullmatch(str(path[-1])) for path, _ in entries(table, ()))
    }
    sections = {**{key: map_at(launch.template, key) for key in ("Resources", "Outputs")}, "Mappings": tables}
    for text, path in strings_in(sections):
        if not any(key == "Fn::Split" or str(key).endswith(("Description", "Comment")) for key in path):
            is_service = SERVICE.fullmatch(text) and any(key in SERVICES for key in path)
            found = (REGION_ALONE if is_service else LITERAL).search(re.sub(r"(?m)^\s*#.*$", "", text))
            if found:
                yield (path, f"{path[1]} contains {found.group()}, which is not the same in every Region.")


@rule(
    "M28",
    "error",
    REFUSED,
    "https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-single-ami-products.html",
)
def default_type_can_be_recommended(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds default instance types that a submission can't recommend.

    Why it is bad: the default of the template is the instance type to recommend in the submission, and AWS Marketplace
    takes only types such as m5.large there: c7i-flex.large and u-6tb1.metal don't match its pattern.

    Use instead: a type of a family such as t3, m5 or c7g.
    """
    for instance in instances(launch):
        value = instance.settings.get("InstanceType", "")
        parameter = parameter_behind(launch, value)
        text = as_text(declaration(launch, parameter).get("Default", "") if parameter else value)
        if "." in text and is_known(text) and not re.fullmatch(r"[a-z]+[0-9]+[a-z]*\.[0-9]*[a-z]+", text):
            path = ("Parameters", parameter, "Default") if parameter else ("Resources", instance.sources[-1])
            yield (path, f"{text} can't be recommended as the instance type of {instance.name}.")


# Parameters.

INTERFACE = "AWS::CloudFormation::Interface"


@rule("M14", "error", REFUSED, GUIDE, once=True)
def parameters_are_grouped_and_labelled(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds parameters that AWS::CloudFormation::Interface doesn't put into exactly one group, or gives no label.

    Why it is bad: the console shows such parameters at the end of the page, under their bare names, and AWS Marketplace
    wants a group and a label for each.

    Use instead: the metadata ``AWS::CloudFormation::Interface`` with ParameterGroups and ParameterLabels.
    """
    interface = map_at(launch.template, "Metadata", INTERFACE)
    groups = [dict_or_empty(group).get("Parameters") for group in as_list(interface.get("ParameterGroups"))]
    grouped = Counter(as_text(name) for group in groups for name in as_list(group))
    labels = dict_or_empty(interface.get("ParameterLabels"))
    declared_parameters = map_at(launch.template, "Parameters")
    if declared_parameters and not interface:
        yield (("Parameters",), f"The parameters have neither groups nor labels: there is no {INTERFACE}.")
        return
    for name in declared_parameters:
        if grouped[name] != 1:
            number = f"{grouped[name]} groups" if grouped[name] else "no group"
            yield (("Parameters", name), f"{name} is in {number} of {INTERFACE}.")
        if not as_text(dict_or_empty(labels.get(name)).get("default", "")):
            yield (("Parameters", name), f"{name} has no label.")
    for name in dict.fromkeys([*grouped, *labels]):
        if name not in declared_parameters:
            yield (("Metadata", INTERFACE), f"{INTERFACE} names the parameter {name}, which doesn't exist.")


TYPES = {
    "AvailabilityZone": "AWS::EC2::AvailabilityZone::Name",
    "HostedZoneId": "AWS::Route53::HostedZone::Id",
    "KeyName": "AWS::EC2::KeyPair::KeyName",
    "SecurityGroupIds": "List<AWS::EC2::SecurityGroup::Id>",
    "SubnetId": "AWS::EC2::Subnet::Id",
    "SubnetIds": "List<AWS::EC2::Subnet::Id>",
    "VPCZoneIdentifier": "List<AWS::EC2::Subnet::Id>",
    "VpcId": "AWS::EC2::VPC::Id",
}
"""Property -> the type of a parameter for it, with which the console lists the resources in the account."""


@rule("M15", "warning", "The customer doesn't know what to enter for a parameter.", GUIDE, once=True)
def parameters_are_explained(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds parameters without a description, with a pattern but no ConstraintDescription, or of type String where AWS
    has a type for what they are used for. Parameters that may be empty can't have such a type.

    Why it is bad: AWS Marketplace recommends all three. Without a ConstraintDescription the console shows the pattern
    to whoever entered a wrong value; without AWS's type it can't list the resources in the account.

    Use instead: Description, ConstraintDescription, and types such as ``AWS::EC2::KeyPair::KeyName``.
    """
    for name, declared in declared_parameters(launch):
        if not as_text(declared.get("Description", "")).strip():
            yield (("Parameters", name), f"{name} has no description.")
        if "AllowedPattern" in declared and not as_text(declared.get("ConstraintDescription", "")).strip():
            yield (("Parameters", name), f"{name} has a pattern and no ConstraintDescription.")
    for path, name in parameter_uses(launch):
        declared = declaration(launch, name)
        free = declared.get("Type") in ("String", "CommaDelimitedList") and "AllowedValues" not in declared
        if free and path[-1] in TYPES and declared.get("Default") != "":
            yield (("Parameters", name), f"{name} is a {declared['Type']}, and could be {TYPES[str(path[-1])]}.")


@rule("M16", "warning", "The customer can't tell what the instance does, has no network for it, or loses it.", GUIDE)
def instances_are_commented_and_placed(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds user data without a comment, instances without a subnet, and instances outside of an Auto Scaling group.

    Why it is bad: AWS Marketplace recommends comments in user data, a VPC of the product's own, and an Auto Scaling
    group for a single instance, too. An instance without a subnet is launched into the default VPC, which many accounts
    don't have. One outside of a group stays dead once it has ended.

    Use instead: comments that say what the script does; a VPC and subnets in the template, or parameters for them; a
    launch template and an Auto Scaling group with MinSize 1.
    """
    for path, data in user_data(launch):
        first, *lines = (decoded_user_data(data) or "").strip().splitlines() or [""]
        if first.startswith("#!") and len(lines) > 5 and not any(line.lstrip().startswith("#") for line in lines):
            yield (path, f"The user data of {path[1]} has no comments.")
    for instance in filter(is_complete, instances(launch)):
        if not {"SubnetId", "NetworkInterfaces", "VPCZoneIdentifier", "AvailabilityZones"} & instance.settings.keys():
            yield (("Resources", instance.name), f"{instance.name} has no subnet.")
    for name in launch.of_type("AWS::EC2::Instance"):
        yield (("Resources", name), f"{name} is in no Auto Scaling group: nothing replaces it once it has ended.")
