"""What updates, the healing of instances and deletions by mistake do to a stack that is in use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.analysis.groups import GROUP, Group, groups
from quilt_cfn.cloudformation.analysis.instances import instances, scripts
from quilt_cfn.cloudformation.analysis.lifecycle import protection, updates
from quilt_cfn.cloudformation.analysis.lifecycle.termination import grace_of_boot
from quilt_cfn.cloudformation.checks.rules.rule import REFERENCE, USER_GUIDE, Violation, property_path, rule
from quilt_cfn.cloudformation.facts.replacement import IN_PLACE, create_only
from quilt_cfn.cloudformation.launch import Contract, Launch, origins_of
from quilt_cfn.cloudformation.template.coerce import as_text, map_at
from quilt_cfn.cloudformation.template.walk import entries, references, strings_in

UPDATE_POLICY = f"{REFERENCE}/aws-attribute-updatepolicy.html"
ELB = "AWS::ElasticLoadBalancingV2"
ASKING_FOR_HEALTH = ("describe-target-health", "target-in-service", "describe_target_health", "DescribeTargetHealth")
DATABASE, SNAPSHOT = "AWS::RDS::DBInstance", "DBSnapshotIdentifier"


@rule("L09", "error", "Every update that replaces instances fails.", UPDATE_POLICY)
def no_room_for_a_new_instance(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds Auto Scaling groups whose rolling update is to keep as many instances in service as the group may have.

    Why it is bad: CloudFormation refuses the update, because MinInstancesInService has to be less than MaxSize. It
    starts a new instance before it ends an old one, and raises the group's MinSize and DesiredCapacity for that, but
    not its MaxSize.

    Use instead: a MaxSize with room for MaxBatchSize more instances. A group of one:

        MinSize: 1
        DesiredCapacity: 1
        MaxSize: 2
    """
    for each in groups(launch):
        yield from _violations(updates.no_room(each))


