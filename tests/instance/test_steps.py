"""steps.sh: what the boot and the units ask AWS and other servers for, and what they make of each answer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from quilt_cfn import instance

INSTANCE = "i-0123456789abcdef0"
ADDRESS = "203.0.113.10"
STACK = {
    "REGION": "us-east-1",
    "TARGET_GROUPS": "arn:sites arn:redirect",
    "ADDRESS": ADDRESS,
    "ALLOCATION_ID": "eipalloc-1",
    "RDS_CERTIFICATES": "https://certificates.example.com/us-east-1-bundle.pem",
}
REGISTRY = {
    "PACKAGE_BUCKET_NAME": "example-packages",
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_CONFIG_FILE": "/etc/quilt/aws/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/etc/quilt/aws/credentials",
}
PEM = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
# Finds what the instance metadata has under a name in a file of that name, and what is downloaded in a file "download".
CURL = """
name=${*: -1} name=${name##*/} output=
case $name in
token) echo a-token; exit ;;
us-east-1-bundle.pem) name=download; output=$5 ;;
*) [[ "$*" == *"X-aws-ec2-metadata-token: a-token"* ]] || exit 22 ;;
esac
[ -e "$name" ] || exit 22
if [ "$output" ]; then cp "$name" "$output"; else cat "$name"; fi
"""


class Steps:
    """The script with its absolute paths moved into a folder, and programs that record how they are called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        text = instance.read("steps.sh")
        for name in ("/home", "/opt", "/var"):
            assert f"{name}/" in text
            text = text.replace(f"{name}/", f"{folder}{name}/")
        for name in ("bin", "home/ec2-user/env", "opt/quilt/aws", "opt/quilt/state", "var/lib/cloud/data"):
            (folder / name).mkdir(parents=True)
        (folder / "steps.sh").write_text(text)
        (folder / "var/lib/cloud/data/instance-id").write_text(f"{INSTANCE}\n")
        self.environment("stack", STACK)
        self.environment("registry", REGISTRY)
        self.program("sleep", "")
        self.program("curl", CURL)

    def environment(self, name: str, values: dict[str, str]) -> None:
        lines = "".join(f"export {name}='{value}'\n" for name, value in values.items())
        (self.folder / "home/ec2-user/env" / name).write_text(lines)

    def program(self, name: str, body: str) -> None:
        """What a program does, in the folder: it finds how often it was called before in $before."""
        path = self.folder / "bin" / name
        record = f'echo {name} "$@" >>calls; before=$(grep -c "^{name} " calls); before=$((before - 1))'
        path.write_text(f"#!/bin/bash\ncd {self.folder}\n{record}\n{body}\n")
        path.chmod(0o755)

    def run(self, step: str) -> subprocess.CompletedProcess[str]:
        command = ["timeout", "20", "bash", f"{self.folder}/steps.sh", step]
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        return subprocess.run(command, env={"PATH": path}, capture_output=True, text=True, check=False)

    def calls(self, program: str) -> list[list[str]]:
        """The arguments of each call of a program."""
        path = self.folder / "calls"
        calls = [line.split(" ") for line in path.read_text().splitlines()] if path.exists() else []
        return [arguments for name, *arguments in calls if name == program]

    def metadata(self, name: str, value: str) -> None:
        (self.folder / name).write_text(value)

    def state(self, name: str) -> Path:
        """A file that nginx looks for."""
        return self.folder / "opt/quilt/state" / name


@pytest.fixture
def steps(tmp_path):
    return Steps(tmp_path)


def test_docker_is_installed_with_several_tries_and_pauses_that_grow(steps):
    steps.program("dnf", "[ $before = 3 ]")
    assert steps.run("install-docker").returncode == 0
    assert steps.calls("dnf") == [["--assumeyes", "--quiet", "install", "docker"]] * 4
    assert steps.calls("sleep") == [["2"], ["4"], ["8"]]


