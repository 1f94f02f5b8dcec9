"""Policy documents: where they are in a template, and what is wrong with each of them.

parliament (https://github.com/duo-labs/parliament) reads the documents. Its list of actions is older than cfn-lint's,
so what it reports about an action counts only where the newer list agrees. Values that only AWS knows are never
reported.
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
from quilt_cfn.cloudformation.launch import Launch, Value, is_known, origins_of
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty
from quilt_cfn.cloudformation.template.walk import Path

IDENTITY, TRUST, RESOURCE = "identity", "trust", "resource"
"""The types of policy: of a user, group or role; of a role, about who may assume it; of any other resource."""


class PolicyDocument(NamedTuple):
    """A policy document in a launch."""

    path: Path
    policy_type: str
    body: Mapping[str, Any]

    @property
    def statements(self) -> list[tuple[Path, dict[str, Any]]]:
        """(path, statement) of each statement."""
        statements = self.body["Statement"]
        if not isinstance(statements, list):
            return [((*self.path, "Statement"), dict_or_empty(statements))]
        return [((*self.path, "Statement", index), dict_or_empty(each)) for index, each in enumerate(statements)]


@lru_cache(maxsize=1)
def policy_documents(launch: Launch) -> tuple[PolicyDocument, ...]:
    """Every policy document in the properties of the resources."""
    found: list[PolicyDocument] = []
    for name in launch.resources:
        policy_type = IDENTITY if launch.type_of(name).startswith("AWS::IAM::") else RESOURCE
        found += _documents(launch.properties(name), ("Resources", name, "Properties"), policy_type)
    return tuple(found)


def _documents(value: Any, path: Path, policy_type: str) -> Iterator[PolicyDocument]:
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from _documents(each, (*path, index), policy_type)
    elif isinstance(value, dict):
        statements = value.get("Statement")
        first = statements[0] if isinstance(statements, list) and statements else statements
        # Other statements, such as those of AWS WAF, have no Effect.
        if isinstance(first, dict) and ("Effect" in first or "Version" in value):
            yield PolicyDocument(path, TRUST if path[-1] == "AssumeRolePolicyDocument" else policy_type, value)
            return
        for key, each in value.items():
            yield from _documents(each, (*path, key), policy_type)


def policy_errors(document: PolicyDocument) -> Iterator[tuple[Path, str]]:
    """(path of a statement or of the document, sentence) of what AWS refuses in it, and of what has no effect in it."""
    if not all(isinstance(each, dict) for each in as_list(document.body["Statement"])):
        return
    where = f"In a policy of {document.path[1]}, "
    for path, statement in document.statements if document.policy_type == TRUST else ():
        others = [each for each in as_list(statement.get("Action")) if not as_text(each).lower().startswith("sts:")]
        if not statement.keys() & {"Principal", "NotPrincipal"}:
            yield path, f"{where}a trust policy has to name a Principal."
        elif others and is_known(others):
            what = f"a trust policy takes only actions of sts, and {as_text(others[0])} is another service's"
            yield path, f"{where}{what}."
    paths = [path for path, _ in document.statements]
    for index, sentence in _parliament_findings(_simplified(document), document.policy_type):
        yield document.path if index is None else paths[index], f"{where}{sentence}."


def _simplified(document: PolicyDocument) -> str:
    """A document as JSON for parliament, the same in every Region: without principals and values of conditions."""
    body: dict[str, Any] = {key: as_text(value) for key, value in document.body.items() if key != "Statement"}
    body["Statement"] = []
    for _, statement in document.statements:
        simple: dict[str, Any] = {key: None for key in statement if key not in _ELEMENTS}
        simple |= {key: as_text(statement[key]) for key in ("Effect", "Sid") if key in statement}
        read = {key: convert for key, convert in _READ.items() if key in statement}
        simple |= {key: [*map(convert, as_list(statement[key]))] for key, convert in read.items()}
        if document.policy_type != IDENTITY:
            # A trust policy has no Resource, and what the policy of another resource may name differs by service.
            simple.pop("NotResource", None)
            simple["Resource"] = "*"
        if "Condition" in statement:
            simple["Condition"] = {operator: {} for operator in dict_or_empty(statement["Condition"])}
        body["Statement"].append(simple)
    return json.dumps(body)


def _action(value: Any) -> str:
    return as_text(value) if is_known(value) else "*"


def _arn(value: Any) -> str:
    """An ARN with example names in place of placeholders; ``*`` for one that only AWS or another stack knows."""
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
    # parliament's search takes exponentially long with many wildcards.
    name = "*" if parts[5].count("*") > 4 else parts[5]
    region = "*" if not parts[3] or "*" in parts[3] else "us-east-1"
    account = "*" if not parts[4] or "*" in parts[4] else "111122223333"
    return ":".join(("arn", "aws", parts[2], region, account, name))


_READ = {"Action": _action, "NotAction": _action, "Resource": _arn, "NotResource": _arn}
_ELEMENTS = {"Effect", "Sid", "Condition", "Principal", "NotPrincipal", *_READ}


@lru_cache(maxsize=1024)
def _parliament_findings(body: str, policy_type: str) -> tuple[tuple[int | None, str], ...]:
    """(index of the statement, sentence without its stop) for each finding of parliament that counts."""
    policy = _parliament().analyze_policy_string(body)
    of_statements = [(index, each) for index, it in enumerate(policy.statements) for each in it.findings]
    of_document = [(None, each) for each in policy.findings if each not in [it for _, it in of_statements]]
    statements = json.loads(body)["Statement"]
    found = []
    for index, finding in [*of_document, *of_statements]:
        for sentence in _sentences(finding, statements[index or 0], statements):
            if policy_type == IDENTITY or finding.issue != "INVALID_SID":  # other services allow more in it
                found.append((index, sentence))
    return tuple(found)


def _sentences(finding: Any, statement: Mapping[str, Any], statements: list[Mapping[str, Any]]) -> Iterator[str]:
    about = finding.location.get("string", "")
    if finding.issue in ("UNKNOWN_ACTION", "UNKNOWN_PREFIX") and not is_action(about):
        yield f"IAM knows no action {about}"
    elif finding.issue == "RESOURCE_MISMATCH":
        unmatched = [action for action in statement.get("Action", ()) if not _may_match(action, statements)]
        if unmatched:
            accepted = " or ".join(arn for _, arn in _arns(unmatched[0]))
            others = f", nor does {' or '.join(unmatched[1:])}" if unmatched[1:] else ""
            yield f"{unmatched[0]} applies to {accepted} and to no Resource of its statement{others}"
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
    """(resource type, ARN) for each type of resource that an action applies to; parliament's ARNs are more exact."""
    service = action.lower().partition(":")[0]
    resources = [it for each in _parliament().iam_definition if each["prefix"] == service for it in each["resources"]]
    exact = {each["resource"]: re.sub(r"\$\{[^}]*\}", "*", each["arn"]) for each in resources}
    for resource_type, arn in arns_of(action) or ():
        yield resource_type, exact.get(resource_type, arn)


def _may_match(action: str, statements: list[Mapping[str, Any]]) -> bool:
    """Whether an action applies to a resource of a statement that names it.

    True also for an action without resource types in the list, which is often wrong about these.
    """
    arns = [*_arns(action)]
    same = [each for each in statements if any(glob(it, True).fullmatch(action) for it in each.get("Action", ()))]
    resources = [resource for each in same for resource in each.get("Resource", ["*"])]
    return not arns or any(
        "*" in (arn, resource) or _parliament().is_arn_match(resource_type, arn, resource)
        for resource_type, arn in arns
        for resource in resources
    )


@lru_cache(maxsize=1)
def _parliament() -> Any:
    """The module parliament, whose import reads 10 MB of definitions.

    It imports pkg_resources only for the path of its files. That module left setuptools with version 82, is missing
    where there is no setuptools, and takes as long to import as all the rest: a small stand-in takes its place.
    """
    stand_in = ModuleType("pkg_resources")
    stand_in.resource_filename = lambda package, name: str(file_of(package, name))  # type: ignore[attr-defined]  # new
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
