"""A CycloneDX bill of materials of the environment that generates the templates.

It contains what is installed, and no path, user, host or time; everything is sorted. The same environment therefore
gives the same bytes on every machine.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import Release

if TYPE_CHECKING:
    from cyclonedx.model.component import Component
    from packageurl import PackageURL

OURSELVES = "quilt-cfn"

_NIL = UUID(int=0)


def bill_of_materials(release: Release, released: str) -> bytes:
    """CycloneDX 1.6 in JSON: the Python interpreter, every installed distribution, and their dependencies.

    ``released`` is its date, ``YYYY-MM-DD``, which becomes the timestamp. A component's
    scope is ``required`` when this package depends on it, and ``excluded`` when it is there for something else, such as
    tests or publishing. Raises ``UserError`` where cyclonedx-python-lib is missing or the environment is damaged.
    """
    try:  # late: 0.3 s, and only a release needs it
        from cyclonedx.model.bom import Bom, BomMetaData
        from cyclonedx.model.component import Component, ComponentType
        from cyclonedx.output import make_outputter
        from cyclonedx.schema import OutputFormat, SchemaVersion
    except ImportError:
        raise UserError(
            "A bill of materials takes cyclonedx-python-lib, which is not installed.",
            "Install it: pip install 'quilt-cfn[publish]'",
        ) from None

    installed = _installed()
    ourselves = installed[OURSELVES]
    required = _needs(installed, {OURSELVES: ()})
    # Which of our extras were installed is recorded nowhere, so all of them count as far as they are installed.
    needs = _needs(installed, {**dict.fromkeys(installed, ()), OURSELVES: _fields(ourselves, "Provides-Extra")})
    # No purl: the package is not on PyPI, where another project could take the name.
    described = Component(
        type=ComponentType.APPLICATION,
        name=OURSELVES,
        version=release.version,
        bom_ref=f"{OURSELVES}@{release.version}",
    )
    others = {name: _distribution(installed[name], name in required) for name in installed if name != OURSELVES}
    interpreter = _interpreter()
    timestamp = datetime.strptime(released, "%Y-%m-%d").replace(tzinfo=timezone.utc)
    bom = Bom(
        serial_number=_NIL,
        metadata=BomMetaData(component=described, timestamp=timestamp),
        components=[interpreter, *others.values()],
    )
    components = {**others, OURSELVES: described}
    bom.register_dependency(described, [interpreter])
    for name, needed in needs.items():
        bom.register_dependency(components[name], [components[each] for each in needed])

    def text() -> str:
        return make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)

    # Another document needs another serial number, and the same document the same one: it is derived from the text.
    bom.serial_number = uuid5(_NIL, text())
    return f"{text()}\n".encode()


def image_url(name: str, digest: str | None) -> str:
    """The package URL of a container image, ``name`` being repository and tag.

    With a digest it names the bytes. Without one there is only the tag, for which the older type ``docker`` is made.
    https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md
    https://github.com/package-url/purl-spec/blob/main/types-doc/docker-definition.md
    """
    from packageurl import PackageURL  # late: only a release or its publication needs it

    repository, _, tag = name.rpartition(":")
    *place, last = repository.split("/")
    if digest:
        return str(PackageURL("oci", None, last, digest, {"repository_url": repository, "tag": tag}))
    host = place.pop(0) if place and ("." in place[0] or ":" in place[0]) else "docker.io"
    elsewhere = {} if host == "docker.io" else {"repository_url": host}
    return str(PackageURL("docker", "/".join(place), last, tag, elsewhere))


def _installed() -> dict[str, Distribution]:
    """Normalized name -> the distribution that Python would import."""
    # `python -m` also imports from the current folder, which is not a part of the environment.
    folders = [folder for folder in sys.path if Path(folder).resolve() != Path.cwd()]
    # A .dist-info, with METADATA, is from an installer; the .egg-info of a checkout is from some earlier build.
    found = sorted(distributions(path=folders), key=lambda each: each.read_text("METADATA") is None)
    installed: dict[str, Distribution] = {}
    for distribution in found:
        names = _fields(distribution, "Name")
        if not names or not _fields(distribution, "Version"):
            raise UserError(
                f"A distribution in {distribution.locate_file('')} has no name or no version.",
                "An installation or a removal was interrupted there: create the environment again.",
            )
        installed.setdefault(canonicalize_name(names[0]), distribution)
    if OURSELVES not in installed:
        raise UserError(
            f"{OURSELVES} is not installed in the environment that runs it, so its dependencies are unknown.",
            "Run make template in the checkout, or: pip install -e '.[publish]'",
        )
    return installed


def _needs(installed: Mapping[str, Distribution], start: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    """The direct dependencies of the distributions in ``start``, and of all that these depend on.

    ``start`` has the extras that are required of each. Dependencies that are not installed are left out.
    """
    extras = {name: {"", *map(canonicalize_name, required)} for name, required in start.items()}
    needs: dict[str, set[str]] = {}
    waiting = list(extras)
    while waiting:
        name = waiting.pop()
        needs[name] = set()
        for requirement in _requirements(installed[name], extras[name]):
            needed = canonicalize_name(requirement.name)
            if needed not in installed:
                continue
            needs[name] |= {needed} - {name}  # foo[all] requires foo[some]
            known = extras.get(needed, set())
            required = {"", *map(canonicalize_name, requirement.extras)} | known
            if required != known:
                extras[needed] = required
                waiting.append(needed)
    return needs


def _requirements(distribution: Distribution, extras: Collection[str]) -> Iterator[Requirement]:
    """The requirements of a distribution on this Python and system, with these extras; ``""`` stands for none."""
    for text in _fields(distribution, "Requires-Dist"):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            raise UserError(
                f"{_fields(distribution, 'Name')[0]} is installed with an invalid requirement: {text}.",
                "Install another version of it.",
            ) from None
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
            yield requirement


def _distribution(distribution: Distribution, required: bool) -> Component:
    from cyclonedx.model.component import ComponentScope  # late: see bill_of_materials
    from packageurl import PackageURL

    name, version = _fields(distribution, "Name")[0], _fields(distribution, "Version")[0]
    scope = ComponentScope.REQUIRED if required else ComponentScope.EXCLUDED
    return _component(name, PackageURL("pypi", None, name, version), _declared(distribution), scope=scope)


def _interpreter() -> Component:
    from cyclonedx.model.component import ComponentScope, ComponentType  # late: see bill_of_materials
    from packageurl import PackageURL

    return _component(
        platform.python_implementation(),
        PackageURL("generic", None, "python", platform.python_version()),
        ["PSF-2.0"],
        type=ComponentType.PLATFORM,
        # Its name in databases of vulnerabilities; it has no purl on PyPI.
        cpe=f"cpe:2.3:a:python:python:{'.'.join(map(str, sys.version_info[:3]))}:*:*:*:*:*:*:*",
        scope=ComponentScope.REQUIRED,
    )


def _component(name: str, purl: PackageURL, licenses: Iterable[str], **more: Any) -> Component:
    from cyclonedx.contrib.license.factories import LicenseFactory  # late: see bill_of_materials
    from cyclonedx.model.component import Component
    from cyclonedx.model.license import LicenseAcknowledgement

    make, declared = LicenseFactory().make_from_string, LicenseAcknowledgement.DECLARED
    found = [make(each, license_acknowledgement=declared) for each in licenses]
    return Component(name=name, version=purl.version, bom_ref=str(purl), purl=purl, licenses=found, **more)


def _declared(distribution: Distribution) -> list[str]:
    """The licence in the distribution's metadata: the expression, else the short name, else the classifiers."""
    for field in ("License-Expression", "License"):
        words = _fields(distribution, field)
        # Some packages have the whole text of their licence there.
        if words and "\n" not in words[0].strip() and words[0].strip() not in ("", "UNKNOWN"):
            return [words[0].strip()]
    classifiers = _fields(distribution, "Classifier")
    return [each.rpartition(" :: ")[2] for each in classifiers if each.startswith("License :: ")]


def _fields(distribution: Distribution, name: str) -> list[str]:
    """All values of a field of the metadata."""
    return list(map(str, distribution.metadata.get_all(name) or []))
