"""What may be called, and what is: every call is allowed, and nothing is allowed that nobody calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from quilt_cfn.checks.contract import Contract
from quilt_cfn.checks.models.calls import calls
from quilt_cfn.checks.models.documents import documents, mistakes
from quilt_cfn.checks.models.grants import Grant, covers, grants, identity, is_open, matches
from quilt_cfn.checks.rule import Fault, rule
from quilt_cfn.evaluation import Rendering
from quilt_cfn.evaluation.forms import mapping
from quilt_cfn.evaluation.texts import as_text, is_known, several


@rule(
    "P01",
    "A part of the product is refused by AWS with AccessDenied.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html",
)
def call_without_permission(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """What no statement allows is denied.

    The calls are those that the template shows (the AWS command line in scripts and user data, Docker's awslogs driver,
    tasks of state machines, targets of rules, flow logs) and those of the contract. A machine that reads secrets is
    taken to read every one whose name is among its files. Who has a policy from outside the template is not judged, nor
    is one whose own policies are mistaken (P04), nor a condition.
    """
    for (caller, action, targets), reasons in _refused(rendering, contract).items():
        where = f" on {targets[0]}" if len(targets) == 1 and targets[0] != "*" else ""
        yield Fault(("Resources", caller), f"{caller} has no permission for {action}{where}: {'; '.join(reasons)}.")


@lru_cache(maxsize=1)
def _refused(rendering: Rendering, contract: Contract) -> dict[tuple[str, str, tuple[str, ...]], dict[str, None]]:
    """(caller, action, targets) of each call that is not allowed -> who makes it."""
    refused: dict[tuple[str, str, tuple[str, ...]], dict[str, None]] = {}
    made = calls(rendering, contract)
    for caller in dict.fromkeys(call.caller for call in made if call.caller in rendering.resources):
        holding = [grant for grant in grants(rendering) if caller in grant.holders or not grant.holders]
        if is_open(rendering, caller) or not all(grant.sound for grant in holding):
            continue
        for action, targets, because in (call[1:] for call in made if call.caller == caller):
            denied = any(grant.denies(rendering, action, targets) for grant in holding if grant.holders)
            if denied or not any(grant.allows(rendering, action, targets) for grant in holding):
                refused.setdefault((caller, action, targets), {})[because] = None
    return refused


@rule(
    "P02",
    "Whoever gets hold of a user's or role's credentials can do what the product never does.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
)
def unused_permission(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """An action is allowed that nobody who has the policy performs.

    Only asked where a contract says what the template doesn't show; of a stranger's template nobody knows all callers.
    """
    known = calls(rendering, contract)
    for grant in _judged(rendering, contract):
        mine = [call for call in known if call.caller in grant.holders]
        for index, pattern in enumerate(several(grant.statement["Action"])):
            if not any(matches(pattern, call.action) for call in mine):
                sentence = f"{_names(grant)} may call {as_text(pattern)}, and nothing that has its credentials does."
                yield Fault((*grant.path, "Action", index), sentence)


@rule(
    "P03",
    "Whoever gets hold of a user's or role's credentials reaches what the product never touches.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
)
def unused_resource(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """A statement names a resource on which none of its actions is performed, or all resources where a few would do.

    Only asked where a contract says what the template doesn't show, and where it is known on what the actions are
    performed. A statement that should allow what is refused (P01) is not judged twice.
    """
    known, refused = calls(rendering, contract), _refused(rendering, contract)
    for grant in _judged(rendering, contract):
        mine = [call for call in known if call.caller in grant.holders and grant.speaks_of(call.action)]
        if not mine or any(not call.targets or call[:3] in refused for call in mine):
            continue
        for index, pattern in enumerate(several(grant.statement.get("Resource"))):
            used = [each for each in mine if any(covers(rendering, pattern, each.action, it) for it in each.targets)]
            if pattern == "*":
                used = [call for call in mine if "*" in call.targets]
            if not used:
                actions = ", ".join(dict.fromkeys(call.action for call in mine))
                sentence = f"{_names(grant)} may call {actions} on {as_text(pattern)}, and never does."
                yield Fault((*grant.path, "Resource", index), sentence)


def _judged(rendering: Rendering, contract: Contract) -> Iterator[Grant]:
    for grant in grants(rendering) if contract.calls else ():
        if grant.holders and grant.sound and grant.statement.get("Effect") == "Allow" and "Action" in grant.statement:
            yield grant


def _names(grant: Grant) -> str:
    return " and ".join(sorted(grant.holders))


@rule(
    "P04",
    "The stack fails with MalformedPolicyDocument, or a policy does not do what it says.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html",
)
def mistaken_document(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """AWS refuses some documents; others it takes, and a misspelt action or an ARN of the wrong kind allows nothing.

    The documents are judged by parliament, https://github.com/duo-labs/parliament; what it says about an action counts
    only if cfn-lint's newer list of actions agrees.
    """
    for document in documents(rendering):
        for path, sentence in mistakes(document):
            yield Fault(path, f"In a policy of {document.path[1]}, {sentence}.")


_ASSUMED_BY = {
    "AWS::CloudTrail::Trail": [("CloudWatchLogsRoleArn", "cloudtrail")],
    "AWS::CodeBuild::Project": [("ServiceRole", "codebuild")],
    "AWS::CodePipeline::Pipeline": [("RoleArn", "codepipeline")],
    "AWS::EC2::FlowLog": [("DeliverLogsPermissionArn", "vpc-flow-logs")],
    "AWS::ECS::TaskDefinition": [("ExecutionRoleArn", "ecs-tasks"), ("TaskRoleArn", "ecs-tasks")],
    "AWS::EKS::Cluster": [("RoleArn", "eks")],
    "AWS::Events::Rule": [("Targets", "events")],
    "AWS::IAM::InstanceProfile": [("Roles", "ec2")],
    "AWS::Lambda::Function": [("Role", "lambda")],
    "AWS::RDS::DBInstance": [("MonitoringRoleArn", "monitoring.rds")],
    "AWS::Scheduler::Schedule": [("Target", "scheduler")],
    "AWS::StepFunctions::StateMachine": [("RoleArn", "states")],
}
"""Properties that hand a role to a service: the role itself, or something with a RoleArn."""


@rule(
    "P05",
    "A service can't work with the role that it is given: the stack fails, or what the service does never happens.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services",
)
def role_that_its_service_may_not_assume(rendering: Rendering, contract: Contract) -> Iterator[Fault]:
    """A role is assumed only by whom its trust policy names: an instance profile's by EC2, for instance.

    A service principal may name the Region, and ends in the partition's DNS suffix or in amazonaws.com, which most
    services accept everywhere.
    """
    for user in rendering.resources:
        for key, service in _ASSUMED_BY.get(rendering.type_of(user), ()):
            for value in several(rendering.properties(user).get(key)):
                role = identity(rendering, mapping(value).get("RoleArn", value))
                trusted = _trusted(rendering.properties(role).get("AssumeRolePolicyDocument")) if role else None
                if role and trusted is not None and not any(_is_service(rendering, each, service) for each in trusted):
                    names = ", ".join(sorted({*map(as_text, trusted)})) or "no service"
                    sentence = f"{user} hands {role} to {service}, and its trust policy names {names}."
                    yield Fault(("Resources", role, "Properties", "AssumeRolePolicyDocument"), sentence)


def _trusted(document: Any) -> list[Any] | None:
    """The service principals that a trust policy allows; None if that can't be told, or if P04 tells what is wrong."""
    statements = [*map(mapping, several(mapping(document).get("Statement")))]
    if not statements or any(each.get("Principal", "*") == "*" for each in statements):
        return None
    allowing = [mapping(each.get("Principal")) for each in statements if each.get("Effect") == "Allow"]
    trusted = [service for principal in allowing for service in several(principal.get("Service"))]
    return trusted if all(map(is_known, trusted)) else None


def _is_service(rendering: Rendering, principal: Any, service: str) -> bool:
    suffix = as_text(rendering.compute({"Ref": "AWS::URLSuffix"}))
    endings = "|".join(map(re.escape, (suffix, "amazonaws.com", "amazonaws.com.cn")))
    return re.fullmatch(rf"{re.escape(service)}(\.[a-z0-9-]+)?\.({endings})", as_text(principal)) is not None
