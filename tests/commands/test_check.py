"""``quilt-cfn check``: every edition in every Region, and anybody's template."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios

from tests.command_line import ROOT, run

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


def test_every_edition_is_checked_in_every_region_and_what_is_suppressed_has_a_reason():
    terminal, errors = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "quilt_cfn", "check"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, check=False)
    assert done.returncode == 0
    assert b"0/31 [" in os.read(terminal, 4096), "a terminal sees a progress bar"
    os.close(errors)
    os.close(terminal)
    *suppressed, summary = done.stdout.splitlines()
    assert summary == "3 templates in 46 Regions: 0 findings, 8 suppressed with a reason."
    assert [line.split()[3:6] for line in suppressed if " M08 " in line] == [
        ["M08", "[quilt-cfn]", "RegistryUserKey:"],
        ["M08", "[quilt-cfn]", "RegistryUserKeySecret:"],
    ]
    assert all("quilt-registry.yaml" in line for line in suppressed if " M08 " in line)


def test_any_template_is_checked_as_one_launch(tmp_path):
    (tmp_path / "stack.yaml").write_text(UNROUTED)
    done = run("check", "stack.yaml", "--no-linters", folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    first = done.stdout.splitlines()[0]
    assert first.startswith("stack.yaml:10: error W08 [quilt-cfn] Route: ")
    assert "Region" not in first, "there is only one"
    assert done.stdout.splitlines()[-1] == "stack.yaml in us-east-1: 1 finding."
    asked = run("check", "stack.yaml", folder=tmp_path)
    assert done.stdout.splitlines()[0] in asked.stdout
    assert "stack.yaml:2: warning W2001 [cfn-lint] Parameter Zone not used." in asked.stdout, "the linters are asked"
    corrected = UNROUTED.replace(
        "    Type: AWS::EC2::Route\n", "    Type: AWS::EC2::Route\n    DependsOn: Attachment\n"
    )
    (tmp_path / "stack.yaml").write_text(corrected)
    assert run("check", "stack.yaml", "--no-linters", folder=tmp_path).returncode == 0
    for more in (["--linters"], ["--edition", "registry"]):
        assert run("check", "stack.yaml", "--no-linters", *more, folder=tmp_path).returncode == 2


def test_a_template_is_taken_from_standard_input_and_the_report_can_be_sarif(tmp_path):
    command = [sys.executable, "-m", "quilt_cfn", "check", "-", "--format", "sarif", "--region", "eu-west-1"]
    done = subprocess.run(command, cwd=tmp_path, input=UNROUTED, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    runs = {each["tool"]["driver"]["name"]: each["results"] for each in json.loads(done.stdout)["runs"]}
    assert [each["ruleId"] for each in runs["quilt-cfn"]] == ["W08"]
    (unused,) = runs["cfn-lint"]
    assert unused["ruleId"] == "W2001"
    assert unused["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "-"


def test_parameters_that_cloudformation_would_refuse_are_named_without_values(tmp_path):
    (tmp_path / "stack.yaml").write_text(UNROUTED)
    done = run("check", "stack.yaml", "--parameters", "Zone=SECRET VALUE", folder=tmp_path)
    assert done.returncode == 2
    assert "Parameter 'Zone'" in done.stderr
    assert "SECRET VALUE" not in done.stderr + done.stdout


def test_a_rule_is_explained():
    done = run("check", "--explain", "w08")
    assert (done.returncode, done.stderr) == (0, "")
    first, _, explanation, *_, link = done.stdout.splitlines()
    assert first.startswith("W08: ")
    assert explanation
    assert link.startswith("https://")


def test_an_interrupted_check_ends_at_once_without_a_traceback():
    terminal, errors = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    command = [sys.executable, "-m", "quilt_cfn", "check"]
    check = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
    )
    os.close(errors)
    try:
        shown = b""
        while b"0/31 [" not in shown:  # from then on other processes are at work
            shown += os.read(terminal, 4096)
        os.killpg(check.pid, signal.SIGINT)
        out, _ = check.communicate(timeout=60)
        shown += os.read(terminal, 4096)
    finally:
        check.kill()
        os.close(terminal)
    assert (check.returncode, out) == (130, "")
    assert b"quilt-cfn: interrupted; every file is as it was or complete." in shown
    assert b"Traceback" not in shown


def test_a_variant_of_an_edition_is_checked_with_its_contract_in_the_regions_that_are_named(tmp_path):
    """Without the contract nothing tells that the registry sends mail to that port."""
    text = (ROOT / "templates/quilt-registry-marketplace.yaml").read_text()
    assert text.count("FromPort: !Ref SmtpPort, ToPort: !Ref SmtpPort") == 1
    variant = text.replace("FromPort: !Ref SmtpPort, ToPort: !Ref SmtpPort", "FromPort: 26, ToPort: 26")
    (tmp_path / "variant.yaml").write_text(variant)
    done = run("check", "variant.yaml", "--edition", "marketplace", "--region", "eu-west-1", folder=tmp_path)
    assert done.returncode == 1
    assert done.stdout.startswith("variant.yaml:")
    assert " R01 [quilt-cfn] ServerGroup: " in done.stdout.splitlines()[0]
    assert "[cfn-lint] Database" in done.stdout, "the edition's suppressions hold for the variant"
    assert done.stdout.splitlines()[-1].startswith("1 template in 1 Region: ")
