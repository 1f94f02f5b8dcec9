"""The image factory: what it bakes, on what, with which permissions, and what an update or a deletion leaves."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import botocore.session
import jmespath  # type: ignore[import-untyped]  # it ships no types
import pytest

from quilt_cfn import image
from quilt_cfn.cloudformation.checks.check import check
from quilt_cfn.cloudformation.facts import availability, quotas
from quilt_cfn.cloudformation.facts.replacement import create_only
from quilt_cfn.cloudformation.launch import Launch, ValidationError, evaluate
from quilt_cfn.cloudformation.template.walk import entries
from quilt_cfn.cloudformation.template.write import to_yaml
from quilt_cfn.editions import IMAGE_FACTORY
from quilt_cfn.inputs.contract import read_contract
from quilt_cfn.inputs.release import DIGEST, Image, Release
from quilt_cfn.inputs.subjects import read_subjects
from quilt_cfn.stack import BUILDERS
from quilt_cfn.stack.compact import without_script_comments
from quilt_cfn.stack.image_factory import build_image_factory
from tests import test_documented_commands as cli
from tests.launches import LaunchedStack
from tests.stack.component_documents import commands, documents, steps

SETS = read_contract().for_template(IMAGE_FACTORY.file).parameter_sets
DIGESTED = f"sha256:{'a' * 64}"
REPLACED_BY_CONTENT = {"AWS::ImageBuilder::Component", "AWS::ImageBuilder::ImageRecipe"}
FOLDER = "/run/quilt-build"
REGISTRY_IN_ECR = "444455556666.dkr.ecr.eu-west-1.amazonaws.com/quilt/registry"


@pytest.fixture(scope="module")
def factory(release: Release) -> dict[str, Any]:
    return build_image_factory(release)


def launch(template: dict[str, Any], region: str = "us-east-1", **values: str) -> LaunchedStack:
    launched: Launch = evaluate(template, values, region)
    assert not launched.errors
    return LaunchedStack(launched)


@pytest.fixture(scope="module")
def stack(factory: dict[str, Any]) -> LaunchedStack:
    return launch(factory)


def only(stack: LaunchedStack, resource_type: str) -> dict[str, Any]:
    (properties,) = stack.of_type(resource_type).values()
    return properties


# Where it can be launched, and what is checked.


@pytest.mark.parametrize("region", availability.regions())
def test_it_is_launched_where_aws_marketplace_takes_images_from_and_nowhere_else(factory, region):
    if region == "us-east-1":
        launch(factory, region)
        return
    with pytest.raises(
        ValidationError, match="takes machine images in us-east-1 alone: launch the image factory there"
    ):
        launch(factory, region)


def test_nothing_has_to_be_filled_in(factory):
    assert all(parameter["Default"] == "" for parameter in factory["Parameters"].values())


def test_it_is_built_by_its_name_on_the_command_line(release, factory):
    assert BUILDERS["image-factory"](release) == factory


def test_no_engine_finds_anything_where_the_images_are_in_ecr_either(release, tmp_path):
    """The template in the checkout is checked by ``make check``."""
    release = release._replace(registry=Image(f"{REGISTRY_IN_ECR}:2.9.15", DIGESTED))
    file = tmp_path / IMAGE_FACTORY.file
    file.write_text(to_yaml(build_image_factory(release)))
    report = check(read_subjects([file], None, tmp_path))
    assert [str(each) for each in (*report.findings, *report.suppressed)] == []
    assert len(SETS) == 2


def test_its_compact_form_is_the_same_template(factory):
    """A component's name stands for its document: the other form of the template may have no other one."""
    assert without_script_comments(factory) == factory


# What is baked.


def test_it_bakes_then_cleans_up_then_checks_and_tries_the_result_on_another_instance(factory, release):
    programs = {phase: [last_command(shell) for shell in commands(factory, phase)] for phase in ("build", "validate")}
    images = [each.reference for each in release.images.values()]
    assert programs["build"] == [["bash", "$folder/bake.sh", release.version, *images], ["bash", "$folder/clean_up.sh"]]
    assert programs["validate"][-1] == ["python3", "$folder/check_image.py", "--live"]
    (test,) = commands(factory, "test")
    assert last_command(test) == ["bash", "$folder/test_image.sh", release.version]


