"""bake.sh with stand-ins for what it calls, on a root folder of the test's own."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from quilt_cfn import image
from tests.image.roots import CERTIFICATE, DIGEST, Root

BAKE = Path(image.__file__).parent / "bake.sh"
ECR = f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/quilt/registry@{DIGEST}"
NGINX = f"docker.io/library/nginx@sha256:{'cd' * 32}"

STAND_IN = """\
#!/bin/bash
echo "${0##*/} $*" >>$FOLDER/calls
[ ! -s $FOLDER/fails ] || case "${0##*/} $*" in $(<$FOLDER/fails)*) exit 1 ;; esac
"""
PROGRAMS = {
    "dnf": "",
    "systemctl": "",
    "sleep": "",
    "mkswap": r"""printf SWAPSPACE2 | /bin/dd of="$1" bs=1 seek=4086 conv=notrunc status=none""",
    # 4 GiB are only there in name.
    "dd": r"""
for word; do [[ $word != of=* ]] || exec truncate --size 4G "${word#of=}"; done
exec /bin/dd "$@"
""",
    "curl": r"""cat "$FOLDER/certificates" 2>/dev/null""",
    "mktemp": "/usr/bin/mktemp $* | tee $FOLDER/configuration",
    "aws": "echo secret-token",
    "docker": r"""
case $1 in
login)
    cat >$FOLDER/token
    echo "{\"auths\": {}}" >$DOCKER_CONFIG/config.json
    stat --format=%a $DOCKER_CONFIG >$FOLDER/mode
    ;;
pull)
    [ ! -s $FOLDER/refused ] || { sed -i 1d $FOLDER/refused; echo "toomanyrequests" >&2; exit 1; }
    ;;
image) echo "[{\"RepoDigests\": [\"quilt/registry@${3##*@}\"]}]" | sed "$(cat $FOLDER/other-digest 2>/dev/null)" ;;
esac
""",
    **dict.fromkeys(("amazon-ssm-agent", "chronyc", "sshd", "sudo"), ""),
}


class Baking:
    """A root folder with what Amazon Linux has, and the programs that bake.sh calls."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = Root(folder / "root")
        self.root.write("/etc/fstab", "UUID=1-2 / xfs defaults 1 1\n")
        self.root.at("/opt").mkdir()
        (folder / "bin").mkdir()
        for name, does in PROGRAMS.items():
            self.program(name, does)
        helpers = folder / "aws/bin"
        helpers.mkdir(parents=True)
        for name in ("cfn-init", "cfn-signal"):
            (helpers / name).write_text("#!/bin/sh\n")
            (helpers / name).chmod(0o755)
        (folder / "certificates").write_text(CERTIFICATE)
        text = BAKE.read_text()
        assert text.count("\nroot=\n") == 1
        text = text.replace("\nroot=\n", f"\nroot={self.root.folder}\n").replace("/opt/aws/bin", str(helpers))
        (folder / "bake.sh").write_text(text)

    def program(self, name: str, does: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(STAND_IN + does)
        path.chmod(0o755)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{self.folder}/bin:/usr/bin:/bin", "FOLDER": str(self.folder)}
        command = ["bash", f"{self.folder}/bake.sh", *(arguments or ("1.1.0", ECR, NGINX))]
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    def calls(self, name: str) -> list[str]:
        path = self.folder / "calls"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if line.startswith(name)]


@pytest.fixture
def baking(tmp_path):
    return Baking(tmp_path)


