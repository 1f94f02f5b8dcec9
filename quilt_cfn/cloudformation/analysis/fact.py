"""What an analysis states about a template: one thing at one place, without saying whether it is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from quilt_cfn.cloudformation.template.walk import Path


class Fact(NamedTuple):
    """One statement about one resource."""

    resource: str
    """Its logical ID."""
    cause: str
    """An identifier of what brings it about, such as ``final-snapshot``; the same for every resource."""
    sentence: str
    """The statement, with the names of the resources in it and a full stop."""
    attribute: Path = ()
    """The place in the resource that brings it about."""

    @property
    def path(self) -> Path:
        """The place in the template that brings it about."""
        return ("Resources", self.resource, *self.attribute)


def enumerated(names: Iterable[str]) -> str:
    """At least one name as a part of a sentence: ``A``, ``A and B``, ``A, B and C``."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
