"""Permissions: every AWS API call of the stack is allowed, and nothing else; policies and roles are valid."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from quilt_cfn.cloudformation.analysis.api_calls import ApiCall, api_calls
from quilt_cfn.cloudformation.analysis.grants import (
    Grant,
    covers_resource,
    grants,
    has_outside_policies,
    identity_of,
    matches_action,
)
from quilt_cfn.cloudformation.analysis.keys import key_uses
from quilt_cfn.cloudformation.analysis.policy_documents import TRUST, policy_documents, policy_errors
from quilt_cfn.cloudformation.analysis.wildcards import covers_others, uncalled_actions
from quilt_cfn.cloudformation.checks.rules.rule import Violation, rule
from quilt_cfn.cloudformation.launch import Contract, Launch, is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty


@rule(
    "P01",
    "error",
    "AWS refuses calls of the product with AccessDenied.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html",
)
def call_without_permission(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds AWS API calls that no statement of the user's or role's policies allows. The calls are those that the
    template shows (the AWS CLI in scripts and user data, Docker's awslogs driver, tasks of state machines, targets of
    rules, flow logs) and those of the contract. An instance that reads secrets is taken to read every secret that its
    files mention. Identities with policies from outside the template, or with an invalid one (P04), are not checked,
    and conditions count as met.

    Why it is bad: AWS denies what no policy allows.

    Use instead: a statement that allows the action on the resource.
    """
    for (caller, action, targets), reasons in _refused(launch, contract).items():
        where = f" on {targets[0]}" if len(targets) == 1 and targets[0] != "*" else ""
        yield (("Resources", caller), f"{caller} has no permission for {action}{where}: {'; '.join(reasons)}.")


@lru_cache(maxsize=1)
def _refused(launch: Launch, contract: Contract) -> dict[tuple[str, str, tuple[str, ...]], dict[str, None]]:
    """(caller, action, targets) of each call that is not allowed -> what makes it."""
    refused: dict[tuple[str, str, tuple[str, ...]], dict[str, None]] = {}
    calls = api_calls(launch, contract)
    for caller in dict.fromkeys(call.caller for call in calls if call.caller in launch.resources):
        applicable = [grant for grant in grants(launch) if caller in grant.identities or not grant.identities]
        if has_outside_policies(launch, caller) or not all(grant.valid for grant in applicable):
            continue
        for action, targets, because in (call[1:] for call in calls if call.caller == caller):
            denied = any(grant.denies(launch, action, targets) for grant in applicable if grant.identities)
            if denied or not any(grant.allows(launch, action, targets) for grant in applicable):
                refused.setdefault((caller, action, targets), {})[because] = None
    return refused


