"""A CycloneDX bill of materials: what a customer runs, and apart from it what the templates were made with.

What runs is in ``components`` and ``services``: the containers' images, the machine image, PostgreSQL on Amazon RDS.
The environment that generates, tests and publishes the templates is in ``formulation``, which is about how a product
was made. Scanners take whatever is in ``components`` for a part of the product, and don't look at ``scope`` or there:
https://github.com/anchore/syft/blob/main/syft/format/internal/cyclonedxutil/helpers/decoder.go
https://github.com/aquasecurity/trivy/blob/main/pkg/sbom/cyclonedx/unmarshal.go
https://github.com/DependencyTrack/dependency-track/issues/4647

It contains no path, user, host or time, and everything is sorted. The same release and environment therefore give the
same bytes on every machine.
"""

from __future__ import annotations

import json
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

from quilt_cfn.delivery.product import PRODUCT
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import Image, Release

if TYPE_CHECKING:
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component
    from packageurl import PackageURL

OURSELVES = "quilt-cfn"
MAKES_TEMPLATES, TESTS_AND_PUBLISHES = "makes-the-templates", "tests-and-publishes"
"""The two formulas, by their references: the templates depend on the first alone."""
AMAZON_LINUX = "2023"
BOOT_INSTALLS = ("docker",)
"""The packages of Amazon Linux that ``instance/steps.sh`` installs, in whatever version its repository has that day."""

_NIL = UUID(int=0)


def bill_of_materials(release: Release, released: str) -> bytes:
    """CycloneDX 1.6 in JSON: what customers run, and the Python packages with which a release is made and tested.

    ``released`` is its date, ``YYYY-MM-DD``, which becomes the timestamp. Raises ``UserError`` where
    cyclonedx-python-lib is missing or the environment is damaged.
    """
    try:  # late: 0.3 s, and only a release needs it
        import cyclonedx.model.bom  # noqa: F401  # it is in an optional extra, and may be missing
    except ImportError:
        raise UserError(
            "A bill of materials takes cyclonedx-python-lib, which is not installed.",
            "Install it: pip install 'quilt-cfn[publish]'",
        ) from None
    timestamp = datetime.strptime(released, "%Y-%m-%d").replace(tzinfo=timezone.utc)
    document = _as_json(_product(release, timestamp))
    # The library has no formulation yet, so the environment is a document of its own first.
    environment, makes_templates = _environment(release.version, timestamp)
    made_with = _as_json(environment)
    components = [made_with["metadata"]["component"], *made_with["components"]]
    document["formulation"] = [
        {
            "bom-ref": formula,
            "components": [each for each in components if (each["bom-ref"] in makes_templates) is makes],
        }
        for formula, makes in ((MAKES_TEMPLATES, True), (TESTS_AND_PUBLISHES, False))
    ]
    document["dependencies"] = sorted(
        document["dependencies"] + made_with["dependencies"], key=lambda each: each["ref"]
    )
    # Another document needs another serial number, and the same document the same one: it is derived from the text.
    document["serialNumber"] = uuid5(_NIL, _text(document)).urn
    return _text(document).encode()


def _as_json(bom: Bom) -> dict[str, Any]:
    from cyclonedx.output import make_outputter  # late: see bill_of_materials
    from cyclonedx.schema import OutputFormat, SchemaVersion

    document: dict[str, Any] = json.loads(make_outputter(bom, OutputFormat.JSON, SchemaVersion.V1_6).output_as_string())
    return document


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, sort_keys=True) + "\n"


def _product(release: Release, timestamp: datetime) -> Bom:
    """What a customer runs."""
    from cyclonedx.model import Property  # late: see bill_of_materials
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.contact import OrganizationalEntity
    from cyclonedx.model.service import Service

    product = Component(
        type=ComponentType.APPLICATION, name=PRODUCT, version=release.version, bom_ref=f"{PRODUCT}@{release.version}"
    )
    images = [_container(name, image) for name, image in release.images.items()]
    facts = {
        "ssm-parameter": release.ami_default,
        "ami-in-us-east-1": release.ami_id or "not decided yet",
        "packages": "those of the image when the instance starts; the vendor does not know their versions",
        "packages-that-the-boot-installs": ", ".join(BOOT_INSTALLS),
    }
    machine = Component(
        type=ComponentType.OPERATING_SYSTEM,
        name="Amazon Linux",
        version=AMAZON_LINUX,
        bom_ref="machine-image",
        # https://docs.aws.amazon.com/linux/al2023/ug/ident-os-release.html
        cpe=f"cpe:2.3:o:amazon:amazon_linux:{AMAZON_LINUX}:*:*:*:*:*:*:*",
        properties=[Property(name=f"quilt:{name}", value=value) for name, value in facts.items()],
    )
    # No CPE: RDS chooses the minor version, and without it a scanner would report what every later one has repaired.
    postgresql = Component(
        type=ComponentType.APPLICATION,
        name="PostgreSQL",
        version=release.postgres,
        bom_ref="postgresql",
        properties=[Property(name="quilt:minor-version", value="the one that Amazon RDS chooses and upgrades")],
    )
    rds = Service(
        name="Amazon RDS for PostgreSQL",
        bom_ref="amazon-rds",
        version=release.postgres,
        provider=OrganizationalEntity(name="Amazon Web Services"),
    )
    bom = Bom(
        serial_number=_NIL,
        metadata=BomMetaData(component=product, timestamp=timestamp),
        components=[*images, machine, postgresql],
        services=[rds],
    )
    bom.register_dependency(product, [*images, machine, rds])
    bom.register_dependency(rds, [postgresql])
    return bom


