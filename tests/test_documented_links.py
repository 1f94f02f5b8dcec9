"""Every link of the documentation leads somewhere, and every page of the guide is found.

Nothing is asked on the Internet: of a link to another host, its form is checked and whether that host is a source that
this documentation names on purpose.
"""

from __future__ import annotations

import re
from pathlib import Path
from posixpath import normpath
from urllib.parse import unquote, urlsplit

import pytest

from quilt_cfn.delivery.site.navigation import read_navigation
from tests.documents import GUIDE, ROOT, Page, guide, pages

OFFICIAL = {
    "aws.amazon.com",
    "calculator.aws",
    "console.aws.amazon.com",
    "docs.aws.amazon.com",
    "repost.aws",  # AWS's own knowledge center
}
"""AWS's own pages, which decide what AWS does."""

NAMED = {
    "cloudinit.readthedocs.io",
    "cyclonedx.org",
    "docs.astral.sh",
    "docs.docker.com",
    "nginx.org",
    "owasp.org",
    "slsa.dev",
    "theupdateframework.github.io",
    "www.freedesktop.org",
    "www.rfc-editor.org",
}
"""Standards, and the makers of what a stack or this repository uses, about what they make."""

REPOSITORIES = "github.com"
"""Sources, and what their maintainers say."""


def resolved(page: Page, target: str) -> tuple[str, str]:
    """The file and the anchor to which a relative link of a page leads."""
    parts = urlsplit(target)
    path = normpath(f"{page.folder}/{unquote(parts.path)}") if parts.path else page.name
    return path, unquote(parts.fragment)


def is_relative(target: str) -> bool:
    return not urlsplit(target).scheme and not target.startswith("//")


@pytest.mark.parametrize("name", pages())
def test_every_relative_link_leads_to_a_file_and_a_heading_and_every_picture_is_there(name):
    page = pages()[name]
    for link in page.links:
        if is_relative(link.target):
            path, anchor = resolved(page, link.target)
            assert (ROOT / path).exists(), f"{link.target}: there is no {path}"
            if anchor:
                assert path in pages(), f"{link.target}: only a page has headings"
                assert anchor in pages()[path].anchors, f"{link.target}: {path} has {sorted(pages()[path].anchors)}"
            if link.is_picture:
                assert Path(path).suffix in (".svg", ".png"), link.target


@pytest.mark.parametrize("name", [name for name in pages() if pages()[name].folder == GUIDE])
def test_no_relative_link_leads_out_of_the_guide_which_is_published_by_itself(name):
    page = pages()[name]
    for link in page.links:
        if is_relative(link.target):
            assert resolved(page, link.target)[0].startswith(f"{GUIDE}/"), link.target
            assert not link.target.startswith("/"), link.target


@pytest.mark.parametrize("name", pages())
def test_every_other_link_is_well_formed_and_leads_to_a_host_that_is_named_here(name):
    for link in pages()[name].links:
        if not is_relative(link.target):
            parts = urlsplit(link.target)
            assert parts.scheme == "https", link.target
            assert not parts.username, link.target
            assert parts.port is None, link.target
            assert re.fullmatch(r"[!-~]+", link.target), link.target
            assert parts.netloc in OFFICIAL | NAMED | {REPOSITORIES}, f"{link.target}: name the host here, if it is one"
            assert not link.is_picture, f"{link.target}: a page asks other hosts for nothing"
            if parts.netloc == REPOSITORIES:
                assert re.match(r"/[\w.-]+/[\w.-]+(/|$)", parts.path), link.target


def test_every_host_that_is_named_here_has_a_link():
    used = {urlsplit(link.target).netloc for page in pages().values() for link in page.links}
    assert used >= OFFICIAL | NAMED


def navigation() -> list[str]:
    """The pages in the order of the site."""
    return [name for section in read_navigation(ROOT / GUIDE) for _, name in section.pages]


def test_every_page_of_the_guide_is_in_the_navigation_once_and_nothing_else_is():
    found = navigation()
    assert len(found) == len(set(found))
    assert {f"{GUIDE}/{name}" for name in found} == guide().keys()


def test_every_page_of_the_guide_is_reached_from_its_first_one_by_links():
    waiting = [f"{GUIDE}/index.md"]
    reached = set()
    while waiting:
        name = waiting.pop()
        if name not in reached and name in guide():
            reached.add(name)
            page = guide()[name]
            waiting += [resolved(page, link.target)[0] for link in page.links if is_relative(link.target)]
    assert reached == guide().keys()


@pytest.mark.parametrize("name", guide())
def test_a_page_of_the_guide_has_one_title_and_begins_with_it(name):
    titles = guide()[name].titles
    assert len(titles) == 1
    assert guide()[name].text.startswith(f"# {titles[0]}\n\n")


def test_every_page_and_section_that_the_code_names_is_there():
    """Such as “docs/guide/recovery.md, “Launch””; a number before a section's title may be left out."""
    named = 0
    for file in sorted([*(ROOT / "quilt_cfn").rglob("*.py"), *(ROOT / "quilt_cfn").rglob("*.yaml")]):
        # A string may go on in the next line.
        text = re.sub(r'"\n\s*f?"', "", file.read_text(encoding="utf-8"))
        for name, sections in re.findall(r"\b(docs/[\w/-]+\.md)((?:(?:,| and) “[^”]+”)*)", text):
            assert name in pages(), f"{file}: there is no {name}"
            titles = [re.sub(r"^\d+\. ", "", title) for title in pages()[name].headings]
            for section in re.findall("“([^”]+)”", sections):
                assert any(title.startswith(section) for title in titles), f"{file}: {name} has no section {section}"
                named += 1
    assert named > 10


# The rule of anchors itself.


def test_an_anchor_is_made_as_github_makes_it():
    text = "# A `code` heading: what's new?\n\n## Same\n\n## Same\n\n## Same\n\n## 1. Before - you_go\n\n[a](b.md#c)\n"
    page = Page("docs/x.md", text)
    assert page.anchors == {"a-code-heading-whats-new", "same", "same-1", "same-2", "1-before---you_go"}
    assert resolved(page, "b.md#c") == ("docs/b.md", "c")
    assert resolved(page, "../README.md") == ("README.md", "")
    assert resolved(page, "#same") == ("docs/x.md", "same")


def test_links_in_html_and_links_in_code_are_told_apart():
    text = '<picture><source srcset="pictures/a.svg"><img src="pictures/b.svg" alt="x"></picture>\n\n`[no](none.md)`\n'
    assert [link.target for link in Page("x.md", text).links] == ["pictures/a.svg", "pictures/b.svg"]
