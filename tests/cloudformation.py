"""What CloudFormation does with a form before it creates anything, as far as our templates need it.

A stand-in for tests: it refuses what the parameters' constraints and the template's ``Rules`` refuse, decides the
conditions, and computes the intrinsic functions. What only AWS knows (an attribute, a generated name) becomes a
``Known`` text that says what it stands for. Anything it does not understand is an error, never a guess.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from dataclasses import dataclass
from typing import Any

ACCOUNT = "111122223333"
STACK = "my-registry"
NOTHING = object()
"""What AWS::NoValue leaves behind."""

DOCUMENTED = {
    "CatalogHost": "quilt.example.com",
    "CertificateArn": "arn:aws:acm:us-east-1:111122223333:certificate/01234567-89ab-cdef-0123-456789abcdef",
    "DBInstanceType": "db.t3.small",
    "DBPassword": "correct-horse-battery",
    "InstanceType": "t3.small",
    "KeyName": "admin",
    "PackageBucket": "example-packages",
    "RegistryHost": "quilt-registry.example.com",
    "SmtpDefaultSender": "quilt@example.com",
    "SmtpPassword": "mail-secret",
    "SmtpUsername": "AKIAMAIL",
    "SshInputCIDR": "198.51.100.0/24",
    "TeamId": "example",
    "TeamName": "Example Data Science",
}
"""The documented form, filled in as the documentation would."""


class Refused(Exception):
    """The form was refused; the message is what the console would show."""


class Known(str):
    """A text of AWS's making; it prints as what it stands for."""


@dataclass(frozen=True)
class Launch:
    """The resources and outputs that a form leads to: conditions decided, functions computed."""

    parameters: dict[str, str]
    resources: dict[str, dict[str, Any]]
    outputs: dict[str, Any]

    def properties(self, logical_id: str) -> dict[str, Any]:
        properties: dict[str, Any] = self.resources[logical_id].get("Properties", {})
        return properties

    def of_type(self, resource_type: str) -> dict[str, dict[str, Any]]:
        """Logical ID -> properties of every resource of a type."""
        return {
            name: each.get("Properties", {}) for name, each in self.resources.items() if each["Type"] == resource_type
        }

    def file(self, path: str) -> Any:
        """What cfn-init puts at a path of the instance."""
        init = self.resources["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"]
        return init["config"]["files"][path]["content"]

    @property
    def environments(self) -> dict[str, dict[str, str]]:
        """Environment file -> variable -> value, before the instance puts the secrets in."""
        environments: dict[str, dict[str, str]] = self.file("/opt/quilt/config.json")["Environments"]
        return environments

    def permissions(self, logical_id: str) -> dict[str, set[tuple[str, str]]]:
        """Policy name -> (action, resource) of everything that it allows; a policy that denies is an error."""
        permissions = {}
        for policy in self.properties(logical_id).get("Policies", []):
            statements = policy["PolicyDocument"]["Statement"]
            assert {statement["Effect"] for statement in statements} == {"Allow"}
            permissions[policy["PolicyName"]] = {
                (action, resource)
                for statement in statements
                for action in statement["Action"]
                for resource in statement["Resource"]
            }
        return permissions

    @property
    def user_data(self) -> str:
        data = self.properties("ServerTemplate")["LaunchTemplateData"]["UserData"]
        return base64.b64decode(data).decode()


def launch(template: dict[str, Any], form: dict[str, Any] | None = None, region: str = "us-east-1") -> Launch:
    """Send a form; parameters that it leaves out take their defaults. Raises ``Refused``."""
    values = _values(template, DOCUMENTED if form is None else form)
    evaluation = _Evaluation(template, values, region)
    evaluation.enforce_rules()
    resources = {}
    for name, resource in template["Resources"].items():
        if "Condition" in resource and not evaluation.condition(resource["Condition"]):
            continue
        resources[name] = evaluation.compute({key: each for key, each in resource.items() if key != "Condition"})
    outputs = {name: evaluation.compute(output["Value"]) for name, output in template["Outputs"].items()}
    return Launch(values, resources, outputs)


def _values(template: dict[str, Any], form: dict[str, Any]) -> dict[str, str]:
    declared = template["Parameters"]
    unknown = set(form) - set(declared)
    if unknown:
        raise Refused(f"Parameters: {sorted(unknown)} do not exist in the template")
    missing = [name for name, parameter in declared.items() if name not in form and "Default" not in parameter]
    if missing:
        raise Refused(f"Parameters: {missing} must have values")
    values = {name: str(form.get(name, parameter.get("Default"))) for name, parameter in declared.items()}
    for name, value in values.items():
        problem = refusal(declared[name], value)
        if problem:
            raise Refused(f"Parameter '{name}' {problem}: {declared[name].get('ConstraintDescription', '')}")
    return values


