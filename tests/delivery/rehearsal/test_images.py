"""The registries are asked for the images with which the stacks run."""

from __future__ import annotations

import hashlib
import json

import pytest

from quilt_cfn.delivery.rehearsal.images import ask_registries
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import Image
from tests.delivery.publish.servers import Reply
from tests.delivery.publish.web import WebServer

CONFIGURATION = json.dumps({"os": "linux", "architecture": "amd64"}).encode()
MANIFEST = json.dumps(
    {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": f"sha256:{hashlib.sha256(CONFIGURATION).hexdigest()}",
            "size": len(CONFIGURATION),
        },
        "layers": [],
    }
).encode()
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"


@pytest.fixture
def registry():
    """The host of a registry that has one image, under a tag and under its digest."""

    def answer(path):
        if "/blobs/" in path:
            return Reply(200, [], CONFIGURATION)
        if path.endswith((":1.0", "manifests/1.0", DIGEST)):
            return Reply(200, [("Content-Type", "application/vnd.oci.image.manifest.v1+json")], MANIFEST)
        return Reply(404, [("Content-Type", "application/json")], b"{}")

    with WebServer(None, answer) as server:
        yield f"127.0.0.1:{server.server_port}"


def asked(release, values=None, **images):
    return [*ask_registries(release._replace(**images), values or {})]


@pytest.fixture
def images(registry):
    pinned = Image(f"{registry}/example/registry:1.0", DIGEST)
    return {"registry": pinned, "catalog": pinned, "nginx": Image(f"{registry}/example/nginx:1.0", None)}


def test_each_image_is_there_by_its_digest(release, registry, images):
    found = asked(release, **images)
    assert found[0] == f"{registry}/example/registry has {DIGEST}, for linux/amd64."
    assert found[2] == (f"{registry}/example/nginx:1.0 is {DIGEST} now, for linux/amd64; the release names no digest.")


def test_an_image_with_another_digest_is_not_there(release, registry, images):
    images["catalog"] = images["catalog"]._replace(digest="sha256:" + "0" * 64)
    with pytest.raises(UserError):
        asked(release, **images)


def test_images_of_the_parameters_are_asked_for_in_place_of_the_release_s(release, registry, images):
    own = {"RegistryImage": f"{registry}/own/registry@{DIGEST}", "CatalogImage": ""}
    assert asked(release, own, **images)[0] == f"{registry}/own/registry has {DIGEST}, for linux/amd64."
    in_ecr = {"RegistryImage": "111122223333.dkr.ecr.us-east-1.amazonaws.com/registry:1"}
    assert "only the instance's role is meant to pull it" in asked(release, in_ecr, **images)[0]
