"""Pages in a real Chromium: what they log, which requests they make, and what axe-core says about them.

Chromium is Debian's, and no download of Playwright's; where there is none, the tests that want it are skipped.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
LOCAL = ("blob:", "data:")
"""What the browser has in its own memory: a request for it reaches nobody."""

OpenPage = Callable[..., "Page"]
"""What ``open_page`` gives: (URL or file, ``allowed``, ``content``, options of ``new_context``) -> the page, loaded."""


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """One Chromium for all tests of a process."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip("there is no Chromium: on Debian, apt-get install chromium")
    from playwright.sync_api import sync_playwright  # late: 0.2 s, which only these tests need

    # Chromium's sandbox refuses to run as root: https://chromium.googlesource.com/chromium/src/+/HEAD/docs/linux/sandboxing.md
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*OPTIONS, *sandbox])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser) -> Iterator[OpenPage]:
    """Opens pages, each in a context of its own, in which no other page has left anything.

    The test fails if a page logs an error or a warning, has an error that nothing catches, or requests anything but
    itself and what ``allowed``, a function of a URL, says. With ``content``, that is what the URL has, whoever's it is.
    """
    contexts: list[Any] = []
    recorded: list[list[str]] = []

    def open_it(
        url: str | Path,
        allowed: Callable[[str], bool] = lambda url: False,
        content: str | None = None,
        **options: Any,
    ) -> Page:
        context = chromium.new_context(**options)
        contexts.append(context)
        page: Page = context.new_page()
        address = url.resolve().as_uri() if isinstance(url, Path) else url
        recorded.append(record_faults(page, address, allowed))
        if content is not None:
            context.route("**/*", lambda route: route.fulfill(body=content, content_type="text/html"))
        page.goto(address)
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert [fault for faults in recorded for fault in faults] == []


def record_faults(page: Page, address: str, allowed: Callable[[str], bool] = lambda url: False) -> list[str]:
    """A list that grows by every error and warning that a page logs or does not catch, and by every request for
    something but its own address and what is ``allowed``.
    """
    faults: list[str] = []

    def look_at(request: Request) -> None:
        itself = request.url.partition("#")[0] == address.partition("#")[0]
        if not (itself or request.url.startswith(LOCAL) or allowed(request.url)):
            faults.append(f"requested {request.url}")

    page.context.on("request", look_at)
    page.on("console", lambda entry: faults.append(entry.text) if entry.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    return faults


@cache
def _axe() -> str:
    import axe_playwright_python  # type: ignore[import-untyped]  # it ships no types

    return (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


def axe_violations(page: Page) -> list[str]:
    """What axe-core finds wrong with a page as it is now: a line for each rule and element.

    All rules are run, also those that are only good practice: https://github.com/dequelabs/axe-core/blob/develop/doc/rule-descriptions.md
    """
    # By evaluation, as developer tools do: the page's own Content-Security-Policy does not concern it.
    if not page.evaluate("typeof axe !== 'undefined'"):
        page.evaluate(f"() => {{ {_axe()} }}")
    found = page.evaluate("async () => (await axe.run()).violations")
    return [f"{each['id']}: {each['help']}: {node['html'][:200]}" for each in found for node in each["nodes"]]


def overflow(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    pixels: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return pixels
