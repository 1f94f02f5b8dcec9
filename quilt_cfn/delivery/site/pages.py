"""Reads the guide's pages and makes HTML of them, as GitHub shows them: CommonMark with tables.

Everything is strict: a link or a picture that leads nowhere is an error. Where links lead in the end, and how headings
are called there, decides who renders: ``guide`` makes one file of all pages, and ``site`` a file of each.
"""

from __future__ import annotations

import base64
import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from posixpath import normpath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from quilt_cfn.delivery.site.navigation import Section, read_navigation
from quilt_cfn.errors import UserError

if TYPE_CHECKING:
    from markdown_it.token import Token

PICTURES = {".svg": "image/svg+xml", ".png": "image/png"}
"""The end of a picture's name -> its media type."""


class Heading(NamedTuple):
    """A heading of a page."""

    level: int
    """From 1, the page's title, to 6."""
    text: str
    anchor: str


class Page(NamedTuple):
    """A page of the guide, read and not yet rendered."""

    name: str
    """The file, such as ``cost.md``."""
    title: str
    """What the navigation calls the page."""
    tokens: Sequence[Token]
    headings: tuple[Heading, ...]

    @property
    def stem(self) -> str:
        return Path(self.name).stem


class Pages(NamedTuple):
    """The whole guide, of which every relative link was found to lead somewhere."""

    sections: tuple[Section, ...]
    pages: Mapping[str, Page]
    """File -> page, in the order of the navigation."""
    pictures: Mapping[str, bytes]
    """Path below the guide's folder -> content of each picture that a page shows."""


class Target(NamedTuple):
    """Where a relative link leads."""

    page: str
    """The file."""
    anchor: str
    """Empty for the top of the page."""


def read_pages(folder: Path) -> Pages:
    """The guide in a folder; raises ``UserError``, with a line for each link or picture that leads nowhere.

    Each page begins with a title.
    """
    _require_packages()
    sections = read_navigation(folder)
    pages = {name: _read(folder, name, title) for section in sections for title, name in section.pages}
    pictures: dict[str, bytes] = {}
    broken: list[str] = []
    for page in pages.values():
        if [each.level for each in page.headings[:1]] != [1]:
            broken.append(f"{page.name} does not begin with a title")
        for target, is_picture in _links(page.tokens):
            if _is_elsewhere(target):
                if is_picture:
                    broken.append(f"{page.name} shows {target}, which is not a file of the guide")
            elif is_picture:
                path = folder / target
                if path.suffix not in PICTURES or normpath(target).startswith(("..", "/")) or not path.is_file():
                    broken.append(f"{page.name} shows {target}, and there is no such picture")
                else:
                    pictures[normpath(target)] = path.read_bytes()
            else:
                wanted = _target(page.name, target)
                if wanted.page not in pages:
                    broken.append(f"{page.name} links to {target}, and there is no such page")
                elif wanted.anchor and wanted.anchor not in {each.anchor for each in pages[wanted.page].headings}:
                    broken.append(f"{page.name} links to {target}, and {wanted.page} has no such heading")
    if broken:
        lines = "".join(f"\n  {line}" for line in dict.fromkeys(broken))
        raise UserError(f"The guide in {folder} is broken:{lines}", "Correct the pages and run the command again.")
    return Pages(sections, pages, dict(sorted(pictures.items())))


def render(
    page: Page, pages: Pages, link: Callable[[Target], str], anchor: Callable[[str], str], deeper: int = 0
) -> str:
    """The HTML of a page: ``link`` makes an address, and ``anchor`` the id of a heading; headings are ``deeper`` by so
    many levels.

    Pictures are in the HTML itself, and comments are left out. A link that is called like the file of a page is called
    as the navigation calls it. A table lies in a box of its own, which scrolls where the page is narrow.
    """
    from markdown_it import MarkdownIt  # late, as in _read

    def address(target: str) -> str:
        return target if _is_elsewhere(target) else link(_target(page.name, target))

    def picture(path: str) -> str:
        return _data_uri(path, pages.pictures[path])

    headings = iter(page.headings)
    tokens = [_copy(token) for token in page.tokens]
    for token in _all(tokens):
        if token.type == "link_open":
            target = str(token.attrs["href"])
            token.attrs["href"] = address(target)
            if _is_elsewhere(target):
                token.attrs["rel"] = "noreferrer"
        elif token.type == "image":
            token.attrs["src"] = picture(normpath(str(token.attrs["src"])))
        elif token.type in ("html_block", "html_inline"):
            token.content = _rewritten(token.content, address, picture)
        elif token.type in ("th_open", "td_open") and token.attrs.pop("style", None) == "text-align:right":
            token.attrs["class"] = "right"  # the pages' policy allows no styles in the HTML
        elif token.type == "heading_open":
            heading = next(headings)
            token.attrs["id"] = anchor(heading.anchor)
            token.tag = f"h{min(heading.level + deeper, 6)}"
        elif token.type == "heading_close":
            token.tag = f"h{min(int(token.tag[1]) + deeper, 6)}"
        for before, inside in itertools.pairwise(token.children or ()):
            if (before.type, inside.type) == ("link_open", "text") and inside.content in pages.pages:
                inside.content = pages.pages[inside.content].title
    markdown = MarkdownIt("commonmark").enable("table")
    html = str(markdown.renderer.render(tokens, markdown.options, {}))
    # A box that scrolls has to be reached by keyboard: https://www.w3.org/WAI/WCAG22/Understanding/keyboard.html
    html = html.replace("<table>", '<div class="table" role="group" aria-label="Table" tabindex="0">\n<table>')
    html = re.sub("<th(?=[ >])", '<th scope="col"', html.replace("</table>", "</table>\n</div>"))
    # Where nothing stands over the first column, its cells are what the rows are called.
    return html.replace('<th scope="col"></th>', "<td></td>")


