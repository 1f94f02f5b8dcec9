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
        pages=[{"id": _id(page), "html": _section(page, pages)} for page in pages.pages.values()],
        address=lambda name: f"#{_id(pages.pages[name])}",
        current=None,
        headings=(),
    )


def _section(page: Page, pages: Pages) -> str:
    """A page as a section of the file, whose title is a heading of the second level."""
    title = page.headings[0].anchor if page.headings else ""

    def anchor(heading: str) -> str:
        # No anchor of GitHub's has a dot, so no page's own name is that of a heading.
        return _id(page) if heading == title else f"{_id(page)}.{heading}"

    def link(target: Target) -> str:
        other = pages.pages[target.page]
        top = not target.anchor or (other.headings and other.headings[0].anchor == target.anchor)
        return f"#{_id(other)}" if top else f"#{_id(other)}.{target.anchor}"

    return render(page, pages, link, anchor, deeper=1)


def _id(page: Page) -> str:
    return page.stem
