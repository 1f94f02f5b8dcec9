"""The intrinsic functions, one method each.

The rule: a function that can't be computed records a ``Problem``, with the path to it, and gives a placeholder; so one
mistake in a template hides no other. A comparison with what only AWS knows is taken for false; an assertion with one
is left alone. Semantics: CloudFormation's "Intrinsic function reference" and "Rules section".
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

TOO_LARGE = "<too large>"
NOTHING = Text("<AWS::NoValue>", known=False)
"""What AWS::NoValue gives: whatever it is put into is dropped from its map or list."""

ACCOUNT = "111122223333"
"""The account number of AWS's own examples."""

STACK = "my-stack"

VARIABLE = re.compile(r"\$\{(!?)([^{}]*)\}")
DEEPEST = 150
"""The values that are computed inside one another; each takes up to five calls, and Python allows a thousand."""
MOST = 20_000_000
"""The characters that a rendering may have its functions write. Without a bound a small template fills the memory."""

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
        resources = section(template, "Resources")
        self.declared = {name: each for name, each in resources.items() if not name.startswith("Fn::")}
        self.mappings = section(template, "Mappings")
        self.incomplete = _incomplete(template)
        self.extended = "AWS::LanguageExtensions" in _members(template.get("Transform", []))
        self._depth = 0
        self._written = 0
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
            "Fn::GetStackOutput": self.get_stack_output,
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
                condition = mapping(rule).get("RuleCondition", "true")
                if not _is_true(self.compute(condition, ("Rules", name, "RuleCondition"))):
                    continue
            except Undecided:
                continue
            for index, assertion in enumerate(_members(mapping(rule).get("Assertions", []))):
                path = ("Rules", name, "Assertions", index, "Assert")
                try:
                    holds = self.compute(mapping(assertion).get("Assert", "true"), path)
                except Undecided:
                    continue
                if is_known(holds) and not _is_true(holds):
                    raise Refused(as_text(mapping(assertion).get("AssertDescription") or f"Rule {name} failed"))

    def exists(self, logical_id: str) -> bool:
        """Whether a declared resource would be created."""
        condition = mapping(self.declared[logical_id]).get("Condition")
        return condition is None or self.decide(condition, ("Resources", logical_id, "Condition"))

    def decide(self, name: Any, path: Path) -> bool:
        """A condition of the template by its name."""
        conditions = section(self.template, "Conditions")
        if not isinstance(name, str) or name not in conditions:
            self.missing("Condition", path, f"there is no condition {name}")
            return False
        if name not in self._decided:
            self._decided[name] = None  # in work
            self._decided[name] = _is_true(self.compute(conditions[name], ("Conditions", name)))
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
            computed = {key: self.compute(value, (*path, key)) for key, value in declared.items() if key != "Condition"}
            self._computed[logical_id] = _something(computed)
        return self._computed[logical_id] or {}

    # Values.

    def compute(self, value: Any, path: Path) -> Any:
        """A value of the template with every function in it computed."""
        if isinstance(value, str):
            return self.text(value)
        if not isinstance(value, (list, dict)):
            return value
        if self._depth == DEEPEST:
            return self.problem("Size", path, "values refer to one another too deeply to be computed")
        self._depth += 1
        try:
            return self._compute(value, path)
        finally:
            self._depth -= 1

    def _compute(self, value: list[Any] | dict[str, Any], path: Path) -> Any:
        if isinstance(value, list):
            members = [self.compute(each, (*path, index)) for index, each in enumerate(value)]
            return [member for member in members if member is not NOTHING]
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name in self._functions and "Fn::Transform" in mapping(argument):
                return self.transform(argument, path)
            if name in self._functions:
                return self._functions[name](argument, (*path, name))
        return _something({key: self.compute(each, (*path, key)) for key, each in value.items()})

    def text(self, value: Any) -> Any:
        """A literal; dynamic references in it are its origins."""
        if not isinstance(value, str) or "{{resolve:" not in value:
            return value
        return Text(value, {Origin("dynamic", match) for match in _DYNAMIC.findall(value)})

    def problem(self, kind: str, path: Path, sentence: str) -> Text:
        self.problems[Problem(kind, path, sentence)] = None
        return Text(f"<{kind}?>", known=False)

    def missing(self, kind: str, path: Path, sentence: str) -> None:
        """A problem, unless a macro has yet to add to the template what is not in it."""
        if not self.incomplete:
            self.problem(kind, path, sentence)

    def concatenated(self, parts: list[Any], path: Path) -> Text:
        """The parts as one text; a dynamic reference may have come together only now."""
        if not self.room_for(sum(len(part) for part in parts if isinstance(part, str)), path):
            return Text(TOO_LARGE, origins_of(parts), known=False)
        result = concatenated(parts)
        dynamic = {Origin("dynamic", found) for found in _DYNAMIC.findall(result)}
        return Text(result, result.origins | dynamic, result.known)

    def room_for(self, characters: int, path: Path) -> bool:
        """Whether so much may still be written; a problem if it may not."""
        if self._written + characters > MOST:
            self.problem("Size", path, "the values become too large to be computed")
            return False
        self._written += characters
        return True

    def operands(self, argument: Any, path: Path) -> list[bool]:
        """The operands of And, Or and Not. Raises ``Undecided`` as ``_compared`` does."""
        operands = _members(self.compute(argument, path))
        if path[:1] == ("Rules",) and not is_known(operands):
            raise Undecided
        return [_is_true(each) for each in operands]

    def arguments(self, argument: Any, path: Path, *counts: int) -> list[Any] | None:
        """The uncomputed arguments of a function that takes so many; None, with a problem, if it is given others."""
        if isinstance(argument, list) and len(argument) in counts:
            return argument
        self.problem("Syntax", path, f"{path[-1]} takes a list of {' or '.join(map(str, counts))}")
        return None

    # The functions.

    def logical_id(self, name: Any, path: Path) -> Any:
        """What Ref and Fn::GetAtt name; AWS::LanguageExtensions lets functions say it."""
        return self.compute(name, path) if self.extended else name

    def ref(self, name: Any, path: Path) -> Any:
        name = self.logical_id(name, path)
        if not is_known(name):
            return Text("<Ref>", origins_of(name), known=False)
        if not isinstance(name, str):
            return self.problem("Ref", path, "Ref takes a name")
        if name in self.pseudo:
            return self.pseudo[name]
        if name in self.values:
            return self.values[name]
        if name in self.declared:
            self._must_exist(name, path)
        else:
            self.missing("Ref", path, f"there is no parameter or resource {name}")
        return symbol(Origin("resource", name))

    def get_att(self, argument: Any, path: Path) -> Any:
        if isinstance(argument, str):
            name, _, attribute = argument.partition(".")
        elif isinstance(argument, list) and len(argument) == 2:
            name, attribute = self.logical_id(argument[0], path), as_text(self.compute(argument[1], (*path, 1)))
        else:
            name, attribute = None, ""
        if not isinstance(name, str):
            return self.problem("Syntax", path, "Fn::GetAtt takes a logical ID and an attribute")
        if not is_known(name):
            return Text("<Fn::GetAtt>", origins_of(name), known=False)
        if name not in self.declared:
            self.missing("GetAtt", path, f"there is no resource {name}")
            return symbol(Origin("attribute", name, attribute))
        self._must_exist(name, path)
        return self._attribute(name, attribute)

    def _must_exist(self, name: str, path: Path) -> None:
        if path[:1] in (("Conditions",), ("Rules",)):
            self.problem("Ref", path, f"{path[0]} can't refer to the resource {name}")
        elif not self.exists(name):
            self.problem("Ref", path, f"{name} is not created under this condition")

    def _attribute(self, name: str, attribute: str) -> Any:
        origin = Origin("attribute", name, attribute)
        resource = self.resource(name)
        properties = mapping(resource.get("Properties"))
        # An attribute that is called like a property that was set is that property's value, but a custom resource
        # answers what it likes. No attribute is a map.
        custom = as_text(resource.get("Type", "")).startswith(("Custom::", "AWS::CloudFormation::"))
        value = properties.get(attribute, {})
        if not custom and not any(isinstance(each, (dict, list)) for each in _members(value)):
            return value
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
        return self.concatenated(parts, path)

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
        delimiter, members = parts[0], self.compute(parts[1], (*path, 1))
        if isinstance(delimiter, (dict, list)):
            return self.problem("Join", path, "the delimiter of Fn::Join is not a literal text")
        if not is_known(members) and not isinstance(members, list):
            return Text("<joined>", origins_of(members), known=False)
        if isinstance(members, UnknownList):
            return members.each
        if not isinstance(members, list):
            return self.problem("Join", path, "the second argument of Fn::Join is not a list")
        pieces: list[Any] = []
        for index, member in enumerate(members):
            if isinstance(member, (dict, list)):
                member = self.problem("Join", (*path, 1, index), "a member of Fn::Join is not a text")
            pieces += [as_text(delimiter), member] if index else [member]
        return self.concatenated(pieces, path)

    def split(self, argument: Any, path: Path) -> Any:
        parts = self.arguments(argument, path, 2)
        text = self.compute(parts[1], (*path, 1)) if parts else None
        if parts is None or not isinstance(parts[0], str) or not parts[0]:
            return self.problem("Split", path, "Fn::Split takes a delimiter and a text")
        if not is_known(text):
            return UnknownList([Text("<part>", origins_of(text), known=False)])
        if not isinstance(text, str):
            return self.problem("Split", path, "Fn::Split takes a delimiter and a text")
        # A text of its own takes the room of a hundred characters.
        if not self.room_for(len(text) + 100 * text.count(parts[0]), path):
            return UnknownList([Text(TOO_LARGE, origins_of(text), known=False)])
        return [Text(part, origins_of(text)) for part in text.split(parts[0])]

    def select(self, argument: Any, path: Path) -> Any:
        parts = self.arguments(argument, path, 2)
        if parts is None:
            return self.problem("Syntax", path, "Fn::Select takes an index and a list")
        index, members = (self.compute(each, (*path, position)) for position, each in enumerate(parts))
        if not is_known(index) or (not is_known(members) and not isinstance(members, list)):
            return Text("<member>", origins_of(members), known=False)
        if not isinstance(members, list):
            return self.problem("Select", path, "there is no list")
        index = as_text(index)
        if not re.fullmatch("[0-9]{1,9}", index):
            return self.problem("Select", path, f"{index} is no index")
        if isinstance(members, UnknownList):
            return members.at(int(index))
        if int(index) >= len(members):
            inner = next(iter(parts[1])) if isinstance(parts[1], dict) else "list"
            return self.problem(
                f"Select of {inner}", path, f"Fn::Select asks for index {index} of a list of {len(members)}"
            )
        return members[int(index)]

    def get_azs(self, argument: Any, path: Path) -> Any:
        region = self.compute(argument, path)
        if not isinstance(region, str):
            return UnknownList([self.problem("Syntax", path, "Fn::GetAZs takes the name of a Region")])
        if not is_known(region):
            return UnknownList([Text("<GetAZs>", origins_of(region), known=False)])
        return [Text(zone) for zone in places.zones(region or self.region)]

    def cidr(self, argument: Any, path: Path) -> Any:
        parts = self.arguments(argument, path, 2, 3)
        if parts is None:
            return UnknownList([self.problem("Cidr", path, "Fn::Cidr takes a block, a count and a number of bits")])
        block, count, *bits = (self.compute(each, (*path, index)) for index, each in enumerate(parts))
        if not all(map(is_known, (block, count, *bits))):
            return UnknownList([Text("<block>", origins_of([block, count]), known=False)])
        try:
            network = ipaddress.ip_network(as_text(block), strict=False)
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
        if not self.room_for(len(plain), path):
            return Text(TOO_LARGE, origins_of(plain), known=False)
        encoded = Encoded(base64.b64encode(plain.encode()).decode(), origins_of(plain), is_known(plain))
        encoded.plain = plain if isinstance(plain, Text) else Text(plain)
        return encoded

    def find_in_map(self, argument: Any, path: Path) -> Any:
        parts = self.arguments(argument, path, 3, 4)
        if parts is None:
            return self.problem("Syntax", path, "Fn::FindInMap takes a map and two keys")
        keys = [self.compute(each, (*path, index)) for index, each in enumerate(parts[:3])]
        names = [as_text(key) for key in keys]
        options = mapping(parts[3]) if len(parts) == 4 else {}
        default = self.compute(options.get("DefaultValue"), (*path, 3, "DefaultValue"))
        if not is_known(keys):
            return Text(f"<{'.'.join(names)}>", origins_of(default), known=False)
        value: Any = self.mappings
        for name in names:
            if not isinstance(value, dict) or name not in value:
                if "DefaultValue" in options:
                    return default
                self.missing("FindInMap", path, f"the mapping has no entry {' / '.join(names)}")
                return Text(f"<{'.'.join(names)}>", known=False)
            value = value[name]
        if isinstance(value, dict):
            return self.problem("FindInMap", path, f"the mapping's entry {' / '.join(names)} is a map")
        return [self.text(each) for each in value] if isinstance(value, list) else self.text(value)

    def if_(self, argument: Any, path: Path) -> Any:
        parts = self.arguments(argument, path, 3)
        if parts is None:
            return self.problem("Syntax", path, "Fn::If takes a condition and two values")
        side = 1 if self.decide(parts[0], (*path, 0)) else 2
        return self.compute(parts[side], (*path, side))

    def named_condition(self, argument: Any, path: Path) -> Any:
        # Elsewhere it is only a key, as in an IAM policy.
        if path[:1] in (("Conditions",), ("Rules",)):
            return self.decide(argument, path)
        return {"Condition": self.compute(argument, path)}

    def equals(self, argument: Any, path: Path) -> bool:
        left, right = self._compared(argument, path)
        return bool(left == right)

    def contains(self, argument: Any, path: Path) -> bool:
        members, value = self._compared(argument, path)
        return value in _members(members)

    def each_member_equals(self, argument: Any, path: Path) -> bool:
        members, value = self._compared(argument, path)
        return all(each == value for each in _members(members))

    def each_member_in(self, argument: Any, path: Path) -> bool:
        members, allowed = self._compared(argument, path)
        return all(each in _members(allowed) for each in _members(members))

    def _compared(self, argument: Any, path: Path) -> tuple[Any, Any]:
        """The two sides of a comparison. Raises ``Undecided`` in a rule if only AWS knows one of them."""
        parts = self.arguments(argument, path, 2)
        if parts is None:
            return NOTHING, ()
        left, right = (self.compute(each, (*path, index)) for index, each in enumerate(parts))
        if path[:1] == ("Rules",) and not (is_known(left) and is_known(right)):
            raise Undecided
        return _comparable(left), _comparable(right)

    def undecided(self, argument: Any, path: Path) -> Any:
        if path[:1] == ("Rules",):
            raise Undecided
        return self.problem("Syntax", path, f"{path[-1]} works only in Rules")

    def import_value(self, argument: Any, path: Path) -> Any:
        name = self.compute(argument, path)
        origin = Origin("import", as_text(name))
        return Text(f"<import {name}>", origins_of(name) | {origin}, known=False)

    def get_stack_output(self, argument: Any, path: Path) -> Any:
        output = mapping(self.compute(argument, path))
        name = ".".join(as_text(output.get(key, "?")) for key in ("StackName", "OutputName"))
        return Text(f"<output {name}>", origins_of(output) | {Origin("import", name)}, known=False)

    def length(self, argument: Any, path: Path) -> Any:
        members = self.compute(argument, path)
        if isinstance(members, UnknownList) or not (isinstance(members, list) or is_known(members)):
            return Text("<length>", origins_of(members), known=False)
        return len(members) if isinstance(members, list) else self.problem("Length", path, "Fn::Length takes a list")

    def to_json_string(self, argument: Any, path: Path) -> Any:
        value = self.compute(argument, path)
        if not isinstance(value, (dict, list)):
            return self.problem("Syntax", path, "Fn::ToJsonString takes a map or a list")
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        if not self.room_for(len(text), path):
            text = TOO_LARGE
        return Text(text, origins_of(value), is_known(value) and text != TOO_LARGE)

    def transform(self, argument: Any, path: Path) -> Any:
        return Text("<Fn::Transform>", origins_of(self.compute(argument, path)), known=False)


def _is_true(value: Any) -> bool:
    return as_text(value) == "true"


def _comparable(value: Any) -> Any:
    """Scalars compare by their text: true equals "true", and 1 equals "1"."""
    if isinstance(value, list):
        return [_comparable(each) for each in value]
    return value if isinstance(value, dict) else as_text(value)


def _members(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _something(computed: dict[str, Any]) -> dict[str, Any]:
    return {key: each for key, each in computed.items() if each is not NOTHING}


def _incomplete(template: Mapping[str, Any]) -> bool:
    """Whether a macro, a module, a loop or an include has yet to add to the template."""
    transforms = _members(template.get("Transform", []))
    types = [mapping(resource).get("Type") for resource in section(template, "Resources").values()]
    if any(transform != "AWS::LanguageExtensions" for transform in transforms):
        return True
    if any(as_text(resource_type).endswith("::MODULE") for resource_type in types):
        return True
    return any(name.startswith("Fn::") for each in (template, *template.values()) for name in mapping(each))
