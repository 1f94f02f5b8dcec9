"""The picture of a launch for the page, which shows it as the reader's choices have it.

What changes the picture's shape is drawn in advance, each combination of it. What changes texts alone is drawn with
examples, which the page's script replaces.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.describe.diagram import THEMES, picture
from quilt_cfn.cloudformation.launch import Contract, evaluate, values_for

SHAPING = {
    "HostedZoneId": "Z0123456789ABCDEFGHIJ",
    "AlarmEmail": "operations@example.com",
    "ExistingBucket": "earlier-packages",
}
"""Optional parameter that changes the picture's shape where it is filled in -> a value."""
TEXTS = ("InstanceType", "DBInstanceType", "VpcCidr", "SshInputCIDR")
"""Parameters whose values are texts in the picture."""
REGION = "us-east-1"
"""The Region of the examples."""


class Pictures(NamedTuple):
    """The pictures of every edition; they have most of their lines in common, and each line is here once."""

    lines: list[str]
    editions: dict[str, dict[str, Any]]
    """Edition -> ``examples`` (parameter, or AWS::Region -> the text to replace) and ``drawn`` (theme -> key -> indices
    of lines). A key has a 1 for each parameter of ``SHAPING`` that is filled in, and a 0 for the others."""


def pictures(templates: Mapping[str, Mapping[str, Any]], contracts: Mapping[str, Contract]) -> Pictures:
    """Name of an edition -> its template, and its contract, whose parameter set ``documented`` has the examples."""
    lines: dict[str, int] = {}
    editions = {}
    for name, template in templates.items():
        contract = contracts[name]
        drawn: dict[str, dict[str, list[int]]] = {theme: {} for theme in THEMES}
        for theme, key, svg in _drawn(template, contract):
            drawn[theme][key] = [lines.setdefault(line, len(lines)) for line in svg.split("\n")]
        values = _values(template, contract, {})
        examples = {each: str(values.get(each, template["Parameters"][each].get("Default"))) for each in TEXTS}
        editions[name] = {"examples": {**examples, "AWS::Region": REGION}, "drawn": drawn}
    return Pictures([*lines], editions)


def _drawn(template: Mapping[str, Any], contract: Contract) -> Iterator[tuple[str, str, str]]:
    """(theme, key, SVG) of every combination."""
    for filled in product((False, True), repeat=len(SHAPING)):
        more = {name: value for (name, value), each in zip(SHAPING.items(), filled, strict=True) if each}
        launch = evaluate(template, _values(template, contract, more), REGION, allow_missing=True)
        key = "".join("01"[each] for each in filled)
        for theme in THEMES:
            yield theme, key, picture(launch, contract, theme).svg("picture-")


def _values(template: Mapping[str, Any], contract: Contract, more: Mapping[str, str]) -> dict[str, Any]:
    return values_for(template, {**contract.parameter_sets.get("documented", {}), **more})
