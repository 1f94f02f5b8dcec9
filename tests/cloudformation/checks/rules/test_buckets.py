"""A bucket that holds data keeps it, and only the pages that are meant may write to it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from quilt_cfn.cloudformation.checks.engine import run_rules
from quilt_cfn.cloudformation.checks.rules.buckets import data_without_versions, lifecycle_that_takes_data
from quilt_cfn.cloudformation.checks.rules.cors import origins_of_requests
from quilt_cfn.cloudformation.launch import evaluate
from quilt_cfn.cloudformation.launch.contract import EMPTY_CONTRACT
from tests.cloudformation.checks.conftest import as_parsed, findings


def bucket(template: dict[str, Any]) -> dict[str, Any]:
    """The properties of the bucket with the packages."""
    properties: dict[str, Any] = template["Resources"]["Bucket"]["Properties"]
    return properties


@pytest.mark.parametrize("versioning", [None, {"Status": "Suspended"}])
def test_packages_without_versions_are_found(edition, seeded, versioning):
    bucket(seeded)["VersioningConfiguration"] = versioning
    bucket(seeded)["LifecycleConfiguration"]["Rules"] = []  # one about noncurrent versions is another defect
    if versioning is None:
        del bucket(seeded)["VersioningConfiguration"]
    assert findings(edition, seeded) == {("L18", "Bucket")}


@pytest.mark.parametrize(
    ("lifecycle", "found"),
    [
        ({"ExpirationInDays": 365}, True),
        ({"ExpirationDate": "2030-01-01T00:00:00Z"}, True),
        ({"Transitions": [{"StorageClass": "DEEP_ARCHIVE", "TransitionInDays": 90}]}, True),
        ({"Transition": {"StorageClass": "GLACIER", "TransitionInDays": 90}}, True),
        ({"ExpirationInDays": 365, "Status": "Disabled"}, False),
        ({"ExpirationInDays": 1, "Prefix": "tmp/"}, False),
        ({"ExpirationInDays": 1, "TagFilters": [{"Key": "passing", "Value": "yes"}]}, False),
        ({"Transitions": [{"StorageClass": "GLACIER_IR", "TransitionInDays": 90}]}, False),
        ({"NoncurrentVersionExpiration": {"NoncurrentDays": 365}}, False),
        ({"ExpiredObjectDeleteMarker": True}, False),
    ],
)
def test_a_lifecycle_that_takes_packages_is_found(edition, seeded, lifecycle, found):
    bucket(seeded)["LifecycleConfiguration"]["Rules"].append({"Id": "x", "Status": "Enabled", **lifecycle})
    assert findings(edition, seeded) == ({("L19", "Bucket")} if found else set())


@pytest.mark.parametrize(
    ("cors", "found"),
    [
        ({"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"]}, True),
        ({"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://x/"]}, True),
        ({"AllowedMethods": ["GET"], "AllowedOrigins": ["https://x/index.html"]}, True),
        ({"AllowedMethods": ["GET"], "AllowedOrigins": ["quilt.example.com"]}, True),
        ({"AllowedMethods": ["GET", "HEAD"], "AllowedOrigins": ["*"]}, False),
        ({"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://x", "http://localhost:3000"]}, False),
        ({"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://*.example.com", "*.example.com"]}, False),
        ({"AllowedMethods": ["PUT"], "AllowedOrigins": [{"Fn::Sub": "https://${CatalogHost}"}]}, False),
    ],
)
def test_origins_that_never_match_or_may_write_are_found(edition, seeded, cors, found):
    bucket(seeded)["CorsConfiguration"]["CorsRules"] = [cors]
    assert findings(edition, seeded) == ({("W34", "Bucket")} if found else set())


# Buckets of others.

READER: dict[str, Any] = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []},
        "Policies": [
            {
                "PolicyName": "files",
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": ["s3:GetObject", "s3:PutObject"],
                            "Resource": {"Fn::Sub": "${Files.Arn}/*"},
                        }
                    ],
                },
            }
        ],
    },
}


ANYBODY = {"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"]}


def found_in(files: dict[str, Any], **others: Any) -> list[tuple[str, str]]:
    """(rule, place) of what this module's rules find about a bucket and the role that reads and writes it."""
    kept = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain", **files}
    template = {"Resources": {"Files": kept, "Role": READER, **others}}
    rules = (data_without_versions, lifecycle_that_takes_data, origins_of_requests)
    launch = evaluate(template, {}, allow_missing=True)
    return [
        (each.rule, each.resource or "") for each in run_rules(as_parsed(template), [launch], EMPTY_CONTRACT, rules)
    ]


def test_a_kept_bucket_that_a_role_reads_and_writes_holds_data():
    assert found_in({}) == [("L18", "Files")]


@pytest.mark.parametrize(
    ("files", "others"),
    [
        ({"DeletionPolicy": "Delete"}, {}),
        ({"Properties": {"BucketName": "team-access-logs"}}, {}),
        ({"Properties": {"BucketName": "build-artifacts"}}, {}),
        ({"Properties": {"WebsiteConfiguration": {}}}, {}),
        ({"Properties": {"ObjectLockEnabled": True}}, {}),
        ({"Properties": {"VersioningConfiguration": {"Status": {"Ref": "Status"}}}}, {}),
        ({"Properties": {"LifecycleConfiguration": {"Rules": [{"Status": "Enabled", "ExpirationInDays": 3}]}}}, {}),
        ({}, {"Trail": {"Type": "AWS::CloudTrail::Trail", "Properties": {"S3BucketName": {"Ref": "Files"}}}}),
        ({}, {"Role": {"Type": "AWS::IAM::Role"}}),
        ({"DeletionPolicy": "Delete", "Properties": {"CorsConfiguration": {"CorsRules": [ANYBODY]}}}, {}),
    ],
)
def test_other_buckets_are_not_taken_to_hold_data(files, others):
    assert found_in(files, **others) == []


def test_what_one_role_writes_for_another_is_passed_on():
    writer, reader = (copy.deepcopy(READER) for _ in range(2))
    for role, action in ((writer, "s3:PutObject"), (reader, "s3:GetObject")):
        role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"][0]["Action"] = action
    assert found_in({}, Role=writer, Reader=reader) == []


@pytest.mark.parametrize(("policy", "rule"), [("Delete", "L19"), ("Retain", "L18")])
def test_a_rule_about_old_versions_needs_versions(policy, rule):
    rules = [{"Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 30}}]
    files = {"DeletionPolicy": policy, "Properties": {"LifecycleConfiguration": {"Rules": rules}}}
    assert found_in(files) == [(rule, "Files")]


@pytest.mark.parametrize(
    "odd", [None, "x", [], {}, {"Rules": "x", "CorsRules": [None]}, {"Rules": [{"Status": "Enabled"}]}]
)
def test_odd_buckets_are_read_without_a_crash(odd):
    found_in({"Properties": {"LifecycleConfiguration": odd, "CorsConfiguration": odd, "VersioningConfiguration": odd}})
