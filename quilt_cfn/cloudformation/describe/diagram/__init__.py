"""The architecture of a launch as a picture, of any template.

    graph ──▶ layout ──▶ lanes ──▶ svg ──▶ png      what is drawn, where it stands, how edges run, and the drawing
       kinds, icons/     text, font/     themes     what types look like, how wide texts are, and the colours

The same launch gives the same bytes on every machine: nothing is measured but the font that the package carries.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from quilt_cfn.cloudformation.describe.diagram.graph import graph_of
from quilt_cfn.cloudformation.describe.diagram.png import png
from quilt_cfn.cloudformation.describe.diagram.svg import Scene, scene, svg
from quilt_cfn.cloudformation.describe.diagram.themes import THEMES
from quilt_cfn.cloudformation.launch import Contract, Launch

__all__ = ["THEMES", "Picture", "picture"]


class Picture(NamedTuple):
    """A diagram in one theme."""

    drawing: Scene
    theme: str

    def svg(self, prefix: str = "") -> str:
        """Standalone SVG; ids begin with the prefix, by default with ``diagram-`` and the theme."""
        return svg(self.drawing, THEMES[self.theme], prefix or f"diagram-{self.theme}-")

    def png(self, width: int, height: int) -> bytes:
        """PNG of exactly this size in pixels. Raises ``UserError`` where what draws it is not installed."""
        own = self.drawing.layout.width, self.drawing.layout.height
        return png(self.svg(), width, height, own, THEMES[self.theme].background)


def picture(launch: Launch, contract: Contract, theme: str = "light", title: str = "") -> Picture:
    """The diagram of a launch. Without a title it has what the template says of itself above it."""
    return Picture(_scene(launch, contract, title), theme)


@lru_cache(maxsize=4)
def _scene(launch: Launch, contract: Contract, title: str) -> Scene:
    return scene(graph_of(launch, contract, title))
