"""Keys: who uses what is encrypted with a KMS key of the template may use the key as well."""

from __future__ import annotations

from collections.abc import Iterator

from quilt_cfn.cloudformation.analysis.event_targets import WITH_POLICY, event_targets
from quilt_cfn.cloudformation.analysis.instances import instances
from quilt_cfn.cloudformation.analysis.keys import (
    DECRYPT,
    ENCRYPT,
    admits_principal,
    delegates_to_iam,
    key_uses,
    may_use,
    referenced_key,
)
from quilt_cfn.cloudformation.checks.rules.rule import Violation, property_path, rule
from quilt_cfn.cloudformation.launch import Contract, Launch
from quilt_cfn.cloudformation.template.coerce import as_list, map_at

SCALING = "aws-service-role/autoscaling.amazonaws.com/"
"""How the names of the service-linked roles of Auto Scaling begin, with their path."""


@rule(
    "P07",
    "error",
    "AWS refuses what needs the key: a secret can't be read, an object not be stored, an instance not be launched.",
    "https://docs.aws.amazon.com/kms/latest/developerguide/key-policies.html",
)
def key_that_may_not_be_used(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds KMS keys of the template that somebody has to use and may not: users and roles that call an API on a
    secret, a bucket's objects, a queue, a topic, a stream or a table that is encrypted with the key; CloudWatch Logs
    for a log group; EventBridge for a topic or a queue; and Auto Scaling for the volumes of a group's instances. Keys
    from outside the template and AWS managed keys are not checked.

    Why it is bad: permission on the resource is not enough. KMS denies the key, and with it the call; CloudWatch Logs
    refuses the log group; instances with such a volume end at once.

    Use instead: a statement for the role with ``kms:Decrypt`` (to read) or ``kms:GenerateDataKey`` (to write) on the
    key, whose policy lets the account's IAM policies decide; and for a service, a statement in the key's policy.

        KeyPolicy:
          Statement:
            - Effect: Allow
              Principal: {AWS: !Sub 'arn:${AWS::Partition}:iam::${AWS::AccountId}:root'}
              Action: kms:*
              Resource: '*'
            - Effect: Allow
              Principal: {Service: !Sub 'logs.${AWS::Region}.amazonaws.com'}
              Action: [kms:Encrypt*, kms:Decrypt*, kms:ReEncrypt*, kms:GenerateDataKey*, kms:Describe*]
              Resource: '*'
    """
    yield from _of_callers(launch, contract)
    yield from _of_services(launch)


def _of_callers(launch: Launch, contract: Contract) -> Iterator[Violation]:
    refused: dict[tuple[str, str, str], str] = {}
    for key, call, always in key_uses(launch, contract):
        if always and not may_use(launch, key, call.caller, call.action):
            refused.setdefault((call.caller, key, call.action), call.because)
    for (caller, key, action), because in refused.items():
        sentence = f"{caller} has no permission for {action} on {key}, which it needs for {because}"
        if delegates_to_iam(launch, key, action):
            yield (("Resources", caller), f"{sentence}.")
        else:
            yield (
                property_path(key, "KeyPolicy"),
                f"{sentence}: the policy of the key neither names it nor leaves it to IAM.",
            )


def _of_services(launch: Launch) -> Iterator[Violation]:
    for place, value, who, principal, actions in _uses_of_services(launch):
        key = referenced_key(launch, value)
        if key and not all(admits_principal(launch, key, principal, each) for each in actions):
            yield (place, f"{place[1]} is encrypted with {key}, whose policy doesn't let {who} use it.")


def _uses_of_services(launch: Launch) -> Iterator[tuple[tuple[str | int, ...], object, str, str, tuple[str, ...]]]:
    """(place, key, who uses it, how the principal's name begins, what it calls) of each use of a key by a service."""
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
    for name, properties in launch.of_type("AWS::Logs::LogGroup").items():
        place = property_path(name, "KmsKeyId")
        yield place, properties.get("KmsKeyId"), "CloudWatch Logs", "logs.", (DECRYPT, ENCRYPT)
    # https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html
    for instance in instances(launch):
        if launch.type_of(instance.name) == "AWS::AutoScaling::AutoScalingGroup":
            for mapping in as_list(instance.settings.get("BlockDeviceMappings")):
                value = map_at(mapping, "Ebs").get("KmsKeyId")
                what = "Auto Scaling's service-linked role"
                yield ("Resources", instance.sources[-1]), value, what, SCALING, (DECRYPT, "kms:CreateGrant")
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
    for target in event_targets(launch):
        if launch.type_of(target.resource) in WITH_POLICY and target.properties.get("RoleArn") is None:
            value = launch.properties(target.resource).get("KmsMasterKeyId")
            place = ("Resources", str(target.resource), "Properties", "KmsMasterKeyId")
            yield place, value, "EventBridge", "events.", (DECRYPT, ENCRYPT)
