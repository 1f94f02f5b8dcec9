"""The launch page of this checkout's editions, opened where it is published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

from quilt_cfn.delivery.site.launch_page.page import launch_page
from quilt_cfn.inputs.contract import read_contract
from tests.browser import OpenPage, record_faults
from tests.delivery.site.launch_page.filling import PUBLISHED

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def launch_html(release, templates) -> str:
    return launch_page(release, templates, read_contract())


@pytest.fixture(scope="session")
def functions(chromium: Browser, launch_html: str) -> Iterator[Page]:
    """A page for tests that only call functions of its scripts, which change nothing in it: opened once."""
    with chromium.new_context() as context:
        context.route("**/*", lambda route: route.fulfill(body=launch_html, content_type="text/html"))
        page = context.new_page()
        page.goto(PUBLISHED)
        yield page


@pytest.fixture(scope="session")
def page_and_faults(chromium: Browser, launch_html: str) -> Iterator[tuple[Page, list[str]]]:
    """A page that is opened once, and what it has complained of or requested since."""
    with chromium.new_context() as context:
        context.route("**/*", lambda route: route.fulfill(body=launch_html, content_type="text/html"))
        page = context.new_page()
        faults = record_faults(page, PUBLISHED)
        page.goto(PUBLISHED)
        assert faults == []
        yield page, faults


@pytest.fixture
def page(page_and_faults: tuple[Page, list[str]]) -> Iterator[Page]:
    """A page as it is when it was just opened; the test fails if it complains of something or makes a request."""
    page, faults = page_and_faults
    faults.clear()
    page.evaluate(
        """() => {
            byId("form").reset();
            touched.clear();
            for (const each of all("details")) each.open = false;
            document.activeElement.blur();
            byId("region").value = here.region;
            byId("load-result").textContent = "";
            update();
        }"""
    )
    yield page
    assert faults == []


@pytest.fixture
def open_launch_page(open_page: OpenPage, launch_html: str) -> Callable[..., Page]:
    """Opens the page, at ``PUBLISHED`` unless another URL is given; it takes the options of a browser's context."""
    return partial(_open, open_page, launch_html)


def _open(open_page: OpenPage, html: str, url: str = PUBLISHED, **options: object) -> Page:
    return open_page(url, content=html, **options)
