"""suppressions.yaml: which findings about the editions' templates are left, and why."""

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
    """The suppressions in a YAML file; raises ``UserError`` for one that doesn't say everything."""
    fields = read_fields(path, "file of suppressions")
    suppressions = tuple(
        map(_suppression, fields.parts("suppressions", "with engine, rule, resource, templates, reason"))
    )
    fields.nothing_left()
    return suppressions


def _suppression(fields: Fields) -> Suppression:
    return Suppression(
        engine=fields.text("engine", _NAME, "the engine that reports the finding, cfn-lint for instance"),
        rule=fields.text("rule", _NAME, "the id of the rule, W1011 for instance"),
        resource=fields.text("resource", _NAME, "the logical ID that the finding is about"),
        templates=fields.texts("templates", _FILE, "the name of a template's file, without its folder"),
        reason=fields.text("reason", _SENTENCE, "the reason why the finding is left"),
    )
