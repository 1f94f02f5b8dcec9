"""docs/releasing.md as a stranger reads it: its commands are executed in the page's order, in a clean clone.

The registry of the images is a real one on this computer, and so is the bucket's S3. Files are edited where the page
says so. What takes an account, or a computer of the stranger's own, is listed with the reason; no other command of the
page is left out.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from quilt_cfn.delivery.publish.bucket_policy import OVERWRITE
from quilt_cfn.delivery.release import gates
from quilt_cfn.delivery.release.artifact import RELEASES, read_released
from quilt_cfn.editions import MARKETPLACE
from quilt_cfn.inputs.release import DIGEST, read_release
from tests.delivery.images.registry import Registry, serve_registry
from tests.delivery.marketplace.checkouts import AMI, VENDOR
from tests.delivery.publish.conftest import s3_server
from tests.delivery.publish.servers import aws_variables

__all__ = ["s3_server"]  # the fixture of publishing serves here as well

TOP = Path(__file__).resolve().parents[2]
PAGE = (TOP / "docs/releasing.md").read_text(encoding="utf-8")
RELEASE, LISTING = "marketplace/release.yaml", "marketplace/listing.yaml"
VERSION = "1.2.3"
"""The example of the page."""

NOT_HERE = {
    "aws sts get-caller-identity": "takes credentials of an account",
    "aws marketplace-catalog list-entities ": "takes an account that sells",
    "aws ec2 get-ebs-encryption-by-default ": "takes an account",
    "aws cloudformation deploy ": "takes an account: makes the image factory",
    "pipeline=$(aws cloudformation describe-stacks ": "takes the image factory's stack",
    "image=$(aws imagebuilder start-image-pipeline-execution ": "takes the image factory's stack",
    "aws imagebuilder wait image-available ": "takes the build of an image",
    "aws imagebuilder get-image ": "takes the build of an image",
    "ami=$(aws imagebuilder get-image ": "takes the image that the factory baked",
    "aws ec2 describe-images ": "the same",
    "aws cloudformation describe-stacks ": "takes the image factory's stack",
    "quilt-cfn marketplace validate": "takes an account that sells; tests/delivery/marketplace executes it",
    "quilt-cfn marketplace submit": "the same",
    "quilt-cfn marketplace status": "the same",
    "quilt-cfn marketplace drift": "the same",
    "bin/set-up .venv": "downloads packages; those of this test's own environment stand in for them",
    "quilt-cfn images try": "takes Docker and the images; tests/delivery/images executes it",
    "quilt-cfn check-image /mnt": "takes an image's root; tests/commands executes it",
}
"""The beginning of a command -> why it is not executed here."""


class Clone:
    """A clean clone, and a shell in it."""

    def __init__(self, root: Path, home: Path, s3: str, registry: Registry) -> None:
        self.root, self.home = root, home
        self.registry = registry
        self.printed: list[tuple[str, str]] = []
        """Each command that was executed, with what it printed."""
        environment = {
            "HOME": str(home),
            "PATH": f"{home / 'tools'}:{os.environ['PATH']}",
            "GIT_CONFIG_GLOBAL": os.devnull,
            **{
                f"GIT_{who}_{what}": "stranger@example.com"
                for who in ("AUTHOR", "COMMITTER")
                for what in ("NAME", "EMAIL")
            },
            **aws_variables(s3),
        }
        self.shell = subprocess.Popen(
            ["bash"],
            cwd=root,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def execute(self, command: str) -> None:
        """Run a command in the shell; it has to succeed."""
        assert self.shell.stdin
        assert self.shell.stdout
        self.shell.stdin.write(f"{{ {command}\n}} </dev/null\nprintf '\\nTHE-END %s\\n' $?\n")
        self.shell.stdin.flush()
        lines: list[str] = []
        for line in self.shell.stdout:
            if line.startswith("THE-END "):
                self.printed.append((command, "".join(lines)))
                assert line == "THE-END 0\n", f"{command}\n{''.join(lines)}"
                return
            lines.append(line)
        pytest.fail(f"the shell ended in {command}: {''.join(lines)}")

    def output(self, beginning: str) -> str:
        """What the last command that begins like this printed."""
        return next(printed for command, printed in reversed(self.printed) if command.startswith(beginning))

    def write(self, file: str, field: str, value: str) -> None:
        """Give a field of a YAML file a value; whatever it had before, its comments stay."""
        path = self.root / file
        text, number = re.subn(
            rf"(?m)^( *{field}:).*$", lambda found: f"{found[1]} {value}", path.read_text(encoding="utf-8")
        )
        assert number == 1, f"{field} in {file}"
        path.write_text(text, encoding="utf-8")


# What the page tells the stranger to write.


def write_product(clone: Clone) -> None:
    clone.write(LISTING, "product", VENDOR["product"])


def write_location(clone: Clone) -> None:
    clone.write(LISTING, "published", "s3://example-artifacts/quilt")
    clone.write(LISTING, "region", "us-east-1")


def write_fingerprint(clone: Clone) -> None:
    clone.write(RELEASE, "key_fingerprint", f"sha256:{clone.output('openssl pkey -pubin').split()[0]}")


def write_version(clone: Clone) -> None:
    clone.write(RELEASE, "version", VERSION)
    file = clone.root / "CHANGELOG.md"
    head = f"## {VERSION} (2026-12-01)\n\n- News.\n\n## "
    file.write_text(file.read_text(encoding="utf-8").replace("## ", head, 1), encoding="utf-8")


def write_images(clone: Clone) -> None:
    """Images of the stranger's own, nginx among them, because this computer reaches no other registry."""
    file = clone.root / RELEASE
    text = re.sub(r"(?m)^ +unconfirmed:.*\n", "", file.read_text(encoding="utf-8"))
    for name, image in read_release(file).images.items():
        clone.registry.push(f"quilt/{name}", "3.0")
        text = text.replace(f" {image.name}\n", f" {clone.registry.host}/quilt/{name}:3.0\n")
    file.write_text(text, encoding="utf-8")


