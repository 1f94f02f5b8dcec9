"""The command line as a user meets it: run as a process, judged by what it prints and how it exits."""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
import yaml

from quilt_cfn import __version__
from quilt_cfn.cli import make_parser
from quilt_cfn.cloudformation.template.write import to_json, to_yaml

ROOT = Path(__file__).parent.parent


def run(*arguments, folder=ROOT, **options):
    return subprocess.run(
        [sys.executable, "-m", "quilt_cfn", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


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
        (["build", "registri"], "no edition 'registri'"),
        (["build", "--format", "xml"], "invalid choice: 'xml'"),
        (["build", "--output", ""], "--output is empty"),
        (["build", "--output", "-"], "don't fit into standard output"),
        (["build", "--output", "one-file.yaml"], "don't fit into the file one-file.yaml"),
        (["build", "--release", "nowhere.yaml"], "nowhere.yaml could not be read"),
        (["build", "--frobnicate"], "unrecognized arguments: --frobnicate"),
        (["build", "registry", "--output", "/proc/nowhere/t.yaml"], "could not be written"),
        (["lint", "nowhere.yaml"], "nowhere.yaml is not a file"),
        (["check"], "There are no templates in templates, which does not exist"),
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
    what, next_step = done.stderr.splitlines()
    assert said.lower() in what.lower()
    assert what.startswith("quilt-cfn: ")
    assert what.endswith(".")
    assert next_step
    assert list(tmp_path.iterdir()) == []


def test_a_near_miss_is_guessed():
    assert "Did you mean marketplace?" in run("build", "marketplase").stderr


def test_lint_without_templates_says_how_to_get_some(tmp_path):
    done = run("lint", folder=tmp_path)
    assert done.returncode == 2
    assert "Run quilt-cfn build first" in done.stderr


def test_build_writes_every_edition_to_the_templates_folder(tmp_path, templates):
    done = run("build", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.count("written") == 2
    assert (tmp_path / "templates/quilt-registry.yaml").read_text() == to_yaml(templates["registry"])
    assert (tmp_path / "templates/quilt-registry-marketplace.yaml").read_text() == to_yaml(templates["marketplace"])
    assert run("build", folder=tmp_path).stdout.count("unchanged") == 2


def test_build_writes_one_edition_where_it_is_told(tmp_path, templates):
    run("build", "marketplace", "--format", "json", "--output", tmp_path / "new" / "t.json")
    assert (tmp_path / "new" / "t.json").read_text() == to_json(templates["marketplace"])
    run("build", "registry", "--output", tmp_path)
    run("build", "registry", "--output", f"{tmp_path}/deep/er/")
    assert (tmp_path / "quilt-registry.yaml").read_text() == (tmp_path / "deep/er/quilt-registry.yaml").read_text()


def test_build_prints_nothing_but_the_template_to_standard_output(templates):
    assert run("build", "registry", "--output", "-").stdout == to_yaml(templates["registry"])


def test_a_reader_that_stops_early_is_no_error():
    command = f"{sys.executable} -m quilt_cfn build registry --output - | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["AWSTemplateFormatVersion: '2010-09-09'", "0"]
    assert done.stderr == ""


def test_a_failed_build_leaves_the_old_file(tmp_path):
    old = tmp_path / "t.yaml"
    old.write_text("old")
    release = tmp_path / "release.yaml"
    release.write_text(yaml.safe_dump({"version": "1.0.0"}))
    done = run("build", "registry", "--output", old, "--release", release)
    assert done.returncode == 2
    assert old.read_text() == "old"


def test_another_release_file_makes_another_template(tmp_path, release):
    text = (ROOT / "marketplace/release.yaml").read_text().replace(f"version: {release.version}", "version: 7.8.9")
    (tmp_path / "release.yaml").write_text(text)
    built = run("build", "registry", "--output", "-", "--release", tmp_path / "release.yaml").stdout
    assert "Quilt Teams Registry 7.8.9" in built


def test_lint_reports_a_fault_with_file_line_rule_and_resource_and_exits_1(tmp_path):
    faulty = tmp_path / "faulty.yaml"
    faulty.write_text("Resources:\n  Topic:\n    Type: AWS::SNS::Topic\n    Properties:\n      Colour: red\n")
    done = run("lint", faulty)
    assert done.returncode == 1
    assert f"{faulty}:5: error E3002 [cfn-lint] Topic:" in done.stdout
    assert "[cloudformation-validate]" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("1 template: ")


def test_check_judges_every_edition_in_every_region_and_says_what_it_left_and_why():
    terminal, errors = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "quilt_cfn", "check"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, check=False)
    assert done.returncode == 0
    assert b"0/17 [" in os.read(terminal, 4096), "a terminal sees a progress bar"
    os.close(errors)
    os.close(terminal)
    *left, summary = done.stdout.splitlines()
    assert summary == "2 templates in 46 Regions: 0 findings, 8 suppressed with a reason."
    assert [line.split()[3:6] for line in left if " M08 " in line] == [
        ["M08", "[quilt-cfn]", "RegistryUserKey:"],
        ["M08", "[quilt-cfn]", "RegistryUserKeySecret:"],
    ]
    assert all("quilt-registry.yaml" in line for line in left if " M08 " in line)


UNROUTED = """\
Parameters:
  Zone: {Type: String, AllowedPattern: "[a-z0-9-]+"}
Resources:
  Network: {Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}
  Gateway: {Type: AWS::EC2::InternetGateway}
  Attachment:
    Type: AWS::EC2::VPCGatewayAttachment
    Properties: {VpcId: !Ref Network, InternetGatewayId: !Ref Gateway}
  Table: {Type: AWS::EC2::RouteTable, Properties: {VpcId: !Ref Network}}
  Route:
    Type: AWS::EC2::Route
    Properties: {RouteTableId: !Ref Table, DestinationCidrBlock: 0.0.0.0/0, GatewayId: !Ref Gateway}
"""


def test_check_judges_a_stranger_s_template(tmp_path):
    (tmp_path / "stack.yaml").write_text(UNROUTED)
    done = run("check", "stack.yaml", folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    first = done.stdout.splitlines()[0]
    assert first.startswith("stack.yaml:10: error W08 [quilt-cfn] Route: ")
    assert "Region" not in first, "there is only one"
    assert done.stdout.splitlines()[-1] == "stack.yaml in us-east-1: 1 finding."
    mended = UNROUTED.replace("    Type: AWS::EC2::Route\n", "    Type: AWS::EC2::Route\n    DependsOn: Attachment\n")
    (tmp_path / "stack.yaml").write_text(mended)
    assert run("check", "stack.yaml", folder=tmp_path).returncode == 0


def test_check_takes_a_template_from_standard_input_and_prints_what_programs_read(tmp_path):
    command = [sys.executable, "-m", "quilt_cfn", "check", "-", "--format", "sarif", "--region", "eu-west-1"]
    done = subprocess.run(command, cwd=tmp_path, input=UNROUTED, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert json.loads(done.stdout)["runs"][0]["results"][0]["ruleId"] == "W08"


def test_check_tells_what_cloudformation_would_refuse_without_the_value(tmp_path):
    (tmp_path / "stack.yaml").write_text(UNROUTED)
    done = run("check", "stack.yaml", "--parameters", "Zone=SECRET VALUE", folder=tmp_path)
    assert done.returncode == 2
    assert "Parameter 'Zone'" in done.stderr
    assert "SECRET VALUE" not in done.stderr + done.stdout


def test_check_explains_a_rule():
    done = run("check", "--explain", "w08")
    assert (done.returncode, done.stderr) == (0, "")
    first, _, explanation, *_, link = done.stdout.splitlines()
    assert first.startswith("W08: ")
    assert explanation
    assert link.startswith("https://")


def test_an_interrupted_check_ends_at_once_without_a_traceback():
    with subprocess.Popen(
        [sys.executable, "-m", "quilt_cfn", "check"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as check:
        time.sleep(3)  # by now both processes are at work; the whole takes about ten seconds
        os.killpg(check.pid, signal.SIGINT)
        out, error = check.communicate(timeout=5)
    assert (check.returncode, out) == (130, "")
    assert error == "quilt-cfn: interrupted; every file is as it was or complete.\n"


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
    from quilt_cfn import cli
    from quilt_cfn.commands import build

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "_texts", interrupted)
    assert cli.main(["build"]) == 130
    assert "interrupted" in capsys.readouterr().err
