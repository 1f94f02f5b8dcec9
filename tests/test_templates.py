"""The templates in the checkout: what this code builds, and small enough to be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from quilt_cfn.cloudformation.facts import quotas
from quilt_cfn.cloudformation.template.write import to_yaml
from quilt_cfn.editions import LARGEST_TEMPLATE, TEMPLATE_FILES
from quilt_cfn.stack import BUILDERS

FOLDER = Path(__file__).parent.parent / "templates"

every_template = pytest.mark.parametrize("name", TEMPLATE_FILES)


@every_template
def test_the_rendered_template_is_the_one_in_the_checkout(name, all_templates):
    text = (FOLDER / TEMPLATE_FILES[name]).read_text()
    assert text == to_yaml(all_templates[name]), "run make template, and read the diff"


@every_template
def test_it_is_small_enough_to_be_read(name):
    assert (FOLDER / TEMPLATE_FILES[name]).stat().st_size <= LARGEST_TEMPLATE


@every_template
def test_it_stays_within_cloudformations_quotas(name, all_templates):
    template = all_templates[name]
    for section, most in quotas.ENTRIES.items():
        assert len(template.get(section, {})) <= most
    assert len(template["Description"].encode()) <= quotas.DESCRIPTION
    assert all(len(parameter["Description"]) <= 4000 for parameter in template["Parameters"].values())


def test_there_is_no_other_template():
    assert sorted(path.name for path in FOLDER.glob("*.yaml")) == sorted(TEMPLATE_FILES.values())
    assert BUILDERS.keys() == TEMPLATE_FILES.keys()


@pytest.mark.parametrize("word", ["arn:aws:", "amazonaws.com", "us-east-1a"])
def test_nothing_ties_it_to_a_partition_a_region_or_a_zone(template, word):
    """But for lists by Region or partition, the rules that refuse what a Region lacks, names of services, and what
    Fn::Split looks for in a text."""
    searched = {name: part for name, part in template.items() if name not in ("Parameters", "Rules", "Mappings")}
    services = r"'Service': \[('[a-z0-9-]+\.amazonaws\.com'(, )?)+\]"
    split = r"'Fn::Split': \['[^']*', \{'Fn::Sub': '[^']*'\}"
    assert word not in re.sub(f"{services}|{split}", "", str(searched))
