"""Which actions CloudFormation calls for a resource of a type: the permissions of the handlers in the schemas that come
with cfn-lint, and a few by hand for types that have none there.

https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html#schema-properties-handlers
"""

from __future__ import annotations

from functools import cache

from quilt_cfn.cloudformation.facts.iam_actions import is_action
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


@cache
def permissions(resource_type: str) -> frozenset[str] | None:
    """The actions with which resources of a type are created, read, updated, tagged and deleted; None if unknown.

    What a schema names and IAM does not know is left out: some have misspelt or withdrawn actions.
    """
    found = schema(resource_type)
    handlers = (found or {}).get("handlers", {})
    named = {action for handler in handlers.values() for action in handler.get("permissions", ())}
    named |= set((found or {}).get("tagging", {}).get("permissions", ()) if named else ())
    named |= set(BY_HAND.get(resource_type, ()))
    known = frozenset(action for action in named if "*" not in action and is_action(action))
    return known or None
