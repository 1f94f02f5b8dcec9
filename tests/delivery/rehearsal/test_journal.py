"""The journal survives what ends a run."""

from __future__ import annotations

import json

import pytest

from quilt_cfn.delivery.rehearsal import journal
from quilt_cfn.delivery.rehearsal.journal import Thing
from quilt_cfn.errors import UserError

HEAD = {"run": "0123456789ab", "account": "111122223333", "region": "us-east-1", "name": "quilt", "version": "1.1.0"}
HEAD["edition"] = "registry"


def test_only_its_owner_may_read_it(tmp_path):
    made = journal.create(tmp_path / "j", HEAD)
    assert made.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_line_that_was_not_written_to_its_end_is_left_out(tmp_path, cut):
    made = journal.create(tmp_path / "j", HEAD)
    made.makes("stack", "quilt")
    whole = made.path.read_bytes()
    made.makes("bucket", "quilt-bucket")
    added = made.path.read_bytes()[len(whole) :]
    made.path.write_bytes(whole + added[:cut][:-1] if cut < len(added) else whole)
    read = journal.read(made.path)
    assert read.things() == [Thing("stack", "quilt")]
    read.makes("bucket", "another")
    assert journal.read(made.path).things() == [Thing("stack", "quilt"), Thing("bucket", "another")]


def test_what_is_gone_is_no_longer_there(tmp_path):
    made = journal.create(tmp_path / "j", HEAD)
    made.makes("stack", "quilt")
    made.makes("stack", "quilt")
    assert len(made.entries) == 2
    made.note(gone="stack", name="quilt")
    assert made.things() == []


def test_the_disk_has_what_is_made_before_that(tmp_path, monkeypatch):
    synced: list[int] = []
    monkeypatch.setattr("os.fsync", synced.append)
    made = journal.create(tmp_path / "j", HEAD)
    assert len(synced) == 2  # the file, and the folder that names it
    made.makes("stack", "quilt")
    assert len(synced) == 3


def test_a_disk_that_is_full_is_a_sentence_and_keeps_nothing_from_being_removed(tmp_path, monkeypatch):
    made = journal.create(tmp_path / "j", HEAD)

    def full(descriptor, content):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", full)
    with pytest.raises(UserError, match="No space left on device"):
        made.makes("stack", "quilt")
    made.note(gone="stack", name="quilt")
    assert made.things() == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"no JSON\n",
        b"[]\n",
        b'{"rehearsal": 2}\n',
        json.dumps({"rehearsal": 1, **HEAD}).encode(),  # its line has no end
        json.dumps({"rehearsal": 1, **HEAD, "account": "12"}).encode() + b"\n",
        json.dumps({"rehearsal": 1, **HEAD}).encode() + b'\n{"makes": "stack", "name": 5}\n',
        json.dumps({"rehearsal": 1, **HEAD}).encode() + b"\nno JSON\n{}\n",
        b"[" * 100_000 + b"\n",
        b"\xff\xfe\n",
    ],
)
def test_what_is_no_journal_is_a_sentence(tmp_path, content):
    (tmp_path / "j").write_bytes(content)
    with pytest.raises(UserError, match="is no journal of a rehearsal"):
        journal.read(tmp_path / "j")
    assert (tmp_path / "j").read_bytes() == content


def test_a_file_that_exists_is_not_overwritten(tmp_path):
    (tmp_path / "j").write_text("precious")
    with pytest.raises(UserError, match="exists already"):
        journal.create(tmp_path / "j", HEAD)
    assert (tmp_path / "j").read_text() == "precious"
