"""Reads accepted_findings.yaml: what security engines say about the editions' templates, and why it is left."""

from __future__ import annotations

import re
from pathlib import Path

from quilt_cfn.cloudformation.describe.accepted_findings import KINDS, AcceptedFinding, AcceptedFindings, Engine
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.fields import ANY, Fields, read_fields

ACCEPTED_FINDINGS_FILE = Path(__file__).parent / "accepted_findings.yaml"

_NAME = re.compile(r"[a-z-]+")
_LOGICAL_ID = re.compile(r"[A-Za-z0-9]+")
_FILE = re.compile(r"[A-Za-z0-9._-]+")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# A bar or a new line would end the cell of the page's table.
_SENTENCE = re.compile(r"[^|\n]+[.!]")
_RULES = re.compile(r"[^|`]+")
_URL = re.compile(r"https://\S+")


def read_accepted_findings(path: Path = ACCEPTED_FINDINGS_FILE) -> AcceptedFindings:
    """The findings in a YAML file; raises ``UserError`` for one that is incomplete or names an unknown engine."""
    fields = read_fields(path, "file of accepted findings")
    text = fields.string("text", "the text with which the page begins")
    date = fields.string("date", "the day on which the engines were last run, such as 2026-11-27", _DATE)
    engines = tuple(map(_engine, fields.entries("engines", "with name, title, version, about")))
    names = [engine.name for engine in engines]
    findings = tuple(
        _finding(entry, names) for entry in fields.entries("findings", "with finding, kind, resources, rules, reason")
    )
    fields.refuse_others()
    return AcceptedFindings(text, date, engines, findings)


def _engine(fields: Fields) -> Engine:
    return Engine(
        name=fields.string("name", "the name by which findings refer to it, such as cdk-nag", _NAME),
        title=fields.string("title", "what people call it", ANY),
        version=fields.string("version", "which version was run", ANY),
        about=fields.string("about", "sentences about what was run of it", _SENTENCE),
    )


def _finding(fields: Fields, engines: list[str]) -> AcceptedFinding:
    rules = fields.map("rules", "the IDs of the rules of an engine, with spaces between them", _RULES)
    for name in rules:
        if name not in engines:
            raise UserError(
                f"{fields.where} has {name!r} as an engine in {fields.prefix}rules.",
                f"It should be one of its engines: {', '.join(engines)}.",
            )
    return AcceptedFinding(
        finding=fields.string("finding", "a sentence about what the engines say", _SENTENCE),
        kind=fields.string("kind", " or ".join(KINDS), re.compile("|".join(KINDS))),
        resources=fields.strings("resources", "a logical ID", _LOGICAL_ID),
        rules={name: tuple(ids.split()) for name, ids in rules.items()},
        reason=fields.string("reason", "a sentence that says why it is left", _SENTENCE),
        source=fields.optional("source", "the address of a page of AWS", _URL),
        template=fields.optional("template", "the name of a template's file, without its folder", _FILE),
    )
