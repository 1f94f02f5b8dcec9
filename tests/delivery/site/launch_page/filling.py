"""Fills in the form of the launch page, and reads what comes out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tests.launches import DOCUMENTED

if TYPE_CHECKING:
    from playwright.sync_api import Page

PUBLISHED = "https://quilt-releases.s3.eu-west-1.amazonaws.com/quilt-registry/1.1.0/launch.html"
FOLDER = PUBLISHED.removesuffix("launch.html")
SECRETS = ("DBPassword", "SmtpPassword")
REGION = "eu-west-1"
EXAMPLE = {
    name: value.replace("us-east-1", REGION)
    for name, value in DOCUMENTED.items()
    if not name.endswith("*") and name not in SECRETS
}
"""The documentation's example without its secrets: it completes the form."""


def fill_in(page: Page, values: Mapping[str, str] = EXAMPLE) -> None:
    """Give fields values, as if each had been typed and left."""
    page.evaluate(
        """values => {
            for (const [name, value] of Object.entries(values)) {
                document.getElementById(name).value = value;
                touched.add(name);
            }
            document.getElementById("form").dispatchEvent(new Event("input", {bubbles: true}));
        }""",
        dict(values),
    )


def choose_edition(page: Page, edition: str) -> None:
    page.locator(f"label[for=edition-{edition}]").click()


def title(page: Page) -> str:
    """What the summary says of the form."""
    return page.locator("#summary-title").inner_text()


def file_of(page: Page) -> dict[str, str]:
    """The values of the file of parameters that the page offers."""
    text = page.locator("#file").text_content() or ""
    return {entry["ParameterKey"]: entry["ParameterValue"] for entry in json.loads(text)}
