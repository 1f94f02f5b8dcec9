"""Updates that fail: what serves meanwhile, and what their rollback can't set back.

A template doesn't say what a later version will change. So each fact is about a change that is possible, and the worst
order is assumed: when a resource fails, all that doesn't depend on it may have been updated already.
Sources: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html,
https://github.com/guardian/testing-asg-rolling-update (which instances end, measured), and the issues 1912 (versions of
launch templates) and 2210 (generated secrets) of https://github.com/aws-cloudformation/cloudformation-coverage-roadmap.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from quilt_cfn.cloudformation.analysis.fact import Fact, enumerated
from quilt_cfn.cloudformation.analysis.groups import ROLLING, Group, groups
from quilt_cfn.cloudformation.analysis.instances import instances
from quilt_cfn.cloudformation.analysis.lifecycle.replacement import replacing
from quilt_cfn.cloudformation.launch import Launch, UnknownList
from quilt_cfn.cloudformation.template.coerce import as_list, as_text
from quilt_cfn.cloudformation.template.walk import Path

UNDONE = {
    ("AWS::EC2::Volume", "Size"): "Its size, if it has grown; a volume can't shrink, and the rollback fails.",
    ("AWS::RDS::DBInstance", "AllocatedStorage"): "Its storage, if it has grown.",
    ("AWS::RDS::DBInstance", "EngineVersion"): "Its engine version, if it is newer.",
    ("AWS::SecretsManager::Secret", "GenerateSecretString"): (
        "A generated value, if its settings have changed: the first one is gone, and the rollback may make a third."
    ),
}
"""(type, property) -> what the rollback of a change of it doesn't undo. For RDS by its provider's source, where
modifyDbInstanceRequest sends neither storage nor version in a rollback:
https://github.com/aws-cloudformation/aws-cloudformation-resource-providers-rds/blob/f08cf4a6b67f93902e73be95e6df67399c83b045/aws-rds-dbinstance/src/main/java/software/amazon/rds/dbinstance/Translator.java."""


def not_undone(launch: Launch, changed: Collection[str]) -> Iterator[Fact]:
    """What the rollback of an update leaves as the update made it."""
    for name in changed:
        resource_type = launch.type_of(name)
        for key in launch.properties(name):
            if (resource_type, key) in UNDONE:
                yield Fact(name, "not-undone", UNDONE[resource_type, key], ("Properties", key))
        if resource_type == "AWS::EC2::LaunchTemplate":
            sentence = "Its new version. The rollback may add one more, and start instances of that."
            yield Fact(name, "template-versions", sentence)


def while_updating(launch: Launch, changed: Collection[str]) -> Iterator[Fact]:
    """What serves while instances are replaced, and which instance is left when an update fails."""
    for each in groups(launch):
        if each.name in changed:
            yield from _of_group(launch, each)
    for instance in instances(launch):
        if instance.name in changed and launch.type_of(instance.name) == "AWS::EC2::Instance":
            yield from _of_instance(launch, instance.name)


def _of_group(launch: Launch, it: Group) -> Iterator[Fact]:
    if it.is_replaced:
        sentence = "An update makes a new group beside the old one, which serves until the new one is complete."
        yield Fact(it.name, "replaced-group", sentence, ("UpdatePolicy",))
    elif it.update is None:
        sentence = "An update starts no instances: those that run stay as they are until something else replaces them."
        yield Fact(it.name, "no-rolling-update", sentence)
    else:
        harm = [*no_room(it), *interrupted(it), *unchecked(it)]
        yield from harm or _without_harm(launch, it)


def no_room(it: Group) -> Iterator[Fact]:
    """A rolling update that is to keep as many instances in service as the group may have: CloudFormation refuses it.

    Source: https://github.com/aws-cloudformation/cfn-lint/issues/362.
    """
    kept = it.update.kept if it.update else None
    if kept is not None and it.largest is not None and kept >= it.largest:
        sentence = f"A rolling update of {it.name} is to keep {kept} in service, and its MaxSize is {it.largest}."
        yield Fact(it.name, "no-room", sentence, (*ROLLING, "MinInstancesInService"))


def interrupted(it: Group) -> Iterator[Fact]:
    """A rolling update that ends all instances before others are ready."""
    if it.serving_meanwhile == 0 and it.desired != 0:
        sentence = f"A rolling update of {it.name} ends all instances before others are ready."
        yield Fact(it.name, "interrupted", sentence, ROLLING)


def unchecked(it: Group) -> Iterator[Fact]:
    """A rolling update that ends old instances whether new ones work or not."""
    if it.serving_meanwhile and it.update and not it.update.waits:
        sentence = (
            f"A rolling update of {it.name} waits for no signal: it ends old instances whether new ones work or not."
        )
        yield Fact(it.name, "unchecked", sentence, ROLLING)


