"""Reads suppressions.yaml: which findings about the editions' templates are suppressed, and why."""

from __future__ import annotations

import re
from pathlib import Path

from quilt_cfn.cloudformation.checks.suppressions import Suppression
from quilt_cfn.inputs.fields import Fields, read_fields

SUPPRESSIONS_FILE = Path(__file__).parent / "suppressions.yaml"

_NAME = re.compile(r"[A-Za-z0-9-]+")
_FILE = re.compile(r"[A-Za-z0-9._-]+")
_SENTENCE = re.compile(r"\S.*", re.DOTALL)


def read_suppressions(path: Path = SUPPRESSIONS_FILE) -> tuple[Suppression, ...]:
    """The suppressions in a YAML file; raises ``UserError`` for one that is incomplete."""
    fields = read_fields(path, "file of suppressions")
    suppressions = tuple(
        map(_suppression, fields.entries("suppressions", "with engine, rule, resource, templates, reason"))
    )
    fields.refuse_others()
    return suppressions


def _suppression(fields: Fields) -> Suppression:
    return Suppression(
        engine=fields.string("engine", "the engine that reports the finding, such as cfn-lint", _NAME),
        rule=fields.string("rule", "the id of the rule, such as W1011", _NAME),
        resource=fields.string("resource", "the logical ID that the finding is about", _NAME),
        templates=fields.strings("templates", "the name of a template's file, without its folder", _FILE),
        reason=fields.string("reason", "the reason why the finding is suppressed", _SENTENCE),
    )
