"""The estimate of a launch, and the model of it that a page computes with."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.cloudformation.describe.cost import Use, estimate, model, table
from quilt_cfn.cloudformation.facts.prices import price
from quilt_cfn.cloudformation.launch import evaluate, values_for
from quilt_cfn.inputs.contract import read_contract

SETS = read_contract().parameter_sets


def launched(**resources: Any):
    return evaluate(
        {"Resources": {name: {"Type": kind, "Properties": more} for name, (kind, more) in resources.items()}}, {}
    )


def amounts(launch, **use: float) -> dict[str, tuple[float, str]]:
    return {f"{item.part}: {item.what}": (item.quantity, item.key) for item in estimate(launch, Use(**use)).items}


DATABASE = {"Engine": "postgres", "DBInstanceClass": "db.t3.small", "StorageType": "gp3", "AllocatedStorage": "50"}


def test_a_database_is_its_hours_and_its_storage():
    assert amounts(launched(Db=("AWS::RDS::DBInstance", DATABASE))) == {
        "Database: db.t3.small, postgres": (730, "rds-postgres/db.t3.small"),
        "Database: storage, gp3": (50, "rds-storage-gp3"),
    }


def test_a_database_in_two_zones_has_other_prices():
    found = amounts(launched(Db=("AWS::RDS::DBInstance", DATABASE | {"MultiAZ": True})))
    assert {key for _, key in found.values()} == {"rds-postgres-multi-az/db.t3.small", "rds-storage-gp3-multi-az"}


def test_a_copy_of_the_backups_is_charged_in_its_region():
    copied = launched(Db=("AWS::RDS::DBInstance", DATABASE | {"AutomaticBackupReplicationRegion": "eu-west-1"}))
    (copy,) = (item for item in estimate(copied).items if item.part == "Copy of the backups")
    assert (copy.region, copy.price) == ("eu-west-1", price("rds-backup", "eu-west-1"))


def test_an_instance_is_its_hours_and_its_disks():
    disks = [{"DeviceName": f"/dev/sd{x}", "Ebs": {"VolumeType": "gp3", "VolumeSize": 10}} for x in "ab"]
    instance = {"InstanceType": "m5.large", "ImageId": "ami-1", "BlockDeviceMappings": disks}
    assert amounts(launched(Server=("AWS::EC2::Instance", instance))) == {
        "Instance: m5.large, Linux, on demand": (730, "ec2/m5.large"),
        "Instance: disk, gp3": (20, "ebs-gp3"),
    }


def test_a_group_costs_as_much_as_the_instances_that_it_wants():
    template = {"LaunchTemplateData": {"InstanceType": "m5.large", "ImageId": "ami-1"}}
    group = {"LaunchTemplate": {"LaunchTemplateId": {"Ref": "Template"}, "Version": "1"}, "DesiredCapacity": "3"}
    servers = launched(
        Template=("AWS::EC2::LaunchTemplate", template), Servers=("AWS::AutoScaling::AutoScalingGroup", group)
    )
    assert amounts(servers)["Instance: m5.large, Linux, on demand"] == (3 * 730, "ec2/m5.large")


def test_an_internal_load_balancer_has_no_public_address():
    balancer = {"Type": "network", "Subnets": ["a", "b"]}
    public = launched(Balancer=("AWS::ElasticLoadBalancingV2::LoadBalancer", balancer))
    internal = launched(Balancer=("AWS::ElasticLoadBalancingV2::LoadBalancer", balancer | {"Scheme": "internal"}))
    assert amounts(public)["Load balancer: public IPv4 addresses"] == (2 * 730, "public-ipv4")
    assert "Load balancer: public IPv4 addresses" not in amounts(internal)


def test_use_decides_what_no_template_says():
    launch = launched(Bucket=("AWS::S3::Bucket", {}), Log=("AWS::Logs::LogGroup", {}))
    assert amounts(launch, packages=5000, logs=3) == {
        "Packages: 5000 GB in S3": (5000, "s3-standard"),
        "Logs: 3 GB in each of 1": (3, "logs-written"),
        "Logs: kept for a month": (3, "logs-kept"),
    }


def test_what_nothing_is_known_of_is_named_and_not_zero():
    assert estimate(launched(Queue=("AWS::MemoryDB::Cluster", {}))).not_estimated == ("AWS::MemoryDB::Cluster",)


def test_an_unknown_price_is_in_no_total(documented_launch):
    found = estimate(documented_launch)
    assert found.unknown == ()
    assert found.total == pytest.approx(sum(item.usd or 0 for item in found.items))
    without_rules = {name: each for name, each in documented_launch.template.items() if name != "Rules"}
    other = evaluate(without_rules, documented_launch.parameter_values, "cn-north-1")
    assert estimate(other).total == 0
    assert len(estimate(other).unknown) == len(found.items)


def test_the_table_says_where_each_price_is_from(documented_launch):
    text = table({"small": documented_launch})
    assert "| Database | db.t3.small, postgres | 730 hours | 26.28 |" in text
    known = price("rds-postgres/db.t3.small", "us-east-1")
    assert known
    assert f"| `{known.key}` | {known.usd:g} | hour | {known.date} | {known.grade} | {known.source[:20]}" in text


@pytest.fixture(scope="module")
def documented_launch(templates):
    return evaluate(templates["registry"], values_for(templates["registry"], SETS["documented"]))


@pytest.fixture(scope="module")
def models(templates):
    return {name: model(template, *values(template)) for name, template in templates.items()}


def values(template: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    documented = values_for(template, SETS["documented"])
    every = {name: value for each in SETS.values() for name, value in values_for(template, each).items()}
    return documented, {name: value for name, value in every.items() if name not in documented}


def computed(found: dict[str, Any], chosen: dict[str, Any], region: str) -> list[tuple[str, float, float | None]]:
    """What a page computes from a model: the rows that fit what was chosen."""
    items = []
    for item in found["items"]:
        keys = []
        for name in item["by"]:
            value = chosen.get(name.rstrip("?"), "")
            keys.append(
                region if name == "AWS::Region" else ("yes" if value else "no") if name.endswith("?") else value
            )
        row = item["rows"].get("|".join(keys)) or item["rows"].get("|".join(["*", *keys[1:]]))
        if row:
            quantity = row["quantity"] * (float(chosen[item["times"]]) if item["times"] else 1)
            items.append((item["part"], quantity, row["price"]))
    return items


CHOICES = {
    "InstanceType": ["t3.small", "t2.small", "m5.large", "m6i.xlarge"],
    "DBInstanceType": ["db.t3.small", "db.t3.large", "db.m5.large"],
    "DBStorage": ["20", "21", "5000"],
    "BackupRegion": ["", "us-east-1", "eu-west-1"],
    "OldVersionDays": ["0", "365"],
    "LogRetentionDays": ["7", "3653"],
    "AlarmEmail": ["", "a@example.com"],
    "HostedZoneId": ["", "Z0123456789ABCDEFGHIJ"],
    "ExistingBucket": ["", "earlier-packages"],
    "DBSnapshotIdentifier": ["", "earlier"],
}


@given(st.fixed_dictionaries({name: st.sampled_from(each) for name, each in CHOICES.items()}), st.booleans())
def test_the_model_says_what_the_estimate_says(templates, models, chosen, elsewhere):
    region = "eu-central-1" if elsewhere else "us-east-1"
    for name, template in templates.items():
        free = {section: each for section, each in template.items() if section != "Rules"}
        launch = evaluate(free, {**values(template)[0], **chosen}, region)
        said = [(each.part, each.quantity, each.price.usd if each.price else None) for each in estimate(launch).items]
        assert rounded(computed(models[name], chosen, region)) == rounded(said)


def rounded(items: list[tuple[str, float, float | None]]) -> list[str]:
    return sorted(f"{part} {quantity:.6f} {price}" for part, quantity, price in items)
