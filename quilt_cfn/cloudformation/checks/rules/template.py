"""The template itself: what CloudFormation refuses outright, whatever the parameters, and what of it was not checked.

The linters find most of this as well; what both find at one place is reported here (``LINTERS_CALL_IT``). Where a macro
gets the whole template, the rules about its form wait for what the macro makes of it, and say nothing.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from quilt_cfn.cloudformation.analysis.instances import decoded_user_data, user_data
from quilt_cfn.cloudformation.analysis.sizes import sizes
from quilt_cfn.cloudformation.checks.rules.rule import REFERENCE, USER_GUIDE, Violation, rule
from quilt_cfn.cloudformation.facts import quotas, template_format
from quilt_cfn.cloudformation.launch import Contract, Launch, is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at
from quilt_cfn.cloudformation.template.expansion import EXTENSIONS, LOOP, adds_names, is_extended, macros, unexpanded
from quilt_cfn.cloudformation.template.intrinsic_functions import INTRINSIC_FUNCTIONS
from quilt_cfn.cloudformation.template.walk import Path, entries, references

LINTERS_CALL_IT = {
    "T01": ("0002", "0005", "1001", "1004", "6003"),
    "T02": ("0006", "2001", "2003", "3001", "3007", "6001", "6004", "7001"),
    "T03": ("0018", "3001", "3016", "3035", "3036"),
    "T04": ("1010", "1012", "1018", "1019", "1020", "1028", "3005", "3015", "8002"),
    "T05": ("2001", "2002"),
    "T06": ("6001", "6002", "6101"),
    "T07": ("0017", "7001"),
    "T08": ("8001", "8004"),
    "T09": ("0003", "0011", "1003"),
    "T13": ("3012",),
    "W01": ("3004", "9106"),
    "duplicate-key": ("0000",),
}
"""Rule -> the numbers under which cfn-lint (E3005) and cloudformation-validate (E3005 or F3005) report the same."""

ANATOMY = f"{USER_GUIDE}/template-anatomy.html"
LIMITS = f"{USER_GUIDE}/cloudformation-limits.html"
REFUSED = "CloudFormation refuses the template: nothing is created."


@rule("T01", "error", REFUSED, ANATOMY, once=True)
def sections_are_known(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds sections that a template can't have, sections that are no map, a description that is no text, and another
    format version than 2010-09-09.

    Why it is bad: CloudFormation validates the whole template before it creates anything.

    Use instead: the names of the sections as they are written in the link, capital letters included.
    """
    if macros(launch.template):
        return
    for name, section in launch.template.items():
        if name == "AWSTemplateFormatVersion":
            if section != template_format.VERSION:
                yield ((name,), f"AWSTemplateFormatVersion is {as_text(section)}; {template_format.VERSION} is valid.")
        elif name == "Description":
            if isinstance(section, (dict, list)):
                yield ((name,), "The Description is no text.")
        elif name not in template_format.SECTIONS and not name.startswith("Fn::"):
            yield ((name,), f"There is no section {name}.")
        elif name != "Transform" and not isinstance(section, dict):
            yield ((name,), f"The section {name} is no map.")


