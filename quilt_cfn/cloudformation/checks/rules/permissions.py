"""What may be called, and what is: every call is allowed, and nothing is allowed that nobody calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from quilt_cfn.cloudformation.analysis.api_calls import api_calls
from quilt_cfn.cloudformation.analysis.grants import (
    Grant,
    covers_resource,
    grants,
    has_outside_policies,
    identity_of,
    matches_action,
)
from quilt_cfn.cloudformation.analysis.policy_documents import policy_documents, policy_errors
from quilt_cfn.cloudformation.checks.rules.rule import Violation, rule
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.launch.contract import Contract
from quilt_cfn.cloudformation.launch.values import is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty


@rule(
    "P01",
    "error",
    "A part of the product is refused by AWS with AccessDenied.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html",
)
def call_without_permission(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """What no statement allows is denied.

    The calls are those that the template shows (the AWS command line in scripts and user data, Docker's awslogs driver,
    tasks of state machines, targets of rules, flow logs) and those of the contract. A machine that reads secrets is
    taken to read every one whose name is among its files. Who has a policy from outside the template is not judged, nor
    is one whose own policies are mistaken (P04), nor a condition.
    """
    for (caller, action, targets), reasons in _refused(launch, contract).items():
        where = f" on {targets[0]}" if len(targets) == 1 and targets[0] != "*" else ""
        yield (("Resources", caller), f"{caller} has no permission for {action}{where}: {'; '.join(reasons)}.")


@lru_cache(maxsize=1)
def _refused(launch: Launch, contract: Contract) -> dict[tuple[str, str, tuple[str, ...]], dict[str, None]]:
    """(caller, action, targets) of each call that is not allowed -> who makes it."""
    refused: dict[tuple[str, str, tuple[str, ...]], dict[str, None]] = {}
    made = api_calls(launch, contract)
    for caller in dict.fromkeys(call.caller for call in made if call.caller in launch.resources):
        holding = [grant for grant in grants(launch) if caller in grant.identities or not grant.identities]
        if has_outside_policies(launch, caller) or not all(grant.valid for grant in holding):
            continue
        for action, targets, because in (call[1:] for call in made if call.caller == caller):
            denied = any(grant.denies(launch, action, targets) for grant in holding if grant.identities)
            if denied or not any(grant.allows(launch, action, targets) for grant in holding):
                refused.setdefault((caller, action, targets), {})[because] = None
    return refused


@rule(
    "P02",
    "error",
    "Whoever gets hold of a user's or role's credentials can do what the product never does.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
)
def unused_permission(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """An action is allowed that nobody who has the policy performs.

    Only asked where a contract says what the template doesn't show; of a stranger's template nobody knows all callers.
    """
    known = api_calls(launch, contract)
    for grant in _judged(launch, contract):
        mine = [call for call in known if call.caller in grant.identities]
        for index, pattern in enumerate(as_list(grant.statement["Action"])):
            if not any(matches_action(pattern, call.action) for call in mine):
                sentence = f"{_names(grant)} may call {as_text(pattern)}, and nothing that has its credentials does."
                yield ((*grant.path, "Action", index), sentence)


@rule(
    "P03",
    "error",
    "Whoever gets hold of a user's or role's credentials reaches what the product never touches.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
)
def unused_resource(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A statement names a resource on which none of its actions is performed, or all resources where a few would do.

    Only asked where a contract says what the template doesn't show, and where it is known on what the actions are
    performed. A statement that should allow what is refused (P01) is not judged twice.
    """
    known, refused = api_calls(launch, contract), _refused(launch, contract)
    for grant in _judged(launch, contract):
        mine = [call for call in known if call.caller in grant.identities and grant.covers_action(call.action)]
        if not mine or any(not call.targets or call[:3] in refused for call in mine):
            continue
        for index, pattern in enumerate(as_list(grant.statement.get("Resource"))):
            used = [
                each for each in mine if any(covers_resource(launch, pattern, each.action, it) for it in each.targets)
            ]
            if pattern == "*":
                used = [call for call in mine if "*" in call.targets]
            if not used:
                actions = ", ".join(dict.fromkeys(call.action for call in mine))
                sentence = f"{_names(grant)} may call {actions} on {as_text(pattern)}, and never does."
                yield ((*grant.path, "Resource", index), sentence)


def _judged(launch: Launch, contract: Contract) -> Iterator[Grant]:
    for grant in grants(launch) if contract.calls else ():
        if (
            grant.identities
            and grant.valid
            and grant.statement.get("Effect") == "Allow"
            and "Action" in grant.statement
        ):
            yield grant


def _names(grant: Grant) -> str:
    return " and ".join(sorted(grant.identities))


@rule(
    "P04",
    "error",
    "The stack fails with MalformedPolicyDocument, or a policy does not do what it says.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html",
)
def mistaken_document(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """AWS refuses some documents; others it takes, and a misspelt action or an ARN of the wrong kind allows nothing.

    The documents are judged by parliament, https://github.com/duo-labs/parliament; what it says about an action counts
    only if cfn-lint's newer list of actions agrees.
    """
    for document in policy_documents(launch):
        for fact in policy_errors(document):
            yield (fact.path, fact.sentence)


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
    "error",
    "A service can't work with the role that it is given: the stack fails, or what the service does never happens.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services",
)
def role_that_its_service_may_not_assume(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """A role is assumed only by whom its trust policy names: an instance profile's by EC2, for instance.

    A service principal may name the Region, and ends in the partition's DNS suffix or in amazonaws.com, which most
    services accept everywhere.
    """
    for user in launch.resources:
        for key, service in _ASSUMED_BY.get(launch.type_of(user), ()):
            for value in as_list(launch.properties(user).get(key)):
                role = identity_of(launch, dict_or_empty(value).get("RoleArn", value))
                trusted = _trusted(launch.properties(role).get("AssumeRolePolicyDocument")) if role else None
                if role and trusted is not None and not any(_is_service(launch, each, service) for each in trusted):
                    names = ", ".join(sorted({*map(as_text, trusted)})) or "no service"
                    sentence = f"{user} hands {role} to {service}, and its trust policy names {names}."
                    yield (("Resources", role, "Properties", "AssumeRolePolicyDocument"), sentence)


def _trusted(document: Any) -> list[Any] | None:
    """The service principals that a trust policy allows; None if that can't be told, or if P04 tells what is wrong."""
    statements = [*map(dict_or_empty, as_list(dict_or_empty(document).get("Statement")))]
    if not statements or any(each.get("Principal", "*") == "*" for each in statements):
        return None
    allowing = [dict_or_empty(each.get("Principal")) for each in statements if each.get("Effect") == "Allow"]
    trusted = [service for principal in allowing for service in as_list(principal.get("Service"))]
    return trusted if all(map(is_known, trusted)) else None


def _is_service(launch: Launch, principal: Any, service: str) -> bool:
    suffix = as_text(launch.compute({"Ref": "AWS::URLSuffix"}))
    endings = "|".join(map(re.escape, (suffix, "amazonaws.com", "amazonaws.com.cn")))
    return re.fullmatch(rf"{re.escape(service)}(\.[a-z0-9-]+)?\.({endings})", as_text(principal)) is not None
