"""The outputs lead an administrator on, and give nothing away."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.facts.partitions import CONSOLES, partition
from quilt_cfn.cloudformation.facts.regional_gaps import REGIONS_WITHOUT_IMAGES
from quilt_cfn.cloudformation.launch import origins_of
from quilt_cfn.stack.parameters import FIELDS
from tests.launches import DOCUMENTED, launch_stack


def test_they_are_these_in_the_order_in_which_one_needs_them(edition, template):
    names = [
        "LoadBalancerDNSName",
        "EC2InstanceIp",
        "CatalogUrl",
        "RegistryUrl",
        "AdminCommand",
        "SessionManagerUrl",
        "DashboardUrl",
        "LogGroup",
        "PackageBucketName",
        *(["RegistryUserName"] if edition == "registry" else []),
    ]
    assert [*template["Outputs"]] == names


def test_the_urls_are_those_of_the_two_host_names(stack):
    assert stack.outputs["CatalogUrl"] == f"https://{DOCUMENTED['CatalogHost']}"
    assert stack.outputs["RegistryUrl"] == f"https://{DOCUMENTED['RegistryHost']}"


def test_the_admin_command_is_a_script_of_the_instance_that_needs_no_preparation(stack):
    sudo, script = stack.outputs["AdminCommand"].split()
    assert sudo == "sudo", "ssm-user may not read the environment"
    assert stack.file(script)


@pytest.mark.parametrize("region", ["us-east-1", "ap-southeast-2", "us-gov-west-1", "eusc-de-east-1"])
def test_session_manager_is_opened_in_the_stacks_own_region_and_partition(template, region):
    stack = launch_stack(template, DOCUMENTED | {"SmtpHost": "smtp.example.com"}, region)
    console = f"https://{region}.{CONSOLES[partition(region)]}"
    page = "systems-manager/session-manager/start-session"
    assert stack.outputs["SessionManagerUrl"] == f"{console}/{page}?region={region}"


def test_the_instance_to_choose_there_has_the_name_that_the_output_tells(template, stack):
    description = template["Outputs"]["SessionManagerUrl"]["Description"]
    (name,) = [each for each in stack.properties("ServerGroup")["Tags"] if each["Key"] == "Name"]
    assert "the name of this stack and -server behind it" in description
    assert name["Value"].endswith("-server")
    assert name["PropagateAtLaunch"] is True


def test_a_partition_without_a_known_console_is_refused_before_an_output_could_fail(template):
    """No public page names the consoles of the isolated partitions, whose Regions the rules refuse anyway."""
    from quilt_cfn.cloudformation.facts.availability import regions  # reads cfn-lint's data

    without = {region for region in regions() if partition(region) not in CONSOLES}
    assert without <= set(REGIONS_WITHOUT_IMAGES)
    assert {"aws-iso", "aws-iso-b"} <= {partition(region) for region in REGIONS_WITHOUT_IMAGES}


def test_the_bucket_is_the_one_that_the_registry_works_with(template, stack):
    assert stack.outputs["PackageBucketName"] == "<Bucket>"
    recovered = launch_stack(template, DOCUMENTED | {"ExistingBucket": "earlier-packages"})
    assert recovered.outputs["PackageBucketName"] == "earlier-packages"


def test_the_log_group_and_the_user_are_named_as_aws_knows_them(edition, stack):
    assert stack.outputs["LogGroup"] == "<RegistryLogs>"
    if edition == "registry":
        assert stack.outputs["RegistryUserName"] == "<RegistryUser>"


def test_no_secret_and_no_free_text_is_in_an_output(stack):
    """Everybody who may describe the stack sees them."""
    hidden = {field.name for field in FIELDS if field.secret or field.free_text}
    secrets = set(stack.of_type("AWS::SecretsManager::Secret")) | {"RegistryUserKey"}
    for value in stack.outputs.values():
        assert not {origin.name for origin in origins_of(value)} & (hidden | secrets)


def test_each_says_what_it_is_and_what_to_do_with_it(template):
    for name, output in template["Outputs"].items():
        what, _, action = output["Description"].replace(";", ":").partition(": ")
        assert what, name
        assert action, name
        assert len(output["Description"]) <= 1024, "CloudFormation takes no more"
        assert "Export" not in output, "an exported value could not change while another stack imports it"
