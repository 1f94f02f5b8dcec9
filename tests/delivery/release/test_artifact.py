"""Whatever is edited, missing or added in a released folder is refused by name."""

from __future__ import annotations

import json
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quilt_cfn.delivery.release.artifact import (
    LARGEST_FILE,
    LARGEST_MANIFEST,
    LARGEST_VERSION,
    MANIFEST,
    MOST_FILES,
    PROVENANCE,
    SIGNATURE,
    SUMS,
    compose,
    read_artifact,
    read_manifest,
    released_versions,
    sha256,
)
from quilt_cfn.errors import UserError
from tests.delivery.publish.artifacts import artifact, facts, flip, write_folder

SMALL = artifact(big=600)
DOCUMENT = json.loads(SMALL.manifest.content)


def refusal(content: bytes) -> str:
    """The sentence for bytes that are no manifest."""
    with pytest.raises(UserError) as error:
        read_manifest(content, "here/manifest.json")
    assert error.value.what.startswith("here/manifest.json is not a manifest of quilt-registry: ")
    return error.value.what


def changed(path: list[str | int], value: object) -> bytes:
    """The manifest with another value at a path."""
    document = json.loads(SMALL.manifest.content)
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return json.dumps(document).encode()


def test_a_released_folder_is_read_back_as_it_was_written(tmp_path):
    written = artifact("1.2.3", "a note")
    assert read_artifact(write_folder(written, tmp_path / "1.2.3")) == written


def test_the_sums_are_what_sha256sum_prints_for_the_folder(tmp_path):
    folder = write_folder(artifact(), tmp_path / "1.0.0")
    names = sorted(path.name for path in folder.iterdir() if path.name != SUMS)
    printed = subprocess.run(["sha256sum", *names], cwd=folder, check=True, capture_output=True).stdout
    assert (folder / SUMS).read_bytes() == printed


def test_the_sums_come_first_and_the_manifest_last():
    first, *_, last = SMALL.everything
    assert (first, last) == (SUMS, MANIFEST)


def test_the_same_files_and_facts_make_the_same_bytes_in_whatever_order_they_come():
    again = compose(facts(), dict(reversed([*SMALL.contents.items()])))
    assert again.manifest == SMALL.manifest
    assert artifact(note="other", big=600).manifest.sums != SMALL.manifest.sums


@settings(max_examples=50)
@given(st.sampled_from(sorted(SMALL.everything)), st.data())
def test_a_flipped_byte_in_any_file_of_a_released_folder_is_refused_with_its_name(tmp_path_factory, name, data):
    folder = write_folder(SMALL, tmp_path_factory.mktemp("releases") / "1.0.0")
    content = SMALL.everything[name]
    (folder / name).write_bytes(flip(content, data.draw(st.integers(0, len(content) - 1))))
    with pytest.raises(UserError) as error:
        read_artifact(folder)
    assert name in error.value.what


@pytest.mark.parametrize("name", sorted(SMALL.everything))
def test_a_missing_file_is_refused_with_its_name(tmp_path, name):
    folder = write_folder(SMALL, tmp_path / "1.0.0")
    (folder / name).unlink()
    with pytest.raises(UserError) as error:
        read_artifact(folder)
    assert name in error.value.what
    assert "restore" in error.value.next_step.lower()


def test_an_empty_file_that_is_missing_is_missed_too(tmp_path):
    folder = write_folder(compose(facts(), {**SMALL.contents, "empty.txt": b""}), tmp_path / "1.0.0")
    read_artifact(folder)
    (folder / "empty.txt").unlink()
    with pytest.raises(UserError, match=r"not as it was released: empty\.txt\."):
        read_artifact(folder)


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", SIGNATURE])
def test_a_file_more_is_refused_with_its_name(tmp_path, name):
    folder = write_folder(SMALL, tmp_path / "1.0.0")
    (folder / name).write_bytes(b"")
    with pytest.raises(UserError) as error:
        read_artifact(folder)
    assert error.value.what == f"{folder} is not as it was released: {name}."


def test_a_folder_in_a_released_folder_is_refused_with_its_name(tmp_path):
    folder = write_folder(SMALL, tmp_path / "1.0.0")
    (folder / "more").mkdir()
    with pytest.raises(UserError) as error:
        read_artifact(folder)
    assert str(folder / "more") in error.value.what


