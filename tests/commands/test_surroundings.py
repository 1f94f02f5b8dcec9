"""Every command in surroundings that nobody wishes for: it says what is wrong, destroys nothing, exits as documented.

The commands come from the parser. One that is not in ``ARGUMENTS`` is run without any.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from quilt_cfn.cli import TRACEBACK
from tests.command_line import ROOT
from tests.delivery.marketplace.checkouts import change, checkout
from tests.delivery.publish.servers import aws_variables
from tests.test_cli import commands

COMMANDS = sorted(commands())
ARGUMENTS = {
    "build": ["registry", "--output", "{top}/made/registry.yaml"],
    "check": ["{top}/stäck.yaml", "--no-linters"],
    "check-image": ["{top}"],
    "lint": ["{top}/stäck.yaml"],
    "publish": ["{top}/made/published"],
    "verify": ["{top}/published"],
    "marketplace status": ["prod-exampleexampl"],
}
"""What makes a command quick. The paths are those of the checkout in which they run."""
EXIT_CODES = {
    "build": 0,
    "check": 1,
    "check-image": 1,  # the checkout is no image
    "cost": 0,
    "diagram": 0,
    "docs": 0,
    "images": 2,  # it takes a step
    "images check": 1,  # none of this checkout's images is confirmed, so no registry is asked
    "images resolve": 2,
    "images try": 2,  # no Docker answers
    "lint": 1,
    "marketplace": 2,  # it takes a step
    "marketplace drift": 2,  # these four get no answer from AWS
    "marketplace status": 2,
    "marketplace submit": 2,
    "marketplace validate": 2,
    "marketplace plan": 0,
    "permissions": 0,
    "publish": 0,
    "rehearse": 0,  # which prints the plan
    "release": 2,  # this checkout has no commit
    "timeline": 0,
    "verify": 0,
}
"""How they exit in ordinary surroundings."""
JSON = {"marketplace plan"}
"""Those that print it."""
FAULTY = """\
Description: a fault, ä
Resources:
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      Colour: red
      DisplayName: !Ref Nobody
"""

NOTES = ("quilt-cfn: the checkout is ", "quilt-cfn lint is now ", "shell-init: ")
"""What comes before a sentence about an error; the last one is bash's about a folder that is gone."""

is_root = os.geteuid() == 0
without_powers = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if is_root else ()
"""Makes root obey the permissions of files, like everybody else."""


class Surrounding(NamedTuple):
    """How a command is started, and what it exits with then."""

    redirections: str = ""
    environment: Mapping[str, str | None] = {}
    prefix: Sequence[str] = ()
    expected: Callable[[str], int] = EXIT_CODES.__getitem__
    reader_is_gone: bool = False
    """Whether standard output is a pipe whose reader has closed it."""
    says_why: bool = True
    """Whether somebody gets to read standard error."""


def unless_lost(name: str) -> int:
    """The code when the reader has closed the pipe."""
    return 2 if name in JSON else EXIT_CODES[name]


def refused(name: str) -> int:
    return 2


def bash(script: str) -> tuple[str, ...]:
    return ("bash", "-c", f'{script} exec "$@"', "bash")


