"""A finding: who says what about which place of which template."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Finding:
    """One statement of one engine; equal statements about several Regions are one finding."""

    template: str
    """The template's file."""
    line: int
    engine: str
    rule: str
    severity: str
    """``error`` or ``warning``."""
    resource: str
    """The logical ID of the resource, or an empty string."""
    message: str
    regions: tuple[str, ...] = ()
    """The Regions in which it holds; empty where the engine speaks of all Regions at once."""

    def __str__(self) -> str:
        where = f"{self.template}:{self.line}"
        what = f"{self.resource}: {self.message}" if self.resource else self.message
        regions = f" ({', '.join(self.regions)})" if self.regions else ""
        return f"{where}: {self.severity} {self.rule} [{self.engine}] {what}{regions}"
