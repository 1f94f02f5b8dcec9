"""What must never change is declared beside its resource: all of it, with reason and source, as the template has it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from quilt_cfn.cloudformation.facts.replacement import CLEARED_IN_PLACE, IN_PLACE, STATEFUL_TYPES, create_only
from quilt_cfn.cloudformation.template.immutable import ImmutableProperty
from quilt_cfn.stack.immutable import immutable_properties

TEXT = Path(__file__).resolve().parents[2] / "quilt_cfn" / "stack" / "decisions.md"


@pytest.fixture(scope="module")
def declared(release) -> tuple[ImmutableProperty, ...]:
    return immutable_properties(release)


def stateful(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The resources whose replacement loses something, and all that are kept when the stack is deleted or updated."""
    for name, resource in template["Resources"].items():
        policies = {resource.get("DeletionPolicy", "Delete"), resource.get("UpdateReplacePolicy", "Delete")}
        if resource["Type"] in STATEFUL_TYPES or policies != {"Delete"}:
            yield name, resource


def test_each_property_that_can_not_change_in_place_is_declared(template, declared):
    known = {(each.resource, each.property) for each in declared}
    for name, resource in stateful(template):
        kinds = create_only(resource["Type"])
        assert kinds, f"cfn-lint has no schema of {resource['Type']}"
        for each in resource["Properties"].keys() & (kinds.always | kinds.conditionally):
            if (resource["Type"], each) not in IN_PLACE:
                assert (name, each) in known, f"declare {name}.{each} beside the resource"


def test_a_kept_resource_is_of_a_type_that_says_what_it_loses(template):
    assert {resource["Type"] for _, resource in stateful(template)} <= STATEFUL_TYPES.keys()


def test_a_generated_secret_never_changes_how_it_is_generated(template, declared):
    """No schema says so: any edit generates another value."""
    generated = {
        (name, "GenerateSecretString")
        for name, resource in template["Resources"].items()
        if "GenerateSecretString" in resource.get("Properties", {})
    }
    assert len(generated) == 2
    assert generated <= {(each.resource, each.property) for each in declared}


def test_what_is_declared_is_in_a_template_and_absent_exactly_where_its_reason_says_so(templates, declared):
    for each in declared:
        having = [template for template in templates.values() if each.resource in template["Resources"]]
        assert having, f"no edition has {each.resource}"
        for template in having:
            absent = each.property not in template["Resources"][each.resource].get("Properties", {})
            assert absent == each.why.startswith("Absent: "), each


def test_nothing_is_declared_twice(declared):
    names = [(each.resource, each.property) for each in declared]
    assert len(names) == len(set(names))


def test_every_declaration_has_a_reason_in_sentences_and_a_source(declared):
    for each in declared:
        assert re.fullmatch(r"[A-Z`0-9].*\.", each.why, re.DOTALL), each
        assert each.sources, each
        assert all(source.startswith("https://") for source in each.sources), each


def test_what_changes_in_place_by_a_provider_is_conditional_by_its_schema():
    """A property that is create-only without a condition would be replaced before the provider is asked."""
    for resource_type, name in {**IN_PLACE, **CLEARED_IN_PLACE}:
        kinds = create_only(resource_type)
        assert kinds
        assert name in kinds.conditionally, (resource_type, name)


def test_the_database_says_the_same_with_and_without_a_snapshot(template):
    """Only the snapshot's own name depends on it."""
    conditional = {
        name
        for name, value in template["Resources"]["Database"]["Properties"].items()
        if "HasDBSnapshotIdentifier" in str(value)
    }
    assert conditional == {"DBSnapshotIdentifier"}


@pytest.mark.parametrize(
    "words",
    [
        "isDBSnapshotIdentifierMutable",
        "restoreDbInstanceFromSnapshotRequest",
        "modifyDbInstanceAfterCreateRequest",
        "EngineLifecycleSupport cannot be modified.",
    ],
)
def test_the_page_names_the_lines_of_the_provider_that_decide_and_links_them_by_commit(words):
    text = TEXT.read_text(encoding="utf-8")
    assert words in text
    assert re.search(r"https://github\.com/aws-cloudformation/\S+/blob/[0-9a-f]{40}/\S+\.java", text)
