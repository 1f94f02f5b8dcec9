"""The intrinsic functions: each computes its value from its argument, as CloudFormation does.

A function takes the evaluator, its argument as the template has it, and the path to that argument. One that can't be
computed records an error with the evaluator and gives a placeholder. What each function does is described in
CloudFormation's "Intrinsic function reference" and, for the assertions of rules, its "Rules section".
"""

from __future__ import annotations

import ipaddress
import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Protocol

from quilt_cfn.cloudformation.facts import partitions
from quilt_cfn.cloudformation.launch.values import (
    NO_VALUE,
    TOO_LARGE,
    Base64Value,
    Origin,
    UnknownList,
    Value,
    concatenate,
    is_known,
    origins_of,
    unknown_list,
    unknown_value,
)
from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty, is_true, wrap
from quilt_cfn.cloudformation.template.walk import VARIABLE, Path

_LIST_ATTRIBUTES = re.compile(
    r"(Ids|Arns|Names|NameServers|DnsEntries|CidrBlocks|Endpoints|CidrBlockAssociations|Ips|Addresses)$"
)
"""Attributes that are lists by their names."""


NAME = "Name"
"""The kind of the error that nothing has a name which the template spells out; a computed one is its function's."""


class Evaluator(Protocol):
    """What the functions need of the evaluator of a template; ``TemplateEvaluator`` is the one there is."""

    region: str
    pseudo: dict[str, Any]
    """Pseudo parameter -> value."""
    values: Mapping[str, Any]
    """Parameter -> value."""
    declared: dict[str, Any]
    """Logical ID -> resource as the template has it, whether it is created or not."""
    mappings: dict[str, Any]
    extended: bool
    """Whether the template uses AWS::LanguageExtensions."""

    def compute(self, value: Any, path: Path) -> Any: ...
    def concatenate(self, parts: list[Any], path: Path) -> Value: ...
    def decide(self, name: Any, path: Path) -> bool: ...
    def exists(self, logical_id: str) -> bool: ...
    def resource(self, logical_id: str) -> dict[str, Any]: ...
    def error(self, kind: str, path: Path, message: str) -> Value: ...
    def missing(self, kind: str, path: Path, message: str) -> None: ...
    def room_for(self, characters: int, path: Path) -> bool: ...


Function = Callable[[Evaluator, Any, Path], Any]


class NotDecidable(Exception):
    """An assertion of a rule depends on a value that is not known before the launch."""


def logical_id(evaluator: Evaluator, name: Any, path: Path) -> Any:
    """The name that Ref and Fn::GetAtt take; with AWS::LanguageExtensions a function may compute it."""
    return evaluator.compute(name, path) if evaluator.extended else name


