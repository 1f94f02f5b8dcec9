"""The command line as a user meets it: what it prints, and how it exits."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

import pytest

from quilt_cfn import __version__
from quilt_cfn.cli import TRACEBACK, main, make_parser
from quilt_cfn.commands import build
from quilt_cfn.errors import UserError
from tests.command_line import ROOT, run


def commands(parser=None, above=()):
    """Words of a command, such as marketplace plan -> its parser."""
    found: dict[str, argparse.ArgumentParser] = {}
    for action in (parser or make_parser())._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, command in action.choices.items():
                words = (*above, name)
                found |= {" ".join(words): command} | commands(command, words)
    return found


@pytest.mark.parametrize("name", commands())
def test_every_command_has_help_with_an_example(name):
    command = commands()[name]
    assert command.description
    assert f"quilt-cfn {name}" in command.epilog
    for action in command._actions:
        assert action.help or isinstance(action, argparse._SubParsersAction), action.dest
    assert run(*name.split(), "--help").returncode == 0


def test_the_version_is_that_of_the_package_and_of_the_release(release):
    assert run("--version").stdout == f"quilt-cfn {__version__}\n"
    assert release.version == __version__


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required: COMMAND"),
        (["bild"], "invalid choice: 'bild'"),
        (["build", "registri"], "no template 'registri'"),
        (["build", "--format", "xml"], "invalid choice: 'xml'"),
        (["build", "--output", ""], "argument --output: it is empty"),
        (["check", ""], "argument FILE: it is empty"),
        (["marketplace", "submit", "--every", "abc"], "abc is not a number of seconds above 0 and up to 3600"),
        (["marketplace", "submit", "--every", "nan"], "nan is not a number of seconds above 0 and up to 3600"),
        (["build", "--output", "-"], "don't fit into standard output"),
        (["build", "--output", "one-file.yaml"], "don't fit into the file one-file.yaml"),
        (["build", "--release", "nowhere.yaml"], "nowhere.yaml could not be read"),
        (["build", "--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["build", "registry", "--output", "/proc/nowhere/t.yaml"], "could not be written"),
        (["lint", "nowhere.yaml"], "nowhere.yaml is not a file"),
        (["check", "nowhere.yaml"], "nowhere.yaml"),
        (["check", "--explain", "W99"], "There is no rule W99"),
        (["check", "--marketplace"], "are about one launch of a template of yours"),
        (["check", "a.yaml", "b.yaml"], "One launch is of one template in one Region"),
        (["check", "a.yaml", "--edition", "registri"], "There is no edition 'registri'"),
        (["build", "--compact"], "--compact is about JSON"),
        (["check", "t.yaml", "--region", "eu-west-11"], "There is no Region eu-west-11"),
        (["check", "t.yaml", "--parameters", "nowhere.json"], "nowhere.json could not be read"),
    ],
)
def test_wrong_input_gets_a_sentence_a_next_step_and_exit_2(tmp_path, arguments, said):
    done = run(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    *before, what, next_step = done.stderr.splitlines()
    assert before in ([], [f"quilt-cfn: the checkout is {ROOT}"])
    assert said.lower() in what.lower()
    assert what.startswith("quilt-cfn: ")
    assert what.endswith(".")
    assert next_step
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_stops_early_is_no_error():
    command = f"{sys.executable} -m quilt_cfn build registry --output - | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["AWSTemplateFormatVersion: '2010-09-09'", "0"]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("name", "option"),
    [
        (name, action.option_strings[-1])
        for name, parser in commands().items()
        for action in parser._actions
        if action.option_strings and action.nargs is None
    ],
)
def test_no_option_takes_an_empty_value_for_no_value_at_all(capsys, name, option):
    assert main([*name.split(), option, ""]) == 2
    assert f"quilt-cfn: Argument {option}: it is empty; give it a value, or leave it out.\n" in capsys.readouterr().err


@pytest.fixture
def nobody_reads():
    """A pipe whose reader has closed it."""
    reader, writer = os.pipe()
    os.close(reader)
    yield writer
    os.close(writer)


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["build", "registry", "--output", "-"], 0),
        (["build", "registry", "--output", "-", "--format", "json"], 2),  # a part of it is not JSON
        (["build", "registry", "--output", "t.json", "--format", "json"], 0),  # the JSON is in the file
        (["check", "faulty.yaml"], 1),
        (["check", "faulty.yaml", "--format", "json"], 1),
    ],
)
def test_what_nobody_reads_to_the_end(tmp_path, nobody_reads, arguments, exit_code):
    (tmp_path / "faulty.yaml").write_text("Resources: {Topic: {Type: AWS::SNS::Topic, DependsOn: Nobody}}")
    command = [sys.executable, "-m", "quilt_cfn", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, stdout=nobody_reads, stderr=subprocess.PIPE, text=True, check=False
    )
    assert done.returncode == exit_code
    assert ("not valid JSON" in done.stderr) == (exit_code == 2)


@pytest.mark.parametrize(
    ("error", "what", "next_step"),
    [
        (PermissionError(13, "Permission denied", "/var/x"), "Permission denied: /var/x.", "Change that"),
        (MemoryError(), "There is not enough memory.", "Free some"),
        (RecursionError(), "This is a fault of quilt-cfn: RecursionError in build.py, line", "Report it"),
        (KeyError("a secret"), "This is a fault of quilt-cfn: KeyError in build.py, line", "Report it"),
        (UnicodeEncodeError("ascii", "a secret", 0, 1, "no"), "This is a fault of quilt-cfn:", "Report it"),
        (UserError("It says \x1b[2J.", "Don't\u202e."), "It says \\x1b[2J.", "Don't\\u202e."),
    ],
)
def test_an_error_that_nobody_foresaw_is_a_sentence_without_its_text(monkeypatch, capsys, error, what, next_step):
    def fail(*_):
        raise error

    monkeypatch.setattr(build, "_texts", fail)
    monkeypatch.delenv(TRACEBACK)
    assert main(["build", "--output", "-", "registry"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert what in first
    assert second.startswith(next_step)
    assert "a secret" not in first + second
    if not isinstance(error, UserError):
        assert TRACEBACK in second
        monkeypatch.setenv(TRACEBACK, "1")
        with pytest.raises(type(error)):
            main(["build", "--output", "-", "registry"])


def test_the_checkouts_command_works_from_any_folder(tmp_path):
    if not (ROOT / ".venv/bin/python").exists():
        pytest.skip("bin/quilt-cfn runs the checkout's own virtual environment, which this checkout doesn't have")
    (tmp_path / "link").symlink_to(ROOT / "bin/quilt-cfn")
    done = subprocess.run([tmp_path / "link", "--version"], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == f"quilt-cfn {__version__}\n"


@pytest.mark.parametrize(
    ("statement", "heavy"),
    [
        ("import quilt_cfn.cli; quilt_cfn.cli.make_parser()", {"troposphere", "boto3", "botocore", "cfnlint", "yaml"}),
        (
            "import quilt_cfn.cli, quilt_cfn.stack.compact",
            {"boto3", "botocore", "cfnlint", "cloudformation_validate", "dataclasses"},
        ),
        (
            "import quilt_cfn.cloudformation.checks.check, quilt_cfn.inputs.subjects",
            {"troposphere", "boto3", "cfnlint", "cloudformation_validate", "quilt_cfn.stack"},
        ),
        (
            "import quilt_cfn.delivery.publish.publish",
            {"troposphere", "boto3", "botocore", "cfnlint", "cryptography", "cyclonedx", "quilt_cfn.stack"},
        ),
        (
            "from quilt_cfn.delivery.marketplace import plan, submit, drift",
            {"troposphere", "boto3", "botocore", "cfnlint", "cyclonedx", "quilt_cfn.stack"},
        ),
    ],
)
def test_a_command_imports_nothing_heavy_that_it_does_not_need(statement, heavy):
    script = f"{statement}\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert heavy.isdisjoint(done.stdout.split())


def test_an_interrupted_command_says_so_and_exits_as_shells_expect(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "_texts", interrupted)
    assert main(["build", "--output", "-", "registry"]) == 130
    assert "interrupted" in capsys.readouterr().err
