"""steps.sh: what the boot and the units ask AWS and other servers for, and what they make of each answer."""

from __future__ import annotations

import os
import re
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
    "REGISTRY_HOST": "quilt-registry.example.com",
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
        for name in ("/home/", "/opt/", "/var/", "/run/", "/etc/", "/swapfile"):
            assert name in text
            text = text.replace(name, f"{folder}{name}")
        folders = ("bin", "etc", "home/ec2-user/env", "opt/quilt/aws", "opt/quilt/state", "run", "var/lib/cloud/data")
        for name in folders:
            (folder / name).mkdir(parents=True)
        (folder / "steps.sh").write_text(text)
        (folder / "var/lib/cloud/data/instance-id").write_text(f"{INSTANCE}\n")
        self.environment("stack", STACK)
        self.environment("registry", REGISTRY)
        self.program("sleep", "")
        self.program("curl", CURL)

    def of_image(self, name: str, text: str) -> None:
        """A file that the machine image brings along."""
        (self.folder / "opt/quilt-image").mkdir(exist_ok=True)
        (self.folder / "opt/quilt-image" / name).write_text(text)

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
        command = ["timeout", "120", "bash", f"{self.folder}/steps.sh", step]
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


def test_where_no_certificates_are_known_the_machine_images_are_not_taken(steps, bundle):
    """libpq's sslmode=require verifies when there is a file: https://www.postgresql.org/docs/16/libpq-ssl.html"""
    steps.of_image("rds-certificates.pem", PEM)
    steps.environment("stack", STACK | {"RDS_CERTIFICATES": ""})
    assert steps.run("fetch-certificates").returncode == 0
    assert not bundle.exists()


def test_the_certificates_of_the_machine_image_are_taken_and_nothing_is_downloaded(steps, bundle):
    (steps.folder / "download").write_text(PEM)
    steps.of_image("rds-certificates.pem", "of the image\n")
    bundle.write_text("of an earlier boot\n")
    assert steps.run("fetch-certificates").returncode == 0
    assert bundle.read_text() == "of the image\n"
    assert steps.calls("curl") == []


# The machine image


WANTED = "1.2.3"


@pytest.fixture
def image(steps):
    """Says what the stack wants and which release the image has, and gives back what the boot's first step says."""

    def check(made):
        (steps.folder / "opt/quilt/image-release").write_text(WANTED)
        if made is not None:
            steps.of_image("release", made)
        return steps.run("check-image")

    return check


@pytest.mark.parametrize("made", [f"{WANTED}\n", WANTED])
def test_an_image_of_the_stacks_release_is_right(image, made):
    done = image(made)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("1.2.2\n", "the one of release 1.2.2"),
        ("1.2.3-draft.1\n", "the one of release 1.2.3-draft.1"),
        ("11.2.3\n", "the one of release 11.2.3"),
        ("", "the one of release unknown"),
        ("1.2.3\n1.2.2\n", "the one of release 1.2.31.2.2"),
        ("\x1b[2J$(id) 1.2.2\n", "the one of release 2id1.2.2"),
        (f"1{'0' * 5000}\n", f"the one of release 1{'0' * 39}"),
        (None, "not one that was made for the registry"),
    ],
)
def test_another_image_is_refused_with_what_it_is_what_is_wanted_and_what_to_do(image, made, said):
    done = image(made)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"The machine image is {said}, and this stack needs the one of release {WANTED}: leave the parameter of the "
        f"machine image at its default, or choose version {WANTED} in AWS Marketplace and update the stack with its "
        "template.\n"
    )


# Swap


@pytest.fixture
def swap(steps):
    """The file of the swap; what swapon is told is listed by swapon --show."""
    swapon = f'case $1 in --show*) cat swaps ;; *) grep -q zeros "$1" && echo "$1" >>{steps.folder}/swaps ;; esac'
    steps.program("swapon", swapon)
    steps.program("dd", 'for word; do [[ $word != of=* ]] || echo zeros >"${word#of=}"; done')
    steps.program("mkswap", 'stat --format %a "$1" >mode')
    (steps.folder / "swaps").touch()
    (steps.folder / "etc/fstab").write_text("UUID=1 / xfs defaults 0 0\n")
    return steps.folder / "swapfile"


def test_swap_is_written_out_for_root_only_and_is_there_after_a_reboot(steps, swap):
    assert steps.run("make-swap").returncode == 0
    (call,) = steps.calls("dd")
    assert {"if=/dev/zero", "bs=1M", "count=4096"} < set(call)
    assert (steps.folder / "mode").read_text() == "600\n"
    assert (steps.folder / "swaps").read_text() == f"{swap}\n"
    assert (steps.folder / "etc/fstab").read_text().splitlines()[1:] == [f"{swap} none swap nofail 0 0"]


def test_swap_is_made_once(steps, swap):
    assert [steps.run("make-swap").returncode for _ in range(3)] == [0] * 3
    assert len(steps.calls("dd")) == 1
    assert len((steps.folder / "etc/fstab").read_text().splitlines()) == 2


def test_what_an_interrupted_boot_left_of_it_is_made_anew(steps, swap):
    (steps.folder / "swapfile.new").write_text("half")
    swap.write_text("no swap")
    assert steps.run("make-swap").returncode == 0
    assert swap.read_text() == "zeros\n"
    assert (steps.folder / "swaps").read_text() == f"{swap}\n"


