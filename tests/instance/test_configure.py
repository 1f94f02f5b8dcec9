"""configure.py: values arrive byte for byte in the environment files, edits survive, and no secret is shown."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from runpy import run_path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quilt_cfn import instance
from tests.launches import DOCUMENTED, LaunchedStack, launch_stack

SOURCE = Path(instance.__file__).parent / "configure.py"
line = run_path(str(SOURCE))["line"]


def sourced(lines: list[str], names: list[str]) -> dict[str, str]:
    """The values of variables after bash sourced these lines; an error if that printed anything."""
    script = "\n".join([*lines, *(f'printf "%s\\0" "${name}"' for name in names)])
    done = subprocess.run(
        ["bash", "-eu", "-c", script], capture_output=True, check=True, env={"PATH": os.environ["PATH"]}
    )
    assert done.stderr == b""
    return dict(zip(names, done.stdout.decode().split("\0")[:-1], strict=True))


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
    lines = [line(f"V{number}", f"{{S{number}}}", secrets) for number in range(len(values))]
    assert list(sourced(lines, [f"V{number}" for number in range(len(values))]).values()) == values


def test_a_secret_that_looks_like_a_placeholder_stays_as_it_is():
    secrets = {"A": "{B}", "B": "secret"}
    assert line("V", "a{A}b{B}", secrets) == "export V='a{B}bsecret'"


AWS = """#!{python} -SE
import json, sys
values = json.load(open("{root}/values.json"))
open("{root}/calls", "a").write(" ".join(sys.argv[1:]) + "\\n")
service, operation, _, name, *options = sys.argv[1:]
assert options[:4] == ["--region", "us-east-1", "--output", "json"]
assert options[4:] == ["--cli-connect-timeout", "10", "--cli-read-timeout", "10"]
print(json.dumps({{
    "get-secret-value": {{"SecretString": values[name]}},
    "get-parameter": {{"Parameter": {{"Name": name, "Value": values[name]}}}},
}}[operation]))
"""


CREDENTIALS = """
from pathlib import Path
with open("{root}/reloads", "a") as file:
    file.write(Path("{root}/home/ec2-user/env/registry").read_text().count("AKIANEWEST") * "x" + chr(10))
