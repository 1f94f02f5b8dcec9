"""The page about what security engines find in templates, and why it is right to leave it.

The findings are declared, each once with its reason, under the IDs that the engines give it. The page has them by
engine, so that whoever ran one can go through its report from top to bottom, or search for an ID.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from quilt_cfn.cloudformation.template.coerce import map_at
from quilt_cfn.cloudformation.template.write import TemplateDict

KINDS = {
    "unseen": "what the rule asks for is there, and the engine can't see it",
    "choice": "it is yours, by a field of the form or by a switch beside the stack",
    "decision": "the stack does it otherwise, for the reason that stands beside it",
}
"""Why a finding is left: what it is called in the file, and what the page says."""


class Engine(NamedTuple):
    """A program with its rules, as somebody runs it."""

    name: str
    title: str
    version: str
    about: str
    """What was run of it, and what else a reader of its report has to know."""


class AcceptedFinding(NamedTuple):
    """One thing that engines say about some resources, and why it is left."""

    finding: str
    kind: str
    """One of ``KINDS``."""
    resources: tuple[str, ...]
    rules: Mapping[str, tuple[str, ...]]
    """Name of an engine -> the IDs of the rules by which it says so; each of them about each of the resources."""
    reason: str
    source: str | None
    """A page of AWS on which the reason rests."""
    template: str | None
    """File of the only template about which it is said; None for every one that has the resource."""


class AcceptedFindings(NamedTuple):
    """All of them, and of which engines and which day they are."""

    text: str
    """Markdown with which the page begins."""
    date: str
    engines: tuple[Engine, ...]
    findings: tuple[AcceptedFinding, ...]


def expected(
    accepted: Iterable[AcceptedFinding], templates: Mapping[str, TemplateDict], engine: str
) -> set[tuple[str, str, str]]:
    """(file of a template, rule, logical ID) of everything that an engine is declared to find."""
    return {
        (file, rule, resource)
        for each in accepted
        for file, template in templates.items()
        if each.template in (None, file)
        for resource in each.resources
        if resource in map_at(template, "Resources")
        for rule in each.rules.get(engine, ())
    }


def page(accepted: AcceptedFindings, templates: Mapping[str, TemplateDict]) -> str:
    """The page: the text, how much each engine finds, then a table for each; ``templates`` are by their files."""
    lines = [accepted.text.rstrip(), "", *_summary(accepted, templates), ""]
    for engine in accepted.engines:
        lines += [
            f"## {engine.title}",
            "",
            f"{engine.about} Version {engine.version}.",
            "",
            *_table(engine, accepted),
            "",
        ]
    return "\n".join(lines)


def _summary(accepted: AcceptedFindings, templates: Mapping[str, TemplateDict]) -> Iterator[str]:
    yield f"On {accepted.date}, on the templates of this version:"
    yield ""
    yield f"| Engine | Rules that find something | {' | '.join(f'`{file}`' for file in templates)} |"
    yield f"|---|---{'|---' * len(templates)}|"
    for engine in accepted.engines:
        found = expected(accepted.findings, templates, engine.name)
        counts = (f"{sum(each[0] == file for each in found)} findings" for file in templates)
        yield f"| {engine.title} | {len({rule for _, rule, _ in found})} | {' | '.join(counts)} |"
    yield ""
    yield f"There are {len(accepted.findings)} reasons to leave them, of three kinds:"
    yield ""
    for kind, meaning in KINDS.items():
        yield f"- **{kind}**, {sum(each.kind == kind for each in accepted.findings)} of them: {meaning}."


def _table(engine: Engine, accepted: AcceptedFindings) -> Iterator[str]:
    yield "| Rule | What it says | Of | Why it is left |"
    yield "|---|---|---|---|"
    for each in accepted.findings:
        if engine.name in each.rules:
            rules, resources = _names(each.rules[engine.name]), _names(each.resources)
            only = f", in `{each.template}` only" if each.template else ""
            source = f" ([AWS]({each.source}))" if each.source else ""
            yield f"| {rules} | {each.finding} | {resources}{only} | **{each.kind}**: {each.reason}{source} |"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