def test_everything_is_baked(baking):
    done = baking.run()
    assert (done.returncode, done.stderr) == (0, "")
    assert baking.calls("dnf") == [
        "dnf --assumeyes --quiet --releasever=latest upgrade",
        "dnf --assumeyes --quiet --releasever=latest install docker aws-cfn-bootstrap",
    ]
    assert baking.calls("systemctl") == ["systemctl start docker"]
    assert baking.calls("docker pull") == [f"docker pull --quiet {ECR}", f"docker pull --quiet {NGINX}"]
    folder = baking.root.at("/opt/quilt-image")
    assert {path.name: path.read_text() for path in folder.iterdir()} == {
        "release": "1.1.0\n",
        "images": f"{ECR}\n{NGINX}\n",
        "rds-certificates.pem": CERTIFICATE * 2,
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert [call.split()[-1] for call in baking.calls("curl")] == [
        "https://truststore.pki.rds.amazonaws.com/global/global-bundle.pem",
        "https://truststore.pki.us-gov-west-1.rds.amazonaws.com/global/global-bundle.pem",
    ]


def test_the_swap_file_is_as_the_boot_makes_it_and_is_never_used(baking):
    assert baking.run().returncode == 0
    swap = baking.root.at("/swapfile")
    assert (swap.stat().st_size, stat.S_IMODE(swap.stat().st_mode)) == (4 << 30, 0o600)
    with swap.open("rb") as file:
        assert file.read(4096)[4086:] == b"SWAPSPACE2"
    new = f"{baking.root.folder}/swapfile.new"
    assert f"dd if=/dev/zero of={new} bs=1M count=4096 status=none" in baking.calls("dd")
    assert baking.calls("mkswap") == [f"mkswap {new}"]
    assert "swapon" not in BAKE.read_text().replace("because swapon refuses", "")
    steps = (BAKE.parent.parent / "instance/steps.sh").read_text()
    for line in ("none swap nofail 0 0", "bs=1M count=4096"):
        assert line in steps
        assert line in BAKE.read_text()
    assert baking.root.at("/etc/fstab").read_text().endswith("1 1\n/swapfile none swap nofail 0 0\n")


def test_run_again_it_does_what_is_missing(baking):
    for _ in range(2):
        assert baking.run().returncode == 0
    assert len(baking.calls("mkswap")) == 1
    assert baking.root.at("/etc/fstab").read_text().count("/swapfile") == 1
    assert baking.root.at("/opt/quilt-image/images").read_text().count("\n") == 2
    baking.root.at("/swapfile").chmod(0o644)
    assert baking.run().returncode == 0
    assert stat.S_IMODE(baking.root.at("/swapfile").stat().st_mode) == 0o600


def test_ecr_gets_a_token_that_nobody_else_sees(baking):
    done = baking.run()
    assert (baking.folder / "token").read_text() == "secret-token\n"
    assert baking.calls("aws") == ["aws ecr get-login-password --region eu-west-1"]
    registry = ECR.partition("/")[0]
    assert baking.calls("docker login") == [f"docker login --username AWS --password-stdin {registry}"]
    assert "secret-token" not in (baking.folder / "calls").read_text() + done.stdout + done.stderr
    configuration = Path((baking.folder / "configuration").read_text().strip())
    assert configuration.parent == Path("/dev/shm"), "it lies in memory"
    assert not configuration.exists()
    assert (baking.folder / "mode").read_text() == "700\n"


def test_what_stands_still_is_ended():
    text = BAKE.read_text()
    for command in (
        "timeout --kill-after=10 900 dnf ",
        "timeout --kill-after=5 600 docker pull ",
        "curl -fsSL --max-time 30 ",
    ):
        assert command in text


def test_other_registries_get_none(baking):
    assert baking.run("1.1.0", NGINX).returncode == 0
    assert baking.calls("aws") == baking.calls("docker login") == []


def test_a_download_that_is_refused_for_a_while_is_tried_again(baking):
    (baking.folder / "refused").write_text("1\n2\n3\n")
    assert baking.run().returncode == 0
    assert len(baking.calls("docker pull")) == 3 + 2
    assert baking.calls("sleep") == ["sleep 4", "sleep 8", "sleep 16"]


FAILURES = {
    "dnf --assumeyes --quiet --releasever=latest upgrade": ("update", "the updates of Amazon Linux"),
    "dnf --assumeyes --quiet --releasever=latest install": ("install-programs", "docker and aws-cfn-bootstrap"),
    "systemctl": ("start-docker", "docker does not start"),
    "aws": ("log-in", "needs ecr:GetAuthorizationToken"),
    "docker login": ("log-in", "needs ecr:GetAuthorizationToken"),
    "docker pull": ("pull-images", f"{ECR} can't be downloaded"),
    "docker image": ("pull-images", f"docker does not have {ECR}"),
    "curl": ("download-certificates", "can't be downloaded from https://truststore.pki.rds.amazonaws.com/global/"),
    "dd if=/dev/zero": ("make-swap", "give the image a larger one"),
    "mkswap": ("make-swap", "the swap file of 4 GiB can't be made"),
}


SOME = ("docker pull", "curl")


@pytest.mark.parametrize(
    "call", [each if each in SOME else pytest.param(each, marks=pytest.mark.exhaustive) for each in FAILURES]
)
def test_each_failure_is_a_sentence_with_its_step_and_leaves_no_release(baking, call):
    baking.root.write("/opt/quilt-image/release", "1.0.9\n")
    (baking.folder / "fails").write_text(call.replace(" ", "\\ "))
    done = baking.run()
    step, sentence = FAILURES[call]
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"bake.sh failed in the step {step}: ")
    assert sentence in done.stderr
    assert done.stderr.endswith((".\n", "above.\n"))
    assert not baking.root.at("/opt/quilt-image/release").exists()
    configuration = baking.folder / "configuration"
    assert not configuration.exists() or not Path(configuration.read_text().strip()).exists()


def test_a_failure_that_no_step_foresaw_is_named_too(baking):
    baking.root.at("/etc/fstab").unlink()
    baking.root.at("/etc/fstab").mkdir()
    done = baking.run()
    assert done.returncode == 1
    assert done.stderr.endswith("bake.sh failed in the step make-swap: the last message above says why.\n")


@pytest.mark.parametrize("name", ["amazon-ssm-agent", "chronyc", "sshd"])
def test_what_the_boot_needs_has_to_be_there(baking, name):
    (baking.folder / "bin" / name).unlink()
    done = baking.run()
    assert done.returncode == 1
    assert f"in the step install-programs: {name} is missing; build from the standard AMI" in done.stderr


def test_another_image_than_the_one_that_was_asked_for_is_refused(baking):
    (baking.folder / "other-digest").write_text("s/ab/00/")
    done = baking.run()
    assert done.returncode == 1
    assert f"docker has another image than {ECR}" in done.stderr


def test_a_page_without_certificates_is_refused(baking):
    baking.root.write("/opt/quilt-image/rds-certificates.pem", "from before")
    (baking.folder / "certificates").write_text("<html>moved</html>\n")
    done = baking.run()
    assert done.returncode == 1
    assert "global-bundle.pem has no certificates." in done.stderr
    assert baking.root.at("/opt/quilt-image/rds-certificates.pem").read_text() == "from before"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([""], "usage: bake.sh RELEASE IMAGE..."),
        (["1.1.0"], "no image was named"),
        (["1.1.0", "docker.io/library/nginx:1.30"], "quilt-cfn images resolve"),
        (["1.1.0", f"$(reboot)@{DIGEST}"], "is not NAME@sha256:DIGEST"),
        (["latest", NGINX], "latest is not a version"),
    ],
)
def test_other_arguments_are_refused_before_anything_happens(baking, arguments, sentence):
    done = baking.run(*arguments)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert baking.calls("") == []


def test_a_draft_can_be_baked(baking):
    assert baking.run("1.1.0-draft.1", NGINX).returncode == 0
