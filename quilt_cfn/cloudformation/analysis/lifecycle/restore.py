"""Restoring: how another stack gets what an earlier one of the same template has left, and what it can't get.

A template can be launched again with a snapshot of its database, and beside a bucket that stayed, if it has parameters
for them. They are found in the template as it is written, because each of them may be empty in a launch.
"""

from __future__ import annotations

from collections.abc import Iterator

from quilt_cfn.cloudformation.analysis.fact import Fact, enumerated
from quilt_cfn.cloudformation.analysis.lifecycle.losses import losses
from quilt_cfn.cloudformation.analysis.lifecycle.retained import ON_DELETION, retained_and_deleted
from quilt_cfn.cloudformation.analysis.parameter_use import parameters_in
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.template.coerce import map_at
from quilt_cfn.cloudformation.template.walk import entries, references

SNAPSHOTS = {
    "AWS::EC2::Volume": "SnapshotId",
    "AWS::RDS::DBCluster": "SnapshotIdentifier",
    "AWS::RDS::DBInstance": "DBSnapshotIdentifier",
}
"""Type -> the property that names the snapshot to make it from."""

ASKED_FOR = {
    "AWS::RDS::DBInstance": {
        "AllocatedStorage": "at least the size of the snapshot",
        "MasterUserPassword": "any password, which becomes the master user's",
    },
}
"""Type -> property -> the value that its parameter needs for a restored one."""

DECIDED_BY_SNAPSHOT = {"AWS::RDS::DBInstance": ", with the master user and the encryption of that"}
"""Type -> what a restored one has of its snapshot, whatever the template says."""


def restorable(launch: Launch) -> Iterator[Fact]:
    """What another stack gets of the one that is gone, with the parameters that bring it."""
    for name in launch.resources:
        resource_type = launch.type_of(name)
        if resource_type in SNAPSHOTS:
            declared = map_at(launch.template, "Resources", name, "Properties")
            parameters = parameters_in(launch, declared.get(SNAPSHOTS[resource_type]))
            if parameters:
                given = f"{enumerated(parameters)}: the name of the snapshot"
                for key, value in ASKED_FOR.get(resource_type, {}).items():
                    for parameter in parameters_in(launch, declared.get(key)):
                        given += f"; {parameter}: {value}"
                place = ("Properties", SNAPSHOTS[resource_type])
                decided = DECIDED_BY_SNAPSHOT.get(resource_type, "")
                yield Fact(name, "from-snapshot", f"From its snapshot{decided}. {given}.", place)
            else:
                yield Fact(name, "no-snapshot-parameter", "Not from a snapshot: the template has no parameter for one.")
    retained, _ = retained_and_deleted(launch, launch.resources, ON_DELETION)
    for name in retained:
        if launch.type_of(name) == "AWS::S3::Bucket":
            yield from _bucket(launch, name)


def _bucket(launch: Launch, name: str) -> Iterator[Fact]:
    named = parameters_in(launch, map_at(launch.template, "Resources", name, "Properties").get("BucketName"))
    instead = [each for each in _alternatives(launch, name) if each not in named]
    free = f" {enumerated(named)}: a name that is free." if named else ""
    if instead:
        sentence = f"The bucket stayed and is used on. {enumerated(instead)}: its name.{free}"
        yield Fact(name, "used-again", sentence, ("Properties", "BucketName"))
    else:
        sentence = f"The bucket stayed; its objects have to be copied into the new one.{free}"
        yield Fact(name, "to-be-copied", sentence, ("Properties", "BucketName"))


def not_restorable(launch: Launch) -> Iterator[Fact]:
    """What is gone for good with a stack that was deleted."""
    _, deleted = retained_and_deleted(launch, launch.resources, ON_DELETION)
    yield from losses(launch, deleted)


def _alternatives(launch: Launch, name: str) -> list[str]:
    """The parameters that take a resource's place: one branch of an Fn::If refers to them, the other to it."""
    found: dict[str, None] = {}
    for path, value in entries(map_at(launch.template, "Resources")):
        if path[-1] == "Fn::If" and isinstance(value, list) and len(value) == 3:
            for branch, other in ((value[1], value[2]), (value[2], value[1])):
                if {each.name for each in references(other)} & {name}:
                    found |= dict.fromkeys(parameters_in(launch, branch))
    return list(found)
