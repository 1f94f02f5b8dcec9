"""AWS Marketplace: what a template has to be like to be listed for sale.

The ids are those of the list that the rules come from, and what a program can't see in a template is not here: the
submission and its texts (M04, M22 to M27), the size of the file (a part of M18), what the boot downloads and which
instance types are enabled (parts of M20 and M28), an Auto Scaling group for a single machine (a part of M16, which AWS
only recommends). Secrets in outputs, metadata and user data (M21) are the family S.
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
from quilt_cfn.cloudformation.checks.rules.rule import Violation, rule
from quilt_cfn.cloudformation.launch import Launch, Origin
from quilt_cfn.cloudformation.launch.contract import Contract
from quilt_cfn.cloudformation.launch.values import is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, get_section
from quilt_cfn.cloudformation.template.walk import Path, entries, strings_in

GUIDE = "https://docs.aws.amazon.com/marketplace/latest/userguide/cloudformation.html"
POLICIES = "https://docs.aws.amazon.com/marketplace/latest/userguide/product-and-ami-policies.html"
REFUSED = "AWS Marketplace refuses the template."

IMAGE = "AWS::EC2::Image::Id"
SSM = "AWS::SSM::Parameter::Value<"
PUBLIC = "/aws/service/"
"""Names of the SSM parameters that AWS publishes in every account."""


# The image.


@rule("M01", "error", REFUSED, GUIDE, once=True)
def image_is_a_parameter(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """AWS Marketplace copies the AMI into every Region and puts the copies into the template: it needs an ImageId that
    is a Ref to a parameter of type AWS::EC2::Image::Id or AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>. Images that
    AWS publishes may also be named by a dynamic reference to /aws/service/."""
    for path, value in _images(launch.template):
        kind = as_text(declaration(launch, ref_target(value)).get("Type", ""))
        if not _is_fixed(value) and not _is_published(value) and kind not in (IMAGE, f"{SSM}{IMAGE}>"):
            yield (path, f"The ImageId of {path[1]} is no Ref to a parameter for an AMI.")


@rule("M02", "error", REFUSED, GUIDE, once=True)
def image_is_not_fixed(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """An AMI's ID written down, or looked up in a mapping, is one of the seller's own account, and no buyer may use it;
    AWS Marketplace replaces parameters only."""
    for path, value in _images(launch.template):
        if _is_fixed(value):
            yield (path, f"The ImageId of {path[1]} is fixed in the template.")


@rule("M03", "error", REFUSED, GUIDE, once=True)
def product_is_one_image(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A delivery option carries one AMI. Whatever other image the template launches has to be AWS's own, by a public
    parameter below /aws/service/."""
    names = dict.fromkeys(filter(None, (ref_target(value) for _, value in _images(launch.template))))
    own = [name for name in names if not as_text(declaration(launch, name).get("Default", "")).startswith(PUBLIC)]
    for name in own[1:]:
        yield (("Parameters", name), f"{name} is a second AMI beside {own[0]}.")


