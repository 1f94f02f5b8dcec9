"""The docker command of whoever tries images: one name and label for all that a trial makes, and its removal."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple

from quilt_cfn.errors import UserError
from quilt_cfn.text import shown

LABEL = "quilt-cfn.trial"
"""The label of every container and network of a trial; its value is the trial's name."""

_MINUTES = 60
_LARGEST_FILE = 65_536
_MOST_OUTPUT = 1024 * 1024
"""Bytes of a program's output that are read; only the end counts."""
_AS_LONG_AS_A_DOWNLOAD = 60 * _MINUTES


class Done(NamedTuple):
    """A program that has ended. Its output may come from an image: it is shown with ``quilt_cfn.text`` only."""

    code: int
    out: str
    err: str

    @property
    def last_words(self) -> str:
        """The end of what it said, for a sentence."""
        said = [line for line in (self.out + "\n" + self.err).splitlines() if line.strip()]
        return shown(" / ".join(said[-4:])[-600:], 600) or "nothing"


def run(
    command: Sequence[str],
    *,
    variables: Mapping[str, str] | None = None,
    text: str = "",
    seconds: float = 5 * _MINUTES,
    folder: Path | None = None,
) -> Done:
    """Run a program with ``text`` as its input and more environment variables; ended, with code 124, after so long.

    Its current folder is ``folder``, or the one of whoever tries images.

    Ctrl-C does not reach it by itself: whoever is interrupted ends it, and then removes what it began.
    """
    # What bash would execute before a script, and functions that it would take from the environment.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("BASH_") and name != "ENV"}
    with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
        given.write(text.encode())
        given.seek(0)
        streams: dict[str, Any] = {"stdin": given, "stdout": out, "stderr": err}
        try:
            process = subprocess.Popen(
                command, env={**inherited, **(variables or {})}, start_new_session=True, cwd=folder, **streams
            )
        except OSError as error:
            raise UserError(
                f"{command[0]} could not be run: {error.strerror}.", "Check its installation, then try again."
            ) from error
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            code = 124
        finally:
            with suppress(ProcessLookupError, PermissionError):  # it has ended; macOS says the latter
                os.killpg(process.pid, signal.SIGKILL)  # and what it has started
            process.wait()
        return Done(code, _end_of(out), _end_of(err))


def _end_of(file: IO[bytes]) -> str:
    file.seek(max(0, file.seek(0, os.SEEK_END) - _MOST_OUTPUT))
    return file.read().decode(errors="replace")


def find_program(name: str, what_for: str) -> str:
    """The path of a program; raises ``UserError`` if it is not on the PATH."""
    found = shutil.which(name)
    if found is None:
        raise UserError(f"There is no {name} command, which {what_for}.", f"Install {name}, then try again.")
    return found