def last_command(shell: str) -> list[str]:
    return shlex.split(shell.rstrip("\n").rpartition("\n")[2])


def test_a_document_has_one_phase_because_another_one_would_make_another_kind_of_it(factory):
    """https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_CreateComponent.html"""
    phases = [[phase["name"] for phase in document["phases"]] for document in documents(factory).values()]
    assert all(len(each) == 1 for each in phases)
    assert {each[0] for each in phases} == {"build", "validate", "test"}
    for document in documents(factory).values():
        assert document.keys() == {"name", "schemaVersion", "phases"}
        assert document["schemaVersion"] == 1.0
        for phase in document["phases"]:
            (step,) = phase["steps"]
            assert step.keys() == {"name", "action", "timeoutSeconds", "inputs"}, "a failure aborts, by default"


def test_all_steps_together_end_before_image_builders_run_command_does(factory):
    """https://docs.aws.amazon.com/imagebuilder/latest/userguide/wfdoc-step-actions.html: 720 minutes by default."""
    every = [step for phase in ("build", "validate", "test") for step in steps(factory, phase)]
    assert all(60 <= step.seconds <= 3600 for step in every)
    assert sum(step.seconds for step in every) <= 3 * 3600


@pytest.mark.parametrize("digest", [None, DIGESTED])
def test_every_document_is_as_small_as_a_template_may_have_it(release, digest):
    template = build_image_factory(with_digest(release, digest))
    for name, resource in components(template).items():
        assert len(resource["Data"]) <= 16_000, f"{name}: make its largest file smaller"
        assert resource["Data"].isascii()


def with_digest(release: Release, digest: str | None) -> Release:
    registry, catalog, nginx = (each._replace(digest=digest) for each in release.images.values())
    return release._replace(registry=registry, catalog=catalog, nginx=nginx)


def components(template: dict[str, Any]) -> dict[str, Any]:
    """Logical ID -> properties of every component."""
    resources = template["Resources"].items()
    return {name: each["Properties"] for name, each in resources if each["Type"] == "AWS::ImageBuilder::Component"}


def test_no_document_has_what_image_builder_takes_for_a_variable(factory):
    """It can't be escaped: https://github.com/aws/ec2-image-builder-roadmap/issues/114"""
    assert [name for name, each in components(factory).items() if "{{" in each["Data"]] == []


@pytest.mark.parametrize("file", image.PROGRAMS)
def test_a_file_can_be_written_by_a_here_document(file):
    lines = image.read(file).split("\n")
    assert lines[-1] == ""
    assert "END_OF_FILE" not in lines
    assert [each for each in lines if each != each.rstrip()] == [], "YAML would write it in one line with escapes"


def test_every_document_can_be_read_in_the_template(factory):
    text = to_yaml(factory)
    assert text.count("      Data: |\n") == len(components(factory))
    assert "\n                # Bakes what a release needs into a machine image" in text


class Instance:
    """Runs shell files as AWSTOE does, with stand-ins for the interpreters that note what they are to run."""

    def __init__(self, folder: Path) -> None:
        self.files = folder / "files"
        self.runs = folder / "runs"
        self.runs.mkdir(parents=True)
        programs = folder / "bin"
        programs.mkdir()
        for name in ("bash", "python3"):
            program = programs / name
            program.write_text(
                f'#!/bin/sh\nrun="{self.runs}/$(ls "{self.runs}" | wc -l)"\nmkdir "$run"\n'
                f'printf "%s\\0" {name} "$@" >"$run/arguments"\ncp -R "$(dirname "$1")" "$run/files"\n'
            )
            program.chmod(0o755)
        self.path = f"{programs}:/usr/bin:/bin"

    def run(self, shell: str) -> None:
        assert shell.count(FOLDER) == 1
        file = self.runs.parent / "input.sh"
        file.write_text(shell.replace(FOLDER, str(self.files)))
        subprocess.run(["/bin/bash", file], env={"PATH": self.path}, check=True, timeout=30)

    def ran(self) -> list[tuple[list[str], dict[str, bytes]]]:
        """(interpreter with its arguments, name -> content of the files beside) of everything that was run."""
        return [
            (
                (run / "arguments").read_text().split("\0")[:-1],
                {each.name: each.read_bytes() for each in (run / "files").iterdir()},
            )
            for run in sorted(self.runs.iterdir())
        ]


