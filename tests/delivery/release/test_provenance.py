"""The provenance is about exactly the published files, and other programs verify it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from packageurl import PackageURL

from quilt_cfn.delivery.release.artifact import LARGEST_PROVENANCE, MANIFEST, PROVENANCE, Manifest, compose
from quilt_cfn.delivery.release.envelope import seal
from quilt_cfn.delivery.release.provenance import (
    BUILD_TYPE,
    BUILDER,
    PAYLOAD_TYPE,
    check,
    provenance,
    statement,
)
from tests.delivery.publish.artifacts import KEY, NOW, OTHER_KEY, artifact, facts, pointer_content
from tests.delivery.release.test_envelope import accepted_elsewhere

DIGEST = "0123456789abcdef" * 4
IMAGES = {
    "registry": {"name": "docker.io/quiltdata/registry:2.9", "digest": f"sha256:{DIGEST}"},
    "nginx": {"name": "docker.io/library/nginx:1.28", "digest": None},
}
TOOLS = {"python": "3.11.7", "quilt-cfn": "1.1.0", "boto3": "1.44.5"}


def manifest(**changed: Any) -> Manifest:
    return compose({**facts(), "images": IMAGES, "tools": TOOLS, **changed}, {**artifact(big=600).contents}).manifest


OURS = manifest()
SEALED = provenance(OURS, KEY)
PUBLIC = KEY.public_key()
PAGE = (Path(__file__).parents[3] / "docs/guide/provenance.md").read_text(encoding="utf-8")


def ids(content: bytes | None, about: Manifest = OURS) -> list[str]:
    return [rule for rule, _ in check(content, about, PUBLIC)]


def test_it_is_one_line_and_the_same_for_the_same_manifest_and_key():
    assert SEALED.count(b"\n") == 1
    assert SEALED.endswith(b"\n")
    assert provenance(manifest(), KEY) == SEALED
    assert len(SEALED) < LARGEST_PROVENANCE


def test_securesystemslib_verifies_the_statement():
    document = json.loads(SEALED)
    payload = accepted_elsewhere(document, PUBLIC)
    assert payload
    assert json.loads(payload) == statement(OURS)
    assert document["payloadType"] == "application/vnd.in-toto+json"
    assert accepted_elsewhere(document, OTHER_KEY.public_key()) is None


def test_it_is_an_in_toto_statement_about_every_file_and_the_manifest():
    document = statement(OURS)
    assert document["_type"] == "https://in-toto.io/Statement/v1"
    assert document["predicateType"] == "https://slsa.dev/provenance/v1"
    hashes = {entry.name: entry.sha256 for entry in OURS.files} | {MANIFEST: OURS.sha256}
    assert {each["name"]: each["digest"] for each in document["subject"]} == {
        name: {"sha256": digest} for name, digest in hashes.items()
    }
    assert len(document["subject"]) == len(hashes)


def test_it_says_from_which_commit_images_and_tools_the_version_was_made():
    definition = statement(OURS)["predicate"]["buildDefinition"]
    assert definition["externalParameters"] == {"version": "1.0.0"}
    found = {each["name"]: each for each in definition["resolvedDependencies"]}
    assert found.pop("source") == {"name": "source", "digest": {"gitCommit": OURS.commit}}
    assert {name: PackageURL.from_string(each["uri"])[:4] for name, each in found.items()} == {
        "registry": ("oci", None, "registry", f"sha256:{DIGEST}"),
        "nginx": ("docker", "library", "nginx", "1.28"),
        "python": ("generic", None, "python", "3.11.7"),
        "boto3": ("pypi", None, "boto3", "1.44.5"),
    }
    assert {name: each["digest"] for name, each in found.items() if "digest" in each} == {
        "registry": {"sha256": DIGEST}
    }


def test_it_says_who_made_it_and_states_no_time_that_nobody_measured():
    assert statement(OURS)["predicate"]["runDetails"] == {
        "builder": {"id": BUILDER, "version": {"quilt-cfn": "1.1.0"}},
        "metadata": {"quilt_released": "2026-11-30"},
    }


def test_what_has_to_be_a_uri_is_one_and_the_page_explains_it():
    for uri in (BUILD_TYPE, BUILDER):
        assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", uri)
        assert PAGE.count(uri) == 1
    assert BUILD_TYPE != BUILDER


def test_that_of_these_files_by_this_key_has_no_finding():
    assert ids(SEALED) == []


def test_one_that_is_missing_is_found():
    ((rule, message),) = check(None, OURS, PUBLIC)
    assert (rule, message.split()[0]) == ("V12", PROVENANCE)
    assert "is missing" in message


@pytest.mark.parametrize(
    "content",
    [
        provenance(OURS, OTHER_KEY),
        provenance(manifest(commit="f" * 40), KEY),
        provenance(artifact("1.0.1").manifest, KEY),
        pointer_content(OURS, KEY),
        (json.dumps(seal(b"[]", PAYLOAD_TYPE, KEY)) + "\n").encode(),
        (json.dumps(seal(b"\xff", PAYLOAD_TYPE, KEY)) + "\n").encode(),
        (json.dumps(statement(OURS)) + "\n").encode(),
        b"",
        b"\xff\n[" * 1000,
        SEALED.replace(b"\n", b" " * LARGEST_PROVENANCE + b"\n"),
    ],
    ids=[
        "another key", "another commit", "another version", "another type", "no statement", "no JSON", "unsigned",
        "empty", "garbage", "too large",
    ],
)  # fmt: skip
def test_one_that_is_not_about_these_files_or_not_by_this_key_is_found(content):
    assert ids(content) == ["V12"]


@pytest.mark.parametrize(
    "fields", [{"images": [1], "tools": "none"}, {"images": {"": {}}}, {"images": None, "tools": None}]
)
def test_a_manifest_of_whatever_images_and_tools_is_compared_by_its_files(fields):
    assert ids(SEALED, manifest(**fields)) == ["V12"]


def test_lines_of_others_are_not_looked_at():
    # https://github.com/in-toto/attestation/blob/main/spec/v1/bundle.md
    assert ids(b"not JSON\n" + provenance(OURS, OTHER_KEY) + SEALED) == []


def test_one_that_an_earlier_version_of_this_package_made_still_vouches_for_the_files():
    earlier = statement(OURS)
    earlier["predicate"]["buildDefinition"]["resolvedDependencies"] = []
    assert ids((json.dumps(seal(json.dumps(earlier).encode(), PAYLOAD_TYPE, KEY)) + "\n").encode()) == []


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize(
    ("name", "content", "signed"),
    [
        (PROVENANCE, SEALED, statement(OURS)),
        (
            "latest.json",
            pointer_content(OURS, KEY),
            {
                "product": "quilt-registry",
                "version": "1.0.0",
                "manifest": "1.0.0/manifest.json",
                "sha256": OURS.sha256,
                "date": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        ),
    ],
)
def test_the_documented_commands_verify_it_with_openssl_alone(tmp_path, name, content, signed):
    (block,) = re.findall(r"(?m)^    file=(?:.*\n    )*.*-sigfile.*", PAGE)
    script = re.sub("(?m)^    ", "", block).replace("file=provenance.intoto.jsonl", f"file={name}")
    (tmp_path / name).write_bytes(content)

    def exit_code(key: Any) -> int:
        (tmp_path / "quilt.pub").write_bytes(
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        return subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, check=False).returncode

    assert exit_code(KEY) == 0
    assert json.loads((tmp_path / "payload.json").read_text()) == signed
    assert exit_code(OTHER_KEY) != 0
    (tmp_path / name).write_bytes(content.replace(b'"payloadType": "application/', b'"payloadType": "application/y'))
    assert exit_code(KEY) != 0
