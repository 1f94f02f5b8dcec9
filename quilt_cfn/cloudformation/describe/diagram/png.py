"""A diagram as PNG of a given size, drawn from the font that the package carries and no other."""

from __future__ import annotations

import re

from quilt_cfn.cloudformation.describe.diagram import text
from quilt_cfn.errors import UserError

_TEXT_LENGTH = re.compile(r' textLength="[0-9.]+" lengthAdjust="spacingAndGlyphs"')


def png(svg: str, width: int, height: int, own: tuple[int, int], background: str) -> bytes:
    """An SVG in the middle of a PNG of exactly this size in pixels; ``own`` is its own size.

    It is never distorted: where the proportions differ, the background fills what is left. Raises ``UserError`` where
    the library that draws is not installed.
    """
    try:
        import resvg_py  # late: 10 MB, for PNG alone
    except ImportError:
        raise UserError(
            "A PNG takes the package resvg_py, which is not installed.",
            "Run: pip install 'quilt-cfn[publish]', or write .svg.",
        ) from None
    scale = min(width / own[0], height / own[1])
    x, y = (width / scale - own[0]) / 2, (height / scale - own[1]) / 2
    box = f'viewBox="{-x:.4f} {-y:.4f} {width / scale:.4f} {height / scale:.4f}" width="{width}" height="{height}"'
    # The font is there, so its widths are what they should be.
    plain = _TEXT_LENGTH.sub("", svg)
    framed = re.sub(r'viewBox="0 0 [0-9]+ [0-9]+" width="[0-9]+" height="[0-9]+"', box, plain, count=1)
    drawn = resvg_py.svg_to_bytes(
        svg_string=framed,
        width=width,
        height=height,
        background=background,
        skip_system_fonts=True,
        font_files=[str(text.FONTS / f"{file}.ttf") for file in text.FILES.values()],
    )
    return bytes(drawn)
