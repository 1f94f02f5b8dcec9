"""A finding: who says what about which place of which template."""

from __future__ import annotations

from dataclasses import dataclass

FEW = 6
"""As many Regions are named in a line."""


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
        some = self.regions if len(self.regions) <= FEW else (*self.regions[: FEW - 1], "...")
        number = f"{len(self.regions)} Region{'' if len(self.regions) == 1 else 's'}"
        regions = f" (in {number}: {', '.join(some)})" if self.regions else ""
        return f"{where}: {self.severity} {self.rule} [{self.engine}] {what}{regions}"
