"""The scripts that land on the machine, run with stand-ins for what they call."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from quilt_cfn import instance
from tests.cloudformation import launch

FOLDER = Path(instance.__file__).parent
SHELL = [path for path in sorted(FOLDER.iterdir()) if path.is_file() and path.read_text().startswith("#!/bin/bash")]
PYTHON = [path for path in sorted(FOLDER.glob("*.py")) if path.name != "__init__.py"]


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
@pytest.mark.parametrize("path", SHELL, ids=lambda path: path.name)
def test_shellcheck_finds_no_fault(path):
    done = subprocess.run(["shellcheck", "--external-sources", path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("path", PYTHON, ids=lambda path: path.name)
def test_python_is_that_of_amazon_linux(path):
    """Amazon Linux 2023's own interpreter is 3.9, and it has no packages but the standard library."""
    tree = ast.parse(path.read_text(), feature_version=(3, 9))
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= {"json", "os", "re", "subprocess", "sys", "time", "pathlib", "urllib.request", "configure"}


def test_every_file_says_what_it_is_for():
    for path in FOLDER.iterdir():
        if path.is_file():
            first, *rest = path.read_text().splitlines()
            purpose = rest[0] if first.startswith("#!") else first
            assert purpose.startswith(("# ", '"""')), path.name


def test_every_file_is_delivered():
    delivered = {file.source for file in (*instance.FILES, instance.CREDENTIALS)} | {"user-data.sh", "__init__.py"}
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == delivered


def test_every_path_that_the_boot_runs_is_delivered():
    delivered = {file.path for file in (*instance.FILES, instance.CREDENTIALS)}
    text = instance.read("boot") + instance.read("user-data.sh") + instance.read("quilt-refresh.service")
    named = set(re.findall(r"(?:/opt/quilt|/home/ec2-user)/[\w.-]+", text))
    assert named - {"/opt/quilt/catalog-log"} <= delivered
    assert "/opt/quilt/configure.py" in named


# nginx


def rendered_nginx(catalog="quilt.example.com", registry="quilt-registry.example.com"):
    text = instance.read("nginx.conf").replace("@RESOLVER@", "127.0.0.1")
    return text.replace("@CATALOG_HOST@", catalog).replace("@REGISTRY_HOST@", registry)


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
@pytest.mark.parametrize("length", [13, 40, 128])
def test_nginx_takes_its_configuration_with_hosts_of_any_length(tmp_path, length):
    label = "a" * 60
    host = f"{label}.{label}.{'b' * length}"[: length - 4].rstrip(".") + ".com"
    path = tmp_path / "nginx.conf"
    path.write_text(rendered_nginx(catalog=host, registry=f"r{host[1:]}"))
    done = subprocess.run(["nginx", "-t", "-c", path, "-p", tmp_path], capture_output=True, text=True, check=False)
    assert "test is successful" in done.stderr, done.stderr


# start.sh

DOCKER = (
    f"#!{sys.executable} -SE\n"
    + """\
import json, os, sys
root = os.environ["STAND_IN"]
names = [word[6:] for word in sys.argv if word.startswith("--env=")]
with open(f"{root}/docker.log", "a") as log:
    environment = {name: os.environ.get(name) for name in names}
    print(json.dumps({"arguments": sys.argv[1:], "environment": environment}), file=log)
if sys.argv[1] == "wait":
    path = f"{root}/exit-code"
    print(open(path).read() if os.path.exists(path) else 0)
if sys.argv[1:3] == ["image", "inspect"] and not os.path.exists(f"{root}/images"):
    sys.exit(1)
"""
)
HOSTILE = {
    "registry": {"TEAM_NAME": "Müller & Söhne", "SMTP_PASSWORD": "it's $(touch x) `id` \\ \"", "EMPTY": ""},
    "catalog": {"REGISTRY_URL": "https://quilt-registry.example.com"},
    "stack": {
        "REGISTRY_IMAGE": "registry:1",
        "CATALOG_IMAGE": "catalog:1",
        "NGINX_IMAGE": "nginx:1",
        "CATALOG_HOST": "quilt.example.com",
        "REGISTRY_HOST": "quilt-registry.example.com",
        "SITES_PORT": "80",
        "REDIRECT_PORT": "8080",
    },
}


