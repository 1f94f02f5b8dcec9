"""KMS keys of a template: what is encrypted with them, and who may use them.

KMS allows a call if the key's policy does; or if that lets the account's IAM policies decide, and one of them does.
https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.api_calls import ApiCall, api_calls
from quilt_cfn.cloudformation.analysis.grants import Grant, grants, grants_of, has_outside_policies
from quilt_cfn.cloudformation.launch import Contract, Launch, Origin, is_known, origins_of
from quilt_cfn.cloudformation.launch.values import unknown_value
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at

KEY, ALIAS = "AWS::KMS::Key", "AWS::KMS::Alias"

_PLACES: dict[str, tuple[str, ...]] = {
    "AWS::DynamoDB::Table": ("SSESpecification", "KMSMasterKeyId"),
    "AWS::Kinesis::Stream": ("StreamEncryption", "KeyId"),
    "AWS::SNS::Topic": ("KmsMasterKeyId",),
    "AWS::SQS::Queue": ("KmsMasterKeyId",),
    "AWS::SecretsManager::Secret": ("KmsKeyId",),
}
"""Type -> where its key is in its properties."""


DECRYPT, ENCRYPT = "kms:Decrypt", "kms:GenerateDataKey"

NEEDED = {
    "dynamodb:GetItem": (DECRYPT,),
    "dynamodb:PutItem": (DECRYPT,),
    "dynamodb:Query": (DECRYPT,),
    "dynamodb:Scan": (DECRYPT,),
    "dynamodb:UpdateItem": (DECRYPT,),
    "kinesis:GetRecords": (DECRYPT,),
    "kinesis:PutRecord": (ENCRYPT,),
    "kinesis:PutRecords": (ENCRYPT,),
    "s3:GetObject": (DECRYPT,),
    "s3:PutObject": (ENCRYPT, DECRYPT),
    "secretsmanager:GetSecretValue": (DECRYPT,),
    "secretsmanager:PutSecretValue": (ENCRYPT, DECRYPT),
    "sns:Publish": (ENCRYPT, DECRYPT),
    "sqs:ReceiveMessage": (DECRYPT,),
    "sqs:SendMessage": (ENCRYPT, DECRYPT),
}
"""Action -> what its caller needs where the resource is encrypted with a customer managed key: the first one always,
the other one in some cases, such as an upload in parts. Sources:
https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html,
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html,
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html,
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html,
https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html."""


class KeyUse(NamedTuple):
    """A call of KMS that another call of a user or role brings with it."""

    key: str
    """Logical ID of the key."""
    call: ApiCall
    always: bool
    """Whether the other call never does without it."""


@lru_cache(maxsize=1)
def key_uses(launch: Launch, contract: Contract) -> tuple[KeyUse, ...]:
    """Every use of a key of the template that follows from the calls of the stack."""
    return tuple(_key_uses(launch, contract))


def _key_uses(launch: Launch, contract: Contract) -> Iterator[KeyUse]:
    for call in api_calls(launch, contract):
        names = {origin.name for target in call.targets for origin in origins_of(target)}
        for name in sorted(names) if call.action in NEEDED and call.caller in launch.resources else ():
            key = key_of(launch, name)
            for index, action in enumerate(NEEDED[call.action] if key else ()):
                because = f"{call.action} on {name}"
                yield KeyUse(str(key), ApiCall(call.caller, action, _arn(str(key)), because), index == 0)


def _arn(key: str) -> tuple[str]:
    return (unknown_value(Origin("attribute", key, "Arn")),)


def key_of(launch: Launch, resource: str) -> str | None:
    """The key of the template with which the content of a resource is encrypted, as a logical ID."""
    properties, resource_type = launch.properties(resource), launch.type_of(resource)
    if resource_type == "AWS::S3::Bucket":
        rules = as_list(map_at(properties, "BucketEncryption").get("ServerSideEncryptionConfiguration"))
        default = map_at(rules[0], "ServerSideEncryptionByDefault") if rules else {}
        by_kms = as_text(default.get("SSEAlgorithm")).startswith("aws:kms")
        return referenced_key(launch, default.get("KMSMasterKeyID")) if by_kms else None
    place = _PLACES.get(resource_type)
    return referenced_key(launch, map_at(properties, *place[:-1]).get(place[-1])) if place else None


def referenced_key(launch: Launch, value: Any) -> str | None:
    """The key that a value refers to: by itself, or by its alias."""
    if value is None:
        return None
    name = launch.referenced_resource(value)
    if name is None:
        named = {origin.name for origin in origins_of(value)} if not is_known(value) else set()
        ours = [each for each in sorted(named) if launch.type_of(each) in (KEY, ALIAS)]
        aliases = launch.of_type(ALIAS).items()
        name = next(iter([*ours, *(each for each, it in aliases if it.get("AliasName") == value)]), None)
    if launch.type_of(name) == ALIAS:
        return referenced_key(launch, launch.properties(name).get("TargetKeyId"))
    return name if launch.type_of(name) == KEY else None


def may_use(launch: Launch, key: str, identity: str, action: str) -> bool:
    """Whether a user or role may use a key; also True where it isn't known."""
    statements = [each for each in key_grants(launch, key) if each.covers_action(action)]
    if any(_names(launch, each.statement, identity) for each in statements):
        return True
    if not any(_delegates(launch, each.statement) for each in statements) and has_policy(launch, key):
        return False
    own = [each for each in grants(launch) if identity in each.identities]
    unknown = has_outside_policies(launch, identity) or not all(each.valid for each in own)
    return unknown or any(each.allows(launch, action, _arn(key)) for each in own)


