"""The bill of materials names what made the templates, is the same on every machine, and says nothing of any."""

from __future__ import annotations

import configparser
import json
import os
import platform
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from quilt_cfn.delivery.release.sbom import bill_of_materials

ROOT = Path(__file__).parents[3]
MAKE = """
import sys
from quilt_cfn.errors import UserError
from quilt_cfn.delivery.release.sbom import bill_of_materials
try:
    sys.stdout.buffer.write(bill_of_materials("1.0.0", "2026-01-31"))
except UserError as trouble:
    sys.exit(str(trouble))
"""


def make(*places, script=MAKE, folder=ROOT, **environment):
    """Make one in a process of its own, with more places to find distributions in."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (*places, ROOT))), **environment},
        capture_output=True,
        check=False,
    )


def install(place, name, *fields, version="1.0", record="dist-info/METADATA"):
    """What an installer leaves of a distribution: METADATA in its .dist-info."""
    file = place / f"{name}-{version}.{record}"
    file.parent.mkdir(parents=True)
    file.write_text("\n".join(["Metadata-Version: 2.4", f"Name: {name}", f"Version: {version}", *fields, ""]))
    return file.parent


def needs(document, reference):
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
    return bill_of_materials("1.0.0", "2026-01-31")


@pytest.fixture(scope="module")
def document(content):
    return json.loads(content)


@pytest.fixture(scope="module")
def components(document):
    """Normalized name -> component."""
    return {canonicalize_name(each["name"]): each for each in document["components"]}


@pytest.fixture(scope="module")
def strangers(tmp_path_factory):
    """The document of an environment with more in it: licences and requirements of every kind."""
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
    editable = install(place, "edited")
    (editable / "direct_url.json").write_text('{"dir_info": {"editable": true}, "url": "file:///home/somebody/edited"}')
    older = tmp_path_factory.mktemp("older")
    install(older, "named", version="0.9")
    done = make(place, older)
    assert done.stderr == b""
    return json.loads(done.stdout)


def test_it_is_what_cyclonedx_specifies(content, document):
    assert (document["bomFormat"], document["specVersion"], document["version"]) == ("CycloneDX", "1.6", 1)
    assert document["$schema"] == "http://cyclonedx.org/schema/bom-1.6.schema.json"
    references = [document["metadata"]["component"]["bom-ref"], *(each["bom-ref"] for each in document["components"])]
    assert len(set(references)) == len(references)
    assert {entry["ref"] for entry in document["dependencies"]} == set(references)
    assert all(needs(document, reference) <= set(references) for reference in references)
    for component in document["components"]:
        assert component.keys() <= {"bom-ref", "type", "name", "version", "purl", "cpe", "scope", "licenses"}
        assert component["version"]
    if find_spec("jsonschema") and find_spec("referencing"):  # cyclonedx-python-lib[json-validation]
        from cyclonedx.schema import SchemaVersion
        from cyclonedx.validation.json import JsonStrictValidator

        assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(content.decode()) is None


def test_cyclonedx_reads_it_back_and_would_write_the_same(content, document):
    from cyclonedx.model.bom import Bom
    from cyclonedx.output import make_outputter
    from cyclonedx.schema import OutputFormat, SchemaVersion

    again = make_outputter(Bom.from_json(document), OutputFormat.JSON, SchemaVersion.V1_6).output_as_string(indent=2)
    assert json.loads(again) == document
    assert f"{again}\n".encode() == content


def test_it_describes_our_package_as_released(document):
    assert document["metadata"] == {
        "component": {
            "bom-ref": "quilt-cfn@1.0.0",
            "name": "quilt-cfn",
            "type": "application",
            "version": "1.0.0",
        },
        "timestamp": "2026-01-31T00:00:00+00:00",
    }


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
        assert components[name]["scope"] == "required"
        assert purl in needs(document, "quilt-cfn@1.0.0")
    assert pins.keys() <= components.keys()
    assert {name: components[name]["version"] for name in pins} == pins


def test_it_names_the_python_interpreter(document, components):
    interpreter = components[platform.python_implementation().lower()]
    assert (interpreter["type"], interpreter["version"]) == ("platform", platform.python_version())
    assert interpreter["bom-ref"] in needs(document, "quilt-cfn@1.0.0")


def test_the_graph_says_who_needs_whom(document, components):
    reference = {name: component["bom-ref"] for name, component in components.items()}
    assert reference["botocore"] in needs(document, reference["boto3"])
    assert reference["cyclonedx-python-lib"] in needs(document, "quilt-cfn@1.0.0"), "of our extra publish"
    assert reference["py-partiql-parser"] in needs(document, reference["moto"]), (
        "of its extra s3, which our dev asks for"
    )
    assert needs(document, reference["troposphere"]) == {reference["cfn-flip"]}


def test_what_the_templates_are_made_with_is_told_from_what_is_only_there_besides(components):
    scopes = {name: component["scope"] for name, component in components.items()}
    assert {scopes[name] for name in ("troposphere", "cfn-flip", "botocore", "cpython")} == {"required"}
    assert {scopes[name] for name in ("pytest", "moto", "cyclonedx-python-lib", "mypy")} == {"excluded"}


def test_the_same_environment_gives_the_same_bytes_in_any_process_folder_and_order(content, tmp_path):
    # What a build of somebody's leaves in their checkout, and an old build in ours.
    install(tmp_path, "somebody_elses", record="egg-info/PKG-INFO")
    stale = tmp_path / "stale"
    install(stale, "quilt_cfn", "Requires-Dist: pip", version="0.1", record="egg-info/PKG-INFO")
    one = make(folder=ROOT, PYTHONHASHSEED="1", TZ="Asia/Tokyo")
    other = make(stale, folder=tmp_path, PYTHONHASHSEED="2", TZ="America/Lima", HOME=str(tmp_path), LC_ALL="C")
    assert one.stderr == other.stderr == b""
    assert one.stdout == other.stdout == content


def test_nothing_of_the_machine_is_in_it(content, document, strangers):
    for text in (content.decode(), json.dumps(strangers)):
        for place in (ROOT, Path.home(), sys.prefix, sys.base_prefix, "/home/somebody", "file:", "site-packages"):
            assert str(place) == "/" or str(place) not in text
    for text in map(str, leaves(document)):
        assert not text.startswith(("/", "~", "\\"))


def test_another_environment_or_version_has_another_serial_number(document, strangers):
    later = json.loads(bill_of_materials("1.0.1", "2026-01-31"))
    assert later["metadata"]["component"]["version"] == "1.0.1"
    serials = {each["serialNumber"] for each in (document, strangers, later)}
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
def test_a_licence_is_as_its_package_declares_it(strangers, name, licences):
    (component,) = [each for each in strangers["components"] if each["name"] == name]
    found = component.get("licenses")
    for licence in found or []:
        assert licence.get("license", licence).pop("acknowledgement") == "declared"
    assert found == licences


def test_a_requirement_counts_where_its_marker_holds_and_its_extra_is_asked_for(strangers):
    extras = "pkg:pypi/has.extras@2.0%2Blocal"
    assert needs(strangers, extras) == {"pkg:pypi/named@1.0", "pkg:pypi/identified@1.0"}
    assert needs(strangers, "pkg:pypi/asks@1.0") == {extras}, "and not what isn't installed"
    assert needs(strangers, "pkg:pypi/asks-all@1.0") == {"pkg:pypi/asks@1.0", extras, "quilt-cfn@1.0.0"}
    assert needs(strangers, "pkg:pypi/elsewhere@1.0") == set()


def test_an_extra_that_nobody_asks_for_counts_for_nothing(tmp_path):
    install(tmp_path, "named")
    install(tmp_path, "shy", "Provides-Extra: more", 'Requires-Dist: named; extra == "more"')
    assert needs(json.loads(make(tmp_path).stdout), "pkg:pypi/shy@1.0") == set()


def test_of_two_versions_the_one_that_python_imports_is_named(strangers):
    assert [each["version"] for each in strangers["components"] if each["name"] == "named"] == ["1.0"]


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("", "has no name or no version"),
        ("Name: half\n", "has no name or no version"),
        ("Name: half\nVersion: 1\nRequires-Dist: ???\n", "half is installed with a requirement that is none: ???"),
    ],
)
def test_a_damaged_environment_is_told_in_a_sentence(tmp_path, metadata, said):
    folder = tmp_path / "half-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(metadata)
    done = make(tmp_path)
    assert done.stdout == b""
    assert said in done.stderr.decode()
    assert len(done.stderr.splitlines()) == 1


def test_without_cyclonedx_a_sentence_says_what_to_install():
    done = make(script=f"import sys; sys.modules['cyclonedx'] = None\n{MAKE}")
    assert done.stdout == b""
    assert done.stderr.decode() == (
        "A bill of materials takes cyclonedx-python-lib, which is not installed. "
        "Install it: pip install 'quilt-cfn[publish]'\n"
    )


def test_without_a_record_of_what_we_need_nothing_is_described(tmp_path):
    """Run from a copy of our package that nobody installed."""
    copy, libraries = tmp_path / "copy", tmp_path / "libraries"
    copy.mkdir()
    libraries.mkdir()
    (copy / "quilt_cfn").symlink_to(ROOT / "quilt_cfn")
    for place in Path(find_spec("packaging").origin).parent.parent.iterdir():
        if "quilt" not in place.name:
            (libraries / place.name).symlink_to(place)
    # -S: no site-packages but those that we name.
    done = subprocess.run(
        [sys.executable, "-S", "-c", MAKE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{copy}{os.pathsep}{libraries}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "quilt-cfn is not installed in the environment that runs it" in done.stderr
