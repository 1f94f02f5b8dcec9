"""The events and targets that we know are apart from one another, and are those of AWS."""

from __future__ import annotations

import gzip
import json

import pytest

from quilt_cfn.cloudformation.checks.rules.events import pattern_that_never_matches
from quilt_cfn.cloudformation.facts import events
from quilt_cfn.cloudformation.facts.iam_actions import prefixes
from quilt_cfn.cloudformation.facts.package_data import file_of
from quilt_cfn.cloudformation.launch import evaluate
from quilt_cfn.cloudformation.launch.contract import EMPTY_CONTRACT


def test_a_detail_type_comes_from_one_source():
    assert len(events.SOURCE_OF) == sum(map(len, events.DETAIL_TYPES.values()))


@pytest.mark.parametrize("source", events.DETAIL_TYPES)
def test_no_known_event_is_taken_for_a_misspelling(source):
    pattern = {"source": [source], "detail-type": [*events.DETAIL_TYPES[source], events.API_CALL]}
    rule = {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": pattern}}
    assert [*pattern_that_never_matches.find(evaluate({"Resources": {"Rule": rule}}, {}), EMPTY_CONTRACT)] == []


def test_no_service_of_iam_is_taken_for_a_misspelling():
    pattern = {"source": [f"aws.{each}" for each in prefixes()]}
    rule = {"Type": "AWS::Events::Rule", "Properties": {"EventPattern": pattern}}
    assert [*pattern_that_never_matches.find(evaluate({"Resources": {"Rule": rule}}, {}), EMPTY_CONTRACT)] == []


def test_details_are_of_known_events():
    assert set(events.DETAILS) <= set(events.SOURCE_OF)


def test_the_statuses_are_those_that_a_stack_can_have():
    file = file_of("botocore", "data/cloudformation/2010-05-15/service-2.json.gz")
    model = json.loads(gzip.decompress(file.read_bytes()))
    field = events.DETAILS["CloudFormation Stack Status Change"]["status-details.status"]
    assert sorted(field) == sorted(model["shapes"]["StackStatus"]["enum"])


def test_the_types_of_targets_and_of_what_is_none_are_apart():
    assert not [each for each in events.TARGETS if each.startswith(events.NO_TARGETS)]
