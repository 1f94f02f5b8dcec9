"""Texts are as wide as the font makes them, in a real browser as well, and are made to fit."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.cloudformation.describe.diagram import picture
from quilt_cfn.cloudformation.describe.diagram.kinds import ICONS, icon, kind_of
from quilt_cfn.cloudformation.describe.diagram.text import BOLD, FILES, FONTS, drawable, lines, shortened, width
from tests.cloudformation.describe.diagram.scenes import launch_of

WORDS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)


def test_in_a_browser_every_label_is_as_wide_as_was_measured(open_page, tmp_path):
    drawn = picture(*launch_of("registry")).svg()
    lengths = [float(each) for each in re.findall(r'textLength="([0-9.]+)"', drawn)]
    file = tmp_path / "picture.svg"
    file.write_text(re.sub(r' textLength="[^"]+" lengthAdjust="[^"]+"', "", drawn))
    page = open_page(file)
    page.evaluate("document.fonts.ready")
    page.wait_for_function("[...document.fonts].every(font => font.status === 'loaded')")
    shown = page.evaluate("[...document.querySelectorAll('text')].map(each => each.getComputedTextLength())")
    assert len(shown) == len(lengths) > 40
    assert shown == pytest.approx(lengths, abs=0.6)


def test_without_the_font_every_label_keeps_its_width(open_page, tmp_path):
    drawn = picture(*launch_of("registry")).svg()
    lengths = [float(each) for each in re.findall(r'textLength="([0-9.]+)"', drawn)]
    file = tmp_path / "picture.svg"
    file.write_text(re.sub("<style>.*</style>", "", drawn).replace("'Quilt Diagram', sans-serif", "monospace"))
    shown = open_page(file).evaluate("[...document.querySelectorAll('text')].map(each => each.getBBox().width)")
    assert shown == pytest.approx(lengths, abs=1)


@given(WORDS, st.integers(10, 300))
def test_what_is_shortened_fits_and_begins_like_the_whole(words, room):
    short = shortened(drawable(words), room, 12)
    assert width(short, 12) <= room or short == "…"
    assert drawable(words).startswith(short.removesuffix("…"))


@given(WORDS, st.integers(40, 300), st.integers(1, 3))
def test_lines_fit_and_are_not_too_many(words, room, most):
    made = lines(words, room, 12, BOLD, most)
    assert len(made) <= most
    assert all(width(each, 12, BOLD) <= room for each in made)


@pytest.mark.parametrize(
    ("words", "made"),
    [
        ("LoadBalancer", ["LoadBalancer"]),
        ("RegistryDatabasePassword", ["RegistryDatabase", "Password"]),
        ("from 198.51.100.0/24", ["from", "198.51.100.0/24"]),
        ("DBPasswordSecret\nand 5 more", ["DBPasswordSec…", "and 5 more"]),
        ("", []),
    ],
)
def test_a_name_is_broken_between_its_parts_and_a_sentence_between_its_words(words, made):
    assert list(lines(words, 120, 13, BOLD)) == made


def test_a_character_that_the_font_lacks_is_a_question_mark():
    assert drawable("tä\tst\n漢 …") == "t? st ? …"


def test_the_fonts_and_icons_come_with_their_licences():
    assert "SIL OPEN FONT LICENSE Version 1.1" in (FONTS / "OFL.txt").read_text()
    assert "2026-11-28" in (FONTS / "NOTICE.md").read_text()
    assert "MIT License" in (ICONS / "LICENSE").read_text()
    assert "2026-01-30" in (ICONS / "NOTICE.md").read_text()
    assert (
        {each.stem for each in FONTS.glob("*.ttf")}
        == {each.stem for each in FONTS.glob("*.woff2")}
        == {*FILES.values()}
    )


def test_there_is_an_icon_for_every_kind_and_none_besides():
    rows = (ICONS.with_name("kinds.csv").read_text().splitlines())[1:]
    used = {row.split(",")[2] for row in rows}
    assert used == {each.stem for each in ICONS.glob("*.svg")}
    for name in used:
        side, elements = icon(name)
        assert side in (48, 64)
        assert "id=" not in elements
        assert "<title" not in elements


@pytest.mark.parametrize(
    ("type_", "label", "drawn"),
    [
        ("AWS::S3::Bucket", "S3 bucket", "each"),
        ("AWS::S3::BucketPolicy", "S3", "no"),
        ("AWS::Batch::JobQueue", "Batch job queue", "count"),
        ("AWS::New::Thing", "New thing", "count"),
        ("Custom::Thing", "custom resource", "count"),
        ("Alexa::ASK::Skill", "Alexa::ASK::Skill", "count"),
        ("", "resource", "count"),
    ],
)
def test_a_type_that_the_table_lacks_is_drawn_all_the_same(type_, label, drawn):
    assert (kind_of(type_).label, kind_of(type_).drawn) == (label, drawn)


def test_the_plural_of_a_kind():
    assert kind_of("AWS::S3::Bucket").of(1) == "1 S3 bucket"
    assert kind_of("AWS::S3::Bucket").of(2) == "2 S3 buckets"
    assert kind_of("AWS::ECR::Repository").of(2) == "2 container registries"
