"""Generated blocks in pages that people write: what stands between two marks is made anew by ``quilt-cfn docs``.

A mark is a line of its own, which Markdown does not show::

    <!-- made by quilt-cfn docs: outputs -->
    ...
    <!-- end of outputs -->
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

_BLOCK = re.compile(
    r"(?ms)^(?P<begin><!-- made by quilt-cfn docs: (?P<name>[a-z-]+) -->)\n.*?^(?P<end><!-- end of (?P=name) -->)$"
)
_MARK = re.compile(r"(?m)^\s*<!-- (?:made by quilt-cfn docs: |end of )(?P<name>[a-z-]*)")


def renewed(text: str, blocks: Mapping[str, Callable[[], str]]) -> str:
    """A page with every block made anew: ``blocks`` has, by name, what makes the Markdown of each.

    Raises ``ValueError`` for a block that nothing makes, and for a mark without the other one.
    """

    def made(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in blocks:
            raise ValueError(f"nothing makes the block {name}")
        return f"{match['begin']}\n\n{blocks[name]().strip()}\n\n{match['end']}"

    alone = list(_marks(_BLOCK.sub("", text)))
    if alone:
        raise ValueError(f"the block {alone[0]} does not begin and end on lines of their own")
    return _BLOCK.sub(made, text)


def names(text: str) -> list[str]:
    """The names of the blocks of a page, in their order."""
    return [match["name"] for match in _BLOCK.finditer(text)]


def _marks(text: str) -> Iterator[str]:
    return (match["name"] for match in _MARK.finditer(text))