@rule("T02", "error", REFUSED, ANATOMY, once=True)
def names_are_valid(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds parameters, mappings, resources and outputs whose names have other characters than letters and digits, or
    more than 255, keys of mappings with characters that CloudFormation refuses there, and a parameter and a resource of
    one name. A loop without the transform AWS::LanguageExtensions is such a name.

    Why it is bad: CloudFormation validates the whole template before it creates anything.

    Use instead: letters and digits. A first key of a mapping may have dots and hyphens, too, such as ``us-east-1``.
    """
    if macros(launch.template):
        return
    for section in ("Parameters", "Mappings", "Resources", "Outputs"):
        for name, declared in _declared(launch, section):
            yield from _name((section, name), "[A-Za-z0-9]+")
            # Which keys AWS::LanguageExtensions adds is not documented.
            if section == "Mappings" and not is_extended(launch.template):
                for first, inner in dict_or_empty(declared).items():
                    yield from _name((section, name, first), "[A-Za-z0-9.-]+")
                    for second in dict_or_empty(inner):
                        yield from _name((section, name, first, second), "[A-Za-z0-9]+")
    for section in ("Conditions", "Resources", "Outputs") if not is_extended(launch.template) else ():
        for name in map_at(launch.template, section):
            if name.startswith(LOOP):
                yield ((section, name), f"{name} is a loop only with Transform: {EXTENSIONS}.")
    for name in map_at(launch.template, "Resources"):
        if name in map_at(launch.template, "Parameters"):
            yield (("Resources", name), f"A parameter and a resource have the name {name}.")


def _name(path: Path, pattern: str) -> Iterator[Violation]:
    name = str(path[-1])
    if len(name) > quotas.NAME:
        yield (path, f"{name[:20]}... has {len(name)} characters, and CloudFormation takes {quotas.NAME}.")
    elif not re.fullmatch(pattern, name, re.ASCII):
        allowed = "letters and digits" if "." not in pattern else "letters, digits, dots and hyphens"
        yield (path, f"{name} is no valid name: it may have {allowed} only.")


@rule("T03", "error", REFUSED, f"{REFERENCE}/aws-product-attribute-reference.html", once=True)
def resources_are_declared_right(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds resources without a type, with attributes that resources don't have, and with a DependsOn, DeletionPolicy
    or UpdateReplacePolicy that CloudFormation doesn't take.

    Why it is bad: CloudFormation validates the whole template before it creates anything.

    Use instead: the attributes as they are written in the link; properties belong under Properties.
    """
    if macros(launch.template):
        return
    for name, resource in _declared(launch, "Resources"):
        path: Path = ("Resources", name)
        if not isinstance(resource, dict):
            yield (path, f"The resource {name} is no map.")
            continue
        if "Type" not in resource:
            yield (path, f"The resource {name} has no type.")
        elif not isinstance(resource["Type"], str):
            yield ((*path, "Type"), f"The Type of {name} is no text.")
        yield from _unknown(path, resource, template_format.RESOURCE)
        if not all(isinstance(each, str) for each in as_list(resource.get("DependsOn"))):
            yield ((*path, "DependsOn"), f"The DependsOn of {name} is neither a name nor a list of names.")
        for key in ("Properties", "Metadata", "CreationPolicy", "UpdatePolicy"):
            # Fn::If in an UpdatePolicy, or Fn::Transform in any of them, is a map, too.
            if not isinstance(resource.get(key, {}), dict):
                yield ((*path, key), f"The {key} of {name} is no map.")
        for key, values in (
            ("DeletionPolicy", template_format.DELETION_POLICIES),
            ("UpdateReplacePolicy", template_format.UPDATE_REPLACE_POLICIES),
        ):
            value = resource.get(key, "Delete")
            if value not in values and not (is_extended(launch.template) and isinstance(value, dict)):
                what = f"is {value}" if isinstance(value, str) else "is no text"
                yield ((*path, key), f"The {key} of {name} {what}; {', '.join(values)} are valid.")


@rule("T04", "error", REFUSED, f"{REFERENCE}/intrinsic-function-reference.html", once=True)
def names_exist(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds names in Ref, Fn::GetAtt, Fn::Sub, Fn::If, Fn::FindInMap, DependsOn and Condition that nothing in the
    template has, also in parts that a condition leaves out. Templates to which a macro, a module or a loop adds names
    are not checked.

    Why it is bad: CloudFormation resolves all names before it creates anything.

    Use instead: a name of the template, in the same capital letters; ``${!Name}`` where Fn::Sub should leave it alone.
    """
    template = launch.template
    if adds_names(template):
        return
    resources, conditions = map_at(template, "Resources"), map_at(template, "Conditions")
    values = {*template_format.PSEUDO_PARAMETERS, *map_at(template, "Parameters"), *resources}
    for section in ("Rules", "Conditions", "Resources", "Outputs"):
        whole = map_at(template, section)
        for reference in references(whole, (section,)):
            if reference.attribute and reference.name not in resources:
                yield (reference.path, f"There is no resource {reference.name}.")
            elif reference.name not in values:
                yield (reference.path, f"There is no parameter or resource {reference.name}.")
        for path, value in entries(whole, (section,)):
            name, kind = _other_name(path, value)
            known = conditions if kind == "condition" else map_at(template, "Mappings")
            if isinstance(name, str) and name not in known:
                yield (path, f"There is no {kind} {name}.")
    for name, resource in resources.items():
        for other in as_list(dict_or_empty(resource).get("DependsOn")):
            if isinstance(other, str) and other not in resources:
                yield (("Resources", name, "DependsOn"), f"There is no resource {other}.")


def _other_name(path: Path, value: Any) -> tuple[Any, str]:
    """(name, what it is the name of) if an entry of a template names a condition or a mapping; else (None, "")."""
    if path[-1] in ("Fn::If", "Fn::FindInMap") and isinstance(value, list) and value:
        return value[0], "condition" if path[-1] == "Fn::If" else "mapping"
    # Elsewhere Condition is an ordinary key, as in an IAM policy.
    if path[-1] == "Condition" and (len(path) == 3 or path[0] in ("Conditions", "Rules")):
        return value, "condition"
    return None, ""


@rule("T05", "error", REFUSED, f"{USER_GUIDE}/parameters-section-structure.html", once=True)
def parameters_are_declared_right(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds parameters without a type, of a type that doesn't exist, or with attributes that parameters don't have, and
    defaults and lists of allowed values of the wrong form.

    Why it is bad: CloudFormation validates the whole template before it creates anything.

    Use instead: a type such as String, Number, CommaDelimitedList or ``List<AWS::EC2::Subnet::Id>``.
    """
    if macros(launch.template):
        return
    for name, parameter in _declared(launch, "Parameters"):
        path: Path = ("Parameters", name)
        if not isinstance(parameter, dict):
            yield (path, f"The parameter {name} is no map.")
            continue
        found = parameter.get("Type")
        if found is None:
            yield (path, f"The parameter {name} has no type.")
        elif not isinstance(found, str) or found not in template_format.PARAMETER_TYPES:
            yield ((*path, "Type"), f"There is no parameter type {as_text(found)}.")
        yield from _unknown(path, parameter, template_format.PARAMETER)
        if isinstance(parameter.get("Default"), (dict, list)):
            yield ((*path, "Default"), f"The default of {name} is no text.")
        if not isinstance(parameter.get("AllowedValues", []), list):
            yield ((*path, "AllowedValues"), f"The AllowedValues of {name} are no list.")


@rule("T06", "error", REFUSED, f"{USER_GUIDE}/outputs-section-structure.html", once=True)
def outputs_are_declared_right(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds outputs without a value, with a list or a map as their value, with attributes that outputs don't have, and
    exports without a name.

    Why it is bad: CloudFormation validates the whole template before it creates anything.

    Use instead: a Value that is a text; Fn::Join makes one of a list.
    """
    if macros(launch.template):
        return
    for name, output in _declared(launch, "Outputs"):
        path: Path = ("Outputs", name)
        if not isinstance(output, dict):
            yield (path, f"The output {name} is no map.")
            continue
        value = output.get("Value")
        if "Value" not in output:
            yield (path, f"The output {name} has no value.")
        elif isinstance(value, list) or (isinstance(value, dict) and not _is_function(value)):
            yield ((*path, "Value"), f"The value of {name} is no text.")
        yield from _unknown(path, output, template_format.OUTPUT)
        if "Export" in output and "Name" not in dict_or_empty(output["Export"]):
            yield ((*path, "Export"), f"The export of {name} has no name.")


@rule("T07", "error", REFUSED, f"{USER_GUIDE}/mappings-section-structure.html", once=True)
def mappings_have_two_keys(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds mappings that are not maps of maps whose values are texts or lists.

    Why it is bad: CloudFormation validates the whole template before it creates anything.

    Use instead: two keys above each value.

        Mappings:
          Images:
            us-east-1:
              Arm: ami-0123456789abcdef0
    """
    if macros(launch.template):
        return
    for name, mapping in _declared(launch, "Mappings"):
        if not isinstance(mapping, dict):
            yield (("Mappings", name), f"The mapping {name} is no map.")
            continue
        for first, inner in mapping.items():
            if not isinstance(inner, dict):
                yield (("Mappings", name, first), f"{first} in the mapping {name} is no map.")
            for second, value in dict_or_empty(inner).items():
                if isinstance(value, dict):
                    yield (("Mappings", name, first, second), f"{second} in the mapping {name} is a map, not a value.")


@rule("T08", "error", REFUSED, f"{REFERENCE}/intrinsic-function-reference-conditions.html", once=True)
def conditions_are_conditions(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds conditions that are no function, or another one than Fn::And, Fn::Equals, Fn::Not, Fn::Or and Condition,
    and those with a wrong number of arguments.

    Why it is bad: CloudFormation validates the whole template before it creates anything.

    Use instead: ``!Equals [!Ref Stage, production]``, and Fn::And and Fn::Or with two to ten conditions.
    """
    if macros(launch.template):
        return
    for name, condition in _declared(launch, "Conditions"):
        yield from _condition(("Conditions", name), condition)


def _condition(path: Path, condition: Any) -> Iterator[Violation]:
    function = next(iter(condition)) if isinstance(condition, dict) and len(condition) == 1 else None
    if function == "Condition":
        return
    limits = template_format.CONDITION_FUNCTIONS.get(function or "")
    if function is None or limits is None:
        what = f"is no condition but {function}" if function else "is no condition"
        yield (path, f"{path[1]} {what}: Fn::And, Fn::Equals, Fn::Not, Fn::Or and Condition are.")
        return
    arguments, inner = condition[function], (*path, function)
    if not isinstance(arguments, list) or not limits[0] <= len(arguments) <= limits[1]:
        count = str(limits[0]) if limits[0] == limits[1] else f"{limits[0]} to {limits[1]}"
        yield (inner, f"{function} in {path[1]} has not the {count} arguments that it takes.")
    elif function != "Fn::Equals":
        for index, each in enumerate(arguments):
            yield from _condition((*inner, index), each)


@rule("T09", "error", REFUSED, LIMITS, once=True)
def limits_are_kept(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds more than 200 parameters, 200 mappings, 500 resources or 200 outputs, more than 200 attributes of a
    mapping, and descriptions that are too long. The size of the file is ``template-size``, and that of a default is
    a part of F03.

    Why it is bad: CloudFormation refuses them.

    Use instead: fewer or shorter ones; nested stacks.
    """
    template = launch.template
    for section, most in quotas.ENTRIES.items():
        number = len(map_at(template, section))
        if number > most:
            yield ((section,), f"There are {number} {section.lower()}, {number - most} more than CloudFormation takes.")
    for name, mapping in _declared(launch, "Mappings"):
        number = len(dict_or_empty(mapping))
        if number > quotas.MAPPING_ATTRIBUTES:
            yield (("Mappings", name), f"The mapping {name} has {number} attributes; 200 are allowed.")
    yield from _size(("Description",), template.get("Description"), "The description", quotas.DESCRIPTION)
    for name, parameter in _declared(launch, "Parameters"):
        parameter = dict_or_empty(parameter)
        path: Path = ("Parameters", name)
        what = f"The description of {name}"
        yield from _size((*path, "Description"), parameter.get("Description"), what, quotas.PARAMETER_DESCRIPTION)
    for name, output in _declared(launch, "Outputs"):
        value = dict_or_empty(output).get("Description")
        what = f"The description of {name}"
        yield from _size(("Outputs", name, "Description"), value, what, quotas.DESCRIPTION)


def _size(path: Path, value: Any, what: str, most: int) -> Iterator[Violation]:
    size = len(value.encode()) if isinstance(value, str) else 0
    if size > most:
        yield (path, f"{what} has {size:,} bytes, and CloudFormation takes {most:,}.")


@rule(
    "T10",
    "error",
    "The launch fails when the instance or its launch template is created.",
    "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html",
)
def user_data_is_small_enough(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds user data of more than 16,384 bytes before it is encoded. What isn't known before a launch counts as it is
    shown here.

    Why it is bad: EC2 refuses it.

    Use instead: a short script that reads the rest from a file, which cfn-init writes.
    """
    for path, data in user_data(launch):
        size = len((decoded_user_data(data) or "").encode())
        if size > quotas.USER_DATA:
            yield (path, f"The user data of {path[1]} has {size:,} bytes, and EC2 takes {quotas.USER_DATA:,}.")


@rule(
    "T14",
    "error",
    "The launch fails when the resource is created.",
    "https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html",
)
def documents_are_small_enough(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds policies, secrets, SSM parameters, state machines and environment variables of functions that are larger
    than their service takes. What isn't known before a launch counts nothing. Inline policies of a role, user or group
    count together, without spaces.

    Why it is bad: the service refuses them. Their size often depends on the length of parameters.

    Use instead: patterns for actions, fewer statements, or managed policies; a file in S3 for long texts.
    """
    for each in sizes(launch):
        if each.size > each.most:
            what = f"{each.what[0].upper()}{each.what[1:]}"
            verb = "have" if "policies" in each.what else "has"
            yield (each.path, f"{what} {verb} at least {each.size:,} bytes, and {each.most:,} are allowed.")


@rule("T11", "error", REFUSED, f"{USER_GUIDE}/outputs-section-structure.html")
def exports_have_names_of_their_own(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds two outputs of a launch that are exported under the same name.

    Why it is bad: CloudFormation refuses a template whose exports share a name. See
    https://github.com/compose-x/ecs_composex/issues/444.

    Use instead: a name that begins with the stack's name and ends with the output's.
    """
    exported: dict[str, list[str]] = defaultdict(list)
    for name, output in launch.outputs.items():
        value = map_at(output, "Export").get("Name")
        if isinstance(value, str) and is_known(value):
            exported[value].append(name)
    for value, (first, *others) in exported.items():
        for other in others:
            yield (("Outputs", other, "Export"), f"{other} and {first} are both exported as {value}.")


@rule("T13", "error", REFUSED, f"{REFERENCE}/intrinsic-function-reference.html", once=True)
def functions_exist(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds functions that CloudFormation doesn't have, such as ``Fn::Concat``.

    Why it is bad: CloudFormation validates the whole template before it creates anything.

    Use instead: a function of the link.
    """
    if macros(launch.template):
        return
    for section in ("Resources", "Outputs"):
        for path, _ in entries(map_at(launch.template, section), (section,)):
            name = str(path[-1])
            if name.startswith("Fn::") and name not in INTRINSIC_FUNCTIONS and not name.startswith(LOOP):
                yield (path, f"There is no function {name}.")


@rule(
    "T12",
    "information",
    "A part of the template was not checked: without findings it may still be wrong.",
    f"{USER_GUIDE}/template-macros.html",
    once=True,
)
def all_is_expanded(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds what CloudFormation expands or reads only at a launch, and this check doesn't: macros, AWS's own transforms
    such as AWS::Serverless and AWS::Include among them; loops with Fn::ForEach; modules; nested stacks.

    Why it is bad: what comes out of it was not checked by our rules, and names that may come out of it are taken to
    exist. cfn-lint translates AWS::Serverless, and expands loops.

    Use instead: the expanded template, which ``aws cloudformation get-template --template-stage Processed`` prints for
    a change set or a stack; for a nested stack, check its own file.
    """
    for part in unexpanded(launch.template):
        yield (
            part.path,
            f"{part.what[0].upper()}{part.what[1:]} was not expanded or read: our rules checked nothing of it.",
        )


def _declared(launch: Launch, section: str) -> Iterator[tuple[str, Any]]:
    """(name, declaration) of each entry of a section, without its loops and includes."""
    for name, declared in map_at(launch.template, section).items():
        if not name.startswith("Fn::"):
            yield name, declared


def _unknown(path: Path, declared: Mapping[str, Any], known: frozenset[str]) -> Iterator[Violation]:
    for key in declared:
        if key not in known and not key.startswith("Fn::"):
            yield ((*path, key), f"{path[1]} has an unknown attribute: {key}.")


def _is_function(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and next(iter(value)).startswith(("Ref", "Fn::"))
