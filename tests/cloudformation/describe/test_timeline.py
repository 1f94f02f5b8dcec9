"""How long a launch or an update takes follows from what waits for what."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from quilt_cfn.cloudformation.describe.timeline import in_words, model, table, timeline, update_timeline
from quilt_cfn.cloudformation.facts.durations import duration
from quilt_cfn.cloudformation.launch import evaluate, values_for
from quilt_cfn.inputs.contract import read_contract

SETS = read_contract().parameter_sets
VPC, BUCKET, ROLE = (duration(each).typical for each in ("AWS::EC2::VPC", "AWS::S3::Bucket", "AWS::IAM::Role"))


def launched(**resources: Any):
    return evaluate({"Resources": resources}, {})


def test_what_does_not_wait_for_another_is_done_at_the_same_time():
    both = launched(Vpc={"Type": "AWS::EC2::VPC"}, Bucket={"Type": "AWS::S3::Bucket"})
    assert timeline(both).typical == max(VPC, BUCKET)


def test_what_waits_begins_when_the_other_has_ended():
    found = timeline(launched(Vpc={"Type": "AWS::EC2::VPC"}, Bucket={"Type": "AWS::S3::Bucket", "DependsOn": "Vpc"}))
    assert found.typical == VPC + BUCKET
    assert [(step.resource, step.start) for step in found.path] == [("Vpc", 0), ("Bucket", VPC)]
    assert found.path[1].after == ("Vpc",)


def test_a_resource_saves_no_more_than_the_next_chain_lets_it():
    role = {"Type": "AWS::IAM::Role"}
    found = timeline(launched(Bucket={"Type": "AWS::S3::Bucket"}, Role=role))
    saves = {step.resource: step.saves for step in found.steps}
    assert saves == {"Bucket": BUCKET - ROLE, "Role": 0}


def test_a_group_that_waits_for_a_signal_takes_a_boot():
    group = {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": {"MinSize": "1", "MaxSize": "1"}}
    waiting = group | {"CreationPolicy": {"ResourceSignal": {"Count": 1}}}
    boot = duration("AWS::AutoScaling::AutoScalingGroup", "boot")
    assert timeline(launched(Group=waiting)).typical - timeline(launched(Group=group)).typical == boot.typical


def test_a_database_of_a_snapshot_takes_a_restore():
    database = {"Type": "AWS::RDS::DBInstance", "Properties": {"DBSnapshotIdentifier": "earlier"}}
    assert timeline(launched(Db=database)).typical == duration("AWS::RDS::DBInstance", "restore").typical


def test_an_empty_template_takes_no_time():
    assert timeline(launched())[:3] == (0, 0, 0)


@pytest.fixture(scope="module")
def before(templates):
    return evaluate(templates["registry"], values_for(templates["registry"], SETS["documented"]))


def updated(before, **values: Any):
    return update_timeline(before, evaluate(before.template, {**before.parameter_values, **values}))


def test_an_update_that_changes_nothing_takes_no_time(before):
    assert update_timeline(before, before).steps == ()


def test_another_size_replaces_the_instance_and_waits_until_the_old_one_has_let_go(before):
    found = updated(before, InstanceType="m5.large")
    assert [(step.resource, step.what) for step in found.steps] == [
        ("ServerTemplate", "updated"),
        ("ServerGroup", "instances replaced"),
    ]
    boot = duration("AWS::AutoScaling::AutoScalingGroup", "boot").typical
    assert found.path[-1].takes.typical == boot + 180


def test_another_class_of_database_is_in_place(before):
    found = updated(before, DBInstanceType="db.m5.large")
    assert [(step.resource, step.what) for step in found.steps] == [("Database", "updated")]


def test_what_waits_for_a_change_by_way_of_something_unchanged_waits_for_it():
    def stack(size: str):
        return launched(
            First={"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": size}},
            Between={"Type": "AWS::SNS::Topic", "DependsOn": "First"},
            Last={
                "Type": "AWS::SSM::Parameter",
                "DependsOn": "Between",
                "Properties": {"Type": "String", "Value": size},
            },
        )

    found = update_timeline(stack("1"), stack("2"))
    assert [(step.resource, step.after) for step in found.path] == [("First", ()), ("Last", ("First",))]


def test_what_can_not_be_changed_is_replaced(before):
    steps = {step.resource: step.what for step in updated(before, VpcCidr="10.99.0.0/16").steps}
    assert steps["Vpc"] == "replaced: created"


def test_a_launch_ends_after_the_database_and_one_boot(templates, before):
    """The database and the boot are what a launch waits for; nothing may come to stand beside them unseen."""
    found = timeline(before)
    path = {step.resource: step for step in found.path}
    assert path["Database"].takes == duration("AWS::RDS::DBInstance")
    assert path["ServerGroup"].what == "created and booted"
    rest = found.typical - path["Database"].takes.typical - path["ServerGroup"].takes.typical
    assert rest < 300
    assert found.high < 45 * 60, "the original document said 45 minutes"


def filled_in(template: dict[str, Any]) -> dict[str, Any]:
    documented = values_for(template, SETS["documented"])
    every = {name: value for each in SETS.values() for name, value in values_for(template, each).items()}
    return {name: value for name, value in every.items() if name not in documented}


def test_the_model_says_what_the_timeline_says(templates):
    for template in templates.values():
        values, optional = values_for(template, SETS["documented"]), filled_in(template)
        found = model(template, values, optional)
        assert found["by"] == ["HostedZoneId?", "DBSnapshotIdentifier?"]
        names = [name.rstrip("?") for name in found["by"]]
        for chosen in itertools.product((False, True), repeat=len(names)):
            given = {name: optional[name] for name, filled in zip(names, chosen, strict=True) if filled}
            said = timeline(evaluate(template, {**values, **given}))
            row = found["rows"]["|".join("yes" if filled else "no" for filled in chosen)]
            assert (row["low"], row["typical"], row["high"]) == said[:3]
            assert [step["start"] for step in row["steps"]] == [step.start for step in said.path]


def test_no_other_option_makes_a_difference(templates):
    """Free text, sizes and lists of values; the model would be wrong if they did."""
    for template in templates.values():
        values = values_for(template, SETS["documented"])
        usual = timeline(evaluate(template, values))[:3]
        for name, value in {"InstanceType": "m5.large", "DBStorage": "5000", "LogRetentionDays": "7"}.items():
            assert timeline(evaluate(template, {**values, name: value}))[:3] == usual


def test_the_table_has_every_step_of_the_longest_chain(before):
    text = table({"of the registry": before})
    for step in timeline(before).path:
        assert f"| `{step.resource}` {step.what} |" in text
    assert in_words(119) == "119 seconds"
    assert in_words(595) == "10 minutes"
