"""The bill of materials names what customers run and, apart from it, what made the templates.

It is the same on every machine, and contains nothing of any.
"""

from __future__ import annotations

import configparser
import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from quilt_cfn.delivery.release.sbom import (
    AMAZON_LINUX,
    BOOT_INSTALLS,
    MAKES_TEMPLATES,
    TESTS_AND_PUBLISHES,
    bill_of_materials,
    image_url,
)
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import Image, read_release

ROOT = Path(__file__).parents[3]
DIGEST = "sha256:" + "0123456789abcdef" * 4
RELEASE = read_release()._replace(
    version="1.0.0",
    registry=Image("registry.example:5000/quilt/registry:2.9", DIGEST),
    catalog=Image("registry.example/catalog:2.9", None),
    nginx=Image("docker.io/library/nginx:1.28", None),
    postgres="16",
    ami_id=None,
)


@contextmanager
def environment(*folders: Path) -> Iterator[None]:
    """An environment with more folders to find distributions in."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*map(str, folders), *sys.path])
        yield


def install(folder: Path, name: str, *fields: str, version: str = "1.0", record: str = "dist-info/METADATA") -> Path:
    """What an installer leaves of a distribution: METADATA in its .dist-info."""
    file = folder / f"{name}-{version}.{record}"
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *fields, ""]))
    return file.parent


def needs(document: Any, reference: str) -> set[str]:
    (entry,) = [entry for entry in document["dependencies"] if entry["ref"] == reference]
    return set(entry.get("dependsOn", []))


def leaves(value):
    if isinstance(value, (dict, list)):
        for child in value.values() if isinstance(value, dict) else value:
            yield from leaves(child)
    else:
        yield value


@pytest.fixture(scope="module")
def content():
    return bill_of_materials(RELEASE, "2026-01-31")


@pytest.fixture(scope="module")
def document(content):
    return json.loads(content)


def made_with(document: Any, formula: str) -> list[Any]:
    """The components of a formula."""
    (found,) = [each for each in document["formulation"] if each["bom-ref"] == formula]
    return list(found["components"])


def environment_of(document: Any) -> list[Any]:
    """The components of both formulas: all that the generator's environment has."""
    return [*made_with(document, MAKES_TEMPLATES), *made_with(document, TESTS_AND_PUBLISHES)]


@pytest.fixture(scope="module")
def components(document):
    """Normalized name -> component of the environment."""
    return {canonicalize_name(each["name"]): each for each in environment_of(document)}


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    """The document of an environment with more in it: every way to declare licences and requirements."""
    place = tmp_path_factory.mktemp("site")
    install(place, "expressed", "License-Expression: MIT AND (Apache-2.0 OR BSD-2-Clause)", "License: nonsense")
    install(place, "identified", "License: apache-2.0", "Classifier: License :: OSI Approved :: MIT License")
    install(place, "named", "License: Our own terms, see LICENCE")
    install(place, "whole-text", "License: Permission is", "        granted", "Classifier: License :: Public Domain")
    install(place, "unknown", "License: UNKNOWN")
    wants = ["Requires-Dist: Named", 'Requires-Dist: identified; extra == "Some-Thing"', "Provides-Extra: some-thing"]
    wants += ['Requires-Dist: has-extras[some_thing]; extra == "all"']
    install(place, "Has.Extras", *wants, version="2.0+local")
    install(place, "asks", "Requires-Dist: has_extras[some.thing]>=1", "Requires-Dist: not-installed")
    install(place, "asks-all", "Requires-Dist: asks", "Requires-Dist: quilt-cfn", "Requires-Dist: has-extras[all]")
    install(place, "elsewhere", "Requires-Dist: named; python_version < '3'", "Requires-Dist: asks; os_name == ''")
    install(place, "shy", "Provides-Extra: more", 'Requires-Dist: named; extra == "more"')
    editable = install(place, "edited")
    (editable / "direct_url.json").write_text('{"dir_info": {"editable": true}, "url": "file:///home/somebody/edited"}')
    older = tmp_path_factory.mktemp("older")
    install(older, "named", version="0.9")
    with environment(place, older):
        return json.loads(bill_of_materials(RELEASE, "2026-01-31"))