SURROUNDINGS = {
    "ordinary": Surrounding(),
    "standard input is closed": Surrounding("<&-"),
    "standard output is closed": Surrounding(">&-", expected=refused),
    "standard output is full": Surrounding(">/dev/full", expected=refused),
    "standard error is closed": Surrounding("2>&-", says_why=False),
    "standard error is full": Surrounding("2>/dev/full", says_why=False),
    "everything is closed": Surrounding("<&- >&- 2>&-", expected=refused, says_why=False),
    "the reader of the output is gone": Surrounding(expected=unless_lost, reader_is_gone=True),
    "no HOME": Surrounding(environment={"HOME": None}),
    "no folder to write to": Surrounding(environment={"HOME": "/nowhere", "TMPDIR": "/nowhere"}),
    "no program on the PATH": Surrounding(environment={"PATH": "/nowhere"}),
    "ASCII": Surrounding(environment={"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "not root": Surrounding(prefix=without_powers),
    "no /dev/shm": Surrounding(
        prefix=("unshare", "--mount", *bash("mount -t tmpfs -o ro none /dev/shm &&")) if is_root else ()
    ),
}


class Checkout(NamedTuple):
    """A checkout of its own, with everything that a command may want."""

    top: Path

    def run(self, name: str, surrounding: Surrounding, *, folder: Path | None = None, arguments=None):
        """Run a command, in the checkout's top folder; asserts what holds everywhere, and returns what it printed."""
        words = ARGUMENTS.get(name, []) if arguments is None else arguments
        command = [sys.executable, "-m", "quilt_cfn", *name.split(), *(each.format(top=self.top) for each in words)]
        environment = {**os.environ, **aws_variables("http://127.0.0.1:9"), "AWS_MAX_ATTEMPTS": "1"}
        environment |= {"PYTHONPATH": str(self.top), "PYTHONDONTWRITEBYTECODE": "1", "DOCKER_HOST": "unix:///nowhere"}
        del environment[TRACEBACK]
        changes = [f"{key}={value}" for key, value in surrounding.environment.items() if value is not None]
        unset = [f"--unset={key}" for key, value in surrounding.environment.items() if value is None]
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(
            # In this order: the programs that make the surroundings need the PATH.
            [*surrounding.prefix, *bash(""), "/usr/bin/env", *unset, *changes, *command]
            if not surrounding.redirections
            else [*surrounding.prefix, "bash", "-c", f'exec "$@" {surrounding.redirections}', "bash", *command],
            cwd=folder or self.top,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=writer if surrounding.reader_is_gone else subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=180,  # only a hang takes as long
            check=False,
        )
        os.close(writer)
        out, err = ((text or b"").decode(errors="backslashreplace") for text in (done.stdout, done.stderr))
        assert "Traceback" not in out + err, err
        assert "fault of quilt-cfn" not in err, err
        if done.returncode == 2 and surrounding.says_why:
            what, *more = [line for line in err.splitlines() if not line.startswith(NOTES)]
            assert what.startswith("quilt-cfn: "), err
            assert what.endswith((".", ":")), err
            assert more, err
        return done.returncode, out, err


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """A checkout in which every command has done its work: run again, each leaves every byte as it is."""
    top = checkout(tmp_path_factory.mktemp("checkout"))
    for image in ("registry", "catalog", "nginx"):
        change(top, "release.yaml", f"images.{image}.unconfirmed", "Nobody saw it.")
    shutil.copytree(ROOT / "quilt_cfn", top / "quilt_cfn")
    shutil.copy(ROOT / "marketplace/contract.yaml", top / "marketplace")
    for template in (ROOT / "templates").glob("*.yaml"):
        shutil.copy(template, top / "templates")
    (top / "stäck.yaml").write_text(FAULTY, encoding="utf-8")
    ours = Checkout(top)
    for name, arguments in (("build", None), ("docs", None), ("publish", None), ("publish", ["{top}/published"])):
        code, _, err = ours.run(name, Surrounding(), arguments=arguments)
        assert code == 0, err
    return ours


def everything(folder):
    """The path of everything below a folder -> its bytes, or what else it is."""
    return {
        str(path): path.read_bytes() if stat.S_ISREG(mode := path.lstat().st_mode) else stat.S_IFMT(mode)
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


def run_all(run, names):
    """The result of ``run`` for each name; two at a time."""
    with ThreadPoolExecutor(2) as threads:
        return dict(zip(names, threads.map(run, names), strict=True))


def test_every_command_has_an_exit_code_in_ordinary_surroundings():
    assert set(EXIT_CODES) == set(COMMANDS)


@pytest.mark.parametrize("surrounding", SURROUNDINGS)
def test_build(ours, surrounding):
    check_all(ours, ["build"], surrounding)


@pytest.mark.exhaustive
@pytest.mark.parametrize("surrounding", SURROUNDINGS)
def test_every_command(ours, surrounding):
    check_all(ours, [name for name in COMMANDS if name != "build"], surrounding)


def missing(prefix):
    """Why these surroundings can't be made here, or None."""
    if not prefix:
        return None
    if not shutil.which(prefix[0]):
        return f"{prefix[0]} is not installed"
    done = subprocess.run([*prefix, "true"], capture_output=True, text=True, check=False)
    return None if done.returncode == 0 else f"{prefix[0]} may not do this here: {done.stderr.strip()}"


def check_all(ours, names, surrounding):
    reason = missing(SURROUNDINGS[surrounding].prefix)
    if reason or (surrounding == "no /dev/shm" and not is_root):
        pytest.skip(reason or "only root can take /dev/shm away")
    before = everything(ours.top)
    results = run_all(lambda name: ours.run(name, SURROUNDINGS[surrounding]), names)
    expected = {name: SURROUNDINGS[surrounding].expected(name) for name in names}
    assert {name: code for name, (code, _, _) in results.items()} == expected, results
    assert everything(ours.top) == before


def test_every_command_refuses_at_once_to_work_for_a_closed_output(ours):
    run_all(lambda name: ours.run(name, SURROUNDINGS["standard output is closed"]), COMMANDS)


def test_a_release_without_git_says_what_it_takes_and_why(ours):
    _, _, err = ours.run("release", SURROUNDINGS["no program on the PATH"])
    assert err == "quilt-cfn: git is not installed.\nInstall it: a release is made from a commit.\n"


def test_help_that_can_not_be_written_is_an_error(ours):
    def help(name):
        return ours.run(name, SURROUNDINGS["standard output is full"], arguments=["--help"])[0]

    assert set(run_all(help, COMMANDS).values()) == {2}


@pytest.mark.parametrize("names", [["build"], pytest.param(COMMANDS, marks=pytest.mark.exhaustive)], ids=len)
def test_in_another_folder_it_is_the_same_and_nothing_is_written_there(ours, tmp_path, names):
    before = everything(ours.top)
    results = run_all(lambda name: ours.run(name, Surrounding(), folder=tmp_path), names)
    assert {name: code for name, (code, _, _) in results.items()} == {name: EXIT_CODES[name] for name in names}, results
    assert everything(ours.top) == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("names", [["build"], pytest.param(COMMANDS, marks=pytest.mark.exhaustive)], ids=len)
def test_a_current_folder_that_is_gone_is_a_sentence_where_it_matters(ours, names, tmp_path):
    def run(name):
        (tmp_path / name).mkdir()
        gone = Surrounding(prefix=bash(f'cd "{tmp_path / name}" && rmdir "$PWD" &&'))
        return ours.run(name, gone)[0]

    for name, code in run_all(run, names).items():
        assert code in (EXIT_CODES[name], 2), name


@pytest.mark.parametrize("names", [["build"], pytest.param(COMMANDS, marks=pytest.mark.exhaustive)], ids=len)
def test_where_nothing_can_be_written_what_writes_says_so(ours, tmp_path, names):
    if reason := missing(without_powers):
        pytest.skip(reason)
    shutil.copytree(ours.top, tmp_path / "top")
    top = Checkout(tmp_path / "top")
    shutil.rmtree(top.top / "made")
    shutil.rmtree(top.top / "docs")
    folders = [top.top, *(path for path in top.top.rglob("*") if path.is_dir())]
    before = everything(top.top)
    for folder in folders:
        folder.chmod(0o555)
    try:
        results = run_all(lambda name: top.run(name, SURROUNDINGS["not root"]), names)
    finally:
        for folder in folders:
            folder.chmod(0o755)
    writers = ("build", "docs", "publish")
    expected = {name: 2 if name in writers else EXIT_CODES[name] for name in names}
    assert {name: code for name, (code, _, _) in results.items()} == expected, results
    assert everything(top.top) == before


LOCATIONS = {"destinations", "location", "output"}
"""Arguments that are paths, among other things."""


def paths():
    """(command, option or positional argument) of everything that takes a path."""
    for name, parser in commands().items():
        for action in parser._actions:
            if action.type is Path or action.dest in LOCATIONS or (action.metavar or "").startswith("FILE"):
                yield name, action


@pytest.fixture
def odd(tmp_path):
    """What is no file and no folder, by what it is."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        here = os.open(tmp_path, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{here}/socket")  # the name of a socket has at most 107 bytes
        os.close(here)
    return {name: tmp_path / name for name in ("pipe", "device", "folder", "socket")}


@pytest.mark.parametrize(
    ("name", "action"),
    [pytest.param(name, action, marks=() if name == "build" else pytest.mark.exhaustive) for name, action in paths()],
    ids=lambda each: each if isinstance(each, str) else each.dest,
)
def test_what_is_no_file_is_a_sentence_and_stays_what_it_is(ours, odd, name, action):
    before = everything(ours.top) | everything(odd["folder"].parent)
    results = run_all(lambda kind: ours.run(name, Surrounding(), arguments=with_path(name, action, odd[kind])), [*odd])
    codes = {kind: code for kind, (code, _, _) in results.items()}
    if name == "build" and action.dest == "output":
        assert codes == {"pipe": 2, "device": 0, "folder": 0, "socket": 2}
        (odd["folder"] / "quilt-registry.yaml").unlink()
    elif (name == "publish" and action.dest == "destinations") or (name == "permissions" and action.dest == "output"):
        assert codes == {"pipe": 2, "device": 2, "folder": 0, "socket": 2}
        shutil.rmtree(odd["folder"])
        odd["folder"].mkdir()
    elif name == "check-image":
        assert codes == {"pipe": 2, "device": 2, "folder": 1, "socket": 2}
    else:
        assert set(codes.values()) == {2}, results
    assert everything(ours.top) | everything(odd["folder"].parent) == before


def with_path(name: str, action: argparse.Action, path: Path) -> list[str]:
    """The arguments of a command with this path in one place."""
    usual = ARGUMENTS.get(name, [])
    if not action.option_strings:
        return [str(path)]
    option = action.option_strings[-1]
    if option in usual:
        place = usual.index(option) + 1
        return [*usual[:place], str(path), *usual[place + 1 :]]
    return [*usual, option, str(path)]
