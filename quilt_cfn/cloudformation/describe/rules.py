"""The rules as text: one of them for a terminal, all of them as docs/rules.md."""

from __future__ import annotations

import re
from collections.abc import Iterable

from quilt_cfn.finding import Explanation, Family


def explained(rule: Explanation) -> str:
    """What a rule is about, for a terminal."""
    return f"{rule.id}: {rule.sentence}\n\n{rule.explanation}\n\n{rule.link}"


def page(families: Iterable[Family]) -> str:
    """docs/rules.md: every rule of every family."""
    lines = [
        "# The rules of quilt-cfn check",
        "",
        "Made by `quilt-cfn docs` from the rules themselves; `quilt-cfn check --explain ID` prints one.",
        "",
    ]
    for family in families:
        lines += [f"## {family.title}", ""]
        lines += [family.note, ""] if family.note else []
        for rule in family.explanations:
            text = re.sub("(?m)^(Why it is bad|Use instead):", r"**\1**:", rule.explanation)
            lines += [f"### {rule.id}", "", f"**{rule.sentence}**", "", text, "", f"<{rule.link}>", ""]
    return "\n".join(lines)


def summary(families: Iterable[Family]) -> str:
    """A table of the families: what each is about, and how many rules it has."""
    lines = ["| What is checked | Rules |", "|---|---|"]
    return "\n".join(
        lines
        + [f"| {family.title.partition(': ')[2] or family.title} | {len(family.explanations)} |" for family in families]
    )