def _container(name: str, image: Image) -> Component:
    from cyclonedx.model import HashAlgorithm, HashType  # late: see bill_of_materials
    from cyclonedx.model.component import Component, ComponentType

    digest = (image.digest or "").removeprefix("sha256:")
    return Component(
        type=ComponentType.CONTAINER,
        name=image.repository,
        version=image.tag,
        bom_ref=f"image-{name}",
        purl=image_url(image),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest)] if digest else [],
    )


def _environment(version: str, timestamp: datetime) -> tuple[Bom, set[str]]:
    """The Python interpreter, every installed distribution, and their dependencies.

    The second value has the references of those with which the templates are made. The others are there for something
    else, such as tests or publishing.
    """
    from cyclonedx.model.bom import Bom, BomMetaData  # late: see bill_of_materials
    from cyclonedx.model.component import Component, ComponentScope, ComponentType

    installed = _installed()
    ourselves = installed[OURSELVES]
    required = _needs(installed, {OURSELVES: ()})
    # Which of our extras were installed is recorded nowhere, so all of them count as far as they are installed.
    needs = _needs(installed, {**dict.fromkeys(installed, ()), OURSELVES: _fields(ourselves, "Provides-Extra")})
    # No purl: the package is not on PyPI, where another project could take the name.
    described = Component(
        type=ComponentType.APPLICATION,
        name=OURSELVES,
        version=version,
        bom_ref=f"{OURSELVES}@{version}",
        scope=ComponentScope.EXCLUDED,
    )
    components = {name: _distribution(each) for name, each in installed.items() if name != OURSELVES}
    interpreter = _interpreter()
    bom = Bom(
        serial_number=_NIL,
        metadata=BomMetaData(component=described, timestamp=timestamp),
        components=[interpreter, *components.values()],
    )
    components[OURSELVES] = described
    bom.register_dependency(described, [interpreter])
    for name, needed in needs.items():
        bom.register_dependency(components[name], [components[each] for each in needed])
    makes_templates = [interpreter, *(components[name] for name in required)]
    return bom, {str(each.bom_ref.value) for each in makes_templates}


def image_url(image: Image) -> PackageURL:
    """The package URL of a container image.

    With a digest it names the bytes. Without one there is only the tag, a version in the older type ``docker``; without
    a tag there is no version.
    https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md
    https://github.com/package-url/purl-spec/blob/main/types-doc/docker-definition.md
    """
    from packageurl import PackageURL  # late: only a release or its publication needs it

    repository, tag = image.repository, image.tag
    *place, last = repository.split("/")
    if image.digest:
        tagged = {"tag": tag} if tag else {}
        return PackageURL("oci", None, last, image.digest, {"repository_url": repository, **tagged})
    host = place.pop(0) if place and ("." in place[0] or ":" in place[0]) else "docker.io"
    elsewhere = {} if host == "docker.io" else {"repository_url": host}
    return PackageURL("docker", "/".join(place), last, tag, elsewhere)


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


def _distribution(distribution: Distribution) -> Component:
    from packageurl import PackageURL  # late: see bill_of_materials

    name, version = _fields(distribution, "Name")[0], _fields(distribution, "Version")[0]
    return _component(name, PackageURL("pypi", None, name, version), _declared(distribution))


def _interpreter() -> Component:
    from cyclonedx.model.component import ComponentType  # late: see bill_of_materials
    from packageurl import PackageURL

    return _component(
        platform.python_implementation(),
        PackageURL("generic", None, "python", platform.python_version()),
        ["PSF-2.0"],
        type=ComponentType.PLATFORM,
        # Its name in databases of vulnerabilities; it has no purl on PyPI.
        cpe=f"cpe:2.3:a:python:python:{'.'.join(map(str, sys.version_info[:3]))}:*:*:*:*:*:*:*",
    )


def _component(name: str, purl: PackageURL, licenses: Iterable[str], **more: Any) -> Component:
    from cyclonedx.contrib.license.factories import LicenseFactory  # late: see bill_of_materials
    from cyclonedx.model.component import Component, ComponentScope
    from cyclonedx.model.license import LicenseAcknowledgement

    make, declared = LicenseFactory().make_from_string, LicenseAcknowledgement.DECLARED
    found = [make(each, license_acknowledgement=declared) for each in licenses]
    # A reader that merges everything still sees that none of it runs at a customer's:
    # https://cyclonedx.org/docs/1.6/json/#components_items_scope
    scope = ComponentScope.EXCLUDED
    return Component(name=name, version=purl.version, bom_ref=str(purl), purl=purl, licenses=found, scope=scope, **more)


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