raise SystemExit(int(Path("{root}/exit").read_text()) if Path("{root}/exit").exists() else 0)
"""


class Root:
    """The root folder of an instance, with stand-ins for aws, which answers from a file, and for runuser."""

    def __init__(self, folder: Path, stack: LaunchedStack) -> None:
        self.folder = folder
        self.stored: dict[str, str] = {}
        (folder / "home/ec2-user").mkdir(parents=True)
        (folder / "opt/quilt").mkdir(parents=True)
        (folder / "bin").mkdir()
        (folder / "opt/quilt/config.json").write_text(json.dumps(stack.file("/opt/quilt/config.json")))
        self.stand_in("aws", AWS.format(python=sys.executable, root=folder))
        (folder / "opt/quilt/credentials.py").write_text(CREDENTIALS.format(root=folder))
        self.stand_in(
            "runuser", f'#!/bin/sh\necho "$@" >>{folder}/restarts\nexit $(cat {folder}/exit 2>/dev/null || echo 0)\n'
        )

    def stand_in(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def configure(self, *arguments: str, **values: str) -> subprocess.CompletedProcess[str]:
        """Run configure.py after secrets and texts got these values; logical ID -> value."""
        self.stored |= {f"<{name}>": value for name, value in values.items()}
        (self.folder / "values.json").write_text(json.dumps(self.stored))
        script = f"import configure, pathlib; configure.main(pathlib.Path({str(self.folder)!r}))"
        if os.geteuid() != 0:  # only root may give a file to root
            script = "import os; os.chown = lambda *arguments: None; " + script
        environment = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "PYTHONPATH": str(SOURCE.parent)}
        return subprocess.run(
            [sys.executable, "-c", script, *arguments], env=environment, capture_output=True, text=True, check=False
        )

    def environment(self, name: str) -> Path:
        return self.folder / "home/ec2-user/env" / name

    def values(self, name: str) -> dict[str, str]:
        lines = self.environment(name).read_text().splitlines()
        return sourced(lines, [each.removeprefix("export ").partition("=")[0] for each in lines])

    @property
    def restarts(self) -> list[str]:
        """The arguments of each call of runuser."""
        path = self.folder / "restarts"
        return path.read_text().splitlines() if path.exists() else []


SECRETS = {
    "DBPasswordSecret": "it's a:b?c=d&e#$x\\",
    "SmtpUsernameSecret": "$(touch /tmp/never)",
    "SmtpPasswordSecret": "`reboot`'\"",
    "QuiltSecretKey": "generated",
    "RegistryDatabasePassword": "generated too",
    "RegistryUserKeySecret": "AKIAEXAMPLE:se/cr+et",
}
TEXTS = {"SmtpDefaultSenderText": "quilt@example.com", "TeamNameText": "Müller & Söhne"}
VALUES = SECRETS | TEXTS


@pytest.fixture
def root(tmp_path, templates):
    return Root(tmp_path, launch_stack(templates["registry"]))


def test_the_files_hold_the_stacks_values_and_secrets(root):
    assert root.configure(**VALUES).returncode == 0
    registry = root.values("registry")
    assert registry["REGISTRY_URL"] == f"https://{DOCUMENTED['RegistryHost']}"
    assert f"//registry:{SECRETS['RegistryDatabasePassword']}@" in registry["SQLALCHEMY_DATABASE_URI"]
    assert f"//quilt:{SECRETS['DBPasswordSecret']}@" in root.values("database")["ADMIN_DATABASE_URI"]
    assert root.values("database")["DATABASE_PASSWORD"] == SECRETS["RegistryDatabasePassword"]
    assert registry["SMTP_USERNAME"] == SECRETS["SmtpUsernameSecret"]
    assert registry["TEAM_NAME"] == root.values("catalog")["TEAM_NAME"] == TEXTS["TeamNameText"]
    assert (registry["AWS_ACCESS_KEY_ID"], registry["AWS_SECRET_ACCESS_KEY"]) == ("AKIAEXAMPLE", "se/cr+et")
    assert root.values("stack")["SITES_PORT"] == "80"


def test_the_master_users_password_is_not_in_the_registrys_environment(root):
    root.configure(**VALUES)
    for name in ("registry", "catalog", "stack"):
        assert SECRETS["DBPasswordSecret"] not in str(root.values(name))


def test_only_their_owner_reads_them(root):
    root.configure(**VALUES)
    files = [root.environment(name) for name in ("registry", "catalog", "database", "stack")]
    for path in [*files, root.folder / "opt/quilt/written.json"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_no_secret_is_printed_or_an_argument(root):
    done = root.configure(**VALUES)
    shown = done.stdout + done.stderr + (root.folder / "calls").read_text()
    assert not [secret for secret in SECRETS.values() if secret in shown]


def test_doing_it_again_changes_nothing(root):
    root.configure(**VALUES)
    before = {name: root.environment(name).read_text() for name in ("registry", "catalog", "database", "stack")}
    files = {name: root.environment(name).stat().st_ino for name in before}
    root.configure("--restart")
    assert {name: root.environment(name).read_text() for name in before} == before
    assert {name: root.environment(name).stat().st_ino for name in before} == files, "an editor has it open"
    assert root.restarts == []


def test_a_key_that_was_put_in_by_hand_stays(root):
    """The documented rotation: create a second key in the console, put it into env/registry, restart."""
    root.configure(**VALUES)
    registry = root.environment("registry")
    registry.write_text(
        registry.read_text().replace("'AKIAEXAMPLE'", "AKIANEW").replace("'se/cr+et'", '"new"') + "MY_OWN=1\n"
    )
    root.configure("--restart", TeamNameText="Another name")
    values = root.values("registry")
    assert (values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"]) == ("AKIANEW", "new")
    assert (values["TEAM_NAME"], values["MY_OWN"]) == ("Another name", "1")


def test_a_key_that_the_stack_changed_replaces_an_edited_one(root):
    root.configure(**VALUES)
    registry = root.environment("registry")
    registry.write_text(registry.read_text().replace("AKIAEXAMPLE", "AKIAOLD"))
    root.configure(RegistryUserKeySecret="AKIANEWEST:newest")
    assert root.values("registry")["AWS_ACCESS_KEY_ID"] == "AKIANEWEST"


def test_a_changed_secret_restarts_the_containers_once(root):
    root.configure(**VALUES)
    assert root.restarts == [], "at boot the start is a step of its own"
    root.configure("--restart", SmtpPasswordSecret="new")
    root.configure("--restart")
    assert len(root.restarts) == 1
    assert root.restarts[0].endswith("home/ec2-user/start.sh")


def test_another_access_key_alone_is_read_by_a_reload_and_nothing_restarts(root):
    root.configure(**VALUES)
    root.configure("--restart", RegistryUserKeySecret="AKIANEWEST:newest")
    root.configure("--restart")
    assert root.restarts == []
    assert (root.folder / "reloads").read_text() == "x\n", "once, and after the file has the key"


def test_a_reload_that_failed_is_tried_again(root):
    root.configure(**VALUES)
    (root.folder / "exit").write_text("1")
    assert root.configure("--restart", RegistryUserKeySecret="AKIANEWEST:newest").returncode != 0
    (root.folder / "exit").write_text("0")
    assert root.configure("--restart").returncode == 0
    assert (root.folder / "reloads").read_text() == "x\nx\n"


def test_a_restart_takes_another_access_key_along(root):
    root.configure(**VALUES)
    root.configure("--restart", RegistryUserKeySecret="AKIANEWEST:newest", SmtpPasswordSecret="new")
    assert len(root.restarts) == 1
    assert not (root.folder / "reloads").exists()


def test_the_databases_user_gets_a_changed_password_before_the_registry_connects_with_it(root):
    root.configure(**VALUES)
    root.configure("--restart", RegistryDatabasePassword="another")
    assert [restart.rpartition("start.sh")[2] for restart in root.restarts] == [" --create-database", ""]
    root.configure("--restart", SmtpPasswordSecret="another")
    assert len(root.restarts) == 3, "other values are nothing to the database"


def test_while_the_database_refuses_that_the_containers_run_on_and_it_is_tried_again(root):
    root.configure(**VALUES)
    (root.folder / "exit").write_text("1")
    assert root.configure("--restart", DBPasswordSecret="another").returncode != 0
    assert len(root.restarts) == 1
    (root.folder / "exit").write_text("0")
    assert root.configure("--restart").returncode == 0
    assert len(root.restarts) == 3


def test_a_restart_that_failed_is_tried_again(root):
    root.configure(**VALUES)
    (root.folder / "exit").write_text("1")
    assert root.configure("--restart", SmtpPasswordSecret="new").returncode != 0
    (root.folder / "exit").write_text("0")
    assert root.configure("--restart").returncode == 0
    assert len(root.restarts) == 2


def test_a_secret_that_cannot_be_read_leaves_every_file_as_it_was(root):
    root.configure(**VALUES)
    before = root.environment("registry").read_text()
    root.stand_in("aws", "#!/bin/sh\nexit 255\n")
    assert root.configure(TeamNameText="new").returncode != 0
    assert root.environment("registry").read_text() == before