def test_sums_that_were_made_anew_do_not_cover_up_an_edited_file(tmp_path):
    folder = write_folder(SMALL, tmp_path / "1.0.0")
    edited = SMALL.contents["launch.html"] + b"more\n"
    (folder / "launch.html").write_bytes(edited)
    old, new = sha256(SMALL.contents["launch.html"]), sha256(edited)
    (folder / SUMS).write_bytes((folder / SUMS).read_bytes().replace(old.encode(), new.encode()))
    with pytest.raises(UserError) as error:
        read_artifact(folder)
    assert "launch.html" in error.value.what
    assert SUMS in error.value.what


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UserError) as error:
        read_artifact(tmp_path / "9.9.9")
    assert str(tmp_path / "9.9.9") in error.value.what
    assert "quilt-cfn release" in error.value.next_step


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (["product"], "another", "its product is not quilt-registry"),
        (["version"], "1.0", "its version is not three numbers"),
        (["version"], "1.0.0\n", "its version is not three numbers"),
        (["version"], "1.0.0-rc1", "its version is not three numbers"),
        (["version"], "1.0.0-draft.1", "its version is not three numbers"),
        (["draft"], True, "its version is not three numbers and those of a draft"),
        (["draft"], None, "whether it is a draft is not true or false"),
        (["draft"], 0, "whether it is a draft is not true or false"),
        *(
            (["commit"], commit, "its commit is not the 40 or 64 hexadecimal digits")
            for commit in (None, 1, "main", "0" * 39, "0" * 41, "0" * 63, "A" * 40, "0" * 40 + "\n", "\x1b[2J" * 10)
        ),
        *(
            (["released"], released, "its date is not YYYY-MM-DD")
            for released in (None, 20261130, "2026-13-01", "2026-02-30", "20261130", "2026-W48-1", "2026-11-30\n")
        ),
        *(
            (["signing_key"], key, "its signing_key is not sha256: and 64 hexadecimal digits")
            for key in ("", 1, "0" * 64, "sha256:" + "0" * 63, "sha256:" + "F" * 64)
        ),
        (["version"], 1, "its version is not three numbers"),
        (["files"], [], "its files are not a list of different files"),
        (["files"], {}, "its files are not a list of different files"),
        (["files", 0], DOCUMENT["files"][1], "its files are not a list of different files"),
        *(
            (["files", 0, "name"], name, "its files are not a list of different files")
            for name in (MANIFEST, SUMS, SIGNATURE, PROVENANCE)
        ),
        *(
            (["files", 0, "name"], name, "a file in it has no proper name")
            for name in ("../guide.md", "/etc/passwd", "a/b", ".hidden", "-rf", "", "a b", "a\n", "n" * 101, None)
        ),
        (["files", 0, "sha256"], "A" * 64, "a file in it has no proper name, sha256 and size"),
        (["files", 0, "sha256"], "0" * 63, "a file in it has no proper name, sha256 and size"),
        (["files", 0, "size"], -1, "a file in it has no proper name, sha256 and size"),
        (["files", 0, "size"], True, "a file in it has no proper name, sha256 and size"),
        (["files", 0, "size"], 1.0, "a file in it has no proper name, sha256 and size"),
        (["editions"], [], "its editions don't name their templates"),
        (["editions", "registry"], "quilt-registry.yaml", "its editions don't name their templates"),
        (["editions", "registry"], {"yaml": "quilt-registry.yaml"}, "its editions don't name their templates"),
        (["editions", "registry", "yaml"], "other.yaml", "its editions don't name their templates"),
        (["editions", "registry", "yaml"], ["launch.html"], "its editions don't name their templates"),
        (["diagram"], "other.png", "its diagram is not one of its files"),
        (["diagram"], ["diagram.png"], "its diagram is not one of its files"),
    ],
)  # fmt: skip
def test_the_error_names_what_is_wrong_with_a_manifest(path, value, why):
    assert why in refusal(changed(path, value))


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff\xfe", b"[]", b"null", b'"1.0.0"', b"[" * 100_000, b'{"a":' * 100_000, b"1" * 5000],
    ids=lambda content: None,
)
def test_other_bytes_and_other_json_are_refused(content):
    assert refusal(content)