def test_what_never_succeeds_fails_after_a_minute_of_pauses(steps):
    steps.program("dnf", "exit 7")
    assert steps.run("install-docker").returncode == 7
    assert sum(int(seconds) for (seconds,) in steps.calls("sleep")) == 60


# The database's certificates


@pytest.fixture
def bundle(steps):
    return steps.folder / "opt/quilt/aws/rds-certificates.pem"


def test_the_certificates_of_rds_are_downloaded(steps, bundle):
    (steps.folder / "download").write_text(PEM)
    assert steps.run("fetch-certificates").returncode == 0
    assert bundle.read_text() == PEM
    assert steps.calls("curl")[0][-1] == STACK["RDS_CERTIFICATES"]


def test_the_download_is_tried_again(steps, bundle):
    (steps.folder / "download").write_text(PEM)
    steps.program("curl", f"[ $before = 2 ] || exit 22\n{CURL}")
    assert steps.run("fetch-certificates").returncode == 0
    assert bundle.exists()


@pytest.mark.parametrize("download", [None, "<html>Sign in to the network</html>", "-----BEGIN CERTIFICATE-----\nMII"])
def test_without_certificates_the_step_fails_with_a_sentence(steps, bundle, download):
    if download is not None:
        (steps.folder / "download").write_text(download)
    done = steps.run("fetch-certificates")
    assert done.returncode == 1
    assert f"No certificates of RDS at {STACK['RDS_CERTIFICATES']}" in done.stderr
    assert not bundle.exists()


def test_those_from_before_stay_when_the_download_fails(steps, bundle):
    bundle.write_text("from before")
    assert steps.run("fetch-certificates").returncode == 0
    assert bundle.read_text() == "from before"


def test_where_rds_publishes_none_nothing_is_downloaded(steps):
    steps.environment("stack", STACK | {"RDS_CERTIFICATES": ""})
    assert steps.run("fetch-certificates").returncode == 0
    assert steps.calls("curl") == []


# The bucket


def test_the_bucket_is_asked_for_with_the_key_that_signs(steps):
    steps.program("aws", "echo us-east-1; echo $AWS_ACCESS_KEY_ID $AWS_CONFIG_FILE >key")
    assert steps.run("check-bucket").returncode == 0
    assert "s3api head-bucket --bucket example-packages --region us-east-1" in " ".join(steps.calls("aws")[0])
    assert (steps.folder / "key").read_text() == "AKIAEXAMPLE\n", "and without the files of the container"


def test_a_key_that_is_not_known_everywhere_yet_is_tried_again(steps):
    steps.program("aws", "[ $before = 4 ] && echo us-east-1")
    assert steps.run("check-bucket").returncode == 0


def test_an_aws_cli_that_does_not_tell_the_region_is_content(steps):
    steps.program("aws", "echo None")
    assert steps.run("check-bucket").returncode == 0


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("echo Forbidden >&2; exit 254", "The registry can't use the bucket example-packages: check that its name"),
        ("echo eu-west-1", "The registry can't use the bucket example-packages, which is in eu-west-1: check that"),
    ],
)
def test_a_bucket_that_cannot_be_used_fails_with_what_to_check(steps, body, sentence):
    steps.program("aws", body)
    done = steps.run("check-bucket")
    assert done.returncode == 1
    assert sentence in done.stderr
    for word in ("its name", "us-east-1", "account", "bucket policy"):
        assert word in done.stderr


# The load balancer


def test_both_target_groups_are_waited_for(steps):
    steps.program("aws", 'case $before in 0) echo "initial None" ;; 2) exit 254 ;; *) echo "healthy None" ;; esac')
    done = steps.run("wait-for-target")
    assert done.returncode == 0
    groups = [call[call.index("--target-group-arn") + 1] for call in steps.calls("aws")]
    assert groups == ["arn:sites", "arn:sites", "arn:redirect", "arn:redirect"]
    assert all(f"Id={INSTANCE}" in call for call in steps.calls("aws"))
    assert "arn:sites: initial None\narn:sites: healthy None\n" in done.stdout, "each change is in the log"


