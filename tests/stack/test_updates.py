"""What an update replaces when a customer changes one field: nothing that holds anything, but where the form says so.

The verdict is AWS CDK's. It calls a replacement possible wherever a schema does; the sources of the providers that say
otherwise are in ``facts.replacement``, property by property.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from quilt_cfn.cloudformation.facts.replacement import CLEARED_IN_PLACE, IN_PLACE, STATEFUL_TYPES
from quilt_cfn.cloudformation.launch import Launch, ValidationError, evaluate
from quilt_cfn.editions import MARKETPLACE
from quilt_cfn.inputs.contract import read_contract
from quilt_cfn.stack import build
from tests import cloudformation_diff
from tests.launches import evaluate_edition
from tests.stack.form_values import ACCEPTED

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(cloudformation_diff.missing() is not None, reason=str(cloudformation_diff.missing())),
]

SETS = read_contract().parameter_sets
ZONES = {"AvailabilityZone1": "us-east-1a", "AvailabilityZone2": "us-east-1b"}
COPY = {"BackupRegion": "us-west-2", "BackupKeyId": "1234abcd-12ab-34cd-56ef-1234567890ab"}
PAIRS = ZONES | COPY
"""Fields of which both are filled in or none."""
OTHER_VALUES = {
    "AvailabilityZone1": ["us-east-1c"],
    "AvailabilityZone2": ["us-east-1d"],
    "KeyName": ["another-key"],
}
OTHER_IMAGES = {
    "AWS::EC2::Image::Id": ["ami-0fedcba9876543210"],
    "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>": ["/aws/service/another-image"],
}
"""Type of the machine image's parameter, whose name is another one in each release -> another image."""

NETWORK = {"Vpc", "PublicSubnet1", "PrivateSubnet1", "PrivateSubnet2"}
REPLACED = {
    "AvailabilityZone1": {"PublicSubnet1", "PrivateSubnet1"},
    "AvailabilityZone2": {"PrivateSubnet2"},
    "DBSnapshotIdentifier": {"Database"},
    "PackageBucket": {"Bucket", "BucketPolicy"},
    "VpcCidr": {
        *NETWORK,
        *("DatabaseSecurityGroup", "ElbSecurityGroup", "ServerSecurityGroup", "SshSecurityGroup"),
        *("SitesTargetGroup", "RedirectTargetGroup"),
    },
}
"""Field -> the stateful resources that another value replaces. The database stays by CDK's word in another network; RDS
can't move it there, and the update fails."""


class Update(NamedTuple):
    """One field of a launched stack gets another value; an empty one is cleared."""

    field: str
    value: Any
    before: Launch
    after: Launch


def updates(template: dict[str, Any]) -> Iterator[Update]:
    """A change of every field, from a stack without and from one with every option; optional ones are cleared too."""
    for values in (SETS["documented"], SETS["options"] | PAIRS):
        before = evaluate_edition(template, values)
        for field, declared in template["Parameters"].items():
            if field in PAIRS and values.get(field) is None:
                continue
            yield changed(template, before, field, others(field, declared))
            if declared.get("Default") == "" and before.parameters[field] and field not in PAIRS:
                yield Update(field, "", before, evaluate_edition(template, values | {field: ""}))


def others(field: str, declared: dict[str, Any]) -> list[Any]:
    """Values that a field accepts."""
    limits = [declared[key] for key in ("MinValue", "MaxValue") if key in declared]
    image = OTHER_IMAGES.get(declared["Type"])
    return image or OTHER_VALUES.get(field) or declared.get("AllowedValues") or limits or ACCEPTED[field]


def changed(template: dict[str, Any], before: Launch, field: str, values: list[Any]) -> Update:
    """The update to the first of the values that differs and that the form's rules let through."""
    for value in values:
        if str(value) not in ("", before.parameters[field]):
            try:
                return Update(field, value, before, evaluate(template, {**before.parameter_values, field: value}))
            except ValidationError:
                continue
    raise AssertionError(f"{field} accepts no other value")