def test_a_manifest_that_names_too_much_is_refused_before_anything_of_it_is_read():
    entry = DOCUMENT["files"][0]

    def refused(sizes: list[int]) -> str:
        files = [entry | {"name": f"{number}.txt", "size": size} for number, size in enumerate(sizes)]
        return refusal(changed(["files"], DOCUMENT["files"] + files))

    assert f"names more than {MOST_FILES} files" in refused([0] * (MOST_FILES - len(DOCUMENT["files"]) + 1))
    assert f"0.txt has more than {LARGEST_FILE:,} bytes" in refused([LARGEST_FILE + 1])
    together = f"its files have more than {LARGEST_VERSION:,} bytes together"
    assert together in refused([LARGEST_FILE] * (LARGEST_VERSION // LARGEST_FILE))
    most = [entry | {"name": f"{number}.txt", "size": LARGEST_VERSION // MOST_FILES} for number in range(MOST_FILES)]
    assert (
        len(read_manifest(changed(["files"], [*most[len(DOCUMENT["files"]) :], *DOCUMENT["files"]]), "").files)
        == MOST_FILES
    )


def test_a_manifest_of_too_many_bytes_is_refused():
    content = SMALL.manifest.content
    fits = content + b" " * (LARGEST_MANIFEST - len(content))
    assert read_manifest(fits, "").version == "1.0.0"
    assert f"it has more than {LARGEST_MANIFEST:,} bytes" in refusal(fits + b" ")


def test_a_commit_of_either_of_gits_hashes_and_the_date_are_read():
    manifest = read_manifest(changed(["commit"], "f" * 64), "")
    assert (manifest.commit, manifest.released) == ("f" * 64, "2026-11-30")
    assert SMALL.manifest.commit == facts()["commit"]


def test_a_version_may_name_the_key_that_has_to_sign_it():
    assert SMALL.manifest.signing_key is None
    assert read_manifest(changed(["signing_key"], None), "").signing_key is None
    assert read_manifest(changed(["signing_key"], "sha256:" + "0" * 64), "").signing_key == "sha256:" + "0" * 64


def test_a_draft_says_that_it_is_one_and_so_does_its_version():
    draft = compose({**facts("1.0.0-draft.12"), "draft": True}, SMALL.contents).manifest
    assert (draft.version, draft.draft) == ("1.0.0-draft.12", True)
    assert not SMALL.manifest.draft
    assert not read_manifest(changed(["draft"], False), "").draft


def test_a_number_is_no_name_of_a_template_even_where_a_file_is_called_so():
    numbered = json.loads(compose(facts(), {**SMALL.contents, "1": b""}).manifest.content)
    numbered["editions"]["registry"]["yaml"] = 1
    assert "editions" in refusal(json.dumps(numbered).encode())


def test_a_version_without_a_diagram_has_none():
    assert read_manifest(changed(["diagram"], None), "").diagram is None
    assert SMALL.manifest.diagram == "diagram.png"


def test_the_released_versions_are_the_folders_with_such_a_name_lowest_first(tmp_path):
    for name in ("1.10.0", "1.9.0", "0.0.1", ".1.11.0.new", "01.0.0", "latest", "1.0"):
        (tmp_path / name).mkdir()
    assert released_versions(tmp_path) == ["0.0.1", "1.9.0", "1.10.0"]
    assert released_versions(tmp_path / "nowhere") == []


def test_a_size_that_is_not_the_files_is_refused(tmp_path):
    folder = write_folder(artifact(big=500), tmp_path / "1.0.0")
    manifest = read_manifest((folder / MANIFEST).read_bytes(), "")
    entry = manifest.files[0]
    other = manifest.content.replace(f'"size": {entry.size}'.encode(), f'"size": {entry.size + 1}'.encode(), 1)
    (folder / MANIFEST).write_bytes(other)
    (folder / SUMS).write_bytes(read_manifest(other, "").sums)
    with pytest.raises(UserError, match=entry.name):
        read_artifact(folder)