def write_machine_image(clone: Clone) -> None:
    clone.write(RELEASE, "id", AMI)
    clone.write(LISTING, "access_role", VENDOR["ami.access_role"])


def write_hash(clone: Clone) -> None:
    found = re.search(r"SHA256SUMS has the SHA-256 ([0-9a-f]{64}): add it to (\S+)", clone.output("make release"))
    assert found
    file = clone.root / found[2]
    file.write_text(file.read_text().replace("{}", f'{{"{VERSION}": "{found[1]}"}}', 1))


EDITS: Mapping[str, Callable[[Clone], None]] = {
    f"Write its ID into `{LISTING}` as `product`": write_product,
    f"Write the place into `{LISTING}` as `published`, which is `s3://example-artifacts/quilt`": write_location,
    f"Write the digits, behind `sha256:`, into `{RELEASE}` as `signing.key_fingerprint`": write_fingerprint,
    f"Write the number into `{RELEASE}` as `version`, and head": write_version,
    f"Write the images that you built into `{RELEASE}`: `name` with a tag that never moves; remove": write_images,
    f"Write the ID into `{RELEASE}` as `ami.id`, and the role": write_machine_image,
    "Add the hash that it prints to `HASHES` in `tests/delivery/publish/test_released.py`": write_hash,
}
"""What the page says -> what the stranger does about it."""


# moto evaluates no condition of a policy, and would refuse every upload: the statement against overwriting is put when
# the version has been published.


def leave_out_condition(clone: Clone) -> None:
    clone.execute("cp ~/policy.json ~/whole-policy.json")
    file = clone.home / "policy.json"
    policy = json.loads(file.read_text())
    policy["Statement"] = [each for each in policy["Statement"] if each["Sid"] != OVERWRITE]
    file.write_text(json.dumps(policy))


def put_whole_policy(clone: Clone) -> None:
    clone.execute("aws s3api put-bucket-policy --bucket example-artifacts --policy file://$HOME/whole-policy.json")


BEFORE: Mapping[str, Callable[[Clone], None]] = {
    "aws s3api put-bucket-policy --bucket example-artifacts": leave_out_condition,
    "quilt-cfn publish --check-bucket s3://example-artifacts/quilt": put_whole_policy,
}
"""The beginning, or all, of a command -> what this test does before it is executed."""


class Step(NamedTuple):
    """A command of the page, or a paragraph of its text on one line."""

    text: str
    is_command: bool


def steps() -> Iterator[Step]:
    """The page from top to bottom, up to what is to be done when something is wrong."""
    page = PAGE[: PAGE.index("\n## When something is wrong")]
    for block in re.split(r"\n\n+", page):
        if not block.startswith("    "):
            yield Step(" ".join(block.split()), False)
        elif not block.lstrip().startswith("quilt-registry/"):  # what a bucket has
            script = re.sub(r"\\\n\s*", "", re.sub("(?m)^    ", "", block))
            yield from (Step(line, True) for line in script.splitlines())


COMMANDS = [step.text for step in steps() if step.is_command]


def left_out(command: str) -> bool:
    return any(command.startswith(beginning) for beginning in NOT_HERE)