@rule(
    "L10",
    "warning",
    "An update ends the instance before another one serves, and requests fail meanwhile.",
    UPDATE_POLICY,
)
def nothing_serves_during_an_update(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds Auto Scaling groups behind a load balancer whose rolling update ends all of their instances at once.

    Why it is bad: with the default MinInstancesInService of 0, the one instance of a group is ended first. Until
    another one has booted nobody answers; and if that one fails, until the one of the rollback has.

    Use instead: MinInstancesInService 1, and a MaxSize with room for another instance.
    """
    for each in groups(launch):
        if _is_behind_a_load_balancer(launch, each):
            yield from _violations(updates.interrupted(each))


@rule("L11", "warning", "An update replaces instances that work by others that don't.", UPDATE_POLICY)
def new_instances_are_not_waited_for(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds Auto Scaling groups whose instances signal when they have booted, and whose rolling update waits for no
    signal. That they signal is seen by the group's CreationPolicy.

    Why it is bad: CloudFormation ends the old instances after PauseTime, by default at once, and the update succeeds
    whether the new ones work or not.

    Use instead: ``WaitOnResourceSignals: true``, and a PauseTime that is longer than a boot.
    """
    for each in groups(launch):
        if map_at(launch.resources[each.name], "CreationPolicy", "ResourceSignal"):
            yield from _violations(updates.unchecked(each))


@rule("L12", "warning", "An update that fails leaves more instances than there were before.", UPDATE_POLICY)
def capacity_stays_raised(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds Auto Scaling groups without DesiredCapacity and without a scaling policy whose rolling update starts a new
    instance before it ends an old one.

    Why it is bad: CloudFormation raises the group's capacity for the time of the update. The rollback of a failed one
    sets back what the template says, and a template without DesiredCapacity says nothing about it: all instances stay,
    and are charged.

    Use instead: DesiredCapacity in the template. A group with scaling policies leaves it out, because every update
    would set their work back.
    """
    for each in groups(launch):
        yield from _violations(updates.raised_capacity(launch, each))


@rule(
    "L13",
    "warning",
    "An update fails now and then, because Auto Scaling starts or ends instances at the same time.",
    "https://repost.aws/knowledge-center/auto-scaling-group-rolling-updates",
)
def auto_scaling_acts_meanwhile(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds Auto Scaling groups whose rolling update waits for signals and does not suspend the processes that may
    start or end instances meanwhile: HealthCheck and ReplaceUnhealthy; AZRebalance if the group is in several zones;
    AlarmNotification and ScheduledActions if the template has scaling policies or scheduled actions for it.

    Why it is bad: CloudFormation waits for a signal of each instance that it has started. One that was ended by a
    process sends none, and the update is rolled back.

    Use instead: all five of them, which does no harm where one never acts.

        UpdatePolicy:
          AutoScalingRollingUpdate:
            SuspendProcesses: [HealthCheck, ReplaceUnhealthy, AZRebalance, AlarmNotification, ScheduledActions]
    """
    for each in groups(launch):
        if each.update and each.update.waits and each.serving_meanwhile and not any(updates.no_room(each)):
            yield from _violations(updates.unsuspended(launch, each))


@rule(
    "L14",
    "warning",
    "A slow boot is ended as unhealthy, and the next one as well.",
    "https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-check-grace-period.html",
)
def grace_period_is_shorter_than_a_boot(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds Auto Scaling groups that replace instances which fail the health checks of a load balancer, and whose grace
    period is shorter than the time that CloudFormation waits for the signal of a boot.

    Why it is bad: the grace period counts from the start of an instance and is 0 by default. An instance that is still
    booting when it ends is unhealthy; Auto Scaling ends it and starts another, which has no more time.

    Use instead: a HealthCheckGracePeriod as long as the Timeout of the CreationPolicy and the PauseTime.
    """
    for each in groups(launch):
        if _is_behind_a_load_balancer(launch, each):
            yield from _violations(fact for fact in grace_of_boot(each) if fact.cause == "ended-while-booting")


@rule(
    "L15",
    "error",
    "The launch fails after a long wait: the instance waits to be called healthy, and nobody checks it.",
    "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html",
)
def listener_comes_after_the_instances(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds Auto Scaling groups whose instances ask for the health of their target before they signal, and that are
    created before any listener that uses this target group.

    Why it is bad: the health of a target is ``unused`` as long as no load balancer uses its target group. Where the
    listener waits for the group, or comes later by chance, the group waits for a signal that is never sent.

    Use instead: DependsOn, in the group, of the listener.

        Group:
          Type: AWS::AutoScaling::AutoScalingGroup
          DependsOn: Listener
    """
    for group, properties in launch.of_type(GROUP).items():
        if "CreationPolicy" not in launch.resources[group] or not _waits_for_target_health(launch, group):
            continue
        for target_group in sorted({origin.name for origin in origins_of(properties.get("TargetGroupARNs"))}):
            using = _listeners(launch, target_group)
            if using and launch.before(group).isdisjoint(using):
                sentence = (
                    f"The instances of {group} wait to be healthy in {target_group}, and {group} does not wait for "
                )
                yield (("Resources", group), f"{sentence}{' or '.join(using)}, without which they never are.")


def _listeners(launch: Launch, target_group: str) -> list[str]:
    """The listeners, and their rules, that use a target group, as logical IDs."""
    found = launch.of_type(f"{ELB}::Listener", f"{ELB}::ListenerRule").items()
    return [name for name, it in found if target_group in {origin.name for origin in origins_of([*it.values()])}]


def _waits_for_target_health(launch: Launch, group: str) -> bool:
    sources = [source for instance in instances(launch) if instance.name == group for source in instance.sources]
    return any(asking in text for _, text in scripts(launch, *sources) for asking in ASKING_FOR_HEALTH)


@rule(
    "L16",
    "error",
    "Whoever clears the name of the snapshot after a restore gets an empty database, or an update that fails.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html",
    once=True,
)
def database_differs_with_a_snapshot(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds databases that are restored from a snapshot if a parameter names one, and of which the template says
    something else then that can't be changed in place: another DBName, user or encryption, or another storage.

    Why it is bad: clearing the snapshot's name itself replaces nothing. But the update sees a property such as DBName
    that was not there before, and replaces the restored database by an empty one. A storage can't shrink, so that one
    which goes back to its default makes the update fail.

    Use instead: the same properties with and without a snapshot. In a restore, RDS takes user and encryption from the
    snapshot and the provider does not send them; leave DBName out, and give AllocatedStorage in any case.

        Database:
          Type: AWS::RDS::DBInstance
          Properties:
            DBSnapshotIdentifier: !If [HasSnapshot, !Ref Snapshot, !Ref AWS::NoValue]
            MasterUsername: admin
            StorageEncrypted: true
            AllocatedStorage: !Ref Storage
    """
    for name in launch.of_type(DATABASE):
        declared = map_at(launch.template, "Resources", name, "Properties")
        deciding = _deciding_conditions(launch, declared.get(SNAPSHOT))
        schema = create_only(DATABASE) if deciding else None
        for key, value in declared.items() if schema else ():
            fixed = schema and key in schema.always | schema.conditionally and (DATABASE, key) not in IN_PLACE
            if key != SNAPSHOT and (fixed or key == "AllocatedStorage") and _depends_on(value, deciding):
                outcome = f"{name} is replaced by an empty one" if fixed else "the update fails"
                sentence = f"{key} of {name} is another one without a snapshot: when its name is cleared, {outcome}."
                yield (property_path(name, key), sentence)


def _deciding_conditions(launch: Launch, snapshot: Any) -> set[str]:
    """The conditions that change when the name of a snapshot is cleared: those about its parameter, and its own."""
    conditions = map_at(launch.template, "Conditions")
    parameters = {each.name for each in references(snapshot)} & map_at(launch.template, "Parameters").keys()
    found = {name for name, it in conditions.items() if parameters & {each.name for each in references(it)}}
    found |= {as_text(it[0]) for it in _choices(snapshot)}
    for _ in conditions:  # a condition may be made of others, in any order
        found |= {name for name, it in conditions.items() if found & {text for text, _ in strings_in(it)}}
    return found if parameters else set()


def _depends_on(value: Any, conditions: set[str]) -> bool:
    """Whether a value is another one when one of these conditions changes."""
    return any(as_text(condition) in conditions and yes != no for condition, yes, no in _choices(value))


def _choices(value: Any) -> Iterator[list[Any]]:
    """The arguments of every Fn::If in a value: a condition, and what is taken if it is true, and if it isn't."""
    for path, each in entries({"": value}):
        if path[-1] == "Fn::If" and isinstance(each, list) and len(each) == 3:
            yield each


@rule(
    "L17",
    "warning",
    "A deletion by mistake destroys everything but the database.",
    f"{USER_GUIDE}/using-cfn-protect-stacks.html",
)
def only_a_resource_is_protected(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds stacks that switch on the deletion protection of a resource when they are created, and not the termination
    protection of the stack.

    Why it is bad: CloudFormation deletes in the reverse order of dependencies. What doesn't wait for the protected
    resource is gone before the deletion stops there: instances, addresses, secrets.

    Use instead: in the same state machine, ``aws-sdk:cloudformation:updateTerminationProtection`` with the stack's name
    and ``EnableTerminationProtection: true``. Then CloudFormation refuses the deletion before it begins.
    """
    if not any(protection.stack_protections(launch)):
        for fact in protection.protected_later(launch, launch.resources):
            yield (fact.path, f"{fact.sentence} The stack isn't: everything that does not block is deleted.")


def _is_behind_a_load_balancer(launch: Launch, it: Group) -> bool:
    return bool({"TargetGroupARNs", "LoadBalancerNames", "TrafficSources"} & launch.properties(it.name).keys())


def _violations(facts: Iterable[Fact]) -> Iterator[Violation]:
    for fact in facts:
        yield (fact.path, fact.sentence)
