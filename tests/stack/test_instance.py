"""The instance: hardened, one of a group, replaced whenever its boot would differ, and by one that works."""

from __future__ import annotations

import re

import pytest

from quilt_cfn import instance
from quilt_cfn.cloudformation.facts import processors
from quilt_cfn.editions import EDITIONS, MARKETPLACE
from quilt_cfn.stack import build
from quilt_cfn.stack.choices import INSTANCE_TYPES
from tests.launches import DOCUMENTED, evaluate_edition, launch_stack

SECONDS = {"H": 3600, "M": 60, "S": 1}


@pytest.fixture
def launched(stack):
    return stack.properties("ServerTemplate")["LaunchTemplateData"]


def test_metadata_is_served_by_version_2_only_and_not_to_containers(launched):
    assert launched["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}


def test_its_disk_is_encrypted(launched):
    (disk,) = launched["BlockDeviceMappings"]
    assert disk["DeviceName"] == "/dev/xvda"
    assert disk["Ebs"]["Encrypted"] is True
    assert disk["Ebs"]["KmsKeyId"] == "alias/aws/ebs", "a key that every service may use"


def test_it_is_of_the_type_and_has_the_key_that_the_customer_chose(launched):
    assert launched["InstanceType"] == DOCUMENTED["InstanceType"]
    assert launched["KeyName"] == DOCUMENTED["KeyName"]


def image_parameter(template):
    """Name and declaration of the parameter that the instance's image is."""
    name = template["Resources"]["ServerTemplate"]["Properties"]["LaunchTemplateData"]["ImageId"]["Ref"]
    return name, template["Parameters"][name]


def test_the_registry_edition_is_launched_from_amazon_linux_by_its_public_parameter(templates, release):
    name, declared = image_parameter(templates["registry"])
    assert name == "AmiId"
    assert declared["Type"] == "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>"
    assert declared["Default"] == release.ami_default
    assert release.ami_default.startswith("/aws/service/")


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.1.0", "AmiIdForRelease1x1x0"),
        ("11.0.0", "AmiIdForRelease11x0x0"),
        ("1.10.0", "AmiIdForRelease1x10x0"),
        ("1.1.0-draft.1", "AmiIdForRelease1x1x0Draft1"),
        ("1.1.0-draft.10", "AmiIdForRelease1x1x0Draft10"),
    ],
)
def test_the_marketplace_edition_asks_for_its_releases_image_under_a_name_of_that_release(release, version, expected):
    """With the name of the release before, an update would keep the image of the release before."""
    name, declared = image_parameter(build(MARKETPLACE, release._replace(version=version)))
    assert name == expected
    assert declared["Type"] == "AWS::EC2::Image::Id"


def test_its_default_is_the_releases_image_once_there_is_one_and_none_is_invented(release):
    without, with_image = (
        build(MARKETPLACE, release._replace(ami_id=image)) for image in (None, "ami-0fedcba9876543210")
    )
    assert "Default" not in image_parameter(without)[1]
    assert image_parameter(with_image)[1]["Default"] == "ami-0fedcba9876543210"


def test_only_where_an_image_is_of_a_release_does_the_boot_compare_it(templates, release):
    files = {
        name: launch_stack(template).resources["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"]["config"]
        for name, template in templates.items()
    }
    wanted = {name: config["files"].get("/opt/quilt/image-release") for name, config in files.items()}
    assert wanted == {"registry": None, "marketplace": {"content": release.version}}


@pytest.mark.parametrize("instance_type", INSTANCE_TYPES)
def test_the_image_and_every_instance_type_are_for_the_releases_platform(release, instance_type):
    """Rule W28 sees that of an image that AWS publishes, and not of the ID of an image of our own."""
    assert release.platform == "linux/amd64"
    assert processors.of_instance_type(instance_type) == processors.of_public_image(release.ami_default) == "x86_64"


@pytest.fixture
def group(stack):
    return stack.properties("ServerGroup")


