"""Which actions CloudFormation calls for a resource of a type: the permissions of the handlers in the schemas that come
with cfn-lint, and a few by hand for types that have none there.

https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html#schema-properties-handlers
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from quilt_cfn.cloudformation.facts.iam_actions import actions_matching, is_action
from quilt_cfn.cloudformation.facts.replacement import schema

BY_HAND = {
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_access-keys-create-updat.html
    "AWS::IAM::AccessKey": ("iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:ListAccessKeys", "iam:UpdateAccessKey"),
    # https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html
    "AWS::Route53::RecordSetGroup": (
        "route53:ChangeResourceRecordSets",
        "route53:GetChange",
        "route53:GetHostedZone",
        "route53:ListResourceRecordSets",
    ),
}
"""Type -> actions, of types whose schema names none."""


NARROWER = {
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/create-mixed-instances-group-attribute-based-instance-type-selection.html
    "ec2:Get*": ("ec2:GetInstanceTypesFromInstanceRequirements",),
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/using-systems-manager-parameters.html
    "ssm:Get*": ("ssm:GetParameters",),
}
"""Pattern in the schema of Auto Scaling groups -> what these options of a group take. What else the pattern matches
reads passwords, consoles and secrets."""


@cache
def permissions(resource_type: str) -> frozenset[str] | None:
    """The actions with which resources of a type are created, read, updated, tagged and deleted; None if unknown.

    ``Describe*`` and ``List*`` of a service stay patterns, which read no data; other patterns become what they match.
    What a schema names and IAM does not know is left out: some have misspelt or withdrawn actions.
    """
    found = schema(resource_type) or {}
    named = {each for handler in found.get("handlers", {}).values() for each in handler.get("permissions", ())}
    named |= set(found.get("tagging", {}).get("permissions", ()) if named else ())
    named |= set(BY_HAND.get(resource_type, ()))
    return frozenset(_known(named)) or None


def _known(named: Iterable[str]) -> set[str]:
    known: set[str] = set()
    for each in named:
        service, _, name = each.partition(":")
        action = f"{service.lower()}:{name[:1].upper()}{name[1:]}"  # some schemas have Iam:PassRole and iam:listUsers
        if "*" not in action or name in ("Describe*", "List*"):
            known |= {action} if is_action(action) else set()
        else:
            known |= set(NARROWER.get(action) or actions_matching(action))
    return known
