"""docs/guide/cost.md has a place for everything that the templates consist of: what is charged, and what is not."""

from __future__ import annotations

import re
from pathlib import Path

from quilt_cfn.cloudformation.describe.cost import FREE as FREE_TYPES
from quilt_cfn.cloudformation.describe.cost import estimate
from quilt_cfn.cloudformation.launch import evaluate, values_for
from quilt_cfn.inputs.contract import read_contract
from quilt_cfn.stack.parameters import FIELDS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "guide" / "cost.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"(?ms)^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE))
_, BY_TIME, BY_USE, BY_FIELD, AFTERWARDS, FREE, _ = SECTIONS.values()
CODE = re.compile(r"`([^`]+)`")


def types(section: str) -> set[str]:
    return {f"AWS::{name}" for name in CODE.findall(section) if re.fullmatch(r"\w+::\w+", name)}


def test_every_resource_type_is_either_charged_or_free(templates):
    used = {each["Type"] for template in templates.values() for each in template["Resources"].values()}
    charged, free = types(BY_TIME) | types(BY_USE), types(FREE)
    assert charged | free == used, "add the type to docs/guide/cost.md, or remove it"
    assert not charged & free


def test_every_field_says_what_it_does_to_the_bill():
    table, _, rest = BY_FIELD.partition("These make no difference:")
    rows = {name for line in table.splitlines() for name in CODE.findall(line.split("|")[1] if "|" in line else "")}
    without = set(CODE.findall(rest))
    names = {*(field.name for field in FIELDS), "AmiId"}
    assert rows | without == names, "add the field to docs/guide/cost.md, or remove it"
    assert not rows & without


def test_what_is_kept_is_charged_on(templates):
    """Whatever has a deletion policy but Delete stays, and its type is among those that are charged."""
    for template in templates.values():
        for name, resource in template["Resources"].items():
            if resource.get("DeletionPolicy", "Delete") != "Delete" and resource["Type"] != "AWS::S3::BucketPolicy":
                assert resource["Type"] in types(BY_TIME) | types(BY_USE)
                words = {"AWS::S3::Bucket": "the bucket", "AWS::RDS::DBInstance": "the database's last snapshot"}
                assert words.get(resource["Type"], f"`{name}`") in AFTERWARDS, name


def test_the_answer_at_the_beginning_is_what_the_estimate_says(templates):
    """The page has figures in words; a table that says something else would make them wrong."""
    sets = read_contract().parameter_sets
    small, large = (
        estimate(evaluate(templates["registry"], values_for(templates["registry"], sets[name])))
        for name in ("documented", "documented-large")
    )
    beginning = " ".join(PAGE.partition("## An estimate")[0].split())
    assert "about 85 US dollars a month" in beginning
    assert abs(small.total - 85) < 5
    assert "costs about 110 dollars and its database" in beginning
    assert abs(large.total - 110) < 5
    assert [item.key for item in large.unknown] == ["rds-postgres/db.m5.large"]


def test_what_is_in_no_estimate_is_free_or_charged_by_use(templates):
    for template in templates.values():
        assert estimate(evaluate(template, {}, allow_missing=True)).not_estimated == ()
    assert types(FREE) <= FREE_TYPES