def refused_by_the_schema(content: bytes) -> bool:
    """Whether CycloneDX's own schema refuses a document; cyclonedx-python-lib has a copy of it."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    return JsonStrictValidator(SchemaVersion.V1_6).validate_str(content.decode()) is not None


def test_the_official_schema_accepts_it(content, document):
    assert not refused_by_the_schema(content)
    assert document["$schema"] == "http://cyclonedx.org/schema/bom-1.6.schema.json"
    unknown = json.loads(content)
    unknown["formulation"][0]["components"][0]["scope"] = "elsewhere"
    assert refused_by_the_schema(json.dumps(unknown).encode())


def test_every_dependency_is_of_something_that_it_names(document):
    named = [document["metadata"]["component"], *document["components"], *document["services"]]
    references = [each["bom-ref"] for each in [*named, *environment_of(document)]]
    assert len(set(references)) == len(references)
    assert {entry["ref"] for entry in document["dependencies"]} == set(references)
    assert all(needs(document, reference) <= set(references) for reference in references)


def test_it_describes_the_product_as_released(document):
    assert document["metadata"] == {
        "component": {
            "bom-ref": "quilt-registry@1.0.0",
            "name": "quilt-registry",
            "type": "application",
            "version": "1.0.0",
        },
        "timestamp": "2026-01-31T00:00:00+00:00",
    }


def test_what_a_customer_runs_is_three_images_the_machine_image_and_postgresql(document):
    running = {each["bom-ref"]: each for each in document["components"]}
    assert {name: (each["type"], each["name"], each["version"]) for name, each in running.items()} == {
        "image-registry": ("container", "registry.example:5000/quilt/registry", "2.9"),
        "image-catalog": ("container", "registry.example/catalog", "2.9"),
        "image-nginx": ("container", "docker.io/library/nginx", "1.28"),
        "machine-image": ("operating-system", "Amazon Linux", "2023"),
        "postgresql": ("application", "PostgreSQL", "16"),
    }
    (rds,) = document["services"]
    assert (rds["name"], rds["version"]) == ("Amazon RDS for PostgreSQL", "16")
    assert needs(document, "quilt-registry@1.0.0") == (running.keys() - {"postgresql"}) | {rds["bom-ref"]}
    assert needs(document, rds["bom-ref"]) == {"postgresql"}
    # Without its minor version, which RDS chooses, a scanner would report what has long been repaired.
    assert not {"purl", "cpe"} & running["postgresql"].keys()


def test_nothing_that_a_customer_does_not_run_is_where_scanners_look(document):
    assert not [each for each in document["components"] if "pypi" in each.get("purl", "")]
    assert {each["scope"] for each in environment_of(document)} == {"excluded"}
    assert not {each["bom-ref"] for each in environment_of(document)} & needs(document, "quilt-registry@1.0.0")


def test_an_image_with_a_digest_is_named_by_it_and_one_without_by_its_tag(document):
    running = {each["bom-ref"]: each for each in document["components"]}
    assert running["image-registry"]["hashes"] == [{"alg": "SHA-256", "content": DIGEST.removeprefix("sha256:")}]
    assert "hashes" not in running["image-nginx"]
    urls = {name: PackageURL.from_string(running[f"image-{name}"]["purl"]) for name in ("registry", "catalog", "nginx")}
    where = {"repository_url": "registry.example:5000/quilt/registry", "tag": "2.9"}
    assert urls == {
        "registry": PackageURL("oci", None, "registry", DIGEST, where),
        "catalog": PackageURL("docker", None, "catalog", "2.9", {"repository_url": "registry.example"}),
        "nginx": PackageURL("docker", "library", "nginx", "1.28"),
    }
    assert str(image_url(RELEASE.nginx)) == "pkg:docker/library/nginx@1.28"


def test_an_image_without_a_tag_has_no_version():
    document = json.loads(bill_of_materials(RELEASE._replace(nginx=Image("docker.io/quilt/nginx", None)), "2026-01-31"))
    (image,) = [each for each in document["components"] if each["bom-ref"] == "image-nginx"]
    assert (image["name"], image["purl"]) == ("docker.io/quilt/nginx", "pkg:docker/quilt/nginx")
    assert "version" not in image
    url = image_url(Image("docker.io/quilt/nginx", DIGEST))
    assert url == PackageURL("oci", None, "nginx", DIGEST, {"repository_url": "docker.io/quilt/nginx"})


@pytest.mark.parametrize("ami_id", [None, "ami-0123456789abcdef0"])
def test_the_machine_image_has_its_parameter_its_id_and_what_is_not_known_of_it(ami_id):
    document = json.loads(bill_of_materials(RELEASE._replace(ami_id=ami_id), "2026-01-31"))
    (image,) = [each for each in document["components"] if each["bom-ref"] == "machine-image"]
    facts = {each["name"]: each["value"] for each in image["properties"]}
    assert facts["quilt:ssm-parameter"] == RELEASE.ami_default
    assert facts["quilt:ami-in-us-east-1"] == (ami_id or "not decided yet")
    assert "does not know" in facts["quilt:packages"]
    assert facts["quilt:packages-that-the-boot-installs"] == ", ".join(BOOT_INSTALLS)


def test_what_the_boot_installs_is_what_it_says_and_the_image_is_of_that_amazon_linux():
    steps = (ROOT / "quilt_cfn/instance/steps.sh").read_text()
    assert re.findall(r"dnf .*install (.+?) ;;", steps) == [" ".join(BOOT_INSTALLS)]
    assert f"/al{AMAZON_LINUX}-ami-" in read_release().ami_default


def test_it_names_every_pinned_dependency_with_its_version(document, components):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    pins = {}
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            pin = Requirement(line)
            if pin.marker is None or pin.marker.evaluate():
                pins[canonicalize_name(pin.name)] = str(pin.specifier).removeprefix("==")
    lines = filter(None, setup["options"]["install_requires"].splitlines())
    direct = {canonicalize_name(Requirement(line).name) for line in lines}
    assert {"troposphere", "boto3", "packaging"} <= direct
    for name in direct:
        purl = f"pkg:pypi/{name}@{pins[name]}"
        assert (components[name]["purl"], components[name]["version"]) == (purl, pins[name])
        assert purl in needs(document, "quilt-cfn@1.0.0")
    assert pins.keys() <= components.keys()
    assert {name: components[name]["version"] for name in pins} == pins


def test_it_names_the_python_interpreter(document, components):
    interpreter = components[platform.python_implementation().lower()]
    assert (interpreter["type"], interpreter["version"]) == ("platform", platform.python_version())
    assert interpreter["bom-ref"] in needs(document, "quilt-cfn@1.0.0")


def test_the_graph_has_the_dependencies_of_each(document, components):
    reference = {name: component["bom-ref"] for name, component in components.items()}
    assert reference["botocore"] in needs(document, reference["boto3"])
    assert reference["cyclonedx-python-lib"] in needs(document, "quilt-cfn@1.0.0"), "of our extra publish"
    assert reference["py-partiql-parser"] in needs(document, reference["moto"]), (
        "of its extra s3, which our dev asks for"
    )
    assert needs(document, reference["troposphere"]) == {reference["cfn-flip"]}


def test_what_the_templates_are_made_with_is_apart_from_everything_else(document):
    makes, tests = (
        {canonicalize_name(each["name"]) for each in made_with(document, formula)}
        for formula in (MAKES_TEMPLATES, TESTS_AND_PUBLISHES)
    )
    assert {"quilt-cfn", "troposphere", "cfn-flip", "botocore", "cpython"} <= makes
    assert {"pytest", "moto", "cyclonedx-python-lib", "mypy"} <= tests
    assert not makes & tests


def test_the_same_environment_gives_the_same_bytes_in_any_process_folder_and_order(content, tmp_path):
    # What other builds leave in the current folder, and an old build in ours.
    install(tmp_path, "another", record="egg-info/PKG-INFO")
    stale = tmp_path / "stale"
    install(stale, "quilt_cfn", "Requires-Dist: pip", version="0.1", record="egg-info/PKG-INFO")
    script = (
        "import sys; from quilt_cfn.delivery.release.sbom import bill_of_materials\n"
        "from quilt_cfn.inputs.release import Image, Release\n"
        f"sys.stdout.buffer.write(bill_of_materials({RELEASE!r}, '2026-01-31'))"
    )
    variables = {"PYTHONPATH": os.pathsep.join(map(str, (stale, ROOT))), "PYTHONHASHSEED": "2", "TZ": "America/Lima"}
    variables |= {"HOME": str(tmp_path), "LC_ALL": "C"}
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | variables, capture_output=True, check=False)
    assert (done.stderr, done.stdout) == (b"", content)


def test_nothing_of_the_machine_is_in_it(content, document, others):
    for text in (content.decode(), json.dumps(others)):
        for place in (ROOT, Path.home(), sys.prefix, sys.base_prefix, "/home/somebody", "file:", "site-packages"):
            assert str(place) == "/" or str(place) not in text
    for text in {*map(str, leaves(document))} - {RELEASE.ami_default}:
        assert not text.startswith(("/", "~", "\\"))


def test_another_environment_or_version_has_another_serial_number(document, others):
    later = json.loads(bill_of_materials(RELEASE._replace(version="1.0.1"), "2026-01-31"))
    assert later["metadata"]["component"]["version"] == "1.0.1"
    serials = {each["serialNumber"] for each in (document, others, later)}
    assert len(serials) == 3
    assert all(re.fullmatch(r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f-]{21}", serial) for serial in serials)


@pytest.mark.parametrize(
    ("name", "licences"),
    [
        ("expressed", [{"expression": "MIT AND (Apache-2.0 OR BSD-2-Clause)"}]),
        ("identified", [{"license": {"id": "Apache-2.0"}}]),
        ("named", [{"license": {"name": "Our own terms, see LICENCE"}}]),
        ("whole-text", [{"license": {"name": "Public Domain"}}]),
        ("unknown", None),
        ("edited", None),
    ],
)
def test_a_licence_is_as_its_package_declares_it(others, name, licences):
    (component,) = [each for each in environment_of(others) if each["name"] == name]
    found = component.get("licenses")
    for licence in found or []:
        assert licence.get("license", licence).pop("acknowledgement") == "declared"
    assert found == licences


def test_a_requirement_counts_where_its_marker_holds_and_its_extra_is_asked_for(others):
    extras = "pkg:pypi/has.extras@2.0%2Blocal"
    assert needs(others, extras) == {"pkg:pypi/named@1.0", "pkg:pypi/identified@1.0"}
    assert needs(others, "pkg:pypi/asks@1.0") == {extras}, "and not what isn't installed"
    assert needs(others, "pkg:pypi/asks-all@1.0") == {"pkg:pypi/asks@1.0", extras, "quilt-cfn@1.0.0"}
    assert needs(others, "pkg:pypi/elsewhere@1.0") == set()


def test_an_extra_that_is_not_required_counts_for_nothing(others):
    assert needs(others, "pkg:pypi/shy@1.0") == set()


def test_of_two_versions_the_one_that_python_imports_is_named(others):
    assert [each["version"] for each in environment_of(others) if each["name"] == "named"] == ["1.0"]


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ("", "has no name or no version"),
        ("Name: half\n", "has no name or no version"),
        ("Name: half\nVersion: 1\nRequires-Dist: ???\n", "half is installed with an invalid requirement: ???"),
    ],
)
def test_a_damaged_environment_is_an_error(tmp_path, metadata, sentence):
    folder = tmp_path / "half-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(metadata)
    with environment(tmp_path), pytest.raises(UserError) as error:
        bill_of_materials(RELEASE, "2026-01-31")
    assert sentence in error.value.what


def test_without_cyclonedx_the_error_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "cyclonedx.model.bom", None)
    with pytest.raises(UserError) as error:
        bill_of_materials(RELEASE, "2026-01-31")
    assert str(error.value) == (
        "A bill of materials takes cyclonedx-python-lib, which is not installed. "
        "Install it: pip install 'quilt-cfn[publish]'"
    )


def test_without_metadata_of_our_own_package_there_is_no_bill_of_materials(content, tmp_path, monkeypatch):
    install(tmp_path, "another")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(UserError, match="quilt-cfn is not installed in the environment that runs it"):
        bill_of_materials(RELEASE, "2026-01-31")