def test_what_runs_are_the_programs_of_the_package_byte_for_byte(factory, release, tmp_path):
    instance = Instance(tmp_path)
    for phase in ("build", "validate", "test"):
        for shell in commands(factory, phase):
            instance.run(shell)
    bake, clean_up, checked, tested = instance.ran()
    images = [each.reference for each in release.images.values()]
    assert bake[0] == ["bash", f"{instance.files}/bake.sh", release.version, *images]
    assert clean_up[0] == ["bash", f"{instance.files}/clean_up.sh"]
    assert checked[0] == ["python3", f"{instance.files}/check_image.py", "--live"]
    assert tested[0] == ["bash", f"{instance.files}/test_image.sh", release.version]
    written = {name: content for _, files in instance.ran() for name, content in files.items()}
    assert written == {name: image.read(name).encode() for name in image.PROGRAMS}
    assert not instance.files.exists(), "nothing is left behind"


HOSTILE = """
 \t leading
trailing \t

'"`$(false)${HOME}\\n\\
# comment: |
- |2
%x
---
...
&a *a !b @c


"""


def test_a_program_arrives_as_it_is_whatever_yaml_and_the_shell_make_of_its_text(release, tmp_path, monkeypatch):
    monkeypatch.setattr(image, "read", lambda name: f"{HOSTILE}{name}{HOSTILE}")
    instance = Instance(tmp_path)
    hostile = Image("a b'$(false)\"`c`;d", None)
    for shell in commands(build_image_factory(release._replace(registry=hostile)), "build"):
        instance.run(shell)
    (arguments, bake), (_, clean_up) = instance.ran()
    assert arguments[3] == hostile.name
    assert bake == {"bake.sh": f"{HOSTILE}bake.sh{HOSTILE}".encode()}
    assert clean_up == {"clean_up.sh": f"{HOSTILE}clean_up.sh{HOSTILE}".encode()}


def test_the_first_command_that_fails_fails_the_step_and_leaves_nothing(factory, tmp_path):
    instance = Instance(tmp_path)
    (tmp_path / "bin" / "bash").write_text("#!/bin/sh\nexit 7\n")
    with pytest.raises(subprocess.CalledProcessError) as failed:
        instance.run(commands(factory, "build")[0])
    assert failed.value.returncode == 7
    assert not instance.files.exists()


def test_nothing_is_run_that_could_not_be_written(factory, tmp_path):
    instance = Instance(tmp_path)
    instance.files.touch()
    with pytest.raises(subprocess.CalledProcessError):
        instance.run(commands(factory, "build")[0])
    assert instance.ran() == []


def test_files_that_are_too_large_together_are_written_by_several_components(release, tmp_path, monkeypatch):
    texts = {name: f"# {name}\n" + "x = 1\n" * 600 for name in image.PROGRAMS}
    monkeypatch.setattr(image, "read", texts.__getitem__)
    template = build_image_factory(release)
    assert all(len(each["Data"]) <= 16_000 for each in components(template).values())
    instance = Instance(tmp_path)
    checks = commands(template, "validate")
    for shell in checks:
        instance.run(shell)
    ((arguments, files),) = instance.ran()
    assert arguments == ["python3", f"{instance.files}/check_image.py", "--live"]
    assert files == {name: text.encode() for name, text in texts.items() if not name.endswith(".sh")}
    assert len(checks) == len(files), "no two of them fit into one"


# The image.


def test_it_begins_with_the_newest_amazon_linux_of_the_day_of_the_build(stack, release):
    recipe = only(stack, "AWS::ImageBuilder::ImageRecipe")
    assert recipe["ParentImage"] == f"ssm:{release.ami_default}"
    assert "AdditionalInstanceConfiguration" not in recipe, "other user data would switch Image Builder's clean-up off"


