"""Which architecture an instance type has, held against the data of EC2 that comes with moto; and AWS's images."""

from __future__ import annotations

import gzip
import json

import pytest

from quilt_cfn.cloudformation.facts.availability import instance_types, regions
from quilt_cfn.cloudformation.facts.package_data import file_of
from quilt_cfn.cloudformation.facts.processors import of_instance_type, of_public_image

EC2 = json.loads(gzip.decompress(file_of("moto", "ec2/resources/instance_types.json.gz").read_bytes()))
"""Instance type -> what DescribeInstanceTypes says about it."""


def test_the_name_says_which_architecture_a_type_has():
    assert len(EC2) > 500
    architectures = {name: each["ProcessorInfo"]["SupportedArchitectures"] for name, each in EC2.items()}
    wrong = {
        name
        for name, found in architectures.items()
        if of_instance_type(name) not in {each.removesuffix("_mac") for each in found}
    }
    assert wrong == set()


def test_every_type_of_every_region_has_one():
    types = {each for region in regions() for each in instance_types(region) or ()}
    assert {of_instance_type(each) for each in types} == {"arm64", "x86_64"}
    assert of_instance_type("small") is None


@pytest.mark.parametrize(
    ("path", "architecture"),
    [
        ("ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64", "x86_64"),
        ("ami-amazon-linux-latest/amzn2-ami-hvm-arm64-gp2", "arm64"),
        ("ami-windows-latest/Windows_Server-2022-English-Full-Base", "x86_64"),
        ("bottlerocket/aws-ecs-2/arm64/latest/image_id", "arm64"),
        ("canonical/ubuntu/server/24.04/stable/current/amd64/hvm/ebs-gp3/ami-id", "x86_64"),
        ("ec2-macos/sonoma/arm64_mac/latest/image_id", "arm64"),
        ("ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id", "arm64"),
        ("ecs/optimized-ami/amazon-linux-2023/recommended/image_id", "x86_64"),
        ("eks/optimized-ami/1.31/amazon-linux-2-arm64/recommended/image_id", "arm64"),
        ("eks/optimized-ami/1.31/amazon-linux-2/recommended/image_id", "x86_64"),
        ("marketplace/prod-abcdefghijklm/1.0", None),
    ],
)
def test_an_image_of_aws(path, architecture):
    assert of_public_image(f"/aws/service/{path}") == architecture
    assert of_public_image(f"/mine/{path}") is None