@pytest.fixture
def rolling_update(stack):
    return stack.resources["ServerGroup"]["UpdatePolicy"]["AutoScalingRollingUpdate"]


def test_one_instance_runs_and_there_is_room_for_the_one_that_replaces_it(group, rolling_update):
    """CloudFormation refuses MinInstancesInService equal to MaxSize: https://github.com/aws-cloudformation/cfn-lint/issues/362"""
    assert (group["MinSize"], group["DesiredCapacity"], group["MaxSize"]) == ("1", "1", "2")
    assert (rolling_update["MinInstancesInService"], rolling_update["MaxBatchSize"]) == ("1", "1")


def test_if_the_one_that_replaces_it_fails_the_old_one_stays(group, rolling_update):
    assert group["TerminationPolicies"] == ["NewestInstance"]
    assert rolling_update["WaitOnResourceSignals"] is True


def test_nothing_else_starts_or_ends_an_instance_during_an_update(rolling_update):
    """And what the update itself needs goes on: Launch, Terminate, AddToLoadBalancer."""
    assert set(rolling_update["SuspendProcesses"]) == {
        "HealthCheck",
        "ReplaceUnhealthy",
        "AZRebalance",
        "AlarmNotification",
        "ScheduledActions",
    }


def test_an_instance_that_ends_or_fails_its_health_checks_is_replaced_but_not_while_it_boots(group, stack):
    assert group["HealthCheckType"] == "ELB"
    timeout = stack.resources["ServerGroup"]["CreationPolicy"]["ResourceSignal"]["Timeout"]
    assert int(group["HealthCheckGracePeriod"]) >= seconds(timeout)


def test_it_is_made_from_the_newest_version_of_its_launch_template(group):
    """A new version starts the rolling update."""
    assert group["LaunchTemplate"] == {
        "LaunchTemplateId": "<ServerTemplate>",
        "Version": "<ServerTemplate.LatestVersionNumber>",
    }


def test_cloudformation_waits_for_one_signal(stack, rolling_update):
    signal = stack.resources["ServerGroup"]["CreationPolicy"]["ResourceSignal"]
    assert signal["Count"] == 1
    assert rolling_update["PauseTime"] == signal["Timeout"]
    assert re.search(r"--resource ServerGroup ", stack.user_data)


def test_the_files_are_where_the_boot_looks_for_them_and_current_when_it_looks(group, stack):
    """CloudFormation has updated the launch template, its metadata included, before the group starts an instance."""
    assert re.search(r"cfn-init .* --resource ServerTemplate ", stack.user_data)
    assert "AWS::CloudFormation::Init" in stack.resources["ServerTemplate"]["Metadata"]
    assert group["LaunchTemplate"]["LaunchTemplateId"] == "<ServerTemplate>"


def seconds(duration: str) -> int:
    ((number, unit),) = re.findall(r"^PT(\d+)([HMS])$", duration)
    return int(number) * SECONDS[unit]


def test_all_deadlines_together_stay_below_what_cloudformation_waits(stack):
    waited = seconds(stack.resources["ServerGroup"]["CreationPolicy"]["ResourceSignal"]["Timeout"])
    found = re.findall(r"\bstep ([a-z-]+) (\d+)\b", stack.file("/opt/quilt/boot"))
    deadlines = {step: int(deadline) for step, deadline in found}
    assert len(deadlines) >= 20, "the pattern above finds the steps of the boot script"
    # An image that was made for a release has Docker: no boot takes both of these steps.
    either = ("check-image", "install-docker")
    steps = [each for step, each in deadlines.items() if step not in either] + [max(map(deadlines.__getitem__, either))]
    (fetching,) = map(int, re.findall(r"timeout --kill-after=10 (\d+) /opt/aws/bin/cfn-init", stack.user_data))
    log, grace = 35, 10
    (longest,) = map(int, re.findall(r"read -r -t (\d+) ", stack.user_data))
    assert fetching + sum(steps) + log + grace * (len(steps) + 1) < longest, "a step's own deadline names it"
    (signal,) = map(int, re.findall(r"timeout --kill-after=10 (\d+) /opt/aws/bin/cfn-signal", stack.user_data))
    three_tries = 3 * (signal + grace + 5)
    launch = 60
    assert launch + longest + 2 * three_tries < waited, "the process that reports the end and, in its place, user data"
    assert waited <= 3600, "the longest PauseTime"


