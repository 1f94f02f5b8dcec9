"""What the diagram knows about types of resources: what they are called, their icon, and how they are drawn."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from quilt_cfn.finding import counted

ICONS = Path(__file__).with_name("icons")
_TABLE = Path(__file__).with_name("kinds.csv")

AREAS = {
    "entry": "Entry and names",
    "balancer": "Load balancing",
    "compute": "Compute",
    "network": "Network",
    "storage": "Storage",
    "data": "Data",
    "workflow": "Messages and workflows",
    "identity": "Identity and secrets",
    "monitoring": "Logs and monitoring",
    "other": "Other",
}
"""Area -> the title of its group beside the network, in the order of the groups."""


class Kind(NamedTuple):
    """A type of resources."""

    label: str
    """What one is called, such as ``S3 bucket``; empty for what is outside."""
    icon: str
    """The name of its file in icons/, without the ending."""
    area: str
    drawn: str
    """``each`` for one card a resource, ``count`` for one card for all, ``no`` for what only configures others."""

    def of(self, count: int) -> str:
        """So many of them, for a sentence."""
        if count > 1 and self.label.endswith("y"):
            return f"{count} {self.label[:-1]}ies"
        return counted(count, self.label)


@lru_cache(maxsize=1)
def _kinds() -> dict[str, Kind]:
    with _TABLE.open(encoding="utf-8", newline="") as file:
        return {row.pop("type"): Kind(**row) for row in csv.DictReader(file)}


def kind_of(type_: str) -> Kind:
    """The kind of a type of resources; of a type that isn't known, what its service or a gear shows."""
    kinds = _kinds()
    service = type_.split("::")[:2]
    known = kinds.get(type_) or kinds.get("::".join(service)) or kinds.get(service[0])
    if known and type_ not in kinds and known.drawn != "no" and service[0] == "AWS":
        return known._replace(label=f"{service[-1]} {_spaced(type_)}")
    label = f"{service[-1]} {_spaced(type_)}" if service[0] == "AWS" else type_ or "resource"
    return known or kinds["anything"]._replace(label=label)


def _spaced(type_: str) -> str:
    """The last part of a type, as words: ``VPCEndpoint`` becomes ``vpc endpoint``."""
    import re  # late: only for types that the table lacks

    return " ".join(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", type_.rpartition("::")[2])).lower()


@lru_cache(maxsize=128)
def icon(name: str) -> tuple[float, str]:
    """(side of its square, its elements) of an icon."""
    text = (ICONS / f"{name}.svg").read_text(encoding="utf-8")
    head, _, body = text.partition(">")
    side = float(head.partition('viewBox="')[2].partition('"')[0].split()[2])
    body = body.rpartition("</svg>")[0]
    before, found, after = body.partition("<title>")
    return side, before + after.partition("</title>")[2] if found else body
