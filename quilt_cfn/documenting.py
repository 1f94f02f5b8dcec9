"""What ``quilt-cfn docs`` does: the pages that are made from the rules and the templates.

The rule: a fact that stands in code is not written down a second time by hand; a test holds the pages to this module.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from quilt_cfn.checks.contract import read_contract
from quilt_cfn.checks.explaining import reference
from quilt_cfn.checks.linting import template_files
from quilt_cfn.checks.models.lifecycle.page import report
from quilt_cfn.evaluation import evaluate
from quilt_cfn.evaluation.reading import read_template
from quilt_cfn.files import write_atomically
from quilt_cfn.marketplace import usage

LISTED = "quilt-registry-marketplace.yaml"
"""The template that the AWS Marketplace listing carries."""


def write_pages(templates: Path, root: Path) -> Iterator[str]:
    """Write every page that changed below ``root``; yields a line for each. Raises ``Trouble``."""
    for name, text in pages(templates).items():
        changed = write_atomically(root / name, text.encode())
        yield f"{root / name}: {'written' if changed else 'unchanged'}"


def pages(templates: Path) -> dict[str, str]:
    """Path of a page -> its text, from the templates in a folder."""
    return {
        "docs/rules.md": reference(),
        "docs/lifecycle.md": lifecycle(templates),
        "marketplace/usage-instructions.txt": usage.page(read_template(templates / LISTED).data),
    }


def lifecycle(templates: Path) -> str:
    """What stays behind when a launch fails and when a stack is deleted, edition by edition."""
    lines = [
        "# What stays behind",
        "",
        "What a first launch that fails, and the deletion of a stack, leave in the account, worked out from the",
        "templates by the same model that `quilt-cfn check` uses. It is for a launch with every option; what an option",
        "adds isn't there without it. Made by `quilt-cfn docs`.",
        "",
    ]
    for file in template_files([], templates):
        rendering = evaluate(read_template(file).data, read_contract().forms["options"])
        lines += [f"## {file.name}", "", report(rendering).strip(), ""]
    return "\n".join(lines)