def test_whatever_is_left_out_and_whatever_is_edited_is_on_the_page():
    for beginning in NOT_HERE:
        assert any(command.startswith(beginning) for command in COMMANDS), beginning
    texts = [step.text for step in steps() if not step.is_command]
    for sentence in EDITS:
        assert sum(sentence in text for text in texts) == 1, sentence


def test_what_a_refusal_points_to_is_on_the_page():
    file, heading = gates.MACHINE_IMAGE.split(", ")
    assert file == "docs/releasing.md"
    assert re.search(rf"(?mi)^## [0-9]+\. {heading.strip('“”')}$", PAGE)
    assert "aws imagebuilder start-image-pipeline-execution" in PAGE


@pytest.fixture
def clone(tmp_path: Path, s3_server: str) -> Iterator[Clone]:
    """What git has of this checkout, or would have, in a new clone: nothing is released yet. A small suite of tests
    stands in for ours."""
    root, home = tmp_path / "clone", tmp_path / "home"
    command = ["git", "-C", str(TOP), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("a clone is made with git, and this folder is no checkout")
    for name in filter(None, done.stdout.split("\0")):
        if not name.startswith(("tests/", f"{RELEASES}/")) and (TOP / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, root / name)
    released = root / "tests/delivery/publish/test_released.py"
    released.parent.mkdir(parents=True)
    released.write_text("HASHES: dict[str, str] = {}\n\n\ndef test_released():\n    assert HASHES is not None\n")
    make_environment(root)
    make_tools(home / "tools")
    with serve_registry(tmp_path / "registry") as registry:
        clone = Clone(root, home, s3_server, registry)
        try:
            for step in ("init --quiet", "add --all", "commit --quiet --message Upstream"):
                clone.execute(f"git {step}")
            yield clone
        finally:
            clone.shell.kill()
            clone.shell.communicate()


def make_environment(root: Path) -> None:
    """What bin/set-up makes, of the packages that this test's own environment has."""
    programs = root / ".venv/bin"
    programs.mkdir(parents=True)
    python = f'#!/bin/sh\nPYTHONPATH={root} exec {sys.executable} "$@"\n'
    for name, text in (("python", python), ("quilt-cfn", f'#!/bin/sh\nexec {programs / "python"} -m quilt_cfn "$@"\n')):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    (root / ".venv/ready").touch()


def make_tools(folder: Path) -> None:
    """The AWS CLI, which a stranger has."""
    folder.mkdir(parents=True)
    (folder / "aws").write_text(f'#!/bin/sh\nexec {sys.executable} -m awscli "$@"\n')
    (folder / "aws").chmod(0o755)


@pytest.mark.exhaustive
def test_a_stranger_gets_from_an_empty_checkout_to_a_complete_change_set_by_the_page_alone(clone: Clone) -> None:
    for step in steps():
        for sentence, edit in EDITS.items():
            if not step.is_command and sentence in step.text:
                edit(clone)
        if step.is_command and not left_out(step.text):
            for command, prepare in BEFORE.items():
                if step.text.startswith(command) and "|" not in step.text:
                    prepare(clone)
            clone.execute(step.text)

    request = json.loads(clone.output("quilt-cfn marketplace plan"))
    (change,) = request["ChangeSet"]
    assert change["Entity"] == {"Type": "AmiProduct@1.0", "Identifier": VENDOR["product"]}
    (option,) = change["DetailsDocument"]["DeliveryOptions"]
    details = option["Details"]["DeploymentTemplateDeliveryOptionDetails"]
    location = f"https://example-artifacts.s3.us-east-1.amazonaws.com/quilt/quilt-registry/{VERSION}"
    assert (details["Template"], details["ArchitectureDiagram"]) == (
        f"{location}/{MARKETPLACE.file}",
        f"{location}/diagram.png",
    )
    (source,) = details["TemplateSources"]
    assert source["ParameterName"] == "AmiIdForRelease1x2x3"
    assert source["AmiSource"]["AmiId"] == AMI
    assert source["AmiSource"]["AccessRoleArn"] == VENDOR["ami.access_role"]
    assert change["DetailsDocument"]["Version"]["VersionTitle"] == VERSION

    artifact = read_released(clone.root, VERSION)
    template = yaml.safe_load(artifact.contents[MARKETPLACE.file.replace(".yaml", ".json")])
    assert template["Parameters"]["AmiIdForRelease1x2x3"]["Default"] == AMI
    for image in artifact.manifest.document["images"].values():
        assert image["name"].startswith(f"{clone.registry.host}/quilt/")
        assert DIGEST.fullmatch(image["digest"])
    clone.execute('test -z "$(git status --porcelain)"')
    assert [path.name for path in (clone.root / RELEASES).iterdir() if "draft" not in path.name] == [VERSION]
