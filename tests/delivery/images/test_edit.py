"""Digests are written into the release file of a person, and no other byte of it changes."""

from __future__ import annotations

import string

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from quilt_cfn.delivery.images.edit import line_of, with_digests
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import RELEASE_FILE

OLD, NEW = "sha256:" + "0" * 64, "sha256:" + "1" * 64


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    name: x:1\n    digest:\n", "    name: x:1\n    digest: NEW\n"),
        ("    name: x:1\n    digest: \n", "    name: x:1\n    digest: NEW \n"),
        ("    name: x:1\n    digest: # why\n", "    name: x:1\n    digest: NEW # why\n"),
        ("    name: x:1\n    digest:", "    name: x:1\n    digest: NEW"),
        ("    digest:\n    name: x:1\n", "    digest: NEW\n    name: x:1\n"),
        ("    name: x:1\n    digest:   OLD # why\n", "    name: x:1\n    digest:   NEW # why\n"),
        ("    name: x:1\n    digest: 'OLD'\n", "    name: x:1\n    digest: NEW\n"),
        ("    name: x:1\n    digest: ~ # why\n", "    name: x:1\n    digest: NEW # why\n"),
        ("    name: x:1\n    digest: ''\n", "    name: x:1\n    digest: NEW\n"),
        ("    name: x:1\n", "    name: x:1\n    digest: NEW\n"),
        ("    name: x:1", "    name: x:1\n    digest: NEW"),
        ("    name: x:1 # why\n", "    name: x:1 # why\n    digest: NEW\n"),
        ('    name: "x:1"   # why\n    # more\n', '    name: "x:1"   # why\n    digest: NEW\n    # more\n'),
        ("          name: x:1\n", "          name: x:1\n          digest: NEW\n"),
        ("    name: x:1\r\n    digest:\r\n", "    name: x:1\r\n    digest: NEW\r\n"),
        ("    name: x:1\r\n", "    name: x:1\r\n    digest: NEW\r\n"),
    ],
)
def test_a_digest_is_replaced_filled_in_or_added(before, after):
    def file(text):
        text = text.replace("OLD", OLD).replace("NEW", NEW)
        return f"# é ü 🙂\nimages:\n  other: {{name: y:1}}\n  one:\n{text}".encode()

    assert with_digests(file(before), {"one": NEW}) == file(after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{name: x:1}", "{name: x:1, digest: NEW}"),
        ("{name: x:1, digest: }", "{name: x:1, digest: NEW }"),
        ("{name: x:1, digest: OLD}", "{name: x:1, digest: NEW}"),
        ('{"name": "x:1", "digest": null}', '{"name": "x:1", "digest": NEW}'),
    ],
)
def test_so_it_is_in_a_map_on_one_line(before, after):
    def file(text):
        return f"images: {{one: {text.replace('OLD', OLD).replace('NEW', NEW)}}} # why\n".encode()

    assert with_digests(file(before), {"one": NEW}) == file(after)


def test_all_digests_are_written_at_once_and_the_other_lines_are_as_they_were():
    before = RELEASE_FILE.read_bytes()
    names = ("nginx", "registry", "catalog")
    after = with_digests(before, {name: f"sha256:{name[0] * 64}" for name in names})
    assert [*filter(None, yaml.safe_load(after)["images"].values())]
    changed = [pair for pair in zip(before.splitlines(), after.splitlines(), strict=True) if pair[0] != pair[1]]
    assert [new.removeprefix(old) for old, new in changed] == [f" sha256:{each * 64}".encode() for each in "rcn"]


def test_nothing_to_write_is_the_same_file():
    assert with_digests(RELEASE_FILE.read_bytes(), {}) == RELEASE_FILE.read_bytes()


@pytest.mark.parametrize("name", ["|-\n        x:1\n", ">-\n        x:1\n\n", '"x\\\n        :1"\n'])
def test_a_name_may_be_written_in_any_way(name):
    after = with_digests(f"images:\n  one:\n    name: {name}".encode(), {"one": NEW})
    assert yaml.safe_load(after) == {"images": {"one": {"name": "x:1", "digest": NEW}}}


@pytest.mark.parametrize(
    "file",
    [b"images:\n  one:\n    ? name\n    : x:1\n", "images: {one: {name: x:1}}".encode("utf-16")],
    ids=["another way to write a field", "another encoding"],
)
def test_what_cannot_be_changed_alone_is_refused_with_what_to_write(file):
    with pytest.raises(UserError) as error:
        with_digests(file, {"one": NEW})
    assert error.value.next_step == f"Write them there yourself:\n  one: {NEW}"


def test_the_line_of_an_image():
    file = RELEASE_FILE.read_bytes()
    for name in ("registry", "catalog", "nginx"):
        lines = file.decode().splitlines()[line_of(file, name) - 2 :]
        assert lines[1].startswith("    name: ")


COMMENT = st.text(string.ascii_letters + "é:#'\"{}[] ", max_size=8).map(lambda text: f" # {text}")
SPACE = st.sampled_from(["", " ", "   "])
VALUE = st.sampled_from(["", " ''", " ~", f" {OLD}", f" '{OLD}'", f' "{OLD}"', " null"])


@st.composite
def files(draw):
    """A release file as somebody might write it, and the names of its images."""
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    names = draw(st.lists(st.sampled_from("abcde"), min_size=1, max_size=4, unique=True))
    lines = [f"version: 1.0.0{draw(COMMENT)}", "images:"]
    for name in names:
        indent = " " * draw(st.integers(3, 6))
        fields = [f"{indent}name: registry.example/{name}:1"]
        if draw(st.booleans()):
            fields.insert(draw(st.integers(0, 1)), f"{indent}digest:{draw(VALUE)}")
        lines.append(f"  {name}:{draw(st.one_of(SPACE, COMMENT))}")
        for field in fields:
            lines += draw(st.lists(COMMENT.map(lambda text: f"   {text}"), max_size=1))
            lines.append(f"{field}{draw(st.one_of(SPACE, COMMENT))}")
    return newline.join(lines) + draw(st.sampled_from(["", newline])), names


@settings(max_examples=60)  # half a second
@given(files(), st.data())
def test_whatever_the_file_it_has_the_digests_and_keeps_everything_else(file, data):
    text, names = file
    chosen = data.draw(st.sets(st.sampled_from(names)))
    after = with_digests(text.encode(), dict.fromkeys(chosen, NEW)).decode()
    before_images, images = (yaml.safe_load(each)["images"] for each in (text, after))
    for name in names:
        assert images[name] == {**before_images[name], **({"digest": NEW} if name in chosen else {})}
    assert [line.partition("#")[2] for line in after.splitlines() if "#" in line] == [
        line.partition("#")[2] for line in text.splitlines() if "#" in line
    ], "every comment"
    assert ("\r\n" in after) == ("\r\n" in text)
