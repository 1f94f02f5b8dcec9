"""Which property of a resource must never change, declared where the resource is made.

CloudFormation replaces a resource when such a property changes, or refuses the update, and the customer loses data, an
address, or the way to update the stack. A template can't say so itself. These values can: a page lists them, and a
comparison of two versions of a template can hold the later one to them.
"""

from __future__ import annotations

from typing import NamedTuple


class ImmutableProperty(NamedTuple):
    """A property that keeps its value, or stays absent, in every later version of a template."""

    resource: str
    """The logical ID."""
    property: str
    """The name at the top level of the resource's properties."""
    why: str
    """What a change would do and why the value is right: sentences in Markdown, for a page."""
    sources: tuple[str, ...] = ()
    """https URLs that prove it: source code at a commit, documentation, public issues."""