def replaced(update: Update, difference: dict[str, dict[str, Any]]) -> set[str]:
    """The stateful resources that an update replaces or removes, by CDK's word and the providers'."""
    found = set()
    for name, change in difference.items():
        resource_type = update.before.type_of(name) or update.after.type_of(name)
        if resource_type not in STATEFUL_TYPES or change["impact"] in ("WILL_CREATE", "WILL_UPDATE", "NO_CHANGE"):
            continue
        if change["impact"] == "MAY_REPLACE" and all(
            impact != "MAY_REPLACE" or in_place(resource_type, name, property_name, update)
            for property_name, impact in change["properties"].items()
        ):
            continue
        found.add(name)
    return found


def in_place(resource_type: str, logical_id: str, property_name: str, update: Update) -> bool:
    """Whether a provider's source disproves that a change of this property may replace the resource."""
    if (resource_type, property_name) in CLEARED_IN_PLACE:
        return property_name not in update.after.properties(logical_id)
    return (resource_type, property_name) in IN_PLACE


@pytest.fixture(scope="module")
def verdicts(template):
    """Every update of an edition, and what CDK says of it."""
    made = list(updates(template))
    return list(zip(made, cloudformation_diff.differences((each.before, each.after) for each in made), strict=True))


def test_nothing_that_holds_something_is_replaced_but_where_the_form_warns_of_it(verdicts):
    for update, difference in verdicts:
        expected = REPLACED.get(update.field, set()) if update.value else set()
        assert replaced(update, difference) == expected, (update.field, update.value)


def test_the_form_warns_of_every_field_that_replaces_something(template):
    for field in REPLACED:
        assert re.search(r"\bnever (change|set) it\b", template["Parameters"][field]["Description"], re.I), field


def test_clearing_the_snapshot_changes_nothing_else_and_replaces_by_the_schema_alone(verdicts):
    (difference,) = [each for update, each in verdicts if (update.field, update.value) == ("DBSnapshotIdentifier", "")]
    assert difference == {"Database": {"impact": "MAY_REPLACE", "properties": {"DBSnapshotIdentifier": "MAY_REPLACE"}}}


def test_the_copy_of_the_backups_begins_and_ends_without_another_database(template):
    without, copied = (evaluate_edition(template, SETS["documented"] | each) for each in ({}, COPY))
    for difference in cloudformation_diff.differences([(without, copied), (copied, without)]):
        assert difference.keys() == {"Database"}
        assert difference["Database"]["impact"] == "WILL_UPDATE"


def test_the_next_release_brings_its_image_and_nothing_else_that_is_replaced(release):
    """Under the name of its own parameter: the saved value of the old one does not count."""
    values = {name: value for name, value in SETS["documented"].items() if not name.endswith("*")}
    before, after = (
        evaluate(build(MARKETPLACE, release._replace(version=version, ami_id=image)), values)
        for version, image in (("1.1.0", "ami-0123456789abcdef0"), ("1.2.0", "ami-0fedcba9876543210"))
    )
    (difference,) = cloudformation_diff.differences([(before, after)])
    assert difference.keys() == {"ServerTemplate"}, "a new version of it, for which the group starts another instance"
    assert difference["ServerTemplate"]["impact"] == "WILL_UPDATE"
    images = [each.properties("ServerTemplate")["LaunchTemplateData"]["ImageId"] for each in (before, after)]
    assert images == ["ami-0123456789abcdef0", "ami-0fedcba9876543210"]
    with pytest.raises(ValidationError, match=r"\[AmiIdForRelease1x1x0\] do not exist in the template"):
        evaluate(after.template, values | {"AmiIdForRelease1x1x0": "ami-0123456789abcdef0"})


def test_zones_that_are_written_down_before_an_update_change_nothing(template):
    """Fn::GetAZs may answer otherwise one day; the zones that a stack has can be typed in before."""
    documented = SETS["documented"]
    pair = evaluate_edition(template, documented), evaluate_edition(template, documented | ZONES)
    assert cloudformation_diff.differences([pair]) == [{}]