@rule(
    "P02",
    "warning",
    "Whoever gets the credentials of a user or role can do what the product never does.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
)
def unused_permission(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds actions that a policy allows and that nothing calls with the credentials of its users and roles. Only
    checked with a contract that has calls, because a template alone doesn't show all of them.

    Why it is bad: unused permissions help only whoever has stolen the credentials.

    Use instead: a statement without the action; or the call in marketplace/contract.yaml, if something does make it.
    """
    calls = _calls(launch, contract)
    for grant in _checked(launch, contract):
        own = [call for call in calls if call.caller in grant.identities]
        for index, pattern in enumerate(as_list(grant.statement["Action"])):
            if not any(matches_action(pattern, call.action) for call in own):
                sentence = f"{_names(grant)} may call {as_text(pattern)}, and nothing calls it with these credentials."
                yield ((*grant.path, "Action", index), sentence)


@rule(
    "P03",
    "warning",
    "Whoever gets the credentials of a user or role can reach resources that the product never uses.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
)
def unused_resource(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds resources in a statement on which none of its actions is called, and ``*`` where a few resources would do.
    Only checked with a contract that has calls, and where the resources of all calls are known. What P01 reports is not
    reported again.

    Why it is bad: unused permissions help only whoever has stolen the credentials.

    Use instead: the ARNs of the resources that the actions are called on.
    """
    calls, refused = _calls(launch, contract), _refused(launch, contract)
    for grant in _checked(launch, contract):
        own = [call for call in calls if call.caller in grant.identities and grant.covers_action(call.action)]
        if not own or any(not call.targets or call[:3] in refused for call in own):
            continue
        for index, pattern in enumerate(as_list(grant.statement.get("Resource"))):
            covered = (covers_resource(launch, pattern, call.action, each) for call in own for each in call.targets)
            if not (any("*" in call.targets for call in own) if pattern == "*" else any(covered)):
                actions = ", ".join(dict.fromkeys(call.action for call in own))
                sentence = f"{_names(grant)} may call {actions} on {as_text(pattern)}, and never does."
                yield ((*grant.path, "Resource", index), sentence)


@rule(
    "P08",
    "warning",
    "Whoever gets the credentials of a user or role can do or reach more than the product does; or anybody can.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/best-practices.html#grant-least-privilege",
)
def wildcard_wider_than_the_calls(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds actions with a wildcard that match more than what is called, and resources with a wildcard that cover more
    of their kind than the calls are about. Only checked with a contract that has calls. What the calls leave open
    themselves is right: the objects of a bucket, the streams of a log group, what only ``*`` allows, and instances
    with a condition. P02 reports what matches no call, P03 ``*`` and what covers none, M13 whole services. Also finds,
    in any template, trust policies that let everybody assume a role without a condition.

    Why it is bad: unused permissions help only whoever has stolen the credentials.

    Use instead: the names of the actions, and the whole ARNs of the resources; for one that AWS gives a generated name,
    a reference to it.
    """
    calls, refused = _calls(launch, contract), _refused(launch, contract)
    for grant in _checked(launch, contract):
        own = [call for call in calls if call.caller in grant.identities and grant.covers_action(call.action)]
        for index, pattern in enumerate(as_list(grant.statement["Action"])):
            others = uncalled_actions(pattern, own) if any(matches_action(pattern, call.action) for call in own) else []
            if others:
                more = f"{others[0]} and {len(others) - 1} others" if others[1:] else others[0]
                sentence = f"{_names(grant)} may call {as_text(pattern)}, and of these actions nothing calls {more}."
                yield ((*grant.path, "Action", index), sentence)
        if not own or any(not call.targets or call[:3] in refused for call in own):
            continue
        for index, pattern in enumerate(as_list(grant.statement.get("Resource"))):
            used = any(covers_resource(launch, pattern, call.action, it) for call in own for it in call.targets)
            if used and covers_others(launch, pattern, own, "Condition" in grant.statement):
                actions = ", ".join(dict.fromkeys(call.action for call in own))
                sentence = f"{_names(grant)} may call {actions} on {as_text(pattern)}, which covers more than is used."
                yield ((*grant.path, "Resource", index), sentence)
    for document in policy_documents(launch):
        for path, statement in document.statements if document.policy_type == TRUST else ():
            principal = statement.get("Principal")
            anybody = principal == "*" or "*" in as_list(dict_or_empty(principal).get("AWS"))
            if anybody and statement.get("Effect") == "Allow" and not statement.get("Condition"):
                yield (path, f"Everybody, in any account, may assume {path[1]}.")


def _calls(launch: Launch, contract: Contract) -> tuple[ApiCall, ...]:
    """Every call that needs a permission, those of keys included, whose absence P07 reports."""
    return (*api_calls(launch, contract), *(each.call for each in key_uses(launch, contract)))


def _checked(launch: Launch, contract: Contract) -> Iterator[Grant]:
    """The valid statements that allow actions to users and roles, if the contract has calls."""
    for grant in grants(launch) if contract.calls else ():
        allows = grant.statement.get("Effect") == "Allow" and "Action" in grant.statement
        if grant.identities and grant.valid and allows:
            yield grant


def _names(grant: Grant) -> str:
    return " and ".join(sorted(grant.identities))


@rule(
    "P04",
    "error",
    "The launch fails with MalformedPolicyDocument, or a policy doesn't allow what it should.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html",
)
def invalid_document(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds policy documents with wrong elements, unknown actions, condition operators or versions, and actions that
    apply to no Resource of their statement. parliament (https://github.com/duo-labs/parliament) finds them; what it
    reports about an action counts only if cfn-lint's newer list of actions agrees.

    Why it is bad: AWS refuses some of these documents. In others, a misspelt action or an ARN of the wrong type allows
    nothing, and the call is denied.

    Use instead: the actions and ARNs in the Service Authorization Reference. ``s3:GetObject``, for instance, applies to
    objects, ``arn:aws:s3:::bucket/*``, and not to their bucket.
    """
    for document in policy_documents(launch):
        yield from policy_errors(document)


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
"""Type -> (property with a role, or with something that has a RoleArn; the service that assumes this role)."""


@rule(
    "P05",
    "error",
    "A service can't assume its role: the launch fails, or the service never does its work.",
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services",
)
def role_that_its_service_may_not_assume(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds roles in properties of a service, such as the role of an instance profile, whose trust policy doesn't name
    that service.

    Why it is bad: a role is assumed only by the principals in its trust policy.

    Use instead: the service as a principal.

        AssumeRolePolicyDocument:
          Version: '2012-10-17'
          Statement:
            - Effect: Allow
              Principal: {Service: ec2.amazonaws.com}
              Action: sts:AssumeRole
    """
    for user in launch.resources:
        for key, service in _ASSUMED_BY.get(launch.type_of(user), ()):
            for value in as_list(launch.properties(user).get(key)):
                role = identity_of(launch, dict_or_empty(value).get("RoleArn", value))
                trusted = _trusted(launch.properties(role).get("AssumeRolePolicyDocument")) if role else None
                if role and trusted is not None and not any(_is_service(launch, each, service) for each in trusted):
                    names = ", ".join(sorted({*map(as_text, trusted)})) or "no service"
                    sentence = f"{service} is to assume {role} for {user}, and its trust policy names {names}."
                    yield (("Resources", role, "Properties", "AssumeRolePolicyDocument"), sentence)


def _trusted(document: Any) -> list[Any] | None:
    """The service principals that a trust policy allows; None if they aren't known, and for what P04 reports."""
    statements = [*map(dict_or_empty, as_list(dict_or_empty(document).get("Statement")))]
    if not statements or any(each.get("Principal", "*") == "*" for each in statements):
        return None
    allowing = [dict_or_empty(each.get("Principal")) for each in statements if each.get("Effect") == "Allow"]
    trusted = [service for principal in allowing for service in as_list(principal.get("Service"))]
    return trusted if all(map(is_known, trusted)) else None


def _is_service(launch: Launch, principal: Any, service: str) -> bool:
    """Whether a principal is the principal of a service, such as ``ec2``, in this Region."""
    suffix = as_text(launch.compute({"Ref": "AWS::URLSuffix"}))
    endings = "|".join(map(re.escape, (suffix, "amazonaws.com", "amazonaws.com.cn")))
    return re.fullmatch(rf"{re.escape(service)}(\.[a-z0-9-]+)?\.({endings})", as_text(principal)) is not None


@rule(
    "P06",
    "error",
    'The launch fails in a Region outside of "aws", with "Invalid principal in policy".',
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html#principal-services",
)
def principal_with_a_dns_suffix(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds service principals that end in the DNS suffix of their partition where IAM refuses that: any service in the
    European Sovereign Cloud (``ec2.amazonaws.eu``), and EventBridge in China (``events.amazonaws.com.cn``).

    Why it is bad: a service has the same name in every partition, ``SERVICE.amazonaws.com``. ``AWS::URLSuffix`` is for
    host names. Some older services are known in China by both names, the others are not.

    Use instead: ``SERVICE.amazonaws.com``, in every partition.
    """
    for document in policy_documents(launch):
        for path, statement in document.statements:
            services = map(as_text, as_list(dict_or_empty(statement.get("Principal")).get("Service")))
            for name in services:
                if re.fullmatch(r".*\.amazonaws\.eu|events\..*amazonaws\.com\.cn", name):
                    yield (path, f"A policy of {path[1]} names the service {name}, which IAM doesn't know.")
