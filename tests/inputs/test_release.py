"""A release file says everything that a release is made of, and a wrong field is named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from quilt_cfn.cloudformation.facts.package_data import file_of
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import DRAFT, RELEASE_FILE, VERSION, Release, precedence, read_release
from quilt_cfn.stack.choices import INSTANCE_TYPES

DIGEST = "sha256:" + "0" * 64


def read(folder: Path, field: str, value: Any) -> Release:
    """The release of this checkout with another value of a field."""
    document = yaml.safe_load(RELEASE_FILE.read_text())
    *parents, last = field.split(".")
    place = document
    for parent in parents:
        place = place[parent]
    place[last] = value
    (folder / "release.yaml").write_text(yaml.safe_dump(document))
    return read_release(folder / "release.yaml")


def test_an_image_whose_tag_moves_is_marked_as_unconfirmed(release):
    assert release.images == {"registry": release.registry, "catalog": release.catalog, "nginx": release.nginx}
    for image in release.images.values():
        assert image.unconfirmed if image.moves else not image.unconfirmed


def test_an_image_is_the_platforms_of_the_instance_types_on_offer(release):
    assert release.platform == "linux/amd64"
    assert not [each for each in INSTANCE_TYPES if re.match(r"[a-z]+\d+g", each)]


@pytest.mark.parametrize(
    ("name", "repository", "tag", "moves"),
    [
        ("a/b:1", "a/b", "1", False),
        ("a/b:latest", "a/b", "latest", True),
        ("a/b", "a/b", None, True),
        ("nginx", "nginx", None, True),
        ("localhost:5000/a/b", "localhost:5000/a/b", None, True),
        ("localhost:5000/a/b:1.0-rc_1", "localhost:5000/a/b", "1.0-rc_1", False),
    ],
)
def test_a_name_is_a_repository_and_a_tag_which_moves_if_it_is_latest_or_missing(
    tmp_path, name, repository, tag, moves
):
    image = read(tmp_path, "images.registry.name", name).registry
    assert (image.repository, image.tag, image.moves) == (repository, tag, moves)


def test_a_digest_pins_an_image(tmp_path):
    image = read(tmp_path, "images.nginx.digest", DIGEST).nginx
    assert image.reference == f"{image.name}@{DIGEST}"
    assert read(tmp_path, "images.nginx.digest", None).nginx.reference == image.name


def test_what_nobody_has_confirmed_is_said_or_nothing(tmp_path):
    assert read(tmp_path, "images.nginx.unconfirmed", "Nobody saw it.").nginx.unconfirmed == "Nobody saw it."
    assert read(tmp_path, "images.catalog.unconfirmed", None).catalog.unconfirmed is None


def test_the_signing_key_is_named_by_its_fingerprint_or_not_at_all(tmp_path):
    assert read(tmp_path, "signing.key_fingerprint", DIGEST).key_fingerprint == DIGEST
    assert read(tmp_path, "signing.key_fingerprint", None).key_fingerprint is None


def test_a_version_comes_after_its_drafts_and_those_after_the_version_before():
    versions = ["1.9.9", "1.10.0-draft.1", "1.10.0-draft.2", "1.10.0-draft.10", "1.10.0", "1.10.1-draft.1", "1.10.1"]
    in_another_order = sorted(versions)
    assert sorted(in_another_order, key=precedence) == versions != in_another_order


@pytest.mark.parametrize(
    "text", ["1.2.3", "1.2.3-draft", "1.2.3-draft.0", "1.2.3-draft.01", "1.2-draft.1", "1.2.3-rc.1"]
)
def test_what_is_no_draft(text):
    assert not DRAFT.fullmatch(text)


def test_a_draft_has_the_version_and_a_number_and_is_no_version():
    found = DRAFT.fullmatch("1.2.30-draft.4")
    assert found
    assert (found["version"], found["number"]) == ("1.2.30", "4")
    assert not VERSION.fullmatch("1.2.30-draft.4")


def test_rds_has_the_major_version_of_postgresql_in_standard_support(release):
    def rule(name: str) -> Any:
        schema = file_of("cfnlint", f"data/schemas/extensions/aws_rds_dbinstance/{name}")
        rules = json.loads(schema.read_text())["allOf"]
        (found,) = [each for each in rules if each["if"]["properties"]["Engine"] == {"const": "postgres"}]
        return found

    available = rule("engine_version.json")["then"]["properties"]["EngineVersion"]["enum"]
    deprecated = rule("engine_version_deprecated.json")["if"]["properties"]["EngineVersion"]["enum"]
    supported = {version for version in {*available} - {*deprecated} if "-rds" not in version}  # extended support
    assert release.postgres in {version.partition(".")[0] for version in supported}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", "1.0"),
        ("version", "01.0.0"),
        ("version", 1.0),
        ("version", None),
        ("platform", None),
        ("platform", "linux/arm64"),
        ("images.registry.name", None),
        ("images.registry.name", "quiltdata/registry:"),
        ("images.registry.name", "quiltdata//registry:1"),
        ("images.registry.name", "quiltdata/registry/:1"),
        ("images.registry.name", "https://docker.io/quiltdata/registry:1"),
        ("images.registry.name", f"quiltdata/registry:1@{DIGEST}"),
        ("images.registry.name", "Quilt/registry:1"),
        ("images.nginx.name", "nginx:1 --privileged"),
        ("images.catalog.digest", "sha256:abc"),
        ("images.catalog.unconfirmed", ["a", "list"]),
        ("database.postgres", "16.13"),
        ("database.postgres", "0"),
        ("ami.default", "/custom/ami"),
        ("ami.default", "ami-0123456789abcdef0"),
        ("ami.id", "ami-123"),
        ("signing.key_fingerprint", "0" * 64),
        ("signing.key_fingerprint", "sha256:" + "A" * 64),
    ],
)
def test_a_wrong_field_is_named_with_what_it_should_be(tmp_path, field, value):
    with pytest.raises(UserError) as raised:
        read(tmp_path, field, value)
    assert field in raised.value.what
    assert raised.value.next_step.startswith("It should be ")


def test_an_unknown_field_is_named(tmp_path):
    with pytest.raises(UserError, match=r"unknown field: images\.registry\.digset"):
        read(tmp_path, "images.registry.digset", DIGEST)


def test_a_missing_file_is_an_error_that_names_the_option(tmp_path):
    with pytest.raises(UserError, match=r"could not be read.*--release"):
        read_release(tmp_path / "nowhere.yaml")
