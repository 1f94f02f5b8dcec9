"""Which checkout a command is about: that of the current folder, or else the one whose code runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from quilt_cfn.cli import main
from quilt_cfn.commands import checkout
from quilt_cfn.commands.checkout import find_checkout, find_own_checkout
from quilt_cfn.editions import TEMPLATE_FILES
from quilt_cfn.errors import UserError
from tests.command_line import ROOT, run


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def another(tmp_path):
    """The top folder of a checkout that is not ours."""
    top = tmp_path / "another"
    (top / "marketplace").mkdir(parents=True)
    (top / "marketplace/release.yaml").touch()
    return top


def test_the_top_folder_is_the_checkout_and_nothing_is_said(another, monkeypatch, capsys):
    monkeypatch.chdir(another)
    assert find_checkout() == Path()
    assert capsys.readouterr().err == ""


def test_a_folder_below_is_of_the_same_checkout_which_is_named(another, monkeypatch, capsys):
    below = another / "docs" / "pictures"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert find_checkout() == another
    assert capsys.readouterr().err == f"quilt-cfn: the checkout is {another}\n"


def test_elsewhere_it_is_the_checkout_whose_code_runs_which_is_named(folder, capsys):
    assert find_checkout() == find_own_checkout() == ROOT
    assert f"quilt-cfn: the checkout is {ROOT}\n" in capsys.readouterr().err


def test_an_installed_package_outside_of_a_checkout_has_none(folder, monkeypatch):
    monkeypatch.setattr(checkout, "_OWN", folder / "site-packages")
    with pytest.raises(
        UserError, match=r"There is no checkout of quilt-cfn in .* or above it\. Change into a checkout"
    ):
        find_checkout()


def test_the_code_of_one_checkout_makes_nothing_in_another(another, monkeypatch):
    monkeypatch.chdir(another)
    with pytest.raises(UserError, match=r"not the one of the checkout .*/another\. Run bin/quilt-cfn, which is"):
        find_own_checkout()


def test_a_current_folder_that_is_gone_is_said(folder):
    folder.rmdir()
    with pytest.raises(UserError, match="The current folder is gone"):
        find_checkout()


def test_from_another_folder_build_writes_nothing_there_and_names_the_files_of_the_checkout(
    folder, tmp_path_factory, monkeypatch, capsys
):
    own = tmp_path_factory.mktemp("own")
    (own / "templates/releases").mkdir(parents=True)
    monkeypatch.setattr(checkout, "_OWN", own)
    assert main(["build"]) == 0
    printed = capsys.readouterr()
    assert printed.err == f"quilt-cfn: the checkout is {own}\n"
    files = [f"{own}/templates/{file}" for file in TEMPLATE_FILES.values()]
    assert [line.split(": ")[0] for line in printed.out.splitlines()] == files
    assert list(folder.iterdir()) == []


def test_a_named_output_needs_no_checkout(tmp_path):
    done = run("build", "registry", "--output", "t.yaml", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [each.name for each in tmp_path.iterdir()] == ["t.yaml"]


def test_without_a_released_version_the_checkout_that_has_none_is_named(tmp_path, another):
    done = run("publish", folder=another / "marketplace")
    assert done.returncode == 2
    assert done.stderr.startswith(f"quilt-cfn: the checkout is {another}\nquilt-cfn: No version has been released")
    assert not (another / "published").exists()
