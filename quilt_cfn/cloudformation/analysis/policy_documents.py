"""Policy documents: where they stand in a template, and what is wrong with one by itself.

The rule: parliament (https://github.com/duo-labs/parliament) judges. Its list of actions is older than cfn-lint's, so
what it says about an action stands only if the newer list agrees; and what only AWS could tell is no mistake.
"""

from __future__ import annotations

import json
import re
import sys
import warnings
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import ModuleType
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.facts.iam_actions import arns_of, glob, is_action
from quilt_cfn.cloudformation.facts.package_data import file_of
from quilt_cfn.cloudformation.launch import Launch, Value
from quilt_cfn.cloudformation.launch.values import is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty
from quilt_cfn.cloudformation.template.walk import Path

IDENTITY, TRUST, RESOURCE = "identity", "trust", "resource"
"""What a document hangs on: a user, group or role; a role, saying who may assume it; or something else."""


class PolicyDocument(NamedTuple):
    """A policy document in a launch, and the path to it."""

    path: Path
    kind: str
    body: Mapping[str, Any]

    @property
    def statements(self) -> list[tuple[Path, dict[str, Any]]]:
        """Each statement and the path to it."""
        statements = self.body["Statement"]
        if not isinstance(statements, list):
            return [((*self.path, "Statement"), dict_or_empty(statements))]
        return [((*self.path, "Statement", index), dict_or_empty(each)) for index, each in enumerate(statements)]


@lru_cache(maxsize=1)
def policy_documents(launch: Launch) -> tuple[PolicyDocument, ...]:
    """Every policy document in the properties of the resources."""
    found: list[PolicyDocument] = []
    for name in launch.resources:
        kind = IDENTITY if launch.type_of(name).startswith("AWS::IAM::") else RESOURCE
        found += _documents(launch.properties(name), ("Resources", name, "Properties"), kind)
    return tuple(found)


def _documents(value: Any, path: Path, kind: str) -> Iterator[PolicyDocument]:
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _documents(each, (*path, index), kind)
    elif isinstance(value, dict):
        statements = value.get("Statement")
        first = statements[0] if isinstance(statements, list) and statements else statements
        # What else is called a statement, a firewall's for instance, has no effect.
        if isinstance(first, dict) and ("Effect" in first or "Version" in value):
            yield PolicyDocument(path, TRUST if path[-1] == "AssumeRolePolicyDocument" else kind, value)
            return
        for key, each in value.items():
            yield from _documents(each, (*path, key), kind)


class PolicyError(NamedTuple):
    """What is wrong with a document: the path to the statement, or to the document, and a sentence without its stop."""

    path: Path
    sentence: str


def policy_errors(document: PolicyDocument) -> Iterator[PolicyError]:
    """Whatever AWS refuses about a document, and what has no effect in it."""
    if not all(isinstance(each, dict) for each in as_list(document.body["Statement"])):
        return
    if document.kind == TRUST:
        for path, statement in document.statements:
            others = [each for each in as_list(statement.get("Action")) if not as_text(each).lower().startswith("sts:")]
            if not statement.keys() & {"Principal", "NotPrincipal"}:
                yield PolicyError(path, "a trust policy has to name a Principal")
            elif others and is_known(others):
                yield PolicyError(path, f"a trust policy is about actions of sts, and {as_text(others[0])} is none")
    paths = [path for path, _ in document.statements]
    for index, sentence in _judged(_plain(document), document.kind):
        yield PolicyError(document.path if index is None else paths[index], sentence)


_ELEMENTS = {"Effect", "Sid", "Condition"} | {
    f"{no}{element}" for no in ("", "Not") for element in ("Action", "Principal", "Resource")
}


def _plain(document: PolicyDocument) -> str:
    """A document as parliament can read it, the same in every Region: without principals and conditions' values."""
    body: dict[str, Any] = {key: as_text(value) for key, value in document.body.items() if key != "Statement"}
    body["Statement"] = []
    for _, statement in document.statements:
        plain: dict[str, Any] = {key: None for key in statement if key not in _ELEMENTS}
        plain |= {key: as_text(statement[key]) for key in ("Effect", "Sid") if key in statement}
        plain |= {key: [*map(_action, as_list(statement[key]))] for key in ("Action", "NotAction") if key in statement}
        plain |= {key: [*map(_arn, as_list(statement[key]))] for key in ("Resource", "NotResource") if key in statement}
        if document.kind != IDENTITY:
            # A trust policy has no resource, and what else a service lets its policies name is its own matter.
            plain.pop("NotResource", None)
            plain["Resource"] = "*"
        if "Condition" in statement:
            plain["Condition"] = {operator: {} for operator in dict_or_empty(statement["Condition"])}
        body["Statement"].append(plain)
    return json.dumps(body)


def _action(value: Any) -> str:
    return as_text(value) if is_known(value) else "*"


