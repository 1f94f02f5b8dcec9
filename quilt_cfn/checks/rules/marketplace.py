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

from quilt_cfn.checks.contract import Contract
from quilt_cfn.checks.models.form import declaration, entries, parameter_behind, parameters, referred, uses
from quilt_cfn.checks.models.machines import LAUNCHED, is_complete, machines, plain, user_data
from quilt_cfn.checks.rule import Fault, rule
from quilt_cfn.evaluation import Origin, Rendering
from quilt_cfn.evaluation.forms import mapping, section
from quilt_cfn.evaluation.texts import Path, as_text, is_known, origins_of, several, texts_of

GUIDE = "https://docs.aws.amazon.com/marketplace/latest/userguide/cloudformation.html"
POLICIES = "https://docs.aws.amazon.com/marketplace/latest/userguide/product-and-ami-policies.html"
REFUSED = "AWS Marketplace refuses the template."

IMAGE = "AWS::EC2::Image::Id"
SSM = "AWS::SSM::Parameter::Value<"
PUBLIC = "/aws/service/"
"""Names of the SSM parameters that AWS publishes in every account."""


# The image.


@rule("M01", REFUSED, GUIDE, once=True)
def image_is_a_parameter(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """AWS Marketplace copies the AMI into every Region and puts the copies into the template: it needs an ImageId that
    is a Ref to a parameter of type AWS::EC2::Image::Id or AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>. Images that
    AWS publishes may also be named by a dynamic reference to /aws/service/."""
    for path, value in _images(rendering.template):
        kind = as_text(declaration(rendering, referred(value)).get("Type", ""))
        if not _is_fixed(value) and not _is_published(value) and kind not in (IMAGE, f"{SSM}{IMAGE}>"):
            yield Fault(path, f"The ImageId of {path[1]} is no Ref to a parameter for an AMI.")


@rule("M02", REFUSED, GUIDE, once=True)
def image_is_not_fixed(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """An AMI's ID written down, or looked up in a mapping, is one of the seller's own account, and no buyer may use it;
    AWS Marketplace replaces parameters only."""
    for path, value in _images(rendering.template):
        if _is_fixed(value):
            yield Fault(path, f"The ImageId of {path[1]} is fixed in the template.")


@rule("M03", REFUSED, GUIDE, once=True)
def product_is_one_image(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """A delivery option carries one AMI. Whatever other image the template launches has to be AWS's own, by a public
    parameter below /aws/service/."""
    names = dict.fromkeys(filter(None, (referred(value) for _, value in _images(rendering.template))))
    own = [name for name in names if not as_text(declaration(rendering, name).get("Default", "")).startswith(PUBLIC)]
    for name in own[1:]:
        yield Fault(("Parameters", name), f"{name} is a second AMI beside {own[0]}.")


@rule(
    "M05", "The launch fails: the parameter is looked up in the customer's account, and isn't there.", GUIDE, once=True
)
def ssm_default_is_public(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """The value of an SSM parameter type is a name, which CloudFormation looks up in the account that launches the
    stack. Only names below /aws/service/ are there in every account."""
    for name, declared in parameters(rendering):
        default = as_text(declared.get("Default", PUBLIC))
        if as_text(declared.get("Type", "")).startswith(SSM) and not default.startswith(PUBLIC):
            yield Fault(("Parameters", name, "Default"), f"{default}, the default of {name}, is not below {PUBLIC}.")


def _images(template: Mapping[str, Any]) -> Iterator[tuple[Path, Any]]:
    """The path to every ImageId of what launches instances, and its value as the template has it."""
    for name, resource in section(template, "Resources").items():
        inner = LAUNCHED.get(as_text(mapping(resource).get("Type", "")))
        launched = mapping(mapping(resource).get("Properties"))
        for key in inner or ():
            launched = mapping(launched.get(key))
        if inner is not None and "ImageId" in launched:
            yield ("Resources", name, "Properties", *inner, "ImageId"), launched["ImageId"]


def _is_fixed(value: Any) -> bool:
    texts = [text for text, _ in texts_of(value)]
    return "Fn::FindInMap" in texts or (isinstance(value, str) and "{{resolve:" not in value)


def _is_published(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(f"{{{{resolve:ssm:{PUBLIC}")


# Regions, zones, sizes.


@rule("M06", REFUSED, GUIDE)
def nested_templates_are_marketplaces(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """AWS Marketplace keeps its own copy of nested templates and tells where, in the parameters MPS3BucketName,
    MPS3BucketRegion and MPS3KeyPrefix; a URL that isn't made of them leads to a bucket of the seller's."""
    wanted = {Origin("parameter", name) for name in ("MPS3BucketName", "MPS3BucketRegion", "MPS3KeyPrefix")}
    for name, properties in rendering.of_type("AWS::CloudFormation::Stack").items():
        if not wanted <= origins_of(properties.get("TemplateURL")):
            path = ("Resources", name, "Properties", "TemplateURL")
            yield Fault(
                path, f"The TemplateURL of {name} is not made of MPS3BucketName, MPS3BucketRegion, MPS3KeyPrefix."
            )


ZONE = re.compile(r"[a-z]{2,4}(-[a-z]+)+-[0-9][a-z]|[a-z]{3,4}[0-9]-az[0-9]")


@rule("M07", "The launch fails for customers who don't have that Availability Zone.", GUIDE, once=True)
def no_zone_is_named(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """Which Availability Zones there are differs from account to account, and a letter means another zone in each.
    Fn::GetAZs, or a parameter, gives those of the customer."""
    for name, resource in section(rendering.template, "Resources").items():
        for path, value in entries(mapping(resource).get("Properties"), ("Resources", name, "Properties")):
            if "AvailabilityZone" not in str(path[-1]) or "Fn::GetAZs" in (text for text, _ in texts_of(value)):
                continue
            for zone in several(rendering.compute(value)):
                if isinstance(zone, str) and is_known(zone) and not origins_of(zone) and ZONE.fullmatch(zone):
                    yield Fault(path, f"{name} is bound to the Availability Zone {zone}.")


REGION = (
    r"(?<![\w-])(af|ap|ca|cn|eu|eusc|il|me|mx|sa|us)(-gov|-iso[a-z]?|-de)?"
    r"-(central|east|west|((north|south)(east|west)?))-[0-9](?![\w-])"
)
PLACE = re.compile(rf"{REGION}|aws(-cn|-us-gov|-eusc|-iso(-[bef])?)?")
LITERAL = re.compile(rf"arn:aws[a-z-]*:|(?<![\w-])([\w-]+\.)*amazonaws\.com|{REGION}")


@rule("M17", "The launch fails, or the product doesn't work, in some Regions.", GUIDE, once=True)
def no_region_is_named(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """The product is launched in every Region that is enabled for it: a Region, a partition or a DNS suffix that is
    written down is the wrong one in others. AWS::Region, AWS::Partition and AWS::URLSuffix give the right one.

    A mapping whose keys are Regions or partitions is a list of them, and so are conditions and rules; descriptions and
    comments aren't executed; the values of parameters are the customer's.
    """
    tables = {
        name: table
        for name, table in section(rendering.template, "Mappings").items()
        if not any(PLACE.fullmatch(str(path[-1])) for path, _ in entries(table, ()))
    }
    sections = {**{key: section(rendering.template, key) for key in ("Resources", "Outputs")}, "Mappings": tables}
    for text, path in texts_of(sections):
        if not any(str(key).endswith(("Description", "Comment")) for key in path):
            found = LITERAL.search(re.sub(r"(?m)^\s*#.*$", "", text))
            if found:
                yield Fault(path, f"{path[1]} contains {found.group()}, which is not the same in every Region.")


@rule(
    "M18",
    "The launch fails, whatever the customer fills in.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html",
)
def limits_are_kept(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """CloudFormation takes 200 parameters, 500 resources, 200 outputs and a description of 1,024 bytes; EC2 takes 16 KB
    of user data, before it is encoded. What the text of the file may measure depends on how it is sent."""
    for name, most in (("Parameters", 200), ("Resources", 500), ("Outputs", 200)):
        number = len(section(rendering.template, name))
        if number > most:
            yield Fault((name,), f"There are {number} {name.lower()}, {number - most} more than CloudFormation takes.")
    size = len(as_text(rendering.template.get("Description", "")).encode())
    if size > 1024:
        yield Fault(("Description",), f"The description has {size} bytes, and CloudFormation takes 1,024.")
    for path, data in user_data(rendering):
        size = len((plain(data) or "").encode())
        if size > 16384:
            yield Fault(path, f"The user data of {path[1]} has {size} bytes, and EC2 takes 16,384.")


@rule(
    "M28",
    REFUSED,
    "https://docs.aws.amazon.com/marketplace/latest/APIReference/work-with-single-ami-products.html",
)
def default_type_can_be_recommended(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """The instance type that a form begins with is the one to recommend in the submission, and AWS Marketplace takes
    only types such as m5.large there: c7i-flex.large and u-6tb1.metal don't fit its pattern."""
    for machine in machines(rendering):
        value = machine.settings.get("InstanceType", "")
        parameter = parameter_behind(rendering, value)
        text = as_text(declaration(rendering, parameter).get("Default", "") if parameter else value)
        if "." in text and is_known(text) and not re.fullmatch(r"[a-z]+[0-9]+[a-z]*\.[0-9]*[a-z]+", text):
            path = ("Parameters", parameter, "Default") if parameter else ("Resources", machine.sources[-1])
            yield Fault(path, f"{text} can't be recommended as the instance type of {machine.name}.")


# The form.

INTERFACE = "AWS::CloudFormation::Interface"


@rule("M14", REFUSED, GUIDE, once=True)
def form_is_in_groups(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """The metadata AWS::CloudFormation::Interface puts every parameter into one group and gives it a label; the console
    shows what is in none at the end, under its bare name."""
    interface = mapping(section(rendering.template, "Metadata").get(INTERFACE))
    groups = [mapping(group).get("Parameters") for group in several(interface.get("ParameterGroups"))]
    grouped = Counter(as_text(name) for group in groups for name in several(group))
    labels = mapping(interface.get("ParameterLabels"))
    parameters = section(rendering.template, "Parameters")
    if parameters and not interface:
        yield Fault(("Parameters",), f"The parameters have neither groups nor labels: there is no {INTERFACE}.")
        return
    for name in parameters:
        if grouped[name] != 1:
            yield Fault(("Parameters", name), f"{name} is in {grouped[name] or 'no'} group{'s' * (grouped[name] > 1)}.")
        if not as_text(mapping(labels.get(name)).get("default", "")):
            yield Fault(("Parameters", name), f"{name} has no label.")
    for name in dict.fromkeys([*grouped, *labels]):
        if name not in parameters:
            yield Fault(("Metadata", INTERFACE), f"{INTERFACE} names {name}, and there is no such parameter.")


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


@rule("M15", "The form leaves the customer alone with what belongs into a field.", GUIDE, once=True)
def form_helps(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """AWS Marketplace asks for types of AWS's own where they exist, which the console offers as a list; for a
    description of each parameter; and for a sentence with each pattern, because the console shows the pattern instead.
    A parameter that may be empty can't have a type of AWS's own."""
    for name, declared in parameters(rendering):
        if not as_text(declared.get("Description", "")).strip():
            yield Fault(("Parameters", name), f"{name} has no description.")
        if "AllowedPattern" in declared and not as_text(declared.get("ConstraintDescription", "")).strip():
            yield Fault(("Parameters", name), f"{name} has a pattern and no ConstraintDescription.")
    for path, name in uses(rendering):
        declared = declaration(rendering, name)
        free = declared.get("Type") in ("String", "CommaDelimitedList") and "AllowedValues" not in declared
        if free and path[-1] in TYPES and declared.get("Default") != "":
            yield Fault(("Parameters", name), f"{name} is a {declared['Type']}, and could be {TYPES[str(path[-1])]}.")


@rule("M16", "The customer can't tell what the machine does, or has no network for it.", GUIDE)
def machines_are_understood_and_placed(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """AWS Marketplace asks for user data with comments in it, and for a network of the product's own: an instance
    without a subnet goes into the account's default VPC, which many don't have any more."""
    for path, data in user_data(rendering):
        first, *lines = (plain(data) or "").strip().splitlines() or [""]
        if first.startswith("#!") and len(lines) > 5 and not any(line.lstrip().startswith("#") for line in lines):
            yield Fault(path, f"The user data of {path[1]} has no comments.")
    for machine in filter(is_complete, machines(rendering)):
        if not {"SubnetId", "NetworkInterfaces", "VPCZoneIdentifier", "AvailabilityZones"} & machine.settings.keys():
            yield Fault(("Resources", machine.name), f"{machine.name} has no subnet.")
