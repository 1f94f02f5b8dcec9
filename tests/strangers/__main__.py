"""Print docs/strangers.md."""

from __future__ import annotations

from tests.strangers import page

print(page(), end="")
