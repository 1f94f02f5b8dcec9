"""Durations: from a source or assumed, and said so."""

from __future__ import annotations

import re
from datetime import date

import pytest

from quilt_cfn.cloudformation.facts.durations import ASSUMED, FILE, duration, durations


@pytest.mark.parametrize("each", durations().items(), ids=lambda each: " ".join(each[0]))
def test_a_duration_grows_from_low_to_high_and_says_where_it_is_from(each):
    _, found = each
    assert 0 < found.low <= found.typical <= found.high
    assert re.match(r"https://\S+|assumed: \w+", found.source)


def test_what_has_a_source_has_its_date():
    for line in FILE.read_text(encoding="utf-8").splitlines()[1:]:
        day = line.split(",")[5]
        assert (not day) == ("assumed:" in line), line
        assert not day or date.fromisoformat(day)


def test_a_type_that_no_source_has_is_assumed():
    assert duration("AWS::Example::Thing") is ASSUMED
    assert ASSUMED.is_assumed
    assert not duration("AWS::RDS::DBInstance").is_assumed
