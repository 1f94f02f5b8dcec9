"""configure.py: what a person typed arrives byte for byte, edits survive, and nothing secret is shown to anybody."""

from __future__ import annotations

import importlib.util
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quilt_cfn import instance
from tests.launches import DOCUMENTED, launch_stack
from tests.stack.test_parameters import DECLARED

SOURCE = Path(instance.__file__).parent / "configure.py"
FREE_TEXTS = ["DBPassword", "SmtpDefaultSender", "SmtpPassword", "SmtpUsername", "TeamName"]


def load():
    spec = importlib.util.spec_from_file_location("configure", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


configure = load()


def sourced(lines, names):
    """The values of variables after bash sourced these lines, and what it printed or ran meanwhile."""
    script = "\n".join([*lines, *(f'printf "%s\\0" "${name}"' for name in names)])
    done = subprocess.run(
        ["bash", "-eu", "-c", script], capture_output=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    assert done.stderr == b""
    return dict(zip(names, done.stdout.decode().split("\0"), strict=False))


@settings(max_examples=60)
@given(
    st.lists(
        st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0\n\r"), max_size=60),
        min_size=1,
        max_size=20,
    )
)
def test_bash_reads_exactly_the_value_and_executes_nothing(values):
    secrets = {f"S{number}": value for number, value in enumerate(values)}
    lines = [configure.line(f"V{number}", f"{{S{number}}}", secrets) for number in range(len(values))]
    assert list(sourced(lines, [f"V{number}" for number in range(len(values))]).values())[: len(values)] == values


@pytest.mark.parametrize("name", FREE_TEXTS)
@settings(max_examples=40)
@given(st.data())
def test_every_value_that_the_form_accepts_arrives(name, data):
    values = data.draw(
        st.lists(st.from_regex(DECLARED[name]["AllowedPattern"], fullmatch=True), min_size=1, max_size=10)
    )
    lines = [configure.line(f"V{number}", "{X}", {"X": value}) for number, value in enumerate(values)]
    assert list(sourced(lines, [f"V{number}" for number in range(len(values))]).values())[: len(values)] == values


def test_a_secret_that_looks_like_a_placeholder_stays_as_it_is():
    secrets = {"A": "{B}", "B": "secret"}
    assert configure.line("V", "a{A}b{B}", secrets) == "export V='a{B}bsecret'"


AWS = """#!{python} -SE
import json, sys
secrets = json.load(open("{root}/secrets.json"))
open("{root}/calls", "a").write(" ".join(sys.argv[1:]) + "\\n")
print(json.dumps({{"SecretString": secrets[sys.argv[sys.argv.index("--secret-id") + 1]]}}))
"""


class Machine:
    """A root folder with the stand-ins that configure.py calls: aws answers from a file and notes how it was called."""

    def __init__(self, root: Path, stack) -> None:
        self.root = root
        self.secrets = {}
        (root / "home/ec2-user").mkdir(parents=True)
        (root / "opt/quilt").mkdir(parents=True)
        (root / "bin").mkdir()
        (root / "opt/quilt/config.json").write_text(json.dumps(stack.file("/opt/quilt/config.json")))
        self.stand_in("aws", AWS.format(python=sys.executable, root=root))
        self.stand_in(
            "runuser", f'#!/bin/sh\necho "$@" >>{root}/restarts\nexit $(cat {root}/exit 2>/dev/null || echo 0)\n'
        )

    def stand_in(self, name, text):
        path = self.root / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def configure(self, *arguments, **secrets):
        self.secrets |= {f"<{name}>": value for name, value in secrets.items()}
        (self.root / "secrets.json").write_text(json.dumps(self.secrets))
        script = f"import configure; from pathlib import Path; configure.main(Path({str(self.root)!r}))"
        environment = {"PATH": f"{self.root}/bin:{os.environ['PATH']}", "PYTHONPATH": str(SOURCE.parent)}
        return subprocess.run(
            [sys.executable, "-c", script, *arguments], env=environment, capture_output=True, text=True, check=False
        )

    def environment(self, name):
        return self.root / "home/ec2-user/env" / name

    def values(self, name):
        lines = self.environment(name).read_text().splitlines()
        return sourced(lines, [each.removeprefix("export ").partition("=")[0] for each in lines])

    @property
    def restarts(self):
        path = self.root / "restarts"
        return path.read_text().splitlines() if path.exists() else []


SECRETS = {
    "DBPasswordSecret": "it's a:b?c=d&e#$x\\",
    "SmtpUsernameSecret": "$(touch /tmp/never)",
    "SmtpPasswordSecret": "`reboot`'\"",
    "SmtpDefaultSenderSecret": "quilt@example.com",
    "TeamNameSecret": "Müller & Söhne",
    "QuiltSecretKey": "generated",
    "RegistryUserKeySecret": "AKIAEXAMPLE:se/cr+et",
}


@pytest.fixture
def machine(tmp_path, templates):
    return Machine(tmp_path, launch_stack(templates["registry"]))


def test_the_files_hold_the_stacks_values_and_secrets(machine):
    assert machine.configure(**SECRETS).returncode == 0
    registry = machine.values("registry")
    assert registry["REGISTRY_URL"] == f"https://{DOCUMENTED['RegistryHost']}"
    assert f":{SECRETS['DBPasswordSecret']}@" in registry["SQLALCHEMY_DATABASE_URI"]
    assert registry["SMTP_USERNAME"] == SECRETS["SmtpUsernameSecret"]
    assert registry["TEAM_NAME"] == machine.values("catalog")["TEAM_NAME"] == SECRETS["TeamNameSecret"]
    assert (registry["AWS_ACCESS_KEY_ID"], registry["AWS_SECRET_ACCESS_KEY"]) == ("AKIAEXAMPLE", "se/cr+et")
    assert machine.values("stack")["SITES_PORT"] == "80"


def test_only_their_owner_reads_them(machine):
    machine.configure(**SECRETS)
    files = [machine.environment(name) for name in ("registry", "catalog", "stack")]
    for path in [*files, machine.root / "opt/quilt/written.json"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_no_secret_is_printed_or_an_argument(machine):
    done = machine.configure(**SECRETS)
    shown = done.stdout + done.stderr + (machine.root / "calls").read_text()
    assert not [secret for secret in SECRETS.values() if secret in shown]


def test_doing_it_again_changes_nothing(machine):
    machine.configure(**SECRETS)
    before = {name: machine.environment(name).read_text() for name in ("registry", "catalog", "stack")}
    files = {name: machine.environment(name).stat().st_ino for name in before}
    machine.configure("--restart")
    assert {name: machine.environment(name).read_text() for name in before} == before
    assert {name: machine.environment(name).stat().st_ino for name in before} == files, "an editor has it open"
    assert machine.restarts == []


def test_a_key_that_was_put_in_by_hand_stays(machine):
    """The documented rotation: create a second key in the console, put it into env/registry, restart."""
    machine.configure(**SECRETS)
    registry = machine.environment("registry")
    registry.write_text(
        registry.read_text().replace("'AKIAEXAMPLE'", "AKIANEW").replace("'se/cr+et'", '"new"') + "MY_OWN=1\n"
    )
    machine.configure("--restart", TeamNameSecret="Another name")
    values = machine.values("registry")
    assert (values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"]) == ("AKIANEW", "new")
    assert (values["TEAM_NAME"], values["MY_OWN"]) == ("Another name", "1")


def test_a_key_that_the_stack_changed_replaces_an_edited_one(machine):
    machine.configure(**SECRETS)
    registry = machine.environment("registry")
    registry.write_text(registry.read_text().replace("AKIAEXAMPLE", "AKIAOLD"))
    machine.configure(RegistryUserKeySecret="AKIANEWEST:newest")
    assert machine.values("registry")["AWS_ACCESS_KEY_ID"] == "AKIANEWEST"


def test_a_changed_secret_restarts_the_containers_once(machine):
    machine.configure(**SECRETS)
    assert machine.restarts == [], "at boot the start is a step of its own"
    machine.configure("--restart", SmtpPasswordSecret="new")
    machine.configure("--restart")
    assert len(machine.restarts) == 1
    assert machine.restarts[0].endswith("home/ec2-user/start.sh")


def test_a_restart_that_failed_is_tried_again(machine):
    machine.configure(**SECRETS)
    (machine.root / "exit").write_text("1")
    assert machine.configure("--restart", SmtpPasswordSecret="new").returncode != 0
    (machine.root / "exit").write_text("0")
    assert machine.configure("--restart").returncode == 0
    assert len(machine.restarts) == 2


def test_a_secret_that_cannot_be_read_leaves_every_file_as_it_was(machine):
    machine.configure(**SECRETS)
    before = machine.environment("registry").read_text()
    machine.stand_in("aws", "#!/bin/sh\nexit 255\n")
    assert machine.configure(TeamNameSecret="new").returncode != 0
    assert machine.environment("registry").read_text() == before
