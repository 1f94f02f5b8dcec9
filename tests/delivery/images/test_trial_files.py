"""What a trial takes from the template, and how the instance's own scripts see Docker there."""

from __future__ import annotations

import ast
import itertools
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quilt_cfn.delivery.images.trial_checks import CHECKS
from quilt_cfn.delivery.images.trial_docker import LABEL, Docker, Done, run
from quilt_cfn.delivery.images.trial_files import STAND_INS, TEAM_NAME, Files, make_files, variables
from quilt_cfn.errors import UserError
from tests.command_line import ROOT
from tests.launches import DOCUMENTED, launch_stack

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")

RECORD = """#!/bin/bash
# docker, which does nothing but record its words; nothing is there yet.
printf '%s\\n' "$*" >>"${0%/*}/calls"
case "$*" in network\\ inspect*) exit 1 ;; inspect*) echo true ;; wait*) echo 0 ;; esac
"""


@pytest.fixture(scope="module")
def files(release, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return make_files(tmp_path_factory.mktemp("trial"), release, DOCUMENTED)


@pytest.fixture
def calls(files: Files, tmp_path: Path):
    """calls(SCRIPT, ARGUMENT...): what a script of the instance asks of Docker."""
    docker = tmp_path / "docker"
    docker.write_text(RECORD)
    docker.chmod(0o755)

    def calls(name: str, *arguments: str) -> list[str]:
        environment = variables(files, "quilt-try-x", str(docker), "/usr/bin:/bin")
        done = run(["bash", str(files.folder / "home/ec2-user" / name), *arguments], variables=environment, seconds=60)
        assert (done.code, done.err) == (0, ""), done.err
        return (tmp_path / "calls").read_text().splitlines()

    files.write_environments(8443)
    return calls


@pytest.mark.parametrize("step", ["", "--create-database", "--migrate"])
def test_whatever_start_names_is_the_trials(calls, step):
    found = calls("start.sh", *filter(None, [step]))
    assert [call for call in found if call.startswith(("run", "rm", "network"))]
    for call in found:
        words = call.split()
        named = [word for before, word in itertools.pairwise(words) if before in ("--name", "--network")]
        if words[0] in ("rm", "logs", "wait"):
            named.append(words[-1])
        if words[0] == "network":
            named.append(words[2])
        assert all(name.startswith("quilt-try-x") for name in named), call
        if words[0] == "run" or words[:2] == ["network", "create"]:
            assert f"--label {LABEL}=quilt-try-x" in call
        assert "--publish" not in words


def test_no_container_sees_more_of_the_computer_than_the_trials_folder(calls, files):
    for call in calls("start.sh"):
        words = call.split()
        mounts = [word for before, word in itertools.pairwise(words) if before == "--volume"]
        assert all(mount.startswith(f"{files.folder}/opt/quilt/") and mount.endswith(":ro,z") for mount in mounts)


def test_the_options_of_docker_run_are_the_instances_own(calls, release):
    (registry,) = (
        call for call in calls("start.sh") if call.startswith("run") and "--name quilt-try-x-registry " in call
    )
    for option in ("--restart unless-stopped", "--sysctl net.core.somaxconn=1024", "--memory 1638400k"):
        assert option in registry
    assert registry.endswith(f" {release.registry.reference}")
    assert "AWS_SECRET_ACCESS_KEY" not in registry
    assert "--env=QUILT_SECRET_KEY " in registry


def test_the_administrator_is_created_in_the_trials_container(calls):
    assert calls("create_admin.sh")[-1] == "exec --interactive quilt-try-x-registry ./scripts/create_admin.py"


def test_the_environment_is_the_templates_with_a_value_for_all_that_only_aws_has(files, all_templates):
    launched = launch_stack(all_templates["registry"]).environments
    for name in ("registry", "catalog", "database"):
        assert files.environments[name].keys() == launched[name].keys()
        assert not [value for value in files.environments[name].values() if "<" in value or "{" in value]
    assert files.environments["registry"]["SMTP_HOST"] == launched["registry"]["SMTP_HOST"]
    assert files.environments["registry"]["PGSSLMODE"] == "verify-full"


def test_bash_reads_each_variable_as_it_is(files):
    files.write_environments(8443)
    source = f'. {files.folder}/home/ec2-user/env/catalog; printf "%s\\n" "$TEAM_NAME" "$REGISTRY_URL"'
    shown = subprocess.run(["bash", "-c", source], capture_output=True, text=True, check=True, encoding="utf-8").stdout
    assert shown == f"{TEAM_NAME}\nhttps://quilt-registry.localhost:8443\n"


def test_a_variable_that_is_left_out_is_not_in_the_file(files):
    files.write_environments(8443, without="QUILT_SECRET_KEY")
    text = (files.folder / "home/ec2-user/env/registry").read_text()
    assert "QUILT_SECRET_KEY" not in text
    assert "QUILT_DEFAULT_SENDER" in text


def test_the_page_about_images_has_every_line_of_the_list():
    page = (ROOT / "docs/guide/open-source.md").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^\| `([a-z-]+)` \|", page) == [check.name for check in CHECKS]


def test_a_line_needs_only_lines_before_it():
    for number, check in enumerate(CHECKS):
        assert set(check.needs) <= {before.name for before in CHECKS[:number]}


@pytest.mark.parametrize("name", ["look.py", "services.py"])
def test_what_runs_in_the_registrys_image_is_for_its_python(name):
    """As quilt_cfn/instance/database.py is: Ubuntu 16.04 has 3.5, without packages."""
    tree = ast.parse((STAND_INS / name).read_text(encoding="ascii"), feature_version=(3, 5))
    imported = {each.name for node in ast.walk(tree) if isinstance(node, ast.Import) for each in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {module.partition(".")[0] for module in imported} <= sys.stdlib_module_names


def test_without_openssl_a_sentence_says_so(release, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(UserError, match="There is no openssl command, which makes the throw-away certificates"):
        make_files(tmp_path, release, DOCUMENTED)


def test_without_docker_a_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="There is no docker command, which runs the images"):
        Docker("quilt-try-x")
    silent = tmp_path / "docker"
    silent.write_text("#!/bin/sh\necho nobody is there >&2; exit 1\n")
    silent.chmod(0o755)
    with pytest.raises(UserError, match=r"Docker does not answer \(nobody is there\)\."):
        Docker("quilt-try-x")


def test_a_program_that_takes_too_long_is_ended_with_what_it_started(tmp_path):
    done = run(["sh", "-c", f"(sleep 60; touch {tmp_path}/late) & echo begun; wait"], seconds=0.5)
    assert (done.code, done.out) == (124, "begun\n")
    still = subprocess.run(["pgrep", "--full", f"touch {tmp_path}/late"], capture_output=True, check=False)
    assert still.returncode == 1


def test_what_bash_would_execute_before_a_script_is_not_in_its_environment(tmp_path, monkeypatch):
    (tmp_path / "before").write_text("echo hello\n")
    monkeypatch.setenv("BASH_ENV", str(tmp_path / "before"))
    monkeypatch.setenv("BASH_FUNC_docker%%", "() { echo hello; }")
    assert run(["bash", "-c", "type -t docker"]).out != "function\n"
    assert "hello" not in run(["bash", "-c", "true"]).out


def test_what_an_image_says_is_printable_and_short():
    words = Done(1, "first\n" + 900 * "x" + "\x1b[31m\n", "").last_words
    assert "\x1b" not in words
    assert len(words) <= 600
