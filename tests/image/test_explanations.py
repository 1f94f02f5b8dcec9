"""What people read about the faults of a machine image."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.describe.rules import page
from quilt_cfn.commands.explanations import EXPLANATIONS, FAMILIES
from quilt_cfn.image.explanations import FAMILY


def test_the_page_of_rules_has_every_line_of_the_policy_and_says_what_proves_the_others():
    text = page([FAMILY])
    assert FAMILY in FAMILIES
    for each in FAMILY.explanations:
        assert f"### {each.id}\n\n**{each.sentence}**" in text
        assert EXPLANATIONS[each.id] == each
    heading, _, rest = text.partition(f"## {FAMILY.title}\n\n")[2].partition("### I01")
    for proof in ("AWS Marketplace's own scan", "quilt-image-factory.yaml", "usage instructions", "test_image.sh"):
        assert proof in heading
    assert rest


def test_a_family_without_a_note_has_its_rules_below_the_heading():
    text = page([FAMILY._replace(note="")])
    assert f"## {FAMILY.title}\n\n### I01\n" in text


@pytest.mark.parametrize("each", FAMILY.explanations, ids=lambda each: each.id)
def test_each_says_what_happens_what_to_do_and_where_aws_says_so(each):
    assert each.sentence.endswith(".")
    assert len(each.explanation) > 60
    assert each.link.startswith("https://")