def test_it_is_unencrypted_private_and_in_this_region_alone(stack):
    (distribution,) = only(stack, "AWS::ImageBuilder::DistributionConfiguration")["Distributions"]
    assert distribution.keys() == {"Region", "AmiDistributionConfiguration"}
    assert distribution["Region"] == "us-east-1"
    assert distribution["AmiDistributionConfiguration"].keys() == {"Name", "Description", "AmiTags"}
    (volume,) = only(stack, "AWS::ImageBuilder::ImageRecipe")["BlockDeviceMappings"]
    assert volume["DeviceName"] == "/dev/xvda"
    assert volume["Ebs"] == {
        "VolumeType": "gp3",
        "VolumeSize": 20,
        "DeleteOnTermination": True,
        "Encrypted": False,
    }


def test_its_volume_fits_into_that_of_the_edition_that_is_launched_from_it(stack, templates):
    (volume,) = only(stack, "AWS::ImageBuilder::ImageRecipe")["BlockDeviceMappings"]
    data = templates["marketplace"]["Resources"]["ServerTemplate"]["Properties"]["LaunchTemplateData"]
    assert volume["Ebs"]["VolumeSize"] <= data["BlockDeviceMappings"][0]["Ebs"]["VolumeSize"]


def test_every_build_has_a_name_of_its_own_and_says_its_release(stack, release):
    (distribution,) = only(stack, "AWS::ImageBuilder::DistributionConfiguration")["Distributions"]
    ami = distribution["AmiDistributionConfiguration"]
    assert ami["Name"] == f"quilt-registry-{release.version} {{{{ imagebuilder:buildDate }}}}"
    assert release.version in ami["Description"]
    assert ami["AmiTags"]["quilt:release"] == release.version


def test_nothing_starts_a_build_by_itself_and_none_skips_the_tests(stack):
    pipeline = only(stack, "AWS::ImageBuilder::ImagePipeline")
    assert "Schedule" not in pipeline
    assert pipeline["ImageTestsConfiguration"]["ImageTestsEnabled"] is True
    assert not {"Workflows", "ExecutionRole"} & pipeline.keys(), "Image Builder's own workflow"


# The instances that bake and try it.


def test_nobody_reaches_an_instance_and_it_reaches_nothing_but_https(stack):
    group = only(stack, "AWS::EC2::SecurityGroup")
    assert "SecurityGroupIngress" not in group
    assert not stack.of_type("AWS::EC2::SecurityGroupIngress")
    (rule,) = group["SecurityGroupEgress"]
    del rule["Description"]
    assert rule == {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "CidrIp": "0.0.0.0/0"}
    infrastructure = only(stack, "AWS::ImageBuilder::InfrastructureConfiguration")
    assert infrastructure["SecurityGroupIds"] == ["<BuildSecurityGroup>"]
    assert infrastructure["SubnetId"] == "<PublicSubnet>"
    assert "KeyPair" not in infrastructure


