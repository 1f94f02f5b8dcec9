"""The page about what never changes says each declaration with the templates' value, and everything once."""

from __future__ import annotations

from typing import Any

import pytest

from quilt_cfn.cloudformation.describe.decisions import page
from quilt_cfn.cloudformation.template.immutable import ImmutableProperty


def template(**properties: Any) -> dict[str, Any]:
    """A template with a parameter and a database."""
    return {
        "Parameters": {"Name": {"Type": "String"}},
        "Resources": {"Database": {"Type": "AWS::RDS::DBInstance", "Properties": properties}},
    }


def items(text: str) -> list[str]:
    """The list items of a page about one property."""
    return [line for line in text.splitlines() if line.startswith("- **")]


VALUES = {
    "a text": ("postgres", "`postgres`"),
    "a number": (22, "`22`"),
    "a boolean": (True, "`true`"),
    "a parameter": ({"Ref": "Name"}, "parameter `Name`"),
    "a parameter that may be empty": (
        {"Fn::If": ["HasName", {"Ref": "Name"}, {"Ref": "AWS::NoValue"}]},
        "parameter `Name`",
    ),
    "another resource": ({"Ref": "Subnets"}, "`!Ref Subnets`"),
    "a list": ([{"Ref": "Group"}], "`[!Ref Group]`"),
    "a function": ({"Fn::Select": [0, {"Fn::GetAZs": ""}]}, "`!Select [0, !GetAZs '']`"),
}


@pytest.mark.parametrize(("value", "shown"), VALUES.values(), ids=VALUES)
def test_a_declaration_is_shown_with_the_value_of_the_template(value: Any, shown: str) -> None:
    declared = ImmutableProperty("Database", "Engine", "Because.", ("https://example.com/a/page.html",))
    text = page("", {"one": template(Engine=value)}, [declared])
    assert "### `Database` (AWS::RDS::DBInstance)\n\nA replacement loses every change" in text
    assert items(text) == [f"- **Engine**: {shown}. Because. ([page](https://example.com/a/page.html))"]


def test_an_absent_property_has_its_reason_alone() -> None:
    text = page("", {"one": template()}, [ImmutableProperty("Database", "DBName", "Absent: the boot creates it.")])
    assert items(text) == ["- **DBName**. Absent: the boot creates it."]


def test_what_the_editions_have_in_common_is_said_once_and_what_differs_with_the_edition() -> None:
    declared = [ImmutableProperty("Database", "Engine", "One."), ImmutableProperty("Database", "Port", "Two.")]
    editions = {"one": template(Engine="postgres", Port=1), "two": template(Engine="postgres", Port=2)}
    assert items(page("", editions, declared)) == [
        "- **Engine**: `postgres`. One.",
        "- **Port**: `1` in `one`, `2` in `two`. Two.",
    ]
    editions["two"]["Resources"] = {}
    assert "(AWS::RDS::DBInstance, edition `one` only)" in page("", editions, declared)


def test_resources_of_which_the_same_is_declared_share_a_paragraph() -> None:
    group = "AWS::EC2::SecurityGroup"
    resources = {
        name: {"Type": group, "Properties": {"VpcId": {"Ref": "Vpc"}, "GroupDescription": name}} for name in ("A", "B")
    }
    declared = [ImmutableProperty(name, each, "Why.") for name in resources for each in ("VpcId", "GroupDescription")]
    text = page("", {"one": {"Resources": resources}}, declared)
    assert f"### `A`, `B` ({group})" in text
    assert items(text) == ["- **VpcId**: `!Ref Vpc`. Why.", "- **GroupDescription**: `A` (`A`), `B` (`B`). Why."]


def test_a_text_refers_to_values_and_can_not_disagree_with_them() -> None:
    assert page("It is {Database.Engine}, {not a reference}.", {"one": template(Engine="postgres")}, []).startswith(
        "It is `postgres`, {not a reference}.\n"
    )
    with pytest.raises(KeyError, match="Databas"):
        page("It is {Databas.Engine}.", {"one": template()}, [])


def test_a_change_in_place_that_a_schema_calls_a_possible_replacement_is_listed_with_its_source() -> None:
    text = page("", {"one": template(MultiAZ=True, BackupRetentionPeriod=1, Engine="postgres")}, [])
    listed = [line for line in text.splitlines() if line.startswith("- `Database`")]
    assert len(listed) == 1
    assert listed[0].startswith("- `Database`, **BackupRetentionPeriod**, **MultiAZ**: ")
    assert "Translator.java](https://github.com/" in listed[0]


def test_a_thread_is_called_by_its_repository_and_number() -> None:
    declared = ImmutableProperty("Database", "Engine", "Why.", ("https://github.com/owner/name/pull/351",))
    assert "([name#351](https://github.com/owner/name/pull/351))" in page("", {"one": template(Engine="x")}, [declared])