def refusal(parameter: dict[str, Any], value: str) -> str | None:
    """Why a parameter's declaration refuses a value; None when it doesn't."""
    if "AllowedValues" in parameter and value not in [str(each) for each in parameter["AllowedValues"]]:
        return "must be one of AllowedValues"
    if "MinLength" in parameter and len(value) < int(parameter["MinLength"]):
        return "is too short"
    if "MaxLength" in parameter and len(value) > int(parameter["MaxLength"]):
        return "is too long"
    if parameter["Type"] == "Number":
        if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
            return "must be a number"
        if not parameter.get("MinValue", float(value)) <= float(value) <= parameter.get("MaxValue", float(value)):
            return "is out of range"
    if "AllowedPattern" in parameter and not re.fullmatch(parameter["AllowedPattern"], value):
        return f"must match pattern {parameter['AllowedPattern']}"
    return None


class _Evaluation:
    def __init__(self, template: dict[str, Any], values: dict[str, str], region: str) -> None:
        self.template = template
        self.values = values
        china = region.startswith("cn-")
        self.pseudo: dict[str, Any] = {
            "AWS::AccountId": ACCOUNT,
            "AWS::NoValue": NOTHING,
            "AWS::Partition": "aws-cn" if china else "aws-us-gov" if region.startswith("us-gov-") else "aws",
            "AWS::Region": region,
            "AWS::StackId": f"arn:aws:cloudformation:{region}:{ACCOUNT}:stack/{STACK}/1",
            "AWS::StackName": STACK,
            "AWS::URLSuffix": "amazonaws.com.cn" if china else "amazonaws.com",
        }
        self.zones = [f"{region}{letter}" for letter in "abc"]

    def enforce_rules(self) -> None:
        for rule in self.template.get("Rules", {}).values():
            if "RuleCondition" in rule and not self.compute(rule["RuleCondition"]):
                continue
            for assertion in rule["Assertions"]:
                if not self.compute(assertion["Assert"]):
                    raise Refused(assertion["AssertDescription"])

    def condition(self, name: str) -> bool:
        return bool(self.compute(self.template["Conditions"][name]))

    def compute(self, value: Any) -> Any:
        if isinstance(value, list):
            return [item for item in map(self.compute, value) if item is not NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return self.ref(argument)
            if name.startswith("Fn::"):
                return getattr(self, name[4:].lower())(argument)
        computed = {key: self.compute(each) for key, each in value.items()}
        return {key: each for key, each in computed.items() if each is not NOTHING}

    def ref(self, name: str) -> Any:
        if name in self.pseudo:
            return self.pseudo[name]
        return self.values[name] if name in self.values else Known(f"<{self.resource(name)}>")

    def resource(self, name: str) -> str:
        if name not in self.template["Resources"]:
            raise KeyError(f"{name} is neither a parameter nor a resource")
        return name

    def getatt(self, argument: list[str] | str) -> str:
        name, _, attribute = argument.partition(".") if isinstance(argument, str) else (argument[0], "", argument[1])
        self.resource(name)
        if attribute == "CidrBlock":
            return str(self.template["Resources"][name]["Properties"]["CidrBlock"])
        return Known(f"<{name}.{attribute}>")

    def sub(self, argument: Any) -> str:
        text, variables = (argument, {}) if isinstance(argument, str) else argument

        def replace(match: re.Match[str]) -> str:
            name = match[1]
            if name in variables:
                return str(self.compute(variables[name]))
            return str(self.getatt(name) if "." in name else self.ref(name))

        return re.sub(r"\$\{([A-Za-z0-9:.]+)\}", replace, text)

    def join(self, argument: Any) -> str:
        return str(argument[0]).join(self.compute(argument[1]))

    def select(self, argument: Any) -> Any:
        return self.compute(argument[1])[int(argument[0])]

    def getazs(self, region: Any) -> list[str]:
        assert self.compute(region) in ("", self.pseudo["AWS::Region"])
        return self.zones

    def cidr(self, argument: Any) -> list[str]:
        block, count, host_bits = (self.compute(each) for each in argument)
        subnets = ipaddress.ip_network(block).subnets(new_prefix=32 - int(host_bits))
        return [str(subnet) for subnet, _ in zip(subnets, range(int(count)), strict=False)]

    def base64(self, argument: Any) -> str:
        return base64.b64encode(self.compute(argument).encode()).decode()

    def findinmap(self, argument: Any) -> Any:
        mapping, first, second = (self.compute(each) for each in argument)
        return self.template["Mappings"][mapping][first][second]

    def equals(self, argument: Any) -> bool:
        return bool(self.compute(argument[0]) == self.compute(argument[1]))

    def contains(self, argument: Any) -> bool:
        return self.compute(argument[1]) in self.compute(argument[0])

    def __getattr__(self, name: str) -> Any:
        # and, or, not and if are words of Python's own.
        boolean = {
            "not": lambda argument: not self.compute(argument[0]),
            "and": lambda argument: all(self.compute(each) for each in argument),
            "or": lambda argument: any(self.compute(each) for each in argument),
            "if": lambda argument: self.compute(argument[1 if self.condition(argument[0]) else 2]),
        }
        if name not in boolean:
            raise AttributeError(f"no intrinsic function {name}")
        return boolean[name]


def as_text(value: Any) -> str:
    """Everything in a value, to look for something in it."""
    return json.dumps(value, default=str, ensure_ascii=False)