def delegates_to_iam(launch: Launch, key: str, action: str) -> bool:
    """Whether the policies of IAM decide who may use a key; they do where it has no policy of its own."""
    own = [each for each in key_grants(launch, key) if each.covers_action(action)]
    return not has_policy(launch, key) or any(_delegates(launch, each.statement) for each in own)


def admits_principal(launch: Launch, key: str, begins: str, action: str) -> bool:
    """Whether the policy of a key itself admits a service, or a role, whose name begins so; True if it isn't known."""
    own = [each.statement for each in key_grants(launch, key) if each.covers_action(action)]
    names = [as_text(each).rpartition(":role/")[2] for statement in own for each in principals(statement)]
    return any(each.startswith(begins) for each in names) or any(map(_is_open, own))


def has_policy(launch: Launch, key: str) -> bool:
    return bool(launch.properties(key).get("KeyPolicy"))


def key_grants(launch: Launch, key: str) -> Iterator[Grant]:
    """The statements that allow something in the policy of a key."""
    return (each for each in grants_of(launch, key) if each.statement.get("Effect") == "Allow")


def principals(statement: dict[str, Any]) -> list[Any]:
    """Every principal that a statement names, of whatever type."""
    principal = statement.get("Principal")
    by_type = [each for value in dict_or_empty(principal).values() for each in as_list(value)]
    return by_type or as_list(principal)


def _is_open(statement: dict[str, Any]) -> bool:
    """Whether a statement is for anybody who meets its conditions, or for somebody who isn't known."""
    named = principals(statement)
    unknown = any(origin.source != "resource" for each in named if not is_known(each) for origin in _sources(each))
    return "NotPrincipal" in statement or "*" in named or unknown


def _sources(value: Any) -> list[Origin]:
    """The origins of a value, in which an attribute counts as its resource."""
    return [each._replace(source="resource") if each.source == "attribute" else each for each in origins_of(value)]


def _names(launch: Launch, statement: dict[str, Any], identity: str) -> bool:
    """Whether a statement is for a user or role."""
    name = launch.properties(identity).get("RoleName") or launch.properties(identity).get("UserName")
    for each in principals(statement):
        if any(origin.name == identity for origin in origins_of(each)):
            return True
        if name is not None and as_text(each).endswith(f"/{as_text(name)}"):
            return True
    return _is_open(statement)


def _delegates(launch: Launch, statement: dict[str, Any]) -> bool:
    """Whether a statement leaves it to the IAM policies of the account."""
    account = as_text(launch.compute({"Ref": "AWS::AccountId"}))
    roots = [as_text(each) for each in principals(statement)]
    return any(each == account or each.endswith(f":{account}:root") for each in roots) or _is_open(statement)