class Docker:
    """The docker command, and what it made for the trial of this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.label = f"{LABEL}={name}"
        self.program = find_program("docker", "runs the images")
        done = self("version", "--format", "{{.Server.Version}}", seconds=30)
        if done.code:
            raise UserError(
                f"Docker does not answer ({done.last_words}).",
                "Start it, and check that you may use it: docker version",
            )

    def __call__(self, *words: str, **options: Any) -> Done:
        return run([self.program, *words], **options)

    def require(self, *words: str, **options: Any) -> str:
        """The output of a docker command without which there is no trial."""
        done = self(*words, **options)
        if done.code:
            raise UserError(
                f"docker {words[0]} failed ({done.last_words}).", "Fix the cause and run the command again."
            )
        return done.out.strip()

    def inspect(self, kind: str, name: str) -> dict[str, Any]:
        """What Docker knows of an image or container; empty if there is none."""
        done = self(kind, "inspect", name)
        found: list[dict[str, Any]] = json.loads(done.out) if done.code == 0 else [{}]
        return found[0]

    def lacks(self, image: str) -> bool:
        """Whether this computer does not have an image; one that was built here is not looked for elsewhere."""
        return self("image", "inspect", image).code != 0

    def fetch(self, image: str, platform: str) -> None:
        """Download an image."""
        done = self("pull", "--quiet", "--platform", platform, image, seconds=_AS_LONG_AS_A_DOWNLOAD)
        if done.code:
            raise UserError(
                f"The image {shown(image)} is not on this computer and can't be downloaded ({done.last_words}).",
                "Name an image that you have built, or one that its registry gives you (docker login), then try again.",
            )

    def read_file(self, image: str, paths: Sequence[str], folder: Path) -> str:
        """The first of these files that an image has, without starting it; empty if it has none. Copies to a folder."""
        name = self.container(secrets.token_hex(4))
        made = self("create", "--name", name, "--label", self.label, "--network", "none", image, "true")
        copy = folder / "copy"
        for path in paths if made.code == 0 else ():
            copy.unlink(missing_ok=True)
            self("cp", "--follow-link", f"{name}:{path}", str(copy))
            if copy.is_file() and not copy.is_symlink():
                with copy.open("rb") as file:
                    return file.read(_LARGEST_FILE).decode(errors="replace")
        return ""

    def container(self, name: str) -> str:
        """The full name of a container of the trial."""
        return f"{self.name}-{name}"

    def create_network(self) -> None:
        self.require("network", "create", "--label", self.label, self.name)

    def start(self, name: str, *words: str, variables: Mapping[str, str] | None = None) -> None:
        """Start a container of the trial, which goes by this name in its network."""
        full = ["--detach", "--name", self.container(name), "--network", self.name, "--network-alias", name]
        names = [f"--env={each}" for each in variables or {}]  # not their values: the process list shows arguments
        self.require("run", *full, "--label", self.label, *names, *words, variables=variables)

    def run_once(self, image: str, *command: str) -> Done:
        """Run a command in a container without network, which is gone afterwards."""
        name = self.container(secrets.token_hex(4))
        return self("run", "--rm", "--name", name, "--label", self.label, "--network", "none", image, *command)

    def runs(self, name: str) -> bool:
        state = self.inspect("container", self.container(name)).get("State", {})
        return bool(state.get("Running")) and not state.get("Restarting")

    def restarts(self, name: str) -> bool:
        """Whether Docker had to start a container again by itself."""
        return bool(self.inspect("container", self.container(name)).get("RestartCount"))

    def logs(self, name: str) -> Done:
        return self("logs", self.container(name))

    def address(self, name: str) -> str:
        """A container's address in the trial's network; empty while it has none."""
        networks = self.inspect("container", self.container(name)).get("NetworkSettings", {}).get("Networks", {})
        return str(networks.get(self.name, {}).get("IPAddress", ""))

    def port(self, name: str, port: int) -> int:
        """Where this computer has a published port of a container."""
        return int(self.require("port", self.container(name), f"{port}/tcp").splitlines()[0].rpartition(":")[2])

    def python(self, name: str, program: str, *arguments: str) -> Any:
        """What a program prints as JSON when the python3 of a container runs it; None if it fails."""
        done = self("exec", "--interactive", self.container(name), "python3", "-", *arguments, text=program)
        try:
            return json.loads(done.out) if done.code == 0 else None
        except ValueError:
            return None

    def remove(self) -> None:
        """Remove all that has the trial's label. Raises ``UserError`` with the commands to do so if that fails."""
        label = f"label={self.label}"
        empty = 0
        for _ in range(20):
            listed = self("ps", "--all", "--quiet", "--filter", label, seconds=60)
            containers = listed.out.split()
            if containers:
                self("rm", "--force", "--volumes", *containers, seconds=120)
            # What was being made when the trial ended may appear a moment later.
            empty = empty + 1 if listed.code == 0 and not containers else 0
            if empty == 2:
                break
            time.sleep(0.3)
        networks = self("network", "ls", "--quiet", "--filter", label, seconds=60)
        removed = not networks.out.split() or self("network", "rm", *networks.out.split(), seconds=60).code == 0
        if empty < 2 or networks.code or not removed:
            raise UserError(
                f"What the trial {self.name} made could not be removed.", f"Remove it yourself: {self.removal}"
            )

    @property
    def removal(self) -> str:
        """The commands that remove all that has the trial's label."""
        label = f"--filter label={self.label}"
        return f"docker rm --force --volumes $(docker ps --all --quiet {label}); docker network rm {self.name}"


@contextmanager
def undisturbed() -> Iterator[None]:
    """No Ctrl-C, no end of the terminal and no request to end interrupts what is in it."""
    signals = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    before = [signal.signal(each, signal.SIG_IGN) for each in signals]
    try:
        yield
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)


@contextmanager
def interruptible() -> Iterator[None]:
    """A request to end, or the end of the terminal, interrupts what is in it as Ctrl-C does."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    signals = [signal.SIGTERM, signal.SIGHUP]
    before = [signal.signal(each, interrupt) for each in signals]
    try:
        yield
    finally:
        for each, handler in zip(signals, before, strict=True):
            signal.signal(each, handler)