def _without_harm(launch: Launch, it: Group) -> Iterator[Fact]:
    """A rolling update during which instances serve, and go on serving if it fails."""
    if it.grows_meanwhile:
        sentence = "The new instance starts beside the old one, which serves until the new one has signalled success."
        yield Fact(it.name, "kept-in-service", sentence, ROLLING)
        yield from _after_failure(launch, it)
    elif it.serving_meanwhile:
        sentence = "While some instances are replaced, others serve; these follow when the new ones have signalled."
        yield Fact(it.name, "others-serve", sentence, ROLLING)
    yield from unsuspended(launch, it)


def _after_failure(launch: Launch, it: Group) -> Iterator[Fact]:
    """Which instance is left when the new one fails, or something else after it."""
    raised = [*raised_capacity(launch, it)]
    policies = as_list(launch.properties(it.name).get("TerminationPolicies"))
    if raised:
        yield from raised
    elif [*map(as_text, policies)][:1] == ["NewestInstance"]:
        sentence = "If the new instance fails, it is ended, and the old one serves on."
        yield Fact(it.name, "newest-ends", sentence, ("Properties", "TerminationPolicies"))
    else:
        sentence = "If the new instance fails, Auto Scaling chooses which one to end, by default an older one."
        yield Fact(it.name, "oldest-may-end", sentence)


def raised_capacity(launch: Launch, it: Group) -> Iterator[Fact]:
    """A group that a failed update leaves with more instances: CloudFormation sets back only what a template says."""
    scaled = users(launch, it.name, "AWS::AutoScaling::ScalingPolicy")
    if it.grows_meanwhile and not scaled and "DesiredCapacity" not in launch.properties(it.name):
        sentence = f"A failed update leaves {it.name} with more instances than before: it has no DesiredCapacity."
        yield Fact(it.name, "raised-capacity", sentence)


def unsuspended(launch: Launch, it: Group) -> Iterator[Fact]:
    """The processes of Auto Scaling that may start or end an instance of a group in the middle of a rolling update.

    Source: https://repost.aws/knowledge-center/auto-scaling-group-rolling-updates."""
    subnets = as_list(launch.properties(it.name).get("VPCZoneIdentifier", ["several zones"] * 2))
    acting = {
        "HealthCheck": True,
        "ReplaceUnhealthy": True,
        "AZRebalance": len(subnets) > 1 or isinstance(subnets, UnknownList),
        "AlarmNotification": bool(users(launch, it.name, "AWS::AutoScaling::ScalingPolicy")),
        "ScheduledActions": bool(users(launch, it.name, "AWS::AutoScaling::ScheduledAction")),
    }
    missing = [each for each, acts in acting.items() if acts and it.update and each not in it.update.suspended]
    if missing:
        sentence = f"Meanwhile {enumerated(missing)} of {it.name} may start or end instances."
        yield Fact(it.name, "unsuspended", sentence, ROLLING)


def users(launch: Launch, group: str, resource_type: str) -> list[str]:
    """The resources of a type that are about a group, such as its scaling policies, as logical IDs."""
    named = launch.of_type(resource_type).items()
    return [name for name, it in named if launch.referenced_resource(it.get("AutoScalingGroupName")) == group]


def _of_instance(launch: Launch, name: str) -> Iterator[Fact]:
    waits = "CreationPolicy" in launch.resources[name]
    until = "has signalled success" if waits else "runs, whether it works or not"
    path: Path = ("CreationPolicy",) if waits else ()
    sentence = f"If it is replaced, the old one runs until the new one {until}. Load balancers may send requests to "
    yield Fact(name, "replaced-instance", f"{sentence}the new one before it is healthy.", path)


def rolled_back_again(launch: Launch, failing: str) -> Iterator[Fact]:
    """Groups whose new instances serve already when something else fails: the rollback replaces them once more."""
    for each in groups(launch):
        if each.update and failing != each.name and failing not in launch.before(each.name):
            sentence = f"{failing} may fail when {each.name} has its new instances; the rollback replaces them again."
            yield Fact(each.name, "rolled-back-again", sentence, ROLLING)


def after_failed_rollback(launch: Launch) -> Iterator[Fact]:
    """What serves when a resource can't be set back either: the stack ends in UPDATE_ROLLBACK_FAILED."""
    for each in groups(launch):
        if each.update and each.serving_meanwhile and each.update.waits:
            sentence = "The instances that serve go on: a rollback, too, ends one only when another has signalled."
            yield Fact(each.name, "serves-on", sentence, ROLLING)
        elif each.update:
            yield Fact(each.name, "may-not-serve", "It may be without an instance that works.", ROLLING)


def stuck(launch: Launch, failing: str) -> Iterator[Fact]:
    """What becomes of a resource that can't be set back."""
    sentence = "It stays as the update left it"
    if any(replacing(launch, failing)):
        sentence += "; if it was replaced, the old one and the new one both exist"
    yield Fact(failing, "stuck", f"{sentence}.")
