"""Makes the site: an HTML file for each page of the guide, and guide.html with all of them, to search and to print.

A browser shows the files without a server. They ask no host for anything, and have no script.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from quilt_cfn.delivery.product import GUIDE
from quilt_cfn.delivery.site.frame import fill
from quilt_cfn.delivery.site.guide import guide
from quilt_cfn.delivery.site.pages import Page, Pages, Target, read_pages, render
from quilt_cfn.errors import UserError
from quilt_cfn.files import write_atomically


def site(pages: Pages) -> dict[str, str]:
    """File -> HTML of the whole site."""
    order = list(pages.pages.values())
    around = zip([None, *order], order, [*order[1:], None], strict=False)
    made = {_address(page.name): _page(page, before, after, pages) for before, page, after in around}
    return {**made, GUIDE: guide(pages)}


def write_site(source: Path, folder: Path) -> Iterator[str]:
    """Write the site of the guide in one folder into another; yields a line that says so.

    Raises ``UserError`` if a link leads nowhere, or a file can't be written. No other file of the folder is touched.
    """
    files = site(read_pages(source))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder} could not be made: {error.strerror}.", "Name a folder that you may write.") from None
    written = sum(write_atomically(folder / name, html.encode()) for name, html in files.items())
    yield f"{folder / 'index.html'}: the site, {len(files)} pages, {written} of them written"


def _page(page: Page, before: Page | None, after: Page | None, pages: Pages) -> str:
    def link(target: Target) -> str:
        address = "" if target.page == page.name and target.anchor else _address(target.page)
        return f"{address}#{target.anchor}" if target.anchor else address

    return fill(
        "site.html",
        title=page.title,
        text=render(page, pages, link, lambda anchor: anchor),
        sections=pages.sections,
        address=_address,
        current=page.name,
        headings=[heading for heading in page.headings if heading.level == 2],
        before=before,
        after=after,
    )


def _address(name: str) -> str:
    return Path(name).with_suffix(".html").name
