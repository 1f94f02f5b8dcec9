"""credentials.py: what signs URLs reaches the registry in a file, and a reload makes it read that, once."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from quilt_cfn import instance

FOLDER = Path(instance.__file__).parent
# The registry's master: it has a worker, and at SIGHUP, which it notes first, another one in its place.
MASTER = """
import os, signal, subprocess, sys
def worker():
    return subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL)
def reload(*_):
    global child
    print("reloaded", flush=True)
    child.kill()
    child.wait()
    child = worker()
child = worker()
signal.signal(signal.SIGHUP, reload)
print("up", flush=True)
while True:
    signal.pause()
"""
ROLE = """
def of_role():
    return (KEY + TOKEN).format(AccessKeyId="ASIAROLE", SecretAccessKey="s", Token="t")
"""


class Root:
    """An instance's folders with the program, whose role has credentials, and docker, which knows one container."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.master = folder, 0
        text = (FOLDER / "credentials.py").read_text()
        for name in ("/home/", "/opt/"):
            text = text.replace(name, f"{folder}{name}")
        assert "\n\ntry:\n    main()" in text
        text = text.replace("\n\ntry:\n    main()", f"\n\n{ROLE}\n\ntry:\n    main()")
        if os.geteuid() != 0:  # only root may give a file to root
            text = f"import os\nos.chown = lambda *arguments: None\n{text}"
        for name in ("home/ec2-user/env", "opt/quilt/aws", "bin"):
            (folder / name).mkdir(parents=True)
        (folder / "program.py").write_text(text)
        (folder / "home/ec2-user/env/stack").write_text("export REGISTRY_IMAGE=registry:1\n")
        self.environment()
        docker = f"""
            #!/bin/sh
            echo "$*" >>{folder}/calls
            case $1 in
            run) id -u ;;
            ps) [ ! -s {folder}/master ] || echo c0ffee ;;
            inspect) cat {folder}/master ;;
            esac
        """
        (folder / "bin/docker").write_text(textwrap.dedent(docker).lstrip())
        (folder / "bin/docker").chmod(0o755)

    def environment(self, *lines: str) -> None:
        """What is in env/registry."""
        (self.folder / "home/ec2-user/env/registry").write_text("".join(f"{line}\n" for line in lines))

    def runs_as(self, master: int) -> None:
        (self.folder / "master").write_text(f"{master}\n")

    def bring(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "PYTHONPATH": str(FOLDER)}
        command = [sys.executable, str(self.folder / "program.py"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    @property
    def file(self) -> Path:
        return self.folder / "opt/quilt/aws/credentials"


@pytest.fixture
def root(tmp_path):
    return Root(tmp_path)


@pytest.fixture
def master(root):
    """The running registry."""
    with subprocess.Popen([sys.executable, "-c", MASTER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        root.runs_as(process.pid)
        yield process
        for worker in workers(process.pid):
            os.kill(worker, signal.SIGKILL)
        process.kill()


def workers(master: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{master}/task/{master}/children").read_text().split()]


USERS = ("export AWS_ACCESS_KEY_ID='AKIAUSER'", 'AWS_SECRET_ACCESS_KEY="se/cr+et"')
USERS_FILE = "[default]\naws_access_key_id=AKIAUSER\naws_secret_access_key=se/cr+et\n"
ROLES_FILE = "[default]\naws_access_key_id=ASIAROLE\naws_secret_access_key=s\naws_session_token=t\n"


def test_the_key_in_the_environment_file_signs_however_it_is_quoted(root):
    root.environment(*USERS)
    assert root.bring().returncode == 0
    assert root.file.read_text() == USERS_FILE
    assert stat.S_IMODE(root.file.stat().st_mode) == 0o600


def test_without_a_key_the_role_signs(root):
    assert root.bring("--role").returncode == 0
    assert root.file.read_text() == ROLES_FILE


def test_the_refresh_leaves_a_key_that_is_being_edited(root):
    root.environment(*USERS)
    root.bring()
    root.environment("export AWS_ACCESS_KEY_ID='AKIANEW'", USERS[1])
    assert root.bring("--role").returncode == 0
    assert root.file.read_text() == USERS_FILE


@pytest.mark.parametrize("half", [0, 1])
def test_half_a_key_is_named_and_changes_nothing(root, half):
    root.environment(*USERS)
    root.bring()
    root.environment(USERS[half])
    done = root.bring()
    assert done.returncode == 1
    assert done.stderr == (
        "env/registry has one half of an access key: set both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, then run "
        "./start.sh again.\n"
    )
    assert root.file.read_text() == USERS_FILE


def test_what_changed_is_read_by_one_reload_which_has_ended_then(root, master):
    root.environment(*USERS)
    before = workers(master.pid)
    assert [root.bring().returncode for _ in range(3)] == [0] * 3
    assert not {*before} & {*workers(master.pid)}
    root.environment(USERS[0], "AWS_SECRET_ACCESS_KEY=corrected")
    assert root.bring().returncode == 0
    master.kill()
    assert master.stdout.read() == "reloaded\nreloaded\n"


def test_a_reload_that_was_interrupted_is_made_up_for(root, master):
    """The file is there already, and the registry has not read it."""
    root.environment(*USERS)
    root.file.write_text(USERS_FILE)
    assert root.bring().returncode == 0
    master.kill()
    assert master.stdout.read() == "reloaded\n"


def test_a_registry_that_does_not_reload_is_a_failure_that_is_tried_again(root):
    program = root.folder / "program.py"
    assert "time.monotonic() + 90" in program.read_text()
    program.write_text(program.read_text().replace("time.monotonic() + 90", "time.monotonic() + 0.3"))
    deaf = "trap '' HUP; sleep 60 & echo up; wait"
    with subprocess.Popen(["bash", "-c", deaf], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        root.runs_as(process.pid)
        root.environment(*USERS)
        for _ in range(2):
            done = root.bring()
            assert done.returncode == 1
            assert "the registry was not reloaded in 90 seconds" in done.stderr
            assert "se/cr+et" not in done.stderr
        for worker in workers(process.pid):
            os.kill(worker, signal.SIGKILL)
        process.kill()


def test_a_container_that_does_not_run_is_no_failure(root):
    root.runs_as(0)
    root.environment(*USERS)
    assert root.bring().returncode == 0