def ref(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    name = logical_id(evaluator, argument, path)
    if not is_known(name):
        return Value("<Ref>", origins_of(name), known=False)
    if not isinstance(name, str):
        return evaluator.error("Ref", path, "Ref takes a name")
    if name in evaluator.pseudo:
        return evaluator.pseudo[name]
    if name in evaluator.values:
        return evaluator.values[name]
    if name in evaluator.declared:
        _must_exist(evaluator, name, path)
    else:
        kind = NAME if isinstance(argument, str) else "Ref"
        evaluator.missing(kind, path, f"there is no parameter or resource {name}")
    return unknown_value(Origin("resource", name))


def get_att(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    if isinstance(argument, str):
        name, _, attribute = argument.partition(".")
    elif isinstance(argument, list) and len(argument) == 2:
        name, attribute = logical_id(evaluator, argument[0], path), as_text(evaluator.compute(argument[1], (*path, 1)))
    else:
        name, attribute = None, ""
    if not isinstance(name, str):
        return evaluator.error("Syntax", path, "Fn::GetAtt takes a logical ID and an attribute")
    if not is_known(name):
        return Value("<Fn::GetAtt>", origins_of(name), known=False)
    if name not in evaluator.declared:
        kind = NAME if isinstance(wrap(argument)[0], str) else "GetAtt"
        evaluator.missing(kind, path, f"there is no resource {name}")
        return unknown_value(Origin("attribute", name, attribute))
    _must_exist(evaluator, name, path)
    return _attribute(evaluator, name, attribute)


def _must_exist(evaluator: Evaluator, name: str, path: Path) -> None:
    if path[:1] in (("Conditions",), ("Rules",)):
        evaluator.error("Ref", path, f"{path[0]} can't refer to the resource {name}")
    elif not evaluator.exists(name):
        evaluator.error("Ref", path, f"{name} is not created under this condition")


def _attribute(evaluator: Evaluator, name: str, attribute: str) -> Any:
    origin = Origin("attribute", name, attribute)
    resource = evaluator.resource(name)
    properties = dict_or_empty(resource.get("Properties"))
    # An attribute has the value of the property of the same name, where that was set. Not so for a custom resource,
    # which returns what it likes, and where the property is a map or a list of maps: no attribute is one.
    custom = as_text(resource.get("Type", "")).startswith(("Custom::", "AWS::CloudFormation::"))
    value = properties.get(attribute, {})
    if not custom and not any(isinstance(each, (dict, list)) for each in wrap(value)):
        return value
    if resource.get("Type") == "AWS::S3::Bucket" and attribute == "Arn":
        bucket = properties.get("BucketName", unknown_value(Origin("resource", name)))
        arn = concatenate([f"arn:{evaluator.pseudo['AWS::Partition']}:s3:::", bucket])
        return Value(arn, arn.origins | {origin}, arn.known)
    return unknown_list(origin) if _LIST_ATTRIBUTES.search(attribute) else unknown_value(origin)


def sub(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    variables: dict[str, Any] = {}
    text = argument
    if not isinstance(argument, str):
        parts = _arguments(evaluator, argument, path, 2)
        if parts is None:
            return evaluator.error("Syntax", path, "Fn::Sub takes a string, or a string and a map")
        text, declared = parts[0], dict_or_empty(parts[1])
        variables = {name: evaluator.compute(each, (*path, 1, name)) for name, each in declared.items()}
    if not isinstance(text, str):
        return evaluator.error("Syntax", path, "Fn::Sub takes a literal string")
    parts = []
    end = 0
    for match in VARIABLE.finditer(text):
        parts.append(text[end : match.start()])
        end = match.end()
        literal, name = match.groups()
        parts.append(f"${{{name}}}" if literal else _variable(evaluator, name.strip(), variables, path))
    parts.append(text[end:])
    return evaluator.concatenate(parts, path)


def _variable(evaluator: Evaluator, name: str, variables: Mapping[str, Any], path: Path) -> Any:
    if name in variables:
        value = variables[name]
    elif "." in name:
        value = get_att(evaluator, name, path)
    else:
        value = ref(evaluator, name, path)
    if isinstance(value, UnknownList):
        return value.any_member
    if isinstance(value, (list, dict)) or value is NO_VALUE:
        return evaluator.error("Sub", path, f"${{{name}}} is not a string")
    return value


def join(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    parts = _arguments(evaluator, argument, path, 2)
    if parts is None:
        return evaluator.error("Syntax", path, "Fn::Join takes a delimiter and a list")
    delimiter, members = parts[0], evaluator.compute(parts[1], (*path, 1))
    if isinstance(delimiter, (dict, list)):
        return evaluator.error("Join", path, "the delimiter of Fn::Join is not a literal string")
    if not is_known(members) and not isinstance(members, list):
        return Value("<joined>", origins_of(members), known=False)
    if isinstance(members, UnknownList):
        return members.any_member
    if not isinstance(members, list):
        return evaluator.error("Join", path, "the second argument of Fn::Join is not a list")
    pieces: list[Any] = []
    for index, member in enumerate(members):
        if isinstance(member, (dict, list)):
            member = evaluator.error("Join", (*path, 1, index), "a member of Fn::Join's list is not a string")
        pieces += [as_text(delimiter), member] if index else [member]
    return evaluator.concatenate(pieces, path)


def split(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    parts = _arguments(evaluator, argument, path, 2)
    text = evaluator.compute(parts[1], (*path, 1)) if parts else None
    if parts is None or not isinstance(parts[0], str) or not parts[0]:
        return evaluator.error("Split", path, "Fn::Split takes a delimiter and a string")
    if not is_known(text):
        return UnknownList([Value("<part>", origins_of(text), known=False)])
    if not isinstance(text, str):
        return evaluator.error("Split", path, "Fn::Split takes a delimiter and a string")
    # Each new string takes as much memory as a hundred characters.
    if not evaluator.room_for(len(text) + 100 * text.count(parts[0]), path):
        return UnknownList([Value(TOO_LARGE, origins_of(text), known=False)])
    return [Value(part, origins_of(text)) for part in text.split(parts[0])]


def select(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    parts = _arguments(evaluator, argument, path, 2)
    if parts is None:
        return evaluator.error("Syntax", path, "Fn::Select takes an index and a list")
    index, members = (evaluator.compute(each, (*path, position)) for position, each in enumerate(parts))
    if not is_known(index) or (not is_known(members) and not isinstance(members, list)):
        return Value("<member>", origins_of(members), known=False)
    if not isinstance(members, list):
        return evaluator.error("Select", path, "the second argument of Fn::Select is not a list")
    index = as_text(index)
    if not re.fullmatch("[0-9]{1,9}", index):
        return evaluator.error("Select", path, f"the index of Fn::Select is {index} and not a number")
    if isinstance(members, UnknownList):
        return members.member(int(index))
    if int(index) >= len(members):
        inner = next(iter(parts[1])) if isinstance(parts[1], dict) else "list"
        return evaluator.error(
            f"Select of {inner}", path, f"Fn::Select asks for index {index} of a list of {len(members)}"
        )
    return members[int(index)]


def get_azs(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    region = evaluator.compute(argument, path)
    if not isinstance(region, str):
        return UnknownList([evaluator.error("Syntax", path, "Fn::GetAZs takes the name of a Region")])
    if not is_known(region):
        return UnknownList([Value("<GetAZs>", origins_of(region), known=False)])
    return [Value(zone) for zone in partitions.zones(region or evaluator.region)]


def cidr(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    parts = _arguments(evaluator, argument, path, 2, 3)
    if parts is None:
        return UnknownList([evaluator.error("Cidr", path, "Fn::Cidr takes a block, a count and a number of bits")])
    block, count, *bits = (evaluator.compute(each, (*path, index)) for index, each in enumerate(parts))
    if not all(map(is_known, (block, count, *bits))):
        return UnknownList([Value("<block>", origins_of([block, count]), known=False)])
    try:
        network = ipaddress.ip_network(as_text(block), strict=False)
        prefix = network.max_prefixlen - int(as_text(bits[0] if bits else 8))
        if not 1 <= int(as_text(count)) <= 256:
            raise ValueError("the count must be from 1 to 256")
        blocks = [str(each) for each in islice(network.subnets(new_prefix=prefix), int(as_text(count)))]
        if len(blocks) < int(as_text(count)):
            raise ValueError(f"{network} holds only {len(blocks)} such blocks")
    except ValueError as error:
        return UnknownList([evaluator.error("Cidr", path, f"Fn::Cidr can't be computed: {error}")])
    return [Value(each, origins_of([block])) for each in blocks]


def base64_(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    plain = evaluator.compute(argument, path)
    if not isinstance(plain, str):
        return evaluator.error("Base64", path, "Fn::Base64 takes a string")
    if not evaluator.room_for(len(plain), path):
        return Value(TOO_LARGE, origins_of(plain), known=False)
    encoded = Base64Value(b64encode(plain.encode()).decode(), origins_of(plain), is_known(plain))
    encoded.plain = plain if isinstance(plain, Value) else Value(plain)
    return encoded


def find_in_map(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    parts = _arguments(evaluator, argument, path, 3, 4)
    if parts is None:
        return evaluator.error("Syntax", path, "Fn::FindInMap takes a map and two keys")
    keys = [evaluator.compute(each, (*path, index)) for index, each in enumerate(parts[:3])]
    names = [as_text(key) for key in keys]
    options = dict_or_empty(parts[3]) if len(parts) == 4 else {}
    default = evaluator.compute(options.get("DefaultValue"), (*path, 3, "DefaultValue"))
    if not is_known(keys):
        return Value(f"<{'.'.join(names)}>", origins_of(default), known=False)
    value: Any = evaluator.mappings
    for name in names:
        if not isinstance(value, dict) or name not in value:
            if "DefaultValue" in options:
                return default
            kind = NAME if isinstance(parts[0], str) and value is evaluator.mappings else "FindInMap"
            evaluator.missing(kind, path, f"the mapping has no entry {' / '.join(names)}")
            return Value(f"<{'.'.join(names)}>", known=False)
        value = value[name]
    if isinstance(value, dict):
        return evaluator.error("FindInMap", path, f"the mapping's entry {' / '.join(names)} is a map")
    return evaluator.compute(value, path)


def if_(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    parts = _arguments(evaluator, argument, path, 3)
    if parts is None:
        return evaluator.error("Syntax", path, "Fn::If takes a condition and two values")
    side = 1 if evaluator.decide(parts[0], (*path, 0)) else 2
    return evaluator.compute(parts[side], (*path, side))


def named_condition(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    # Elsewhere Condition is an ordinary key, as in an IAM policy.
    if path[:1] in (("Conditions",), ("Rules",)):
        return evaluator.decide(argument, path)
    return {"Condition": evaluator.compute(argument, path)}


def comparison(holds: Callable[[Any, Any], bool]) -> Function:
    """A function that compares two values. It raises ``NotDecidable`` in a rule if one of them is not known."""

    def compare(evaluator: Evaluator, argument: Any, path: Path) -> bool:
        parts = _arguments(evaluator, argument, path, 2)
        if parts is None:
            return False
        left, right = (evaluator.compute(each, (*path, index)) for index, each in enumerate(parts))
        if path[:1] == ("Rules",) and not (is_known(left) and is_known(right)):
            raise NotDecidable
        return holds(_comparable(left), _comparable(right))

    return compare


def undecided(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    if path[:1] == ("Rules",):
        raise NotDecidable
    return evaluator.error("Syntax", path, f"{path[-1]} works only in Rules")


def import_value(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    name = evaluator.compute(argument, path)
    origin = Origin("import", as_text(name))
    return Value(f"<import {name}>", origins_of(name) | {origin}, known=False)


def get_stack_output(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    output = dict_or_empty(evaluator.compute(argument, path))
    name = ".".join(as_text(output.get(key, "?")) for key in ("StackName", "OutputName"))
    return Value(f"<output {name}>", origins_of(output) | {Origin("import", name)}, known=False)


def length(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    members = evaluator.compute(argument, path)
    if isinstance(members, UnknownList) or not (isinstance(members, list) or is_known(members)):
        return Value("<length>", origins_of(members), known=False)
    return len(members) if isinstance(members, list) else evaluator.error("Length", path, "Fn::Length takes a list")


def to_json_string(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    value = evaluator.compute(argument, path)
    if not isinstance(value, (dict, list)):
        return evaluator.error("Syntax", path, "Fn::ToJsonString takes a map or a list")
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    if not evaluator.room_for(len(text), path):
        text = TOO_LARGE
    return Value(text, origins_of(value), is_known(value) and text != TOO_LARGE)


def transform(evaluator: Evaluator, argument: Any, path: Path) -> Any:
    return Value("<Fn::Transform>", origins_of(evaluator.compute(argument, path)), known=False)


def _operands(evaluator: Evaluator, argument: Any, path: Path) -> list[bool]:
    """The operands of Fn::And, Fn::Or and Fn::Not. Raises ``NotDecidable`` as ``comparison`` does."""
    operands = wrap(evaluator.compute(argument, path))
    if path[:1] == ("Rules",) and not is_known(operands):
        raise NotDecidable
    return [is_true(each) for each in operands]


def _arguments(evaluator: Evaluator, argument: Any, path: Path, *counts: int) -> list[Any] | None:
    """The arguments as the template has them, if there are as many as one of ``counts``; else records an error."""
    if isinstance(argument, list) and len(argument) in counts:
        return argument
    evaluator.error("Syntax", path, f"{path[-1]} takes a list of {' or '.join(map(str, counts))}")
    return None


def _comparable(value: Any) -> Any:
    """A value to compare, with its scalars as strings: true equals "true", and 1 equals "1"."""
    if isinstance(value, list):
        return [_comparable(each) for each in value]
    return value if isinstance(value, dict) else as_text(value)


FUNCTIONS: dict[str, Function] = {
    "Ref": ref,
    "Condition": named_condition,
    "Fn::And": lambda evaluator, argument, path: all(_operands(evaluator, argument, path)),
    "Fn::Base64": base64_,
    "Fn::Cidr": cidr,
    "Fn::Contains": comparison(lambda members, value: value in wrap(members)),
    "Fn::EachMemberEquals": comparison(lambda members, value: all(each == value for each in wrap(members))),
    "Fn::EachMemberIn": comparison(lambda members, allowed: all(each in wrap(allowed) for each in wrap(members))),
    "Fn::Equals": comparison(lambda left, right: bool(left == right)),
    "Fn::FindInMap": find_in_map,
    "Fn::GetAtt": get_att,
    "Fn::GetAZs": get_azs,
    "Fn::GetStackOutput": get_stack_output,
    "Fn::If": if_,
    "Fn::ImportValue": import_value,
    "Fn::Join": join,
    "Fn::Length": length,
    "Fn::Not": lambda evaluator, argument, path: not all(_operands(evaluator, argument, path)),
    "Fn::Or": lambda evaluator, argument, path: any(_operands(evaluator, argument, path)),
    "Fn::RefAll": undecided,
    "Fn::Select": select,
    "Fn::Split": split,
    "Fn::Sub": sub,
    "Fn::ToJsonString": to_json_string,
    "Fn::Transform": transform,
    "Fn::ValueOf": undecided,
    "Fn::ValueOfAll": undecided,
}
