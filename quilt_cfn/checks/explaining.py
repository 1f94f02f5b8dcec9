"""The rules in words: one for ``--explain``, all of them for docs/rules.md."""

from __future__ import annotations

import difflib
import inspect

from quilt_cfn.checks.rules import FAMILIES, RULES
from quilt_cfn.errors import Trouble


def explain(id: str) -> str:
    """What a rule is about, for a terminal; raises ``Trouble`` if there is no such rule."""
    rule = RULES.get(id.upper())
    if rule is None:
        near = difflib.get_close_matches(id.upper(), RULES, 3)
        raise Trouble(
            f"There is no rule {id}.", f"Near it: {', '.join(near)}." if near else "docs/rules.md lists all rules."
        )
    return f"{rule.id}: {rule.sentence}\n\n{rule.explanation}\n\n{rule.link}"


def reference() -> str:
    """docs/rules.md: every rule of every family."""
    lines = [
        "# The rules of quilt-cfn check",
        "",
        "Made by `quilt-cfn docs` from the rules themselves; `quilt-cfn check --explain ID` prints one.",
        "",
    ]
    for letter, modules in FAMILIES.items():
        titles = [(inspect.getdoc(module) or "").split("\n")[0] for module in modules]
        lines += [f"## {letter}: {' '.join(titles)}", ""]
        for rule in RULES.values():
            if rule.id.startswith(letter):
                text = " ".join(rule.explanation.split())
                lines += [f"### {rule.id}", "", f"**{rule.sentence}** {text}", "", f"<{rule.link}>", ""]
    return "\n".join(lines)
