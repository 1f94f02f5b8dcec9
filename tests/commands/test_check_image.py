"""quilt-cfn check-image: the findings of a root folder, for people and for programs."""

from __future__ import annotations

import json
import os

import pytest

from quilt_cfn.cli import main
from tests.image.faults import FAULTS
from tests.image.roots import make_root

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="/opt/quilt-image belongs to root, so it takes root to make it"
)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "image").mkdir()
    return make_root(tmp_path / "image")


def test_an_image_as_it_should_be(root, capsys):
    assert main(["check-image", str(root.folder)]) == 0
    assert capsys.readouterr().out == f"{root.folder}: 0 findings.\n"


def test_findings_name_the_file_the_rule_and_what_explains_it(root, capsys):
    for name in ("bash's history", "a blank password"):
        FAULTS[name].plant(root)
    assert main(["check-image", f"{root.folder}/"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"{root.folder}/etc/shadow: error I05 [quilt-cfn] the account bin has a blank password",
        f"{root.folder}/root/.bash_history: error I15 [quilt-cfn] is a history of what somebody typed",
        f"{root.folder}: 2 findings. quilt-cfn check --explain ID says what one means, and what to do.",
    ]
    for id in ("I05", "i15"):
        assert main(["check", "--explain", id]) == 0
        assert "clean_up.sh" in capsys.readouterr().out


def test_programs_read_json(root, capsys):
    FAULTS["a token"].plant(root)
    assert main(["check-image", str(root.folder), "--format", "json"]) == 1
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert (finding["rule"], finding["template"]) == ("I12", f"{root.folder}/opt/app/settings.ini")


@pytest.mark.parametrize("name", ["nowhere", "file"])
def test_what_is_no_folder_is_refused(tmp_path, name, capsys):
    (tmp_path / "file").touch()
    assert main(["check-image", str(tmp_path / name)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"quilt-cfn: {tmp_path}/{name} is no folder.\n")
    assert "Mount the image's volume" in error


def test_a_secret_is_not_printed(root, capsys):
    FAULTS["a secret variable"].plant(root)
    FAULTS["an access key"].plant(root)
    assert main(["check-image", str(root.folder)]) == 1
    out = capsys.readouterr().out
    assert "hunter" not in out
    assert "AKIA" not in out
