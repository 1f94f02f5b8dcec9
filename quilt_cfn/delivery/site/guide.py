"""Makes guide.html: the whole guide as one file, which needs no other and asks no host for anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from quilt_cfn.delivery.site.frame import fill
from quilt_cfn.delivery.site.pages import Page, Pages, Target, render


class Version(NamedTuple):
    """Of which version the guide is, and what lies beside it."""

    number: str
    date: str
    """YYYY-MM-DD."""
    draft: bool
    files: Mapping[str, str]
    """File in the same folder -> what it is, in a few words."""


def guide(pages: Pages, version: Version | None = None) -> str:
    """The guide of a version, or of none, as it is in the site."""
    return fill(
        "guide.html",
        version=version,
        sections=pages.sections,
        pages=[{"id": page.stem, "html": _section(page, pages)} for page in pages.pages.values()],
        address=lambda name: f"#{anchor(pages.pages[name].stem)}",
        current=None,
        headings=(),
    )


def _section(page: Page, pages: Pages) -> str:
    """A page as a section of the file, whose title is a heading of the second level."""
    title = page.headings[0].anchor

    def link(target: Target) -> str:
        other = pages.pages[target.page]
        return f"#{anchor(other.stem, '' if target.anchor == other.headings[0].anchor else target.anchor)}"

    return render(page, pages, link, lambda heading: anchor(page.stem, "" if heading == title else heading), deeper=1)


def anchor(page: str, heading: str = "") -> str:
    """What stands behind ``#`` in a link to a heading of a page, such as ``cost.where-it-is-charged``, or to its title.

    No anchor of GitHub's has a dot, so no page is called like a heading.
    """
    return f"{page}.{heading}" if heading else page