@rule(
    "M05",
    "error",
    "The launch fails: the parameter is looked up in the customer's account, and isn't there.",
    GUIDE,
    once=True,
)
def ssm_default_is_public(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """The value of an SSM parameter type is a name, which CloudFormation looks up in the account that launches the
    stack. Only names below /aws/service/ are there in every account."""
    for name, declared in declared_parameters(launch):
        default = as_text(declared.get("Default", PUBLIC))
        if as_text(declared.get("Type", "")).startswith(SSM) and not default.startswith(PUBLIC):
            yield (("Parameters", name, "Default"), f"{default}, the default of {name}, is not below {PUBLIC}.")


def _images(template: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """The path to every ImageId of what launches instances, and its value as the template has it."""
    for name, resource in get_section(template, "Resources").items():
        inner = LAUNCHED.get(as_text(dict_or_empty(resource).get("Type", "")))
        launched = dict_or_empty(dict_or_empty(resource).get("Properties"))
        for key in inner or ():
            launched = dict_or_empty(launched.get(key))
        if inner is not None and "ImageId" in launched:
            yield ("Resources", name, "Properties", *inner, "ImageId"), launched["ImageId"]


def _is_fixed(value: Any) -> bool:
    texts = [text for text, _ in strings_in(value)]
    return "Fn::FindInMap" in texts or (isinstance(value, str) and "{{resolve:" not in value)


def _is_published(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(f"{{{{resolve:ssm:{PUBLIC}")


# Regions, zones, sizes.


@rule("M06", "error", REFUSED, GUIDE)
def nested_templates_are_marketplaces(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """AWS Marketplace keeps its own copy of nested templates and tells where, in the parameters MPS3BucketName,
    MPS3BucketRegion and MPS3KeyPrefix; a URL that isn't made of them leads to a bucket of the seller's."""
    wanted = {Origin("parameter", name) for name in ("MPS3BucketName", "MPS3BucketRegion", "MPS3KeyPrefix")}
    for name, properties in launch.of_type("AWS::CloudFormation::Stack").items():
        if not wanted <= origins_of(properties.get("TemplateURL")):
            path = ("Resources", name, "Properties", "TemplateURL")
            yield (path, f"The TemplateURL of {name} is not made of MPS3BucketName, MPS3BucketRegion, MPS3KeyPrefix.")


ZONE = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9][a-z]|[a-z]{3,4}[0-9]-az[0-9]")


@rule("M07", "error", "The launch fails for customers who don't have that Availability Zone.", GUIDE, once=True)
def no_zone_is_named(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Which Availability Zones there are differs from account to account, and a letter means another zone in each.
    Fn::GetAZs, or a parameter, gives those of the customer."""
    for name, resource in get_section(launch.template, "Resources").items():
        for path, value in entries(dict_or_empty(resource).get("Properties"), ("Resources", name, "Properties")):
            if "AvailabilityZone" not in str(path[-1]) or "Fn::GetAZs" in (text for text, _ in strings_in(value)):
                continue
            for zone in as_list(launch.compute(value)):
                if isinstance(zone, str) and is_known(zone) and not origins_of(zone) and ZONE.fullmatch(zone):
                    yield (path, f"{name} is bound to the Availability Zone {zone}.")


REGION = (
    r"(?<![\w-])(af|ap|ca|cn|eu|eusc|il|me|mx|sa|us)(-gov|-iso[a-z]?|-de)?"
    r"-(central|east|west|((north|south)(east|west)?))-[0-9](?![\w-])"
)
PLACE = re.compile(rf"{REGION}|aws(-cn|-us-gov|-eusc|-iso(-[bef])?)?")
LITERAL = re.compile(rf"arn:aws[a-z-]*:|(?<![\w-])([\w-]+\.)*amazonaws\.com|{REGION}")


@rule("M17", "error", "The launch fails, or the product doesn't work, in some Regions.", GUIDE, once=True)
def no_region_is_named(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """The product is launched in every Region that is enabled for it: a Region, a partition or a DNS suffix that is
    written down is the wrong one in others. AWS::Region, AWS::Partition and AWS::URLSuffix give the right one.

    A mapping whose keys are Regions or partitions is a list of them, and so are conditions and rules; descriptions and
    comments aren't executed; the values of parameters are the customer's.
    """
    tables = {
        name: table
        for name, table in get_section(launch.template, "Mappings").items()
        if not any(PLACE.fullmatch(str(path[-1])) for path, _ in entries(table, ()))
    }
    sections = {**{key: get_section(launch.template, key) for key in ("Resources", "Outputs")}, "Mappings": tables}
    for text, path in strings_in(sections):
        if not any(str(key).endswith(("Description", "Comment")) for key in path):
            found = LITERAL.search(re.sub(r"(?m)^\s*#.*$", "", text))
            if found:
                yield (path, f"{path[1]} contains {found.group()}, which is not the same in every Region.")


@rule(
    "M18",
    "error",
    "The launch fails, whatever the customer fills in.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html",
)
def limits_are_kept(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """CloudFormation takes 200 parameters, 500 resources, 200 outputs and a description of 1,024 bytes; EC2 takes 16 KB
    of user data, before it is encoded. What the text of the file may measure depends on how it is sent."""
    for name, most in (("Parameters", 200), ("Resources", 500), ("Outputs", 200)):
        number = len(get_section(launch.template, name))
        if number > most:
            yield ((name,), f"There are {number} {name.lower()}, {number - most} more than CloudFormation takes.")
    size = len(as_text(launch.template.get("Description", "")).encode())
    if size > 1024:
        yield (("Description",), f"The description has {size} bytes, and CloudFormation takes 1,024.")
    for path, data in user_data(launch):
        size = len((decoded_user_data(data) or "").encode())
        if size > 16384:
            yield (path, f"The user data of {path[1]} has {size} bytes, and EC2 takes 16,384.")


@rule(
    "M28",
    "error",
    REFUSED,
    "https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-single-ami-products.html",
)
def default_type_can_be_recommended(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """The instance type that a form begins with is the one to recommend in the submission, and AWS Marketplace takes
    only types such as m5.large there: c7i-flex.large and u-6tb1.metal don't fit its pattern."""
    for machine in instances(launch):
        value = machine.settings.get("InstanceType", "")
        parameter = parameter_behind(launch, value)
        text = as_text(declaration(launch, parameter).get("Default", "") if parameter else value)
        if "." in text and is_known(text) and not re.fullmatch(r"[a-z]+[0-9]+[a-z]*\.[0-9]*[a-z]+", text):
            path = ("Parameters", parameter, "Default") if parameter else ("Resources", machine.sources[-1])
            yield (path, f"{text} can't be recommended as the instance type of {machine.name}.")


# The form.

INTERFACE = "AWS::CloudFormation::Interface"


@rule("M14", "error", REFUSED, GUIDE, once=True)
def form_is_in_groups(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """The metadata AWS::CloudFormation::Interface puts every parameter into one group and gives it a label; the console
    shows what is in none at the end, under its bare name."""
    interface = dict_or_empty(get_section(launch.template, "Metadata").get(INTERFACE))
    groups = [dict_or_empty(group).get("Parameters") for group in as_list(interface.get("ParameterGroups"))]
    grouped = Counter(as_text(name) for group in groups for name in as_list(group))
    labels = dict_or_empty(interface.get("ParameterLabels"))
    declared_parameters = get_section(launch.template, "Parameters")
    if declared_parameters and not interface:
        yield (("Parameters",), f"The parameters have neither groups nor labels: there is no {INTERFACE}.")
        return
    for name in declared_parameters:
        if grouped[name] != 1:
            yield (("Parameters", name), f"{name} is in {grouped[name] or 'no'} group{'s' * (grouped[name] > 1)}.")
        if not as_text(dict_or_empty(labels.get(name)).get("default", "")):
            yield (("Parameters", name), f"{name} has no label.")
    for name in dict.fromkeys([*grouped, *labels]):
        if name not in declared_parameters:
            yield (("Metadata", INTERFACE), f"{INTERFACE} names {name}, and there is no such parameter.")


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
"""Property -> the type of a parameter for it: the console offers what there is."""


@rule("M15", "error", "The form leaves the customer alone with what belongs into a field.", GUIDE, once=True)
def form_helps(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """AWS Marketplace asks for types of AWS's own where they exist, which the console offers as a list; for a
    description of each parameter; and for a sentence with each pattern, because the console shows the pattern instead.
    A parameter that may be empty can't have a type of AWS's own."""
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


@rule("M16", "error", "The customer can't tell what the machine does, or has no network for it.", GUIDE)
def machines_are_understood_and_placed(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """AWS Marketplace asks for user data with comments in it, and for a network of the product's own: an instance
    without a subnet goes into the account's default VPC, which many don't have any more."""
    for path, data in user_data(launch):
        first, *lines = (decoded_user_data(data) or "").strip().splitlines() or [""]
        if first.startswith("#!") and len(lines) > 5 and not any(line.lstrip().startswith("#") for line in lines):
            yield (path, f"The user data of {path[1]} has no comments.")
    for machine in filter(is_complete, instances(launch)):
        if not {"SubnetId", "NetworkInterfaces", "VPCZoneIdentifier", "AvailabilityZones"} & machine.settings.keys():
            yield (("Resources", machine.name), f"{machine.name} has no subnet.")