def _data_uri(name: str, content: bytes) -> str:
    """A picture as an address that needs no request: https://www.rfc-editor.org/rfc/rfc2397"""
    return f"data:{PICTURES[Path(name).suffix]};base64,{base64.b64encode(content).decode()}"


def slug(text: str) -> str:
    """What GitHub calls a heading: letters in lower case, spaces as hyphens, no other punctuation but underscores.

    https://docs.github.com/en/get-started/writing-on-github/getting-started-with-writing-and-formatting-on-github/basic-writing-and-formatting-syntax#section-links
    """
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def _require_packages() -> None:
    try:  # late: they are in an optional extra, and may be missing
        import jinja2  # noqa: F401
        import markdown_it  # noqa: F401
    except ImportError as error:
        raise UserError(
            f"The guide takes the package {error.name}, which is not installed.",
            "Install it: pip install 'quilt-cfn[publish]'",
        ) from None


def _read(folder: Path, name: str, title: str) -> Page:
    from markdown_it import MarkdownIt  # late: only the guide needs it

    try:
        text = (folder / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{folder / name} could not be read: {error}.", "Make it a text file in UTF-8.") from None
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return Page(name, title, tokens, tuple(_headings(tokens)))


def _headings(tokens: Sequence[Token]) -> Iterator[Heading]:
    found: Counter[str] = Counter()
    for before, token in itertools.pairwise(tokens):
        if before.type == "heading_open":
            text = "".join(each.content for each in token.children or [])
            anchor = slug(text)
            yield Heading(int(before.tag[1]), text, f"{anchor}-{found[anchor]}" if found[anchor] else anchor)
            found[anchor] += 1


def _links(tokens: Sequence[Token]) -> Iterator[tuple[str, bool]]:
    """Where each link and each picture leads, and whether it is a picture."""
    for token in _all(tokens):
        if token.type == "link_open":
            yield str(token.attrs["href"]), False
        elif token.type == "image":
            yield str(token.attrs["src"]), True
        elif token.type in ("html_block", "html_inline"):
            reader = _Html()
            reader.feed(token.content)
            yield from reader.links


def _target(page: str, target: str) -> Target:
    parts = urlsplit(target)
    return Target(normpath(unquote(parts.path)) if parts.path else page, unquote(parts.fragment))


def _is_elsewhere(target: str) -> bool:
    return bool(urlsplit(target).scheme) or target.startswith("//")


def _all(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _all(token.children or [])


def _copy(token: Token) -> Token:
    """A copy of a token and of what is in it; ``Token.copy`` shares that."""
    return token.copy(attrs=dict(token.attrs), children=[_copy(each) for each in token.children or []] or None)


def _rewritten(html: str, link: Callable[[str], str], picture: Callable[[str], str]) -> str:
    """HTML between Markdown without its comments, and with other addresses of links and pictures."""
    reader = _Html(link, picture)
    reader.feed(html)
    reader.close()
    return "".join(reader.written)


def _same(address: str) -> str:
    return address


class _Html(HTMLParser):
    """Reads HTML between Markdown, and writes it again."""

    def __init__(self, link: Callable[[str], str] = _same, picture: Callable[[str], str] = _same) -> None:
        super().__init__(convert_charrefs=False)
        self.links: list[tuple[str, bool]] = []
        self.written: list[str] = []
        self._link, self._picture = link, picture

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = []
        for name, value in attrs:
            if value and name in ("src", "srcset", "href"):
                self.links.append((value, name != "href"))
                value = self._link(value) if name == "href" else self._picture(normpath(value))
            given.append(f' {name}="{escape(value)}"' if value is not None else f" {name}")
        self.written.append(f"<{tag}{''.join(given)}>")

    def handle_endtag(self, tag: str) -> None:
        self.written.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.written.append(data)

    def handle_entityref(self, name: str) -> None:
        self.written.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.written.append(f"&#{name};")
