"""The guide as one file and as a site: what its pages say, in a browser, without a request to anybody."""

from __future__ import annotations

import re
import sys
from html import unescape
from pathlib import Path

import pytest

from quilt_cfn.delivery.site.guide import Version, guide
from quilt_cfn.delivery.site.pages import read_pages, slug
from quilt_cfn.delivery.site.site import site, write_site
from quilt_cfn.errors import UserError
from tests.browser import axe_violations, overflow

SOURCE = Path(__file__).resolve().parents[3] / "docs" / "guide"
VERSION = Version("7.8.9", "2026-11-30", False, {"launch.html": "launches", "quilt-registry.yaml": "the template"})
COLOURS = ("backgroundColor", "color")
LOOKS = [
    {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    {"viewport": {"width": 360, "height": 740}, "color_scheme": "dark"},
]


@pytest.fixture(scope="module")
def pages():
    return read_pages(SOURCE)


@pytest.fixture(scope="module")
def single(pages, tmp_path_factory) -> Path:
    file = Path(tmp_path_factory.mktemp("guide")) / "guide.html"
    file.write_text(guide(pages, VERSION), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    made = Path(tmp_path_factory.mktemp("site"))
    list(write_site(SOURCE, made))
    return made


def test_every_link_in_the_one_file_leads_to_something_in_it_or_beside_it(single):
    html = single.read_text(encoding="utf-8")
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    for target in re.findall(r'\bhref="([^"]+)"', html):
        kind, _, anchor = target.partition("#")
        assert kind in ("", *VERSION.files) or kind.startswith(("https://", "data:")), target
        assert kind or anchor in ids, target


def test_the_one_file_says_which_version_it_is_of_and_what_lies_beside_it(single):
    html = single.read_text(encoding="utf-8")
    assert "7.8.9" in html
    assert "2026-11-30" in html
    for name in VERSION.files:
        assert f'href="{name}"' in html


def test_a_draft_says_that_it_is_one(pages):
    assert "draft" in guide(pages, VERSION._replace(draft=True)).partition("<h2")[0]


def test_every_link_of_the_site_leads_to_a_file_and_a_heading(folder):
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.html")}
    for name, html in texts.items():
        for target in re.findall(r'\bhref="([^"]+)"', html):
            if not target.startswith(("https://", "data:")):
                file, _, anchor = target.partition("#")
                assert (file or name) in texts, (name, target)
                assert not anchor or f'id="{anchor}"' in texts[file or name], (name, target)


def test_the_same_pages_make_the_same_bytes(pages):
    assert site(pages) == site(read_pages(SOURCE))


def test_no_page_names_a_server_that_a_browser_would_ask(pages):
    for html in (*site(pages).values(), guide(pages, VERSION)):
        assert not re.search(r'\b(src|srcset)="(?!data:)', html)
        assert "default-src 'none'" in unescape(html)
        assert " style=" not in re.sub(r"<svg.*?</svg>", "", html, flags=re.DOTALL)
        assert "<script" not in html


@pytest.mark.exhaustive
@pytest.mark.parametrize("look", LOOKS, ids=["desktop, light", "phone, dark"])
def test_the_one_file_in_a_browser(open_page, single, look):
    page = open_page(single, **look)
    assert overflow(page) == 0
    assert page.title()
    assert axe_violations(page) == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("look", LOOKS, ids=["desktop, light", "phone, dark"])
def test_every_page_of_the_site_in_a_browser(open_page, folder, look):
    for file in sorted(folder.glob("*.html")):
        page = open_page(file, **look)
        assert overflow(page) == 0, file.name
        assert axe_violations(page) == [], file.name
        page.close()


def test_a_picture_follows_light_and_dark(open_page, folder):
    shown = "document.querySelector('picture img').currentSrc"
    light, dark = (open_page(folder / "index.html", color_scheme=each).evaluate(shown) for each in ("light", "dark"))
    assert light != dark


@pytest.mark.parametrize("width", [360, 1280])
def test_what_is_printed_is_the_text_and_no_list_of_pages(open_page, single, folder, width):
    for file in (single, folder / "cost.html"):
        page = open_page(file, viewport={"width": width, "height": 900}, color_scheme="dark")
        page.emulate_media(media="print")
        assert page.locator("main h1").is_visible()
        for hidden in (".skip", ".beside", ".contents", ".turn"):
            for each in page.locator(hidden).all():
                assert not each.is_visible(), f"{hidden} in {file.name}"
        white, black = (page.evaluate(f"getComputedStyle(document.documentElement).{each}") for each in COLOURS)
        assert (white, black) == ("rgb(255, 255, 255)", "rgb(0, 0, 0)")


@pytest.mark.parametrize("package", ["jinja2", "markdown_it"])
def test_without_the_packages_of_the_extra_a_sentence_says_what_to_install(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=f"takes the package {package}, which is not installed") as error:
        read_pages(SOURCE)
    assert error.value.next_step == "Install it: pip install 'quilt-cfn[publish]'"


def test_figures_stand_at_the_right_without_a_style_in_the_html(pages):
    cost = site(pages)["cost.html"]
    assert re.search(r'<td class="right">[0-9.]+</td>', cost)
    assert re.search(r'<th scope="col" class="right">USD, small</th>', cost)


BROKEN = {
    "there is no such page": "# Cost\n\n[Gone](gone.md)\n",
    "has no such heading": "# Cost\n\n[There](start.md#nowhere)\n",
    "does not begin with a title": "Cost\n",
}


@pytest.mark.parametrize("why", BROKEN)
def test_a_guide_that_leads_nowhere_is_refused_with_the_page(tmp_path, why):
    (tmp_path / "navigation.yaml").write_text("- Start: start.md\n- Cost: cost.md\n")
    (tmp_path / "start.md").write_text("# Start\n\n## Now\n\n[Cost](cost.md), [now](#now)\n")
    (tmp_path / "cost.md").write_text(BROKEN[why])
    with pytest.raises(UserError, match=why) as error:
        read_pages(tmp_path)
    assert "cost.md" in error.value.what


@pytest.mark.parametrize(
    ("navigation", "why"),
    [
        ("- Start: start.md\n", "cost.md is not named"),
        ("- Start: start.md\n- Cost: cost.md\n- Again: cost.md\n", "cost.md is named twice"),
        ("- Start: start.md\n- Cost: cost.md\n- Gone: gone.md\n", "gone.md is not there"),
        ("start.md\n", "is not a list of titles and pages"),
    ],
)
def test_a_navigation_that_does_not_fit_the_pages_is_refused(tmp_path, navigation, why):
    (tmp_path / "navigation.yaml").write_text(navigation)
    for name in ("start", "cost"):
        (tmp_path / f"{name}.md").write_text(f"# {name}\n")
    with pytest.raises(UserError, match=why):
        read_pages(tmp_path)


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [("What goes wrong", "what-goes-wrong"), ("`S3` and KMS: a key", "s3-and-kms-a-key"), ("A_b", "a_b")],
)
def test_a_heading_is_called_as_github_calls_it(heading, anchor):
    assert slug(heading) == anchor


def test_a_second_run_writes_nothing(tmp_path):
    (first,), (second,) = ([*write_site(SOURCE, tmp_path)] for _ in range(2))
    assert "0 of them written" in second
    assert "0 of them written" not in first