def _arn(value: Any) -> str:
    """An ARN with the names of examples; ``*`` for one that only AWS or another stack knows."""
    text = as_text(value)
    if not is_known(value):
        if not isinstance(value, Value) or any(
            each.source not in ("resource", "attribute") for each in origins_of(value)
        ):
            return "*"
        text = re.sub("<[^<>]*>", "name", text)
    parts = re.sub(r"\$\{[^}]*\}", "variable", text).split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        return "*" if not is_known(value) else text
    # So many wildcards would take parliament's search for ever.
    name = "*" if parts[5].count("*") > 4 else parts[5]
    region = "*" if not parts[3] or "*" in parts[3] else "us-east-1"
    account = "*" if not parts[4] or "*" in parts[4] else "111122223333"
    return ":".join(("arn", "aws", parts[2], region, account, name))


@lru_cache(maxsize=1024)
def _judged(body: str, kind: str) -> tuple[tuple[int | None, str], ...]:
    """(index of the statement, sentence) for what parliament finds, and that counts."""
    policy = _parliament().analyze_policy_string(body)
    of_statements = [(index, each) for index, it in enumerate(policy.statements) for each in it.findings]
    of_document = [(None, each) for each in policy.findings if each not in [it for _, it in of_statements]]
    statements = json.loads(body)["Statement"]
    found = []
    for index, finding in [*of_document, *of_statements]:
        for sentence in _sentences(finding, statements[index or 0], statements):
            if kind == IDENTITY or finding.issue != "INVALID_SID":  # other services allow more in it
                found.append((index, sentence))
    return tuple(found)


def _sentences(finding: Any, statement: Mapping[str, Any], statements: list[Mapping[str, Any]]) -> Iterator[str]:
    about = finding.location.get("string", "")
    if finding.issue in ("UNKNOWN_ACTION", "UNKNOWN_PREFIX") and not is_action(about):
        yield f"IAM knows no action {about}"
    elif finding.issue == "RESOURCE_MISMATCH":
        dead = [action for action in statement.get("Action", ()) if not _may_match(action, statements)]
        if dead:
            wanted = " or ".join(arn for _, arn in _arns(dead[0]))
            others = f", {', '.join(dead[1:])} neither" if dead[1:] else ""
            yield f"{dead[0]} applies to {wanted} and to no Resource of its statement{others}"
    elif finding.issue == "EXCEPTION" and ":" not in about:
        yield f"the Action {about} names no service"
    elif finding.issue == "INVALID_ARN":
        yield f"the Resource {about} is no ARN: {finding.detail}"
    elif finding.issue == "UNKNOWN_OPERATOR":
        yield f"IAM knows no condition operator {finding.detail}"
    elif finding.issue == "INVALID_SID":
        yield "a Sid consists of letters and digits only"
    elif finding.issue == "INVALID_VERSION":
        yield "Version can only be 2012-10-17 or 2008-10-17"
    elif finding.issue in ("MALFORMED", "DUPLICATE_SID"):
        yield finding.detail[0].lower() + finding.detail[1:]


def _arns(action: str) -> Iterator[tuple[str, str]]:
    """The ARNs of the kinds of resources that an action applies to; parliament's are the more exact ones."""
    service = action.lower().partition(":")[0]
    resources = [it for each in _parliament().iam_definition if each["prefix"] == service for it in each["resources"]]
    exact = {each["resource"]: re.sub(r"\$\{[^}]*\}", "*", each["arn"]) for each in resources}
    for kind, arn in arns_of(action) or ():
        yield kind, exact.get(kind, arn)


def _may_match(action: str, statements: list[Mapping[str, Any]]) -> bool:
    """Whether the action applies to a resource of a statement that names it, as far as that is known.

    Of an action that is listed without a kind of resource the list is often wrong.
    """
    arns = [*_arns(action)]
    same = [each for each in statements if any(glob(it, True).fullmatch(action) for it in each.get("Action", ()))]
    resources = [resource for each in same for resource in each.get("Resource", ["*"])]
    return not arns or any(
        "*" in (arn, resource) or _parliament().is_arn_match(kind, arn, resource)
        for kind, arn in arns
        for resource in resources
    )


@lru_cache(maxsize=1)
def _parliament() -> Any:
    """parliament, whose import reads 10 MB of definitions.

    It asks pkg_resources for the path of its files, and for nothing else; that module left setuptools with version 82,
    environments of Python 3.12 have no setuptools, and where it is there it takes as long as all the rest.
    """
    stand_in = ModuleType("pkg_resources")
    stand_in.resource_filename = lambda package, name: str(file_of(package, name))  # type: ignore[attr-defined]
    real = sys.modules.get("pkg_resources")
    sys.modules["pkg_resources"] = stand_in
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it leaves its files open
            import parliament  # late: 0.2 s
    finally:
        del sys.modules["pkg_resources"]
        if real:
            sys.modules["pkg_resources"] = real
    return parliament
