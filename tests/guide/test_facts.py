"""What the pages of the guide say about the product is so: names, numbers, and what an update of each field does."""

from __future__ import annotations

import re

import pytest

from quilt_cfn import instance
from quilt_cfn.cloudformation.template.walk import references
from quilt_cfn.stack.parameters import FIELDS
from tests.documents import GUIDE, Page, guide

HAND_WRITTEN = (
    *("instance", "rotation", "uploads", "upgrade", "cluster", "backup", "recovery", "removal", "security"),
    *("open-source", "certificate", "mail", "dns", "launch", "first-administrator", "people"),
)
OTHER_NAMES = {"BucketOwnerEnforced": "a setting of S3"}
"""Name that looks like one of ours -> what it is."""


def page(name: str) -> Page:
    return guide()[f"{GUIDE}/{name}.md"]


def row(text: str, cell: str) -> list[str]:
    """The names in the first cell of the row of a table whose second cell begins like this."""
    (found,) = [
        line for line in text.splitlines() if line.startswith("|") and line.split("|")[2].strip().startswith(cell)
    ]
    return re.findall(r"`(\w+)`", found.split("|")[1])


# upgrade.md

NEW_INSTANCE = "a new instance starts beside the old one"


def test_the_fields_that_start_a_new_instance_are_those_on_which_its_launch_template_depends(templates):
    depends = {
        reference.name
        for template in templates.values()
        for reference in references(template["Resources"]["ServerTemplate"]["Properties"])
        if reference.name in template["Parameters"] and not reference.name.startswith("AmiIdFor")
    }
    assert set(row(page("upgrade").text, NEW_INSTANCE)) == depends


def test_the_secrets_and_texts_that_the_instance_follows_are_parameters_of_these(templates):
    kinds = {"AWS::SecretsManager::Secret", "AWS::SSM::Parameter"}
    followed = {
        reference.name
        for template in templates.values()
        for resource in template["Resources"].values()
        if resource["Type"] in kinds
        for reference in references(resource["Properties"])
        if reference.name in template["Parameters"]
    }
    assert set(row(page("upgrade").text, "the instance follows")) == followed


def test_every_field_has_its_place_in_the_table_of_what_an_update_does():
    table = page("upgrade").text.partition("## What an update does")[2].partition("\n**")[0] + "\n"
    rows = [re.findall(r"`(\w+)`", line.split("|")[1]) for line in table.splitlines() if line.startswith("|")]
    found = [name for names in rows for name in names]
    assert sorted(found) == sorted({*(field.name for field in FIELDS), "AmiId"})


# uploads.md, security.md, backup.md


def test_limits_and_deadlines_of_an_upload_are_those_of_nginx_and_of_the_bucket(template):
    text = page("uploads").text
    nginx = instance.read("nginx.conf")
    assert "client_max_body_size 75m;" in nginx
    assert "| 75 MB, about 300,000 files |" in text
    assert "uwsgi_read_timeout 300s;" in nginx
    assert "| an answer of the registry | 300 seconds |" in text
    (rule,) = [
        rule
        for rule in template["Resources"]["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
        if "AbortIncompleteMultipartUpload" in rule
    ]
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
    assert f"`{rule['Id']}` deletes them after seven days" in " ".join(text.split())


def test_the_security_page_names_the_listeners_policy_and_what_protects_the_bucket(template):
    resources, text = template["Resources"], page("security").text
    assert f"`{resources['HttpsListener']['Properties']['SslPolicy']}`" in text
    bucket = resources["Bucket"]["Properties"]
    assert f"(`{bucket['OwnershipControls']['Rules'][0]['ObjectOwnership']}`)" in text
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    (rule,) = bucket["CorsConfiguration"]["CorsRules"]
    assert (rule["AllowedMethods"], rule["AllowedOrigins"]) == (["GET"], ["*"])
    statements = resources["BucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert [each["Effect"] for each in statements] == ["Deny", "Deny"]


def test_the_backup_page_has_the_defaults_of_the_form(template):
    assert (
        f"`BackupRetentionDays`, {template['Parameters']['BackupRetentionDays']['Default']} unless"
        in page("backup").text
    )
    database = template["Resources"]["Database"]
    assert (database["DeletionPolicy"], database["Properties"]["DeleteAutomatedBackups"]) == ("Snapshot", False)


# Names.


@pytest.mark.parametrize("name", HAND_WRITTEN)
def test_every_name_of_a_parameter_resource_or_output_is_one_of_the_templates(name, templates):
    known = {"AmiId", *OTHER_NAMES}
    for template in templates.values():
        known |= template["Parameters"].keys() | template["Resources"].keys() | template["Outputs"].keys()
    said = {word for word in page(name).code if re.fullmatch(r"[A-Z][a-z]+[A-Z]\w*", word)}
    assert said
    assert said <= known, "correct the name, or say in OTHER_NAMES what it is"