def test_it_is_not_made_before_it_can_reach_the_internet_and_the_database(template):
    before = evaluate_edition(template, DOCUMENTED).before("ServerGroup")
    assert before >= {"PublicDefaultRoute", "PublicSubnet1Routes", "DatabaseIngress", "Database", "ServerProfile"}


@pytest.mark.parametrize(
    ("parameter", "other"),
    [
        ("CatalogHost", "data.example.com"),
        ("RegistryHost", "other.example.com"),
        ("TeamId", "other"),
        ("SmtpHost", "smtp.example.com"),
        ("SmtpPort", 2587),
    ],
)
def test_a_changed_value_makes_another_instance(template, stack, parameter, other):
    changed = launch_stack(template, DOCUMENTED | {parameter: other})
    assert changed.user_data != stack.user_data
    assert str(other) in changed.user_data


def test_another_database_makes_another_instance(stack):
    assert "<Database.Endpoint.Address>" in stack.user_data


def test_another_release_makes_another_instance(release, stack):
    assert f"release {release.version} " in stack.user_data


def test_nothing_in_the_user_data_is_left_unfilled(stack):
    assert "${" not in stack.user_data


def test_user_data_fits(stack):
    assert len(stack.user_data.encode()) < 16 * 1024


def test_every_file_is_installed_as_it_is(stack):
    files = {file.path: file.text for file in instance.FILES}
    delivered = {path: stack.file(path) for path in files}
    assert delivered == files


def test_only_where_a_user_signs_is_there_a_key_to_rotate(templates):
    for name in EDITIONS:
        paths = launch_stack(templates[name]).resources["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"][
            "config"
        ]["files"]
        assert (instance.ROTATE_KEY.path in paths) == (name == "registry")


def test_the_administrators_scripts_are_theirs_to_run(stack):
    files = stack.resources["ServerTemplate"]["Metadata"]["AWS::CloudFormation::Init"]["config"]["files"]
    for name in ("start.sh", "create_admin.sh"):
        file = files[f"/home/ec2-user/{name}"]
        assert (file["mode"], file["owner"]) == ("000755", "ec2-user")


def test_every_container_logs_to_cloudwatch_and_keeps_a_bounded_copy(stack):
    settings = stack.file("/etc/docker/daemon.json")
    assert settings["log-driver"] == "awslogs"
    options = settings["log-opts"]
    assert (options["awslogs-group"], options["awslogs-region"]) == ("<RegistryLogs>", "us-east-1")
    assert options["mode"] == "non-blocking", "a container starts while CloudWatch Logs can't be reached"
    assert not [name for name in options if name.startswith("cache-")], "Docker's own bounds: 5 files of 20 MB"


def test_the_log_outlives_a_failed_launch(stack):
    assert stack.resources["RegistryLogs"]["DeletionPolicy"] == "Retain"


def test_its_address_stays_when_the_instance_is_another(group, stack):
    """The instance that serves takes it over; CloudFormation knows of no association."""
    assert set(stack.properties("ServerAddress")) == {"Domain", "Tags"}
    assert not stack.of_type("AWS::EC2::EIPAssociation")
    here = stack.environments["stack"]
    assert (here["ADDRESS"], here["ALLOCATION_ID"]) == ("<ServerAddress>", "<ServerAddress.AllocationId>")


def test_every_instance_is_gone_before_the_address_is_released(template):
    launch = evaluate_edition(template, DOCUMENTED)
    assert "ServerAddress" in launch.before("ServerGroup")


def test_it_asks_the_target_groups_that_its_group_is_in_for_its_health(group, stack):
    assert stack.environments["stack"]["TARGET_GROUPS"].split() == group["TargetGroupARNs"]
