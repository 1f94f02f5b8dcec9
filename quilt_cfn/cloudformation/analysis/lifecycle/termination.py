"""What happens when an instance ends, by mistake or by a failure of its hardware, or stops answering.

Sources: https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-checks-overview.html and
https://docs.aws.amazon.com/autoscaling/ec2/userguide/health-check-grace-period.html
"""

from __future__ import annotations

from collections.abc import Iterator

from quilt_cfn.cloudformation.analysis.api_calls import ASSOCIATE, commands
from quilt_cfn.cloudformation.analysis.fact import Fact
from quilt_cfn.cloudformation.analysis.groups import Group, group, in_words
from quilt_cfn.cloudformation.analysis.instances import Instance, instances, scripts
from quilt_cfn.cloudformation.launch import Launch, is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text


def termination(launch: Launch) -> Iterator[Fact]:
    """What follows when an instance of the stack ends or stops answering."""
    for instance in instances(launch):
        name = instance.name
        if launch.type_of(name) == "AWS::EC2::Instance":
            sentence = (
                "Nothing starts another instance: it stays dead, and an update with the same values changes nothing."
            )
            yield Fact(name, "stays-dead", sentence)
        else:
            yield from _of_group(launch, group(launch, name))
        yield Fact(name, "lost-disk", "What is on the disk of the old instance only is lost.")
        yield from _addresses(launch, instance)


def _of_group(launch: Launch, it: Group) -> Iterator[Fact]:
    if it.smallest == 0 and not it.desired:
        yield Fact(it.name, "may-be-empty", "The group may have no instance, and then starts none.")
        return
    what = "ends, or fails the health checks of its load balancer," if it.checks_target_health else "ends"
    yield Fact(it.name, "heals", f"Auto Scaling starts another instance when one {what} by itself.")
    zones = _zones(launch, it.name)
    if zones is not None and len(zones) == 1:
        sentence = "All instances are in one Availability Zone: while that is out of order, none can be started."
        yield Fact(it.name, "one-zone", sentence, ("Properties", "VPCZoneIdentifier"))
    yield from grace_of_boot(it)


def grace_of_boot(it: Group) -> Iterator[Fact]:
    """Whether an instance is given as much time to become healthy as CloudFormation gives it to boot."""
    if it.checks_target_health and it.longest_boot is not None and it.grace is not None:
        sentence = f"A boot may take {in_words(it.longest_boot)}, and its health is ignored for {in_words(it.grace)}"
        place = ("Properties", "HealthCheckGracePeriod")
        if it.grace >= it.longest_boot:
            yield Fact(it.name, "grace-for-boot", f"{sentence}.", place)
        else:
            ended = "a slow one is ended before it is ready, again and again"
            yield Fact(it.name, "ended-while-booting", f"{sentence}: {ended}.", place)


def _zones(launch: Launch, name: str) -> set[str] | None:
    """The Availability Zones of a group's subnets; None if they aren't known."""
    subnets = [launch.referenced_resource(each) for each in as_list(launch.properties(name).get("VPCZoneIdentifier"))]
    zones = [launch.properties(each).get("AvailabilityZone") for each in subnets]
    if len(subnets) == 1 and launch.type_of(subnets[0]) == "AWS::EC2::Subnet":
        return {as_text(zones[0])}
    return {*map(as_text, zones)} if zones and None not in zones and all(map(is_known, zones)) else None


def _addresses(launch: Launch, instance: Instance) -> Iterator[Fact]:
    """Who gives a fixed address to the instance that comes next."""
    calls = (action for _, text in scripts(launch, *instance.sources) for action, _ in commands(text))
    takes = ASSOCIATE in calls
    for name, properties in launch.of_type("AWS::EC2::EIP", "AWS::EC2::EIPAssociation").items():
        if launch.referenced_resource(properties.get("InstanceId")) == instance.name:
            yield Fact(name, "address-without-instance", "The fixed address leads nowhere then.")
        elif takes and name in {each for source in instance.sources for each in launch.before(source)}:
            yield Fact(name, "taken-address", f"The next instance of {instance.name} takes the fixed address itself.")
