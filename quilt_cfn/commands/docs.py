"""``quilt-cfn docs``: writes the pages that are generated from the rules and the templates.

A fact that stands in code is not written a second time by hand; a test holds the pages to what this module writes.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quilt_cfn.commands.arguments import TEMPLATES, add_command, print_lines
from quilt_cfn.commands.checkout import find_own_checkout
from quilt_cfn.editions import EDITIONS, MARKETPLACE

_DECISIONS = Path(__file__).parents[1] / "stack" / "decisions.md"
"""What was decided and is no property of a resource, with references to the templates' values."""
_MONITORING = _DECISIONS.with_name("monitoring.md")
"""What watches a stack, with places for what the templates say of it."""


def add_to(commands: Any) -> None:
    parser = add_command(
        commands,
        "docs",
        run,
        help="write the generated pages of docs/ and marketplace/",
        epilog="Examples: quilt-cfn docs; quilt-cfn docs --site site/",
    )
    parser.add_argument(
        "--site", metavar="FOLDER", type=Path, help="write the guide as HTML into this folder as well, for a browser"
    )


def run(options: argparse.Namespace) -> int:
    """Write docs/guide/accepted-findings.md, docs/guide/decisions.md, docs/guide/lifecycle.md, docs/guide/monitoring.md, docs/rules.md and
    marketplace/usage-instructions.txt from what this checkout declares and from its templates."""
    root = find_own_checkout()
    return print_lines(_write(root, options.site))


def _write(root: Path, site: Path | None) -> Iterator[str]:
    yield from write_pages(root / TEMPLATES, root)
    if site:
        from quilt_cfn.delivery.site.navigation import GUIDE
        from quilt_cfn.delivery.site.site import write_site

        yield from write_site(root / GUIDE, site)


def write_pages(templates: Path, root: Path) -> Iterator[str]:
    """Write every page that changed below ``root``; yields a line for each. Raises ``UserError``."""
    from quilt_cfn.files import write_atomically

    for name, text in pages(templates).items():
        changed = write_atomically(root / name, text.encode())
        yield f"{root / name}: {'written' if changed else 'unchanged'}"


def pages(templates: Path) -> dict[str, str]:
    """Path of a page -> its text, from the templates in a folder."""
    from quilt_cfn.cloudformation.describe import rules
    from quilt_cfn.cloudformation.template.read import read_template
    from quilt_cfn.commands.diagram import pictures
    from quilt_cfn.commands.explanations import FAMILIES
    from quilt_cfn.delivery.marketplace.usage import usage_instructions

    editions = {name: read_template(templates / edition.file).data for name, edition in EDITIONS.items()}
    return {
        "docs/guide/accepted-findings.md": _accepted_findings(editions),
        "docs/guide/decisions.md": _decisions(editions),
        "docs/rules.md": rules.page(FAMILIES),
        "docs/guide/lifecycle.md": _lifecycle(editions),
        "docs/guide/monitoring.md": _monitoring(editions),
        "marketplace/usage-instructions.txt": f"{usage_instructions(editions[MARKETPLACE.name])}\n",
        **dict(pictures(templates)),
    }


def _accepted_findings(editions: dict[str, dict[str, Any]]) -> str:
    """What security engines say about the templates, and why it is left."""
    from quilt_cfn.cloudformation.describe.accepted_findings import page
    from quilt_cfn.inputs.accepted_findings import read_accepted_findings

    return page(read_accepted_findings(), {EDITIONS[name].file: template for name, template in editions.items()})


def _decisions(editions: dict[str, dict[str, Any]]) -> str:
    """What was decided for ten years: the text beside the stack, and what its modules declare."""
    from quilt_cfn.cloudformation.describe.decisions import page
    from quilt_cfn.inputs.release import read_release
    from quilt_cfn.stack.immutable import immutable_properties

    text = _DECISIONS.read_text(encoding="utf-8")
    return page(text, editions, immutable_properties(read_release()))


def _lifecycle(editions: dict[str, dict[str, Any]]) -> str:
    """What happens to a stack when something fails or is deleted: what is common to the editions, and what differs."""
    from quilt_cfn.cloudformation.describe.lifecycle import report
    from quilt_cfn.cloudformation.launch import evaluate, values_for
    from quilt_cfn.inputs.contract import read_contract

    every_option = read_contract().parameter_sets["options"]
    launches = {name: evaluate(template, values_for(template, every_option)) for name, template in editions.items()}
    return "\n".join(
        [
            "# What happens to a stack",
            "",
            "When a launch or an update fails, an instance ends, or somebody deletes the stack: what serves on, what",
            "remains, and what to do. Worked out from the templates by the analysis of `quilt-cfn check`, for a launch",
            "with every option, in the order of events that does most harm. Names such as `Database` are logical IDs,",
            "which the console lists under Resources. Made by `quilt-cfn docs`.",
            "",
            report(launches),
        ]
    )


def _monitoring(editions: dict[str, dict[str, Any]]) -> str:
    """What watches a stack, which is the same in all editions."""
    from quilt_cfn.cloudformation.describe.monitoring import page
    from quilt_cfn.cloudformation.launch import evaluate, values_for
    from quilt_cfn.inputs.contract import read_contract

    every_option = read_contract().parameter_sets["options"]
    text = _MONITORING.read_text(encoding="utf-8")
    made = {page(text, evaluate(template, values_for(template, every_option))) for template in editions.values()}
    (one,) = made
    return one