def test_an_instance_has_version_2_of_the_metadata_service_and_does_not_outlive_its_build(stack):
    infrastructure = only(stack, "AWS::ImageBuilder::InfrastructureConfiguration")
    assert infrastructure["InstanceMetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    assert infrastructure["TerminateInstanceOnFailure"] is True


def test_there_is_a_way_to_the_internet_before_anything_can_be_built(stack):
    before = stack.launch.before("ImagePipeline")
    assert {"PublicDefaultRoute", "PublicSubnetRoutes", "InternetGatewayAttachment"} <= before
    assert stack.properties("PublicSubnet")["MapPublicIpOnLaunch"] is True, "there is no NAT gateway"


def test_every_instance_type_is_for_the_platform_of_the_images(stack):
    types = only(stack, "AWS::ImageBuilder::InfrastructureConfiguration")["InstanceTypes"]
    assert {each.partition(".")[0] for each in types} == {"t3", "m5", "t2"}


# Permissions.

ON_EVERYTHING = {
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
}


def test_an_instance_reads_its_components_writes_its_logs_is_managed_and_may_nothing_else(factory, stack):
    assert stack.permissions("BuildRole") == {
        "quilt-build-image": {
            *(("imagebuilder:GetComponent", f"<{name}.Arn>") for name in components(factory)),
            ("s3:GetObject", "arn:aws:s3:::ec2imagebuilder-toe-us-east-1-prod/*"),
            ("s3:GetObject", "arn:aws:s3:::ec2imagebuilder-managed-resources-us-east-1-prod/*"),
            *((action, "*") for action in ON_EVERYTHING),
            ("s3:PutObject", "arn:aws:s3:::<BuildFiles>/builds/*"),
            *((f"logs:{each}", "<BuildLogs.Arn>") for each in ("CreateLogGroup", "CreateLogStream", "PutLogEvents")),
        }
    }


def test_for_images_in_ecr_it_may_pull_exactly_these_repositories(release):
    image_in_ecr = Image(f"{REGISTRY_IN_ECR}:2.9.15", DIGESTED)
    stack = launch(build_image_factory(release._replace(registry=image_in_ecr, catalog=image_in_ecr)))
    permitted = stack.permissions("BuildRole")["quilt-build-image"]
    statements = stack.properties("BuildRole")["Policies"][0]["PolicyDocument"]["Statement"]
    assert all(len(set(each["Resource"])) == len(each["Resource"]) for each in statements)
    assert {each for each in permitted if each[0].startswith("ecr:")} == {
        ("ecr:GetAuthorizationToken", "*"),
        ("ecr:BatchGetImage", "arn:aws:ecr:eu-west-1:444455556666:repository/quilt/registry"),
        ("ecr:GetDownloadUrlForLayer", "arn:aws:ecr:eu-west-1:444455556666:repository/quilt/registry"),
    }


@pytest.mark.parametrize(
    "name",
    [
        "public.ecr.aws/quilt/registry",
        "evil.example/444455556666.dkr.ecr.eu-west-1.amazonaws.com/a",
        f"1{REGISTRY_IN_ECR}",
    ],
)
def test_no_other_registry_is_taken_for_ecr(release, name):
    stack = launch(build_image_factory(release._replace(registry=Image(f"{name}:1", DIGESTED))))
    assert "ecr:" not in str(stack.permissions("BuildRole"))


def test_aws_marketplace_may_do_what_its_own_policy_says_with_images_that_image_builder_made(stack):
    """https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSMarketplaceAmiIngestion.html"""
    (policy,) = stack.properties("MarketplaceRole")["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    made = {"StringEquals": {"aws:ResourceTag/CreatedBy": "EC2 Image Builder"}}
    images, snapshots = "arn:aws:ec2:us-east-1::image/*", "arn:aws:ec2:us-east-1::snapshot/*"
    assert [(each["Action"], each["Resource"], each.get("Condition")) for each in statements] == [
        (["ec2:DescribeImages"], ["*"], None),
        (["ec2:DescribeImageAttribute"], [images], None),
        (["ec2:DescribeSnapshotAttribute"], [snapshots], None),
        (["ec2:ModifyImageAttribute"], [images], made),
        (["ec2:ModifySnapshotAttribute"], [snapshots], made),
    ]


@pytest.mark.parametrize(
    ("role", "service"), [("BuildRole", "ec2.amazonaws.com"), ("MarketplaceRole", "assets.marketplace.amazonaws.com")]
)
def test_a_role_can_be_assumed_by_its_service_alone(stack, role, service):
    (statement,) = stack.properties(role)["AssumeRolePolicyDocument"]["Statement"]
    assert statement == {"Effect": "Allow", "Principal": {"Service": [service]}, "Action": ["sts:AssumeRole"]}
    assert "ManagedPolicyArns" not in stack.properties(role)


def test_there_are_no_other_identities(stack):
    types = {"AWS::IAM::Role", "AWS::IAM::User", "AWS::IAM::AccessKey"}
    assert {name for name, each in stack.resources.items() if each["Type"] in types} == {"BuildRole", "MarketplaceRole"}
    assert only(stack, "AWS::IAM::InstanceProfile")["Roles"] == ["<BuildRole>"]


# Logs and notifications.


def test_the_bucket_is_private_encrypted_and_forgets(stack):
    bucket = stack.properties("BuildFiles")
    assert "BucketName" not in bucket, "a bucket that was kept would be in the way"
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    (rule,) = bucket["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 731)
    statements = stack.properties("BuildFilesPolicy")["PolicyDocument"]["Statement"]
    assert [(each["Effect"], each["Action"]) for each in statements] == [("Deny", ["s3:*"])] * 2
    assert {"Bool": {"aws:SecureTransport": "false"}} in [each["Condition"] for each in statements]


def test_image_builder_writes_to_the_bucket_and_the_log_group_of_the_stack(stack):
    logs = only(stack, "AWS::ImageBuilder::InfrastructureConfiguration")["Logging"]
    assert logs == {"S3Logs": {"S3BucketName": "<BuildFiles>", "S3KeyPrefix": "builds"}}
    names = only(stack, "AWS::ImageBuilder::ImagePipeline")["LoggingConfiguration"]
    assert names == {"ImageLogGroupName": "<BuildLogs>", "PipelineLogGroupName": "<BuildLogs>"}
    group = stack.properties("BuildLogs")
    assert group["LogGroupName"].startswith("/aws/imagebuilder/"), "where Image Builder's own role may write"
    assert group["RetentionInDays"] == 731


def test_a_result_is_mailed_if_there_is_an_address(factory, stack):
    topic = only(stack, "AWS::SNS::Topic")
    assert topic.get("Subscription", []) == []
    assert only(stack, "AWS::ImageBuilder::InfrastructureConfiguration")["SnsTopicArn"] == "<BuildTopic>"
    mailed = only(launch(factory, NotificationEmail="images@example.com"), "AWS::SNS::Topic")
    assert mailed["Subscription"] == [{"Protocol": "email", "Endpoint": "images@example.com"}]


# What stays.


def test_what_builds_wrote_is_kept_when_the_stack_is_deleted_but_not_after_a_failed_launch(stack):
    kept = {name for name, each in stack.resources.items() if each.get("DeletionPolicy", "Delete") != "Delete"}
    assert kept == {"BuildLogs", "BuildFiles", "BuildFilesPolicy"}
    for name in kept:
        assert stack.resources[name]["DeletionPolicy"] == "RetainExceptOnCreate"
        assert stack.resources[name]["UpdateReplacePolicy"] == "Retain"


def test_the_template_says_what_stays(factory):
    assert "Deleting the stack leaves the images that it made, their snapshots, and the logs" in factory["Description"]
    assert len(factory["Description"].encode()) <= quotas.DESCRIPTION


# Updates.


def replaced(old: dict[str, Any], new: dict[str, Any]) -> set[str]:
    """The resources that an update replaces, or makes new: those in which a property changes that can't."""
    found = set()
    for name, resource in new["Resources"].items():
        before = old["Resources"].get(name, {}).get("Properties", {})
        changed = {each for each, value in resource.get("Properties", {}).items() if before.get(each) != value}
        kinds = create_only(resource["Type"])
        assert kinds
        if changed & (kinds.always | kinds.conditionally):
            found.add(name)
    return found


def name_of(template: dict[str, Any], logical_id: str) -> str:
    name: str = launch(template).properties(logical_id)["Name"]
    return name


def test_an_update_to_the_next_release_replaces_only_what_can_not_change_under_another_name(factory, release):
    following = build_image_factory(release._replace(version="9.8.7"))
    changed = replaced(factory, following)
    assert changed == {*components(factory), "ImageRecipe"}
    for name in changed:
        assert name_of(following, name) != name_of(factory, name)
        assert following["Resources"][name]["Properties"]["Version"] == "9.8.7"


@pytest.mark.parametrize(("program", "expected"), [("bake.sh", "BakeComponent"), ("test_image.sh", "TestComponent")])
def test_a_name_changes_with_its_content_and_only_then(factory, release, monkeypatch, program, expected):
    read = image.read
    monkeypatch.setattr(image, "read", lambda name: read(name) + ("# more\n" if name == program else ""))
    changed = build_image_factory(release)
    assert replaced(factory, changed) == {expected, "ImageRecipe"}
    assert name_of(changed, "ImageRecipe") != name_of(factory, "ImageRecipe")


def test_another_parent_or_digest_of_an_image_makes_another_recipe(factory, release):
    parent = build_image_factory(release._replace(ami_default="/aws/service/other"))
    assert replaced(factory, parent) == {"ImageRecipe"}
    assert name_of(parent, "ImageRecipe") != name_of(factory, "ImageRecipe")
    digest = build_image_factory(with_digest(release, f"sha256:{'b' * 64}"))
    assert replaced(factory, digest) == {"BakeComponent", "ImageRecipe"}


def test_the_image_that_was_made_changes_nothing_of_what_made_it(factory, release):
    """Its ID comes into the release file after the build."""
    assert build_image_factory(release._replace(ami_id="ami-0123456789abcdef0")) == factory


def test_a_draft_has_the_version_of_its_release_and_another_name(factory, release):
    draft = build_image_factory(release._replace(version=f"{release.version}-draft.1"))
    assert draft["Resources"]["BakeComponent"]["Properties"]["Version"] == release.version
    assert replaced(factory, draft) == {"BakeComponent", "TestComponent", "ImageRecipe"}


def test_names_are_as_image_builder_takes_them_and_another_stack_has_others(factory, stack):
    model = botocore.session.get_session().get_service_model("imagebuilder")
    pattern = model.shape_for("ResourceName").metadata["pattern"]
    for name, resource in factory["Resources"].items():
        if resource["Type"].startswith("AWS::ImageBuilder::"):
            text, variables = resource["Properties"]["Name"]["Fn::Sub"]
            assert text.endswith("-${Stack}")
            assert "AWS::StackId" in str(variables)
            # Eight digits of a stack's ID.
            assert re.fullmatch(pattern, text.replace("${Stack}", "0123abcd")), name


# Outputs, and texts.


def test_the_outputs_are_what_one_needs_next(stack):
    assert list(stack.outputs) == [
        "PipelineArn",
        "StartCommand",
        "ImageCommand",
        "MarketplaceRoleArn",
        "LogGroup",
        "LogBucketName",
    ]


@pytest.mark.parametrize("output", ["StartCommand", "ImageCommand"])
def test_a_command_of_an_output_exists_with_its_options_and_what_it_shows(stack, output):
    (words,) = cli.aws_commands(stack.outputs[output])
    cli.check(words)
    assert words[words.index("--region") + 1] == "us-east-1"


def test_the_newest_image_is_the_one_that_is_printed(stack):
    (words,) = cli.aws_commands(stack.outputs["ImageCommand"])
    summaries = [
        summary("ami-2", "AVAILABLE", "2026-11-28T10:00:00Z"),
        summary("ami-1", "AVAILABLE", "2026-11-27T10:00:00Z"),
        {**summary("", "FAILED", "2026-11-29T10:00:00Z"), "outputResources": {}},
    ]
    query = words[words.index("--query") + 1]
    assert jmespath.search(query, {"imageSummaryList": summaries}) == "ami-2"


def summary(ami: str, status: str, created: str) -> dict[str, Any]:
    resources = {"amis": [{"image": ami, "region": "us-east-1"}]}
    return {"state": {"status": status}, "dateCreated": created, "outputResources": resources}


def test_nothing_ties_its_resources_to_an_account_or_a_partition(factory):
    resources = {
        name: {**each, "Properties": {key: value for key, value in each["Properties"].items() if key != "Data"}}
        for name, each in factory["Resources"].items()
        if "Properties" in each
    }
    text = re.sub(r"'Service': \['[a-z0-9.-]+\.amazonaws\.com'\]", "", str(resources))
    assert not re.search(r"arn:aws|amazonaws\.com|us-east-1|\b[0-9]{12}\b", text)


def test_there_is_no_secret_and_no_value_of_the_form_but_the_address(factory):
    assert list(factory["Parameters"]) == ["NotificationEmail"]
    used = [path for path, value in entries(factory["Resources"], ()) if value == "NotificationEmail"]
    assert [path[0] for path in used] == ["BuildTopic"]


@pytest.mark.parametrize("name", ["registry", "catalog", "nginx"])
def test_every_image_of_the_release_is_baked_by_its_reference(release, name):
    pinned = with_digest(release, DIGESTED)
    arguments = last_command(commands(build_image_factory(pinned), "build")[0])
    assert pinned.images[name].reference in arguments
    assert DIGEST.fullmatch(pinned.images[name].reference.partition("@")[2])
