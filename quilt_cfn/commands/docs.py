"""``quilt-cfn docs``: writes the pages that are generated from the rules and the templates.

A fact that stands in code is not written a second time by hand; a test holds the pages to what this module writes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilt_cfn.commands.arguments import TEMPLATES, add_command, print_lines
from quilt_cfn.commands.checkout import find_own_checkout
from quilt_cfn.editions import EDITIONS, MARKETPLACE, REGISTRY

if TYPE_CHECKING:
    from quilt_cfn.cloudformation.launch import Launch

_GUIDE = Path(__file__).parents[2] / "docs" / "guide"
"""The pages that people write, some of which have generated blocks."""
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
    """Write docs/rules.md, the pages and pictures of docs/guide/ that are made from the templates, the blocks in the
    other pages there, and marketplace/usage-instructions.txt, from what this checkout declares and its templates."""
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
    from quilt_cfn.cloudformation.describe.blocks import names, renewed
    from quilt_cfn.cloudformation.template.read import read_template
    from quilt_cfn.commands.diagram import pictures
    from quilt_cfn.commands.explanations import FAMILIES
    from quilt_cfn.delivery.marketplace.usage import usage_instructions

    editions = {name: read_template(templates / edition.file).data for name, edition in EDITIONS.items()}
    blocks = _blocks(editions)
    written = {f"docs/guide/{file.name}": file.read_text(encoding="utf-8") for file in sorted(_GUIDE.glob("*.md"))}
    return {
        **{name: renewed(text, blocks) for name, text in written.items() if names(text)},
        "docs/guide/accepted-findings.md": _accepted_findings(editions),
        "docs/guide/decisions.md": _decisions(editions),
        "docs/rules.md": rules.page(FAMILIES),
        "docs/guide/lifecycle.md": _lifecycle(editions),
        "docs/guide/monitoring.md": _monitoring(editions),
        "marketplace/usage-instructions.txt": f"{usage_instructions(editions[MARKETPLACE.name])}\n",
        **dict(pictures(templates)),
    }


def _blocks(editions: dict[str, dict[str, Any]]) -> dict[str, Callable[[], str]]:
    """The blocks of the guide's pages that are made from the templates: name -> what makes the Markdown of it."""
    from quilt_cfn.cloudformation.describe import cost, deployment_role, rules, tables, timeline
    from quilt_cfn.commands.explanations import FAMILIES

    launches = _with_every_option(editions)
    return {
        "parameters": lambda: tables.parameters(editions),
        "resources": lambda: tables.resources(launches),
        "bucket": lambda: tables.properties(editions, "Bucket"),
        "outputs": lambda: tables.outputs(launches),
        "ports": lambda: tables.ports(launches),
        "permissions": lambda: deployment_role.table(editions[REGISTRY.name], "quilt"),
        "policies": lambda: tables.policies(launches),
        "checks": lambda: rules.summary(FAMILIES),
        "cost": lambda: cost.table(_sizes(editions)),
        "timeline": lambda: timeline.table(_documented(editions)),
    }


def _with_every_option(editions: dict[str, dict[str, Any]]) -> dict[str, Launch]:
    """A launch of each edition in which every optional part is there."""
    from quilt_cfn.cloudformation.launch import evaluate, values_for
    from quilt_cfn.inputs.contract import read_contract

    every_option = read_contract().parameter_sets["options"]
    return {name: evaluate(template, values_for(template, every_option)) for name, template in editions.items()}


def _documented(editions: dict[str, dict[str, Any]]) -> dict[str, Launch]:
    """A launch of each edition with the values that have to be filled in, and no option."""
    from quilt_cfn.cloudformation.launch import evaluate, values_for
    from quilt_cfn.inputs.contract import read_contract

    values = read_contract().parameter_sets["documented"]
    return {name: evaluate(template, values_for(template, values)) for name, template in editions.items()}


def _sizes(editions: dict[str, dict[str, Any]]) -> dict[str, Launch]:
    """A launch of the edition that is documented in the sizes that it has: small and large."""
    from quilt_cfn.cloudformation.launch import evaluate, values_for
    from quilt_cfn.inputs.contract import read_contract

    template, sets = editions[REGISTRY.name], read_contract().parameter_sets
    sizes = {"small": sets["documented"], "large": sets["documented-large"]}
    return {size: evaluate(template, values_for(template, values)) for size, values in sizes.items()}


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

    return "\n".join(
        [
            "# What happens to a stack",
            "",
            "When a launch or an update fails, an instance ends, or somebody deletes the stack: what serves on, what",
            "remains, and what to do. Worked out from the templates by the analysis of `quilt-cfn check`, for a launch",
            "with every option, in the order of events that does most harm. Names such as `Database` are logical IDs,",
            "which the console lists under Resources. Made by `quilt-cfn docs`.",
            "",
            report(_with_every_option(editions)),
        ]
    )


def _monitoring(editions: dict[str, dict[str, Any]]) -> str:
    """What watches a stack, which is the same in all editions."""
    from quilt_cfn.cloudformation.describe.monitoring import page

    text = _MONITORING.read_text(encoding="utf-8")
    made = {page(text, launch) for launch in _with_every_option(editions).values()}
    (one,) = made
    return one
