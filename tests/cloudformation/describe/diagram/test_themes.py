"""Texts and lines of both themes can be told from what lies behind them, as WCAG 2.2 AA asks."""

from __future__ import annotations

import pytest

from quilt_cfn.cloudformation.describe.diagram.themes import THEMES


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_computed_as_the_standard_has_it():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("name", THEMES)
def test_every_text_has_a_contrast_of_four_and_a_half(name):
    theme = THEMES[name]
    backgrounds = [theme.background, *(inside for _, inside, _ in theme.frames.values())]
    for ink, behind in ((theme.text, theme.card), (theme.muted, theme.card), (theme.text, theme.background)):
        assert contrast(ink, behind) >= 4.5
    assert contrast(theme.muted, theme.background) >= 4.5
    for behind in backgrounds:
        assert contrast(theme.flow, behind) >= 4.5  # the ports, which stand on whatever the edge crosses
    for kind, (_, inside, title) in theme.frames.items():
        assert contrast(title, inside) >= 4.5, kind


@pytest.mark.parametrize("name", THEMES)
def test_every_line_that_says_something_has_a_contrast_of_three(name):
    theme = THEMES[name]
    for behind in [theme.background, *(inside for _, inside, _ in theme.frames.values())]:
        assert contrast(theme.use, behind) >= 3
    for kind, (border, inside, _) in theme.frames.items():
        if kind != "group":  # a group's border is decoration: its title says what it is
            assert contrast(border, inside) >= 3, kind
