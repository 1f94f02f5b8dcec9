"""The launch page of this checkout's editions, opened where it is published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

import pytest

from quilt_cfn.delivery.site.launch_page.page import launch_page
from quilt_cfn.inputs.contract import read_contract
from tests.browser import OpenPage
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


@pytest.fixture
def open_launch_page(open_page: OpenPage, launch_html: str) -> Callable[..., Page]:
    """Opens the page, at ``PUBLISHED`` unless another URL is given; it takes the options of a browser's context."""
    return partial(_open, open_page, launch_html)


def _open(open_page: OpenPage, html: str, url: str = PUBLISHED, **options: object) -> Page:
    return open_page(url, content=html, **options)


@pytest.fixture
def page(open_launch_page: Callable[..., Page]) -> Page:
    return open_launch_page()
