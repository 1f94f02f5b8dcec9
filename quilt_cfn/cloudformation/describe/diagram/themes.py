"""Colours. Every text reaches a contrast of 4.5 on what lies behind it, every line and border that means something 3.

https://www.w3.org/TR/WCAG22/#contrast-minimum and #non-text-contrast
"""

from __future__ import annotations

from typing import NamedTuple


class Theme(NamedTuple):
    """The colours of a diagram, as #rrggbb."""

    background: str
    text: str
    muted: str
    """Texts that explain others."""
    card: str
    card_border: str
    flow: str
    use: str
    frames: dict[str, tuple[str, str, str]]
    """Kind of a frame -> (border, inside, title)."""
    plate: str | None
    """What lies behind icons that are drawn in dark lines; None where the card is light enough."""


THEMES = {
    "light": Theme(
        background="#ffffff",
        text="#16191f",
        muted="#545b64",
        card="#ffffff",
        card_border="#8d99a8",
        flow="#16325c",
        use="#6b7785",
        frames={
            "region": ("#00878a", "#fbfcfd", "#00686b"),
            "network": ("#7a3fe0", "#faf8ff", "#6a2fd0"),
            "public": ("#5f8010", "#f1f6e4", "#44600a"),
            "private": ("#00818a", "#e5f4f6", "#00606a"),
            "isolated": ("#1f6fb5", "#e8f1fa", "#14558f"),
            "elsewhere": ("#6b7785", "#f1f3f5", "#4a535e"),
            "group": ("#c9d1da", "#fbfcfd", "#3d4855"),
        },
        plate=None,
    ),
    "dark": Theme(
        background="#0d1622",
        text="#f3f5f7",
        muted="#b3bfcc",
        card="#1b2838",
        card_border="#71839a",
        flow="#a9d1ff",
        use="#8da0b5",
        frames={
            "region": ("#2fb9bc", "#101b29", "#5fd6d8"),
            "network": ("#a57fff", "#151e33", "#c3aaff"),
            "public": ("#93b83c", "#17281d", "#b7dc63"),
            "private": ("#35b6bd", "#102a35", "#6edade"),
            "isolated": ("#5ea2e6", "#122840", "#93c4f5"),
            "elsewhere": ("#8da0b5", "#1a2635", "#c0ccd9"),
            "group": ("#3d4e63", "#101b29", "#c5d0dc"),
        },
        plate="#e9edf2",
    ),
}
"""Name of the theme -> its colours."""