@pytest.mark.parametrize("health", ["unhealthy Target.ResponseCodeMismatch", "unused Target.NotInUse", "draining", ""])
def test_nothing_else_is_healthy(steps, health):
    steps.program("aws", f'[ $before -lt 5 ] && echo "{health}" || kill $PPID')
    assert steps.run("wait-for-target").returncode != 0


# The fixed address


def test_the_address_is_taken_over_at_the_end_of_the_boot(steps):
    steps.program("aws", f"printf {ADDRESS} >public-ipv4")
    assert steps.run("take-address").returncode == 0
    (call,) = steps.calls("aws")
    assert "associate-address --region us-east-1 --allocation-id eipalloc-1" in " ".join(call)
    assert f"--instance-id {INSTANCE} --allow-reassociation" in " ".join(call)


def test_a_lost_answer_and_metadata_that_comes_late_are_no_failure(steps):
    steps.program("aws", "exit 255")
    steps.program("sleep", f'[ "$1" != 4 ] || printf {ADDRESS} >public-ipv4')
    assert steps.run("take-address").returncode == 0
    assert len(steps.calls("aws")) == 1


def test_an_association_that_fails_is_tried_again(steps):
    steps.program("aws", f"[ $before = 2 ] && printf {ADDRESS} >public-ipv4")
    assert steps.run("take-address").returncode == 0
    assert len(steps.calls("aws")) == 3


def test_an_address_that_was_lost_is_taken_again(steps):
    steps.state("open").touch()
    steps.metadata("public-ipv4", "198.51.100.1")
    steps.metadata("target-lifecycle-state", "InService")
    steps.program("aws", "")
    assert steps.run("keep-address").returncode == 0
    (call,) = steps.calls("aws")
    assert "--no-allow-reassociation" in call


@pytest.mark.parametrize(
    ("serves", "address", "life_cycle"),
    [(True, ADDRESS, "InService"), (True, "198.51.100.1", "Terminated"), (False, "198.51.100.1", "InService")],
    ids=["it has the address", "it is about to end", "it does not serve yet"],
)
def test_the_address_is_left_alone(steps, serves, address, life_cycle):
    if serves:
        steps.state("open").touch()
    steps.metadata("public-ipv4", address)
    steps.metadata("target-lifecycle-state", life_cycle)
    steps.program("aws", "")
    assert steps.run("keep-address").returncode == 0
    assert steps.calls("aws") == []


@pytest.mark.parametrize(
    ("sentence", "code"),
    [
        ("An error occurred (Resource.AlreadyAssociated) when calling the AssociateAddress operation: resource", 0),
        ("An error occurred (UnauthorizedOperation) when calling the AssociateAddress operation: You are not", 1),
    ],
)
def test_that_another_instance_has_it_is_fine_and_other_errors_are_errors(steps, sentence, code):
    steps.state("open").touch()
    steps.program("aws", f'echo "{sentence}" >&2; exit 254')
    done = steps.run("keep-address")
    assert (done.returncode, done.stderr.strip()) == (code, sentence if code else "")


# The end of the instance


def test_nginx_is_told_when_the_group_ends_the_instance(steps):
    steps.metadata("target-lifecycle-state", "InService")
    steps.program("sleep", "[ -e opt/quilt/state/closing ] || printf Terminated >target-lifecycle-state")
    assert steps.run("watch-termination").returncode == 0
    assert steps.state("closing").exists()
    assert steps.calls("sleep") == [["5"]]


def test_instance_metadata_that_does_not_answer_is_asked_again(steps):
    steps.program("curl", "[ $before -gt 6 ] || exit 28; printf Terminated")
    assert steps.run("watch-termination").returncode == 0
    assert len(steps.calls("sleep")) > 2
