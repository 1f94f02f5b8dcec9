"""Generated blocks in pages that people write."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.describe.blocks import names, renewed

PAGE = """# Page

<!-- made by quilt-cfn docs: ports -->
old
<!-- end of ports -->

Written by hand.
"""


def test_what_stands_between_the_marks_is_made_anew_and_nothing_else():
    once = renewed(PAGE, {"ports": lambda: "| 443 |"})
    assert once == PAGE.replace("old", "\n| 443 |\n")
    assert renewed(once, {"ports": lambda: "| 443 |"}) == once
    assert names(PAGE) == ["ports"]


def test_a_page_without_marks_stays():
    assert renewed("# Page\n", {}) == "# Page\n"


@pytest.mark.parametrize(
    "page",
    [
        PAGE.replace("docs: ports", "docs: prots"),
        PAGE.replace("<!-- end of ports -->", ""),
        PAGE.replace("<!-- made by quilt-cfn docs: ports -->", ""),
        PAGE.replace("<!-- made", "  <!-- made"),
    ],
    ids=["other names", "no end", "no beginning", "indented"],
)
def test_a_mark_that_is_wrong_is_no_silent_gap(page):
    with pytest.raises(ValueError, match="block"):
        renewed(page, {"ports": lambda: ""})


def test_a_block_that_nothing_makes_is_named():
    with pytest.raises(ValueError, match="nothing makes the block ports"):
        renewed(PAGE, {})
