"""The intrinsic functions, one method each.

The rule: a function that can't be computed records a ``Problem``, with the path to it, and gives a placeholder; so one
mistake in a template hides no other. Semantics: CloudFormation's "Intrinsic function reference" and "Rules section".
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, NamedTuple

from quilt_cfn.evaluation import places
from quilt_cfn.evaluation.forms import Refused, mapping, section
from quilt_cfn.evaluation.texts import (
    Encoded,
    Origin,
    Path,
    Text,
    UnknownList,
    as_text,
    concatenated,
    is_known,
    origins_of,
    symbol,
    unknown_list,
)

NOTHING = object()
"""What AWS::NoValue leaves behind."""

ACCOUNT = "111122223333"
"""The account number of AWS's own examples."""

STACK = "my-stack"

VARIABLE = re.compile(r"\$\{(!?)([^{}]*)\}")
_DYNAMIC = re.compile(r"\{\{resolve:[^{}]*\}\}")
_LISTS = re.compile(
    r"(Ids|Arns|Names|NameServers|DnsEntries|CidrBlocks|Endpoints|CidrBlockAssociations|Ips|Addresses)$"
)


class Problem(NamedTuple):
    """Something that would make CloudFormation fail: ``kind`` names the function or ``Cycle``, ``path`` the place."""

    kind: str
    path: Path
    sentence: str


class Undecided(Exception):
    """A rule depends on what only AWS knows."""


