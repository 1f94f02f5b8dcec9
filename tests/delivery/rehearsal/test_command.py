"""``quilt-cfn rehearse`` as a user meets it: a process, a terminal, signals, and an AWS by HTTP."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from quilt_cfn.cli import main
from tests.command_line import ROOT
from tests.delivery.publish.servers import aws_variables
from tests.delivery.rehearsal.conftest import SECRETS
from tests.delivery.rehearsal.fake_aws import ACCOUNT

# The command, with the account's own clock in place of this computer's, and without asking registries and sites.
PROGRAM = """
import sys, urllib.request
from quilt_cfn.delivery.rehearsal import account, images, web
from quilt_cfn.cli import main
server = sys.argv.pop(1)
def clock(seconds=0):
    return float(urllib.request.urlopen(f"{server}/clock?{seconds}").read())
account.Clock.__new__.__defaults__ = (clock, clock)
images.ask_registries = lambda release, values: iter(["They are there."])
web.faults = lambda *arguments: iter(())
sys.exit(main())
"""


@pytest.fixture
def files(tmp_path, document, values):
    (tmp_path / "template.json").write_text(json.dumps(document))
    (tmp_path / "parameters.json").write_text(json.dumps(values))
    return tmp_path


@pytest.fixture
def started(files, server, aws):
    """Starts the command in a process of its own, in the folder of the files."""
    processes = []

    def started(*arguments, **options):
        command = [sys.executable, "-c", PROGRAM, server.url, "rehearse", *arguments]
        environment = {**os.environ, **aws_variables(server.url), "AWS_MAX_ATTEMPTS": "1", "PYTHONPATH": str(ROOT)}
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        processes.append(subprocess.Popen(command, cwd=files, env=environment, text=True, **pipes))
        return processes[-1]

    yield started
    for process in processes:
        process.kill()
        process.communicate()


WHAT = ["--template", "template.json", "--parameters", "parameters.json"]
EXECUTE = [*WHAT, "--execute", "--account", ACCOUNT, "--region", "us-east-1"]


def test_the_plan_asks_aws_for_nothing(files, server, aws, capsys, monkeypatch):
    monkeypatch.chdir(files)
    for name, value in aws_variables(server.url).items():
        monkeypatch.setenv(name, value)
    assert main(["rehearse", *WHAT, "--region", "us-east-1", "--account", ACCOUNT, "--yes-spend", "1000"]) == 0
    out = capsys.readouterr().out
    assert "failed-update: Updates the stack" in out
    assert out.endswith("Nothing was asked of AWS. With --execute it is done.\n")
    assert aws.requests == []
    assert not any(secret in out for secret in SECRETS.values())
    assert sorted(path.name for path in files.iterdir()) == ["parameters.json", "template.json"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--execute"], "--execute needs --region, and --account"),
        (["--execute", "--region", "us-east-1", "--account", "1234"], "--execute needs --region, and --account"),
        (["--execute", "--account", ACCOUNT], "--execute needs --region, and --account"),
        (["--region", "us-east-9"], "There is no Region us-east-9"),
        (["--only", "lunch"], "There is no step lunch"),
        (["--from", "lunch"], "There is no step lunch"),
        (["--stack-name", "Quilt"], "can't be the beginning of all names"),
        (["--stack-name", "x" * 31], "can't be the beginning of all names"),
        (["--journal", "parameters.json"], "exists already"),
        (["--parameters", "DBPassword=secret"], "only read from a file"),
        (["--clean-up", "parameters.json"], "is no journal of a rehearsal"),
        (["--clean-up", "nowhere"], "could not be opened"),
        (["--clean-up", "/dev/zero"], "is no regular file"),
    ],
)
def test_what_is_wrong_is_a_sentence_and_asks_aws_for_nothing(files, aws, arguments, said, capsys, monkeypatch):
    monkeypatch.chdir(files)
    assert main(["rehearse", "--template", "template.json", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert aws.requests == []


def test_a_template_of_another_version_is_refused(files, capsys, monkeypatch):
    monkeypatch.chdir(files)
    text = (files / "template.json").read_text()
    (files / "template.json").write_text(text.replace("Quilt Teams Registry 1", "Quilt Teams Registry 9", 1))
    assert main(["rehearse", "--template", "template.json"]) == 2
    assert "is not of the version" in capsys.readouterr().err


@pytest.mark.exhaustive
def test_without_a_terminal_or_money_nothing_begins(started, aws):
    process = started(*EXECUTE)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "There is no terminal" in err
    assert aws.changes() == []


@pytest.mark.exhaustive
@pytest.mark.parametrize("typed", ["quilt-rehearsal", "quilt"])
def test_on_a_terminal_the_name_has_to_be_typed(started, aws, files, typed):
    ours, theirs = pty.openpty()
    process = started(*EXECUTE, "--only", "validate", stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    os.write(ours, f"{typed}\n".encode())
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert b"Type the name of the stack, quilt-rehearsal, to begin in the account 111122223333" in shown
    assert process.wait(60) == (0 if typed == "quilt-rehearsal" else 2)
    assert bool(aws.changes()) == (typed == "quilt-rehearsal")
    assert aws.is_empty


@pytest.mark.exhaustive
def test_a_rehearsal_in_a_process_of_its_own(started, aws, files):
    process = started(*EXECUTE, "--yes-spend", "20")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert "Removed: stack quilt-rehearsal." in out
    assert aws.is_empty
    report = (files / "quilt-rehearsal.md").read_text()
    assert "| failing-signal | passed |" in report
    texts = [out, err, report, (files / "quilt-rehearsal.jsonl").read_text()]
    assert not any(secret in text for secret in SECRETS.values() for text in texts)


@pytest.mark.exhaustive
@pytest.mark.parametrize("operation", ["CreateBucket", "CreateChangeSet", "ExecuteChangeSet", "CreateDBSnapshot"])
def test_after_a_kill_the_journal_removes_everything(started, aws, files, operation):
    killed: list[str] = []

    def kill(request):
        if request.operation == operation and not killed:
            killed.append(operation)
            process.kill()
        return None

    aws.intercept = kill
    process = started(*EXECUTE, "--yes-spend", "20")
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert not aws.is_empty or operation == "CreateBucket"
    again = started("--clean-up", "quilt-rehearsal.jsonl")
    _, err = again.communicate(timeout=120)
    assert again.returncode == 0, err
    assert aws.is_empty, aws.names()
    assert "ended without a result" in (files / "quilt-rehearsal.md").read_text()


@pytest.mark.exhaustive
def test_a_reader_who_goes_away_keeps_nothing_from_being_removed(started, aws, files):
    process = started(*EXECUTE, "--yes-spend", "20", "--only", "launch")
    assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(120) == 0
    process.stdout = None
    assert "| launch | passed |" in (files / "quilt-rehearsal.md").read_text()
    assert aws.is_empty


@pytest.mark.exhaustive
def test_ctrl_c_removes_everything_and_exits_with_1(started, aws, files):
    def interrupt(request):
        if request.operation == "ExecuteChangeSet":
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)  # until the other process has seen it
        return None

    aws.intercept = interrupt
    process = started(*EXECUTE, "--yes-spend", "20")
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "Interrupted: everything is removed now." in out
    assert aws.is_empty, aws.names()