class Home:
    """An administrator's home with start.sh, its environment files and a docker that notes how it was called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "env").mkdir()
        (folder / "bin").mkdir()
        for name in ("start.sh", "create_admin.sh"):
            shutil.copy(FOLDER / name, folder / name)
        for name, values in HOSTILE.items():
            quoted = {key: value.replace("'", "'\\''") for key, value in values.items()}
            (folder / "env" / name).write_text("".join(f"export {key}='{value}'\n" for key, value in quoted.items()))
        (folder / "bin/docker").write_text(DOCKER)
        (folder / "bin/docker").chmod(0o755)

    def run(self, script, *arguments):
        environment = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "STAND_IN": str(self.folder)}
        return subprocess.run(
            ["bash", self.folder / script, *arguments],
            env=environment,
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self, *beginning):
        log = (self.folder / "docker.log").read_text()
        calls = [json.loads(line) for line in log.splitlines()]
        return [call for call in calls if call["arguments"][: len(beginning)] == list(beginning)]


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


def started(home):
    return {call["arguments"][call["arguments"].index("--name") + 1]: call for call in home.calls("run")}


def test_start_replaces_and_starts_the_three_documented_containers(home):
    done = home.run("start.sh")
    assert done.returncode == 0, done.stderr
    assert list(started(home)) == ["registry", "catalog", "registry-nginx"]
    assert [call["arguments"][-1] for call in home.calls("rm")] == ["registry", "catalog", "registry-nginx"]
    for call in started(home).values():
        words = " ".join(call["arguments"])
        assert "--network quilt" in words
        assert "--restart unless-stopped" in words


def test_variables_reach_the_containers_exactly_and_are_no_arguments(home):
    home.run("start.sh")
    containers = started(home)
    assert containers["registry"]["environment"] == HOSTILE["registry"]
    assert containers["catalog"]["environment"] == HOSTILE["catalog"]
    shown = str([call["arguments"] for call in home.calls()])
    assert not [value for value in HOSTILE["registry"].values() if value and value in shown]
    assert not (home.folder / "x").exists()


def test_only_the_registry_gets_credentials(home):
    home.run("start.sh")
    mounted = {name for name, call in started(home).items() if "/opt/quilt/aws" in str(call["arguments"])}
    assert mounted == {"registry"}


def test_images_that_are_there_are_not_fetched(home):
    (home.folder / "images").touch()
    home.run("start.sh")
    assert home.calls("pull") == []


def test_missing_images_are_fetched_before_anything_stops(home):
    home.run("start.sh")
    verbs = [call["arguments"][0] for call in home.calls()]
    assert verbs.count("pull") == 3
    assert max(place for place, verb in enumerate(verbs) if verb == "pull") < verbs.index("rm")


def test_the_classic_mistake_in_the_environment_file_is_named(home):
    with (home.folder / "env/registry").open("a") as file:
        file.write("AWS_SECRET_KEY=x\n")
    done = home.run("start.sh")
    assert done.returncode == 1
    assert "rename it to AWS_SECRET_ACCESS_KEY" in done.stderr


def test_an_edited_line_without_export_is_passed_on_too(home):
    with (home.folder / "env/registry").open("a") as file:
        file.write('AWS_ACCESS_KEY_ID="AKIANEW"\n# a comment\n')
    home.run("start.sh")
    assert started(home)["registry"]["environment"]["AWS_ACCESS_KEY_ID"] == "AKIANEW"


def test_migrations_run_once_in_the_registrys_image_under_a_lock(home):
    done = home.run("start.sh", "--migrate")
    assert done.returncode == 0, done.stderr
    (call,) = home.calls("run")
    *_, image, python, command, program = call["arguments"]
    assert (image, python, command) == ("registry:1", "python3", "-c")
    assert " ".join(call["arguments"]).count("--restart") == 2
    assert call["arguments"][call["arguments"].index("--restart", call["arguments"].index("--restart") + 1) + 1] == "no"
    assert call["environment"]["SMTP_PASSWORD"] == HOSTILE["registry"]["SMTP_PASSWORD"]
    ast.parse(program, feature_version=(3, 5))
    assert "pg_advisory_lock" in program
    assert '"flask", "db", "upgrade"' in program


def test_a_failed_migration_is_a_failed_step(home):
    (home.folder / "exit-code").write_text("3")
    assert home.run("start.sh", "--migrate").returncode == 3


def test_an_unknown_word_is_refused_with_the_known_ones(home):
    done = home.run("start.sh", "--frobnicate")
    assert done.returncode == 2
    assert "--wait, --fetch and --migrate" in done.stderr


def test_creating_an_admin_needs_a_running_registry(home):
    done = home.run("create_admin.sh")
    assert done.returncode == 1
    assert "run ./start.sh" in done.stderr
    (home.folder / "bin/docker").write_text('#!/bin/sh\n[ "$1" = inspect ] && echo true || echo "$@"\n')
    assert home.run("create_admin.sh").stdout == "exec --interactive registry ./scripts/create_admin.py\n"


# user data: one signal on every path

PATHS = [
    "/opt/aws/bin/cfn-init",
    "/opt/aws/bin/cfn-signal",
    "/opt/quilt/boot",
    "/run/quilt-step",
    "/var/lib/cloud/data/instance-id",
]


class UserData:
    """The user data with its absolute paths led into a folder, where stand-ins for AWS's helpers are."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        used = set(re.findall(r"(?<![\w#!$:/.])/(?:opt|run|var|home|etc)/[\w./-]+", text))
        assert used == set(PATHS)
        for path in PATHS:
            text = text.replace(path, f"{folder}{path}")
            (folder / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (folder / "user-data").write_text(text)
        (folder / "var/lib/cloud/data/instance-id").write_text("i-0123456789abcdef0\n")
        self.program("opt/aws/bin/cfn-signal", f'echo "$@" >>{folder}/signals')
        self.program("opt/aws/bin/cfn-init", "true")
        self.program("opt/quilt/boot", "true")

    def program(self, name, body):
        path = self.folder / name
        path.write_text(f"#!/bin/bash\n{body}\n")
        path.chmod(0o755)

    def start(self):
        return subprocess.Popen(
            ["bash", self.folder / "user-data"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def signal(self):
        """The one signal: exit code and ID."""
        (line,) = (self.folder / "signals").read_text().splitlines()
        code, unique = re.match(
            r"--exit-code (\d+) --id (\S+) --stack my-registry --resource Server --region us-east-1$", line
        ).groups()
        assert len(unique) <= 64, "the API's limit"
        return int(code), unique


@pytest.fixture
def user_data(tmp_path, templates):
    return UserData(tmp_path, launch(templates["registry"]).user_data)


def test_success_is_signalled_once(user_data):
    assert user_data.start().wait(10) == 0
    assert user_data.signal() == (0, "i-0123456789abcdef0")


def test_files_that_cannot_be_fetched_are_a_failure_with_the_steps_name(user_data):
    user_data.program("opt/aws/bin/cfn-init", "exit 7")
    user_data.program("opt/quilt/boot", f"touch {user_data.folder}/booted")
    user_data.start().wait(10)
    assert user_data.signal() == (7, "i-0123456789abcdef0-failed-in-step-fetch-files")
    assert not (user_data.folder / "booted").exists()


def test_a_failed_step_of_the_boot_is_named(user_data):
    user_data.program("opt/quilt/boot", f"echo migrate >{user_data.folder}/run/quilt-step; exit 1")
    user_data.start().wait(10)
    assert user_data.signal() == (1, "i-0123456789abcdef0-failed-in-step-migrate")


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_an_end_from_outside_is_a_failure_and_one_signal(user_data, sent):
    user_data.program("opt/quilt/boot", f"touch {user_data.folder}/booting; sleep 1")
    process = user_data.start()
    deadline = time.monotonic() + 10
    while not (user_data.folder / "booting").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(sent)
    process.wait(10)
    code, unique = user_data.signal()
    assert code != 0
    assert unique.startswith("i-0123456789abcdef0-failed-in-step-")


def test_every_steps_name_fits_into_the_signals_id():
    for name in re.findall(r"\bstep ([a-z-]+) \d", instance.read("boot")):
        assert len(f"i-0123456789abcdef0-failed-in-step-{name}") <= 64
