"""``quilt-cfn diagram`` draws any template, and refuses what it can't write in one sentence."""

from __future__ import annotations

import struct

import pytest

from quilt_cfn.cli import main
from tests.other_templates import TEMPLATES

WORDPRESS = str(next(file for file in TEMPLATES if file.stem == "wordpress"))


def test_without_arguments_the_registry_is_drawn_on_standard_output(capsys):
    assert main(["diagram"]) == 0
    drawn = capsys.readouterr().out
    assert drawn.startswith("<svg ")
    assert "ServerGroup to Database: TCP 5432" in drawn


def test_any_template_is_drawn_into_a_file_and_a_second_run_changes_nothing(tmp_path, capsys):
    file = tmp_path / "new" / "picture.svg"
    arguments = ["diagram", WORDPRESS, "--region", "eu-west-1", "--theme", "dark", "--output", str(file)]
    assert main(arguments) == main(arguments) == 0
    assert capsys.readouterr().out == f"{file}: written\n{file}: unchanged\n"
    assert "AWS Region eu-west-1" in file.read_text()


@pytest.mark.parametrize(("arguments", "size"), [([], (1100, 700)), (["--size", "1560x878"], (1560, 878))])
def test_a_png_has_the_size_that_aws_marketplace_takes(tmp_path, arguments, size):
    pytest.importorskip("resvg_py")
    file = tmp_path / "picture.png"
    assert main(["diagram", "marketplace", "--output", str(file), *arguments]) == 0
    assert struct.unpack(">II", file.read_bytes()[16:24]) == size


def test_parameter_values_change_what_is_drawn(capsys):
    assert main(["diagram", "registry", "--parameters", "InstanceType=m5.large"]) == 0
    assert "Auto Scaling group, m5.large" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--output", "a.gif"], "A diagram is written as .svg or .png, not as a.gif."),
        (["--output", "a"], "A diagram is written as .svg or .png, not as a."),
        (["--size", "1100x700"], "--size is for a .png; an SVG has none in pixels."),
        (["--size", "9x9", "--output", "a.png"], "9x9 is not a size such as 1100x700, of 50 to 8000 pixels each way."),
        (["--size", "big", "--output", "a.png"], "big is not a size such as 1100x700, of 50 to 8000 pixels each way."),
        (["nothing"], "nothing is neither a file nor one of our templates."),
        (["--parameters", "DBStorage=1"], "CloudFormation would refuse this launch in us-east-1: "),
    ],
)
def test_what_it_cannot_do_is_a_sentence_and_nothing_is_written(arguments, sentence, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["diagram", *arguments]) == 2
    assert sentence in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_png_without_the_library_that_draws_it_names_the_extra(capsys, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)
    assert main(["diagram", "--output", str(tmp_path / "a.png")]) == 2
    assert "pip install 'quilt-cfn[publish]'" in capsys.readouterr().err
