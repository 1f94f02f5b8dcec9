"""Print docs/other-templates.md."""

from __future__ import annotations

from tests.other_templates import page

print(page(), end="")