class Evaluator:
    """Computes the values of one template under one form, in one Region and account."""

    def __init__(self, template: Mapping[str, Any], values: Mapping[str, Any], region: str, account: str) -> None:
        self.template = template
        self.values = values
        self.region = region
        self.problems: dict[Problem, None] = {}
        self.pseudo: dict[str, Any] = {
            "AWS::AccountId": account,
            "AWS::NoValue": NOTHING,
            "AWS::NotificationARNs": [],
            "AWS::Partition": places.partition(region),
            "AWS::Region": region,
            "AWS::StackId": f"arn:{places.partition(region)}:cloudformation:{region}:{account}:stack/{STACK}/0",
            "AWS::StackName": STACK,
            "AWS::URLSuffix": places.url_suffix(region),
        }
        self.declared = section(template, "Resources")
        self.mappings = section(template, "Mappings")
        self._decided: dict[str, bool | None] = {}
        self._computed: dict[str, dict[str, Any] | None] = {}
        self._functions: dict[str, Callable[[Any, Path], Any]] = {
            "Ref": self.ref,
            "Condition": self.named_condition,
            "Fn::And": lambda argument, path: all(self.operands(argument, path)),
            "Fn::Base64": self.base64,
            "Fn::Cidr": self.cidr,
            "Fn::Contains": self.contains,
            "Fn::EachMemberEquals": self.each_member_equals,
            "Fn::EachMemberIn": self.each_member_in,
            "Fn::Equals": self.equals,
            "Fn::FindInMap": self.find_in_map,
            "Fn::GetAtt": self.get_att,
            "Fn::GetAZs": self.get_azs,
            "Fn::If": self.if_,
            "Fn::ImportValue": self.import_value,
            "Fn::Join": self.join,
            "Fn::Length": self.length,
            "Fn::Not": lambda argument, path: not all(self.operands(argument, path)),
            "Fn::Or": lambda argument, path: any(self.operands(argument, path)),
            "Fn::RefAll": self.undecided,
            "Fn::Select": self.select,
            "Fn::Split": self.split,
            "Fn::Sub": self.sub,
            "Fn::ToJsonString": self.to_json_string,
            "Fn::Transform": self.transform,
            "Fn::ValueOf": self.undecided,
            "Fn::ValueOfAll": self.undecided,
        }

    # What a template consists of.

    def enforce_rules(self) -> None:
        """Raises ``Refused`` if an assertion of the template's Rules fails."""
        for name, rule in section(self.template, "Rules").items():
            try:
                condition = mapping(rule).get("RuleCondition")
                if condition is not None and not self.compute(condition, ("Rules", name, "RuleCondition")):
                    continue
            except Undecided:
                continue
            for index, assertion in enumerate(mapping(rule).get("Assertions") or []):
                path = ("Rules", name, "Assertions", index, "Assert")
                try:
                    holds = self.compute(mapping(assertion).get("Assert"), path)
                except Undecided:
                    continue
                if not holds:
                    raise Refused(as_text(mapping(assertion).get("AssertDescription") or f"Rule {name} failed"))

    def exists(self, logical_id: str) -> bool:
        """Whether a declared resource would be created."""
        condition = mapping(self.declared[logical_id]).get("Condition")
        return condition is None or self.decide(condition, ("Resources", logical_id, "Condition"))

    def decide(self, name: Any, path: Path) -> bool:
        """A condition of the template by its name."""
        conditions = section(self.template, "Conditions")
        if not isinstance(name, str) or name not in conditions:
            self.problem("Condition", path, f"there is no condition {name}")
            return False
        if name not in self._decided:
            self._decided[name] = None  # in work
            self._decided[name] = bool(self.compute(conditions[name], ("Conditions", name)))
        decided = self._decided[name]
        if decided is None:
            self.problem("Cycle", path, f"the condition {name} depends on itself")
        return bool(decided)

    def resource(self, logical_id: str) -> dict[str, Any]:
        """A resource, computed once; while it is being computed, what it says of itself stays a placeholder."""
        if logical_id not in self._computed:
            self._computed[logical_id] = None  # in work
            declared = mapping(self.declared[logical_id])
            path = ("Resources", logical_id)
            self._computed[logical_id] = {
                key: self.compute(value, (*path, key)) for key, value in declared.items() if key != "Condition"
            }
        return self._computed[logical_id] or {}

    # Values.

    def compute(self, value: Any, path: Path) -> Any:
        """A value of the template with every function in it computed."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            members = [self.compute(each, (*path, index)) for index, each in enumerate(value)]
            return [member for member in members if member is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in self._functions and (name != "Condition" or isinstance(argument, str)):
                return self._functions[name](argument, (*path, name))
        computed = {key: self.compute(each, (*path, key)) for key, each in value.items()}
        return {key: each for key, each in computed.items() if each is not NOTHING}

    def text(self, value: str) -> str:
        if "{{resolve:" not in value:
            return value
        return Text(value, {Origin("dynamic", match) for match in _DYNAMIC.findall(value)})

    def problem(self, kind: str, path: Path, sentence: str) -> Text:
        self.problems[Problem(kind, path, sentence)] = None
        return Text(f"<{kind}?>", known=False)

    def operands(self, argument: Any, path: Path) -> list[bool]:
        return [as_text(each) == "true" for each in self.members(argument, path)]

    def members(self, argument: Any, path: Path) -> list[Any]:
        computed = self.compute(argument, path)
        return computed if isinstance(computed, list) else [computed]

    def arguments(self, argument: Any, path: Path, *counts: int) -> list[Any] | None:
        """The uncomputed arguments of a function that takes so many; None, with a problem, if it is given others."""
        if isinstance(argument, list) and len(argument) in counts:
            return argument
        self.problem("Syntax", path, f"{path[-1]} takes a list of {' or '.join(map(str, counts))}")
        return None

    # The functions.

    def ref(self, name: Any, path: Path) -> Any:
        if not isinstance(name, str):
            return self.problem("Ref", path, "Ref takes a name")
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.values:
            return self.values[name]
        if name not in self.declared:
            return self.problem("Ref", path, f"there is no parameter or resource {name}")
        self._must_exist(name, path)
        return symbol(Origin("resource", name))

    def get_att(self, argument: Any, path: Path) -> Any:
        if isinstance(argument, str):
            name, _, attribute = argument.partition(".")
        elif isinstance(argument, list) and len(argument) == 2 and isinstance(argument[0], str):
            name, attribute = argument[0], as_text(self.compute(argument[1], (*path, 1)))
        else:
            return self.problem("Syntax", path, "Fn::GetAtt takes a logical ID and an attribute")
        if name not in self.declared:
            return self.problem("GetAtt", path, f"there is no resource {name}")
        self._must_exist(name, path)
        return self._attribute(name, attribute)

    def _must_exist(self, name: str, path: Path) -> None:
        if path[:1] != ("Conditions",) and not self.exists(name):
            self.problem("Ref", path, f"{name} is not created under this condition")

    def _attribute(self, name: str, attribute: str) -> Any:
        origin = Origin("attribute", name, attribute)
        resource = self.resource(name)
        properties = mapping(resource.get("Properties"))
        # An attribute that is called like a property that was set is that property's value.
        if attribute in properties:
            return properties[attribute]
        if resource.get("Type") == "AWS::S3::Bucket" and attribute == "Arn":
            bucket = properties.get("BucketName", symbol(Origin("resource", name)))
            arn = concatenated([f"arn:{self.pseudo['AWS::Partition']}:s3:::", bucket])
            return Text(arn, arn.origins | {origin}, arn.known)
        return unknown_list(origin) if _LISTS.search(attribute) else symbol(origin)

    def sub(self, argument: Any, path: Path) -> Any:
        variables: dict[str, Any] = {}
        text = argument
        if not isinstance(argument, str):
            parts = self.arguments(argument, path, 2)
            if parts is None:
                return self.problem("Syntax", path, "Fn::Sub takes a text, or a text and a map")
            text, declared = parts[0], mapping(parts[1])
            variables = {name: self.compute(each, (*path, 1, name)) for name, each in declared.items()}
        if not isinstance(text, str):
            return self.problem("Syntax", path, "Fn::Sub takes a literal text")
        parts = []
        end = 0
        for match in VARIABLE.finditer(text):
            parts.append(text[end : match.start()])
            end = match.end()
            literal, name = match.groups()
            parts.append(f"${{{name}}}" if literal else self._variable(name.strip(), variables, path))
        parts.append(text[end:])
        result = concatenated(parts)
        dynamic = {Origin("dynamic", found) for found in _DYNAMIC.findall(result)}
        return Text(result, result.origins | dynamic, result.known)

    def _variable(self, name: str, variables: Mapping[str, Any], path: Path) -> Any:
        if name in variables:
            value = variables[name]
        elif "." in name:
            value = self.get_att(name, path)
        else:
            value = self.ref(name, path)
        if isinstance(value, UnknownList):
            return value.each
        if isinstance(value, (list, dict)) or value is NOTHING:
            return self.problem("Sub", path, f"${{{name}}} is not a text")
        return value

    def join(self, argument: Any, path: Path) -> Any:
        parts = self.arguments(argument, path, 2)
        if parts is None:
            return self.problem("Syntax", path, "Fn::Join takes a delimiter and a list")
        members = self.compute(parts[1], (*path, 1))
        if isinstance(members, UnknownList):
            return members.each
        if not isinstance(members, list):
            return self.problem("Join", path, "the second argument of Fn::Join is not a list")
        pieces: list[Any] = []
        for index, member in enumerate(members):
            if isinstance(member, (dict, list)):
                member = self.problem("Join", (*path, 1, index), "a member of Fn::Join is not a text")
            pieces += [as_text(parts[0]), member] if index else [member]
        return concatenated(pieces)

    def split(self, argument: Any, path: Path) -> Any:
        parts = self.arguments(argument, path, 2)
        text = self.compute(parts[1], (*path, 1)) if parts else None
        if parts is None or not isinstance(text, str):
            return self.problem("Split", path, "Fn::Split takes a delimiter and a text")
        if not is_known(text):
            return UnknownList([Text("<part>", origins_of(text), known=False)])
        return [Text(part, origins_of(text)) for part in text.split(as_text(parts[0]))]

    def select(self, argument: Any, path: Path) -> Any:
        parts = self.arguments(argument, path, 2)
        if parts is None:
            return self.problem("Syntax", path, "Fn::Select takes an index and a list")
        index = as_text(self.compute(parts[0], (*path, 0)))
        members = self.compute(parts[1], (*path, 1))
        if not isinstance(members, list):
            return members if isinstance(members, Text) else self.problem("Select", path, "there is no list")
        if not re.fullmatch("[0-9]+", index):
            return members[0] if members and "<" in index else self.problem("Select", path, f"{index} is no index")
        if isinstance(members, UnknownList):
            return members.at(int(index))
        if int(index) >= len(members):
            inner = next(iter(parts[1])) if isinstance(parts[1], dict) else "list"
            return self.problem(
                f"Select of {inner}", path, f"Fn::Select asks for index {index} of a list of {len(members)}"
            )
        return members[int(index)]

    def get_azs(self, argument: Any, path: Path) -> Any:
        region = as_text(self.compute(argument, path))
        if "<" in region:
            return UnknownList([Text("<GetAZs>", origins_of(argument), known=False)])
        return [Text(zone) for zone in places.zones(region or self.region)]

    def cidr(self, argument: Any, path: Path) -> Any:
        parts = self.arguments(argument, path, 2, 3)
        if parts is None:
            return UnknownList([self.problem("Cidr", path, "Fn::Cidr takes a block, a count and a number of bits")])
        block, count, *bits = (self.compute(each, (*path, index)) for index, each in enumerate(parts))
        if not all(map(is_known, (block, count, *bits))):
            return UnknownList([Text("<block>", origins_of([block, count]), known=False)])
        try:
            network = ipaddress.ip_network(as_text(block))
            prefix = network.max_prefixlen - int(as_text(bits[0] if bits else 8))
            if not 1 <= int(as_text(count)) <= 256:
                raise ValueError("the count must be from 1 to 256")
            blocks = [str(each) for each in islice(network.subnets(new_prefix=prefix), int(as_text(count)))]
            if len(blocks) < int(as_text(count)):
                raise ValueError(f"{network} holds only {len(blocks)} such blocks")
        except ValueError as error:
            return UnknownList([self.problem("Cidr", path, f"Fn::Cidr can't be computed: {error}")])
        return [Text(each, origins_of([block])) for each in blocks]

    def base64(self, argument: Any, path: Path) -> Any:
        plain = self.compute(argument, path)
        if not isinstance(plain, str):
            return self.problem("Base64", path, "Fn::Base64 takes a text")
        encoded = Encoded(base64.b64encode(plain.encode()).decode(), origins_of(plain), is_known(plain))
        encoded.plain = plain if isinstance(plain, Text) else Text(plain)
        return encoded

    def find_in_map(self, argument: Any, path: Path) -> Any:
        parts = self.arguments(argument, path, 3, 4)
        if parts is None:
            return self.problem("Syntax", path, "Fn::FindInMap takes a map and two keys")
        keys = [as_text(self.compute(each, (*path, index))) for index, each in enumerate(parts[:3])]
        value: Any = self.mappings
        for key in keys:
            if not isinstance(value, dict) or key not in value:
                if len(parts) == 4 and "DefaultValue" in mapping(parts[3]):
                    return self.compute(parts[3]["DefaultValue"], (*path, 3, "DefaultValue"))
                if "<" in key:
                    return Text(f"<{'.'.join(keys)}>", known=False)
                return self.problem("FindInMap", path, f"the mapping has no entry {' / '.join(keys)}")
            value = value[key]
        return value

    def if_(self, argument: Any, path: Path) -> Any:
        parts = self.arguments(argument, path, 3)
        if parts is None:
            return self.problem("Syntax", path, "Fn::If takes a condition and two values")
        side = 1 if self.decide(parts[0], (*path, 0)) else 2
        return self.compute(parts[side], (*path, side))

    def named_condition(self, argument: Any, path: Path) -> Any:
        return self.decide(argument, path) if path[:1] in (("Conditions",), ("Rules",)) else argument

    def equals(self, argument: Any, path: Path) -> bool:
        parts = self.arguments(argument, path, 2)
        if parts is None:
            return False
        left, right = (self.compute(each, (*path, index)) for index, each in enumerate(parts))
        return bool(_comparable(left) == _comparable(right))

    def contains(self, argument: Any, path: Path) -> bool:
        parts = self.arguments(argument, path, 2)
        if parts is None:
            return False
        members, value = (self.compute(each, (*path, index)) for index, each in enumerate(parts))
        return _comparable(value) in map(_comparable, members if isinstance(members, list) else [members])

    def each_member_equals(self, argument: Any, path: Path) -> bool:
        parts = self.arguments(argument, path, 2)
        if parts is None:
            return False
        value = self.compute(parts[1], (*path, 1))
        return all(_comparable(each) == _comparable(value) for each in self.members(parts[0], (*path, 0)))

    def each_member_in(self, argument: Any, path: Path) -> bool:
        parts = self.arguments(argument, path, 2)
        if parts is None:
            return False
        allowed = [_comparable(each) for each in self.members(parts[1], (*path, 1))]
        return all(_comparable(each) in allowed for each in self.members(parts[0], (*path, 0)))

    def undecided(self, argument: Any, path: Path) -> Any:
        raise Undecided

    def import_value(self, argument: Any, path: Path) -> Any:
        name = self.compute(argument, path)
        origin = Origin("import", as_text(name))
        return Text(f"<import {name}>", origins_of(name) | {origin}, known=False)

    def length(self, argument: Any, path: Path) -> Any:
        members = self.compute(argument, path)
        if isinstance(members, UnknownList):
            return Text("<length>", members.each.origins, known=False)
        return len(members) if isinstance(members, list) else self.problem("Length", path, "Fn::Length takes a list")

    def to_json_string(self, argument: Any, path: Path) -> Any:
        value = self.compute(argument, path)
        return Text(json.dumps(value, separators=(",", ":")), origins_of(value), is_known(value))

    def transform(self, argument: Any, path: Path) -> Any:
        return Text("<Fn::Transform>", origins_of(self.compute(argument, path)), known=False)


def _comparable(value: Any) -> Any:
    """Scalars compare by their text: true equals "true", and 1 equals "1"."""
    return value if isinstance(value, (dict, list)) else as_text(value)
