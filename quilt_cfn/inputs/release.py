"""Reads release.yaml: the versions and artifacts of which a release is made.

Nothing is looked up, guessed or defaulted. A digest or an AMI ID that the vendor has not supplied is None, and the
commands that need it report that.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from quilt_cfn.inputs.fields import ANY, Fields, read_fields

IN_CHECKOUT = Path("marketplace/release.yaml")
"""Where the release file of a checkout is, seen from its top folder."""
RELEASE_FILE = Path(__file__).resolve().parents[2] / IN_CHECKOUT
"""The release file of this checkout."""

VERSION = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})")
"""Major, minor and patch, as in https://semver.org, without anything after them."""
DRAFT = re.compile(rf"(?P<version>{VERSION.pattern})-draft\.(?P<number>[1-9][0-9]{{0,5}})")
"""A draft of a version, 1.2.3-draft.1: a pre-release of it, as https://semver.org/#spec-item-9 has it."""
PLATFORM = "linux/amd64"
"""The only platform that a release can have: ``stack/choices.py`` offers no instance type with another processor."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
"""A SHA-256, as registries of images write it: of an image, or of a key."""

# As docker reads it, in lower case: host, path, tag (https://pkg.go.dev/github.com/distribution/reference).
_HOST = r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?"
_PART = r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*"
_IMAGE = re.compile(rf"({_HOST}/)?{_PART}(/{_PART})*(:[A-Za-z0-9_][A-Za-z0-9._-]{{0,127}})?")
_MAJOR = re.compile(r"[1-9][0-9]+")
_AMI_DEFAULT = re.compile(r"/aws/service/[A-Za-z0-9_./-]+")
_AMI_ID = re.compile(r"ami-[0-9a-f]{8}([0-9a-f]{9})?")


class Image(NamedTuple):
    """A container image: ``name`` is repository and tag; ``digest`` pins its bytes if the vendor has supplied it."""

    name: str
    digest: str | None
    unconfirmed: str | None = None
    """A sentence that says why this may not be the vendor's image; None once the vendor has confirmed the name."""

    @property
    def tag(self) -> str | None:
        """The tag in the name, None if there is none."""
        return self.name.rpartition("/")[2].partition(":")[2] or None

    @property
    def repository(self) -> str:
        """The name without its tag, such as ``docker.io/library/nginx``."""
        return self.name.removesuffix(f":{self.tag}")

    @property
    def moves(self) -> bool:
        """Whether the name stands for another image after every build: without a tag, ``docker`` takes ``latest``."""
        return self.tag in (None, "latest")

    @property
    def reference(self) -> str:
        """The argument of ``docker run``, pinned by digest if there is one."""
        return f"{self.name}@{self.digest}" if self.digest else self.name


class Release(NamedTuple):
    """One release of the product. A template depends on this and on the edition, and on nothing else."""

    version: str
    platform: str
    """Of the images, as registries write it: operating system and architecture."""
    registry: Image
    catalog: Image
    nginx: Image
    postgres: str
    """The major version of PostgreSQL; RDS chooses the minor one."""
    ami_default: str
    """The public SSM parameter that is the default of the template's AMI parameter."""
    ami_id: str | None
    """The product's AMI in us-east-1, for the Marketplace submission."""
    key_fingerprint: str | None
    """The fingerprint of the key that has to sign the release; None as long as there is no such key."""

    @property
    def images(self) -> dict[str, Image]:
        """The container images by their names in the release file."""
        return {"registry": self.registry, "catalog": self.catalog, "nginx": self.nginx}


def precedence(version: str) -> tuple[int, ...]:
    """The sort key of a version: 1.10.0 comes after 1.9.0, and after its own drafts."""
    release, _, number = version.partition("-draft.")
    return (*map(int, release.split(".")), *((0, int(number)) if number else (1,)))


def read_release(path: Path = RELEASE_FILE) -> Release:
    """The release described by a YAML file; raises ``UserError`` that names the field and what it should be."""
    fields = read_fields(path, "release file", "Run the command in a checkout, or name a release file with --release.")
    release = Release(
        version=fields.string("version", "three numbers such as 1.2.3", VERSION),
        platform=fields.string(
            "platform",
            f"{PLATFORM}: the instances on offer, and so the machine image, are x86_64",
            re.compile(PLATFORM),
        ),
        registry=_image(fields, "registry"),
        catalog=_image(fields, "catalog"),
        nginx=_image(fields, "nginx"),
        postgres=fields.string(
            "database.postgres",
            "a major version alone, such as 16: RDS upgrades minor ones, and refuses an update that names an older one",
            _MAJOR,
        ),
        ami_default=fields.string("ami.default", "a public SSM parameter, /aws/service/…", _AMI_DEFAULT),
        ami_id=fields.optional("ami.id", "an AMI id, ami-…", _AMI_ID),
        key_fingerprint=fields.optional(
            "signing.key_fingerprint",
            "sha256: and the 64 hexadecimal digits that `openssl pkey -pubin -in key.pub -outform DER | sha256sum` "
            "prints, or nothing",
            DIGEST,
        ),
    )
    fields.refuse_others()
    return release


def _image(fields: Fields, name: str) -> Image:
    return Image(
        fields.string(f"images.{name}.name", "an image, such as docker.io/library/nginx:1.30.5", _IMAGE),
        fields.optional(f"images.{name}.digest", "sha256: and 64 hexadecimal digits, or nothing", DIGEST),
        fields.optional(
            f"images.{name}.unconfirmed", "a sentence that says what nobody has confirmed, or nothing", ANY
        ),
    )
