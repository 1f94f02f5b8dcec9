"""test_image.sh with stand-ins for what it asks of an instance."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from quilt_cfn import image
from tests.image.faults import HASH
from tests.image.roots import IMAGE, Root, make_root

TEST = Path(image.__file__).parent / "test_image.sh"
ID = "i-0123456789abcdef0"
PROGRAMS = {
    "systemctl": '[ "$*" = "start docker" ]',
    "docker": 'echo "$*" >>$FOLDER/containers; [ ! -e $FOLDER/no-image ]',
    "swapon": "cat $FOLDER/swaps",
    "sshd": "cat $FOLDER/sshd",
    "curl": f"""case $* in
*" PUT "*) echo token ;;
*"metadata-token: token"*) [ ! -e $FOLDER/no-id ] && echo {ID} ;;
*%{{http_code}}*) cat $FOLDER/status ;;
*) exit 9 ;;
esac""",
}
SETTINGS = (
    "port 22\npasswordauthentication no\nkbdinteractiveauthentication no\npermitemptypasswords no\npermitrootlogin no\n"
)


class Launched:
    """An instance that was launched from the image."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "root").mkdir()
        (folder / "bin").mkdir()
        self.root: Root = make_root(folder / "root")
        for name, does in PROGRAMS.items():
            (folder / "bin" / name).write_text(f"#!/bin/bash\n{does}\n")
            (folder / "bin" / name).chmod(0o755)
        for name, text in {"swaps": "/swapfile\n", "sshd": SETTINGS, "status": "401"}.items():
            (folder / name).write_text(text)
        self.root.write(f"/var/lib/cloud/instances/{ID}/user-data.txt")
        self.root.write(f"/var/lib/amazon/ssm/{ID}/document/state")
        self.root.write("/etc/ssh/ssh_host_ed25519_key")
        self.root.write("/home/ec2-user/.ssh/authorized_keys")

    def test(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        folders = "/opt/quilt-image|/etc/shadow|/etc/ssh|/var/lib/cloud|/var/lib/amazon|/root|/home"
        text, count = re.subn(rf"(?<![\w/])({folders})\b", rf"{self.root.folder}\1", TEST.read_text())
        assert count == len(folders.split("|"))
        (self.folder / "test_image.sh").write_text(text)
        command = ["bash", f"{self.folder}/test_image.sh", *(arguments or ("1.1.0",))]
        environment = {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "FOLDER": str(self.folder)}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture
def launched(tmp_path):
    return Launched(tmp_path)


def test_an_instance_as_it_should_be(launched):
    done = launched.test()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "The image of release 1.1.0 is as it should be.\n"
    assert (launched.folder / "containers").read_text() == (
        f"run --rm --network none --pull never --entrypoint sh {IMAGE} -c true\n"
    )


OLD = (1_000_000_000, 1_000_000_000)
FAULTS = {
    "no release": (lambda each: each.root.at("/opt/quilt-image/release").unlink(), "bake.sh did not end"),
    "another release": (
        lambda each: each.root.write("/opt/quilt-image/release", "1.0.9\n"),
        "of release 1.0.9, not of 1.1.0",
    ),
    "docker": (lambda each: (each.folder / "bin/systemctl").write_text("#!/bin/sh\nexit 1\n"), "docker does not start"),
    "an image": (lambda each: (each.folder / "no-image").touch(), f"{IMAGE} is not there, or does not start"),
    "swap": (lambda each: (each.folder / "swaps").write_text(""), "the swap file is not in use"),
    "passwords over SSH": (
        lambda each: (each.folder / "sshd").write_text(
            SETTINGS.replace("passwordauthentication no", "passwordauthentication yes")
        ),
        "the setting passwordauthentication no",
    ),
    "sshd": (lambda each: (each.folder / "sshd").unlink(), "sshd does not read its configuration"),
    "a password": (lambda each: each.root.append("/etc/shadow", f"joe:{HASH}:1::::::\n"), "or a blank one: joe."),
    "a blank password": (lambda each: each.root.append("/etc/shadow", "ann::1::::::\n"), "or a blank one: ann."),
    "version 1": (lambda each: (each.folder / "status").write_text("200"), "answers 200 without a token"),
    "no instance": (lambda each: (each.folder / "no-id").touch(), "does not say which instance this is"),
    "another instance in cloud-init": (
        lambda each: each.root.write("/var/lib/cloud/instances/i-1/x"),
        "cloud/instances/i-1.",
    ),
    "another instance in the agent": (lambda each: each.root.write("/var/lib/amazon/ssm/i-1/x"), "amazon/ssm/i-1."),
    "an old host key": (
        lambda each: os.utime(each.root.at("/etc/ssh/ssh_host_ed25519_key"), OLD),
        "ssh_host_ed25519_key.",
    ),
    "an old key": (
        lambda each: os.utime(each.root.at("/home/ec2-user/.ssh/authorized_keys"), OLD),
        "older than this instance: ",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_a_sentence(launched, name):
    plant, sentence = FAULTS[name]
    plant(launched)
    done = launched.test()
    assert done.returncode == 1
    line = done.stderr.splitlines()[-1]
    assert line.startswith("test_image.sh: ")
    assert line.endswith(".")
    assert sentence in line
