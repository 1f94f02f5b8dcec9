"""What a release is made of: versions and artifacts that somebody decided on, read from one file.

The rule: nothing here is looked up, guessed or defaulted. A digest or an AMI id that the vendor has not supplied stays
absent, and the commands that need it say so.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from quilt_cfn.errors import Trouble

RELEASE_FILE = Path(__file__).resolve().parent.parent / "marketplace" / "release.yaml"
"""The release that this checkout builds."""

_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

VERSION = re.compile(r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})")
"""Major, minor and patch, as in https://semver.org, without anything after them."""

# The tag is as the OCI distribution specification has it; the repository is kept to what registries really use.
_IMAGE = re.compile(r"[a-z0-9]([a-z0-9._/-]*[a-z0-9])?(:[0-9]+/[a-z0-9._/-]+)?:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ENGINE = re.compile(r"[1-9][0-9]+\.[0-9]+")
_AMI_DEFAULT = re.compile(r"/aws/service/[A-Za-z0-9_./-]+")
_AMI_ID = re.compile(r"ami-[0-9a-f]{8}([0-9a-f]{9})?")


class Image(NamedTuple):
    """A container image: ``name`` is repository and tag, ``digest`` pins its bytes where the vendor gave it."""

    name: str
    digest: str | None

    @property
    def reference(self) -> str:
        """What ``docker run`` is given: pinned by digest when there is one."""
        return f"{self.name}@{self.digest}" if self.digest else self.name


class Release(NamedTuple):
    """One release of the product; building a template is a function of this and of the edition."""

    version: str
    registry: Image
    catalog: Image
    nginx: Image
    postgres: str
    """RDS engine version, major and minor."""
    ami_default: str
    """Public SSM parameter that the AMI parameter of the template defaults to."""
    ami_id: str | None
    """The product's AMI in us-east-1, for the Marketplace submission."""

    @property
    def postgres_major(self) -> str:
        return self.postgres.partition(".")[0]


def precedence(version: str) -> tuple[int, ...]:
    """What versions are ordered by: 1.10.0 comes after 1.9.0."""
    return tuple(int(number) for number in version.split("."))


def read_release(path: Path = RELEASE_FILE) -> Release:
    """The release described by a YAML file; raises ``Trouble`` that names the field and what it should be."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_SafeLoader)
    except OSError as error:
        raise Trouble(
            f"The release file {path} could not be read: {error.strerror}.",
            "Run the command in a checkout, or name a release file with --release.",
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f" at line {where.line + 1}" if where else ""
        raise Trouble(
            f"The release file {path} is not YAML{line}.", "Mend the file and run the command again."
        ) from error
    read = _Reader(path, document)
    release = Release(
        version=read.text("version", VERSION, "three numbers such as 1.0.0"),
        registry=read.image("registry"),
        catalog=read.image("catalog"),
        nginx=read.image("nginx"),
        postgres=read.text("database.postgres", _ENGINE, 'a major and a minor version in quotes, such as "16.13"'),
        ami_default=read.text("ami.default", _AMI_DEFAULT, "a public SSM parameter, /aws/service/…"),
        ami_id=read.optional("ami.id", _AMI_ID, "an AMI id, ami-…"),
    )
    read.nothing_left()
    return release


class _Reader:
    """Takes fields out of a document and complains in whole sentences."""

    def __init__(self, path: Path, document: object) -> None:
        self.path = path
        self.document = document
        self.taken: set[str] = set()

    def text(self, field: str, pattern: re.Pattern[str], wanted: str) -> str:
        value = self.optional(field, pattern, wanted)
        if value is None:
            raise self._trouble(f"has no {field}", wanted)
        return value

    def optional(self, field: str, pattern: re.Pattern[str], wanted: str) -> str | None:
        self.taken.add(field)
        value: Any = self.document
        for part in field.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if value is None:
            return None
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise self._trouble(f"has {value!r} as {field}", wanted)
        return value

    def image(self, name: str) -> Image:
        return Image(
            self.text(f"images.{name}.name", _IMAGE, "an image with a tag, such as docker.io/library/nginx:1.28"),
            self.optional(f"images.{name}.digest", _DIGEST, "sha256: and 64 hexadecimal digits, or nothing"),
        )

    def nothing_left(self) -> None:
        unknown = sorted(set(_leaves(self.document)) - self.taken)
        if unknown:
            raise Trouble(
                f"The release file {self.path} has a field that nothing reads: {unknown[0]}.",
                f"Remove it, or correct its name to one of: {', '.join(sorted(self.taken))}.",
            )

    def _trouble(self, what: str, wanted: str) -> Trouble:
        return Trouble(f"The release file {self.path} {what}.", f"It should be {wanted}.")


def _leaves(value: object, prefix: str = "") -> list[str]:
    if not isinstance(value, dict):
        return [prefix]
    return [leaf for key, child in value.items() for leaf in _leaves(child, f"{prefix}.{key}" if prefix else str(key))]