def test_the_swap_of_the_machine_image_is_used_as_it_is(steps, swap):
    swap.write_text("zeros of the image\n")
    (steps.folder / "etc/fstab").write_text(f"{swap} none swap nofail 0 0\n")
    assert steps.run("make-swap").returncode == 0
    assert steps.calls("dd") == steps.calls("mkswap") == []
    assert (steps.folder / "swaps").read_text() == f"{swap}\n"
    assert len((steps.folder / "etc/fstab").read_text().splitlines()) == 1


def test_swap_that_systemd_has_switched_on_already_is_left_alone(steps, swap):
    swap.write_text("zeros of the image\n")
    (steps.folder / "swaps").write_text(f"{swap}\n")
    assert steps.run("make-swap").returncode == 0
    assert steps.calls("dd") == []
    assert [call for call in steps.calls("swapon") if call[0] == str(swap)] == []


def test_a_full_disk_is_a_failed_step(steps, swap):
    steps.program("dd", "exit 1")
    assert steps.run("make-swap").returncode == 1
    assert not swap.exists()


# The database, as the registry uses it


def test_a_wrong_login_that_is_refused_shows_that_the_registry_has_its_database(steps):
    steps.program("curl", "printf 401")
    assert steps.run("try-login").returncode == 0
    words = " ".join(steps.calls("curl")[0])
    assert "Host: quilt-registry.example.com" in words
    assert words.endswith("http://127.0.0.1:8081/api/login")
    assert "Content-Type: application/json" in words
    assert '{"username": "-", "password": "-"}' in words


def test_a_database_that_restarts_meanwhile_is_no_failure(steps):
    steps.program("curl", "[ $before = 3 ] && printf 401 || printf 500")
    assert steps.run("try-login").returncode == 0


@pytest.mark.parametrize(
    ("curl", "sentence"),
    [
        ("printf 502", "The registry answers a login with 502: it can't use its database"),
        ("printf 500", "The registry answers a login with 500: it can't use its database"),
        ("printf 000; exit 7", "The registry gives no answer to a login"),
        ("printf 200", "The registry answers the login of a user that does not exist with 200 instead of 401."),
    ],
)
def test_any_other_answer_fails_with_a_sentence(steps, curl, sentence):
    steps.program("curl", curl)
    done = steps.run("try-login")
    assert done.returncode == 1
    assert sentence in done.stderr


# Mail


@pytest.fixture
def mail(steps):
    """The program that tries it."""
    (steps.folder / "opt/quilt/try_mail.py").write_text("the program\n")
    steps.program("docker", 'cat >stdin; [ "$(cat mail 2>/dev/null)" != refused ]')
    return steps.folder / "mail"


def test_mail_is_tried_in_the_container_with_its_own_environment(steps, mail):
    assert steps.run("try-mail").returncode == 0
    assert steps.calls("docker") == [["exec", "--interactive", "registry", "python3", "-"]]
    assert (steps.folder / "stdin").read_text() == "the program\n"


def test_without_mail_a_launch_fails_and_an_instance_that_replaces_another_serves(steps, mail):
    mail.write_text("refused")
    assert steps.run("try-mail").returncode == 1
    (steps.folder / "run/quilt-heals").touch()
    done = steps.run("try-mail")
    assert done.returncode == 0
    assert "it serves without mail" in done.stderr


# The refresh


@pytest.fixture
def refresh(steps):
    """The programs that the refresh runs; those in the file "fails" fail."""
    steps.program("python3", 'name=${1##*/}; [ "$name" = watch.py ] || ! grep -qx "$name" fails')
    steps.metadata("public-ipv4", ADDRESS)
    (steps.folder / "fails").touch()
    return steps


def test_each_part_of_the_refresh_runs_and_that_none_failed_is_reported(refresh):
    refresh.state("open").touch()
    assert refresh.run("refresh").returncode == 0
    folder = f"{refresh.folder}/opt/quilt"
    assert refresh.calls("python3") == [
        [f"{folder}/credentials.py", "--role"],
        [f"{folder}/configure.py", "--restart"],
        [f"{folder}/watch.py", "0"],
    ]
    assert refresh.calls("curl"), "it looks after its address"


@pytest.mark.parametrize("part", ["credentials.py", "configure.py", "keep-address"])
def test_what_fails_stops_no_other_part_and_is_reported(refresh, part):
    (refresh.folder / "fails").write_text(f"{part}\n")
    if part == "keep-address":
        refresh.state("open").touch()
        refresh.metadata("public-ipv4", "198.51.100.1")
        refresh.program("aws", "exit 254")
    assert refresh.run("refresh").returncode == 1
    programs = [call[0].rpartition("/")[2] for call in refresh.calls("python3")]
    assert programs == ["credentials.py", "configure.py", "watch.py"]
    assert refresh.calls("python3")[-1][-1] == "1"


def test_no_part_of_the_refresh_lasts_for_ever(refresh):
    text = (refresh.folder / "steps.sh").read_text()
    part = text[text.index("\nrefresh)") : text.index("\nwatch-termination)")]
    limits = [int(seconds) for seconds in re.findall(r"timeout --kill-after=10 (\d+) (?:python3|bash) ", part)]
    assert len(limits) == len(re.findall(r"python3|bash", part)) == 4
    assert sum(limits) < 15 * 60


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
