"""A release is what somebody decided; a release file that doesn't say it is refused with the field's name."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import RELEASE_FILE, Image, read_release

DIGEST = "sha256:" + "0" * 64


def document():
    return yaml.safe_load(RELEASE_FILE.read_text())


def read(tmp_path, document):
    path = tmp_path / "release.yaml"
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document))
    return read_release(path)


def change(field, value):
    changed = document()
    *parents, last = field.split(".")
    place = changed
    for parent in parents:
        place = place[parent]
    place[last] = value
    return changed


def test_no_image_is_left_to_chance(release):
    for image in (release.registry, release.catalog, release.nginx):
        assert not image.reference.endswith(":latest")
        assert ":" in image.reference.rsplit("/", 1)[1]


def test_a_digest_pins_an_image():
    assert Image("a/b:1", DIGEST).reference == f"a/b:1@{DIGEST}"
    assert Image("a/b:1", None).reference == "a/b:1"


def test_rds_offers_the_engine_version_and_has_not_deprecated_it(release):
    data = files("cfnlint.data.schemas.extensions.aws_rds_dbinstance")

    def versions(name):
        rules = json.loads((data / name).read_text())["allOf"]
        (rule,) = [each for each in rules if each["if"]["properties"]["Engine"] == {"const": "postgres"}]
        return rule

    offered = versions("engine_version.json")["then"]["properties"]["EngineVersion"]["enum"]
    deprecated = versions("engine_version_deprecated.json")["if"]["properties"]["EngineVersion"]["enum"]
    assert release.postgres in set(offered) - set(deprecated)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", "1.0"),
        ("version", "01.0.0"),
        ("version", 1.0),
        ("version", None),
        ("images.registry.name", "quiltdata/registry"),
        ("images.registry.name", "Quilt/registry:1"),
        ("images.nginx.name", "nginx:1 --privileged"),
        ("images.catalog.digest", "sha256:abc"),
        ("database.postgres", "16"),
        ("ami.default", "/custom/ami"),
        ("ami.default", "ami-0123456789abcdef0"),
        ("ami.id", "ami-123"),
    ],
)
def test_a_wrong_field_is_named(tmp_path, field, value):
    with pytest.raises(UserError) as trouble:
        read(tmp_path, change(field, value))
    assert field in trouble.value.what
    assert trouble.value.next_step.startswith("It should be ")


def test_a_field_that_nothing_reads_is_named(tmp_path):
    with pytest.raises(UserError, match=r"images\.registry\.digset"):
        read(tmp_path, change("images.registry.digset", DIGEST))


@pytest.mark.parametrize(
    ("text", "said"),
    [("a: [", "is not YAML at line"), ("- 1", "has no version"), ("", "has no version"), ("\x00", "is not YAML")],
)
def test_what_is_no_release_file_is_said_in_a_sentence(tmp_path, text, said):
    with pytest.raises(UserError, match=said):
        read(tmp_path, text)


def test_a_missing_file_is_said_in_a_sentence(tmp_path):
    with pytest.raises(UserError, match="could not be read"):
        read_release(tmp_path / "nowhere.yaml")


@given(
    st.recursive(
        st.none() | st.text(max_size=5) | st.integers(),
        lambda inner: (
            st.dictionaries(
                st.sampled_from(["version", "images", "registry", "name", "digest", "database", "ami", "x"]),
                inner,
                max_size=4,
            )
            | st.lists(inner, max_size=2)
        ),
        max_leaves=8,
    )
)
def test_no_document_at_all_ends_in_a_traceback(tmp_path_factory, document):
    with pytest.raises(UserError):
        read(tmp_path_factory.mktemp("release"), document)
