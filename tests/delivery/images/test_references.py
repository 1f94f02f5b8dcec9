"""An image is where docker would look for it."""

from __future__ import annotations

import pytest

from quilt_cfn.delivery.images.references import read_reference
from quilt_cfn.inputs.release import Image


@pytest.mark.parametrize(
    ("name", "server", "repository", "tag"),
    [
        ("nginx:1.30.5", "registry-1.docker.io", "library/nginx", "1.30.5"),
        ("docker.io/nginx:1.30.5", "registry-1.docker.io", "library/nginx", "1.30.5"),
        ("docker.io/library/nginx:1.30.5", "registry-1.docker.io", "library/nginx", "1.30.5"),
        ("index.docker.io/a/b:1", "registry-1.docker.io", "a/b", "1"),
        ("quiltdata/registry", "registry-1.docker.io", "quiltdata/registry", "latest"),
        ("registry.example/a/b:1", "registry.example", "a/b", "1"),
        ("registry.example:5000/b:1", "registry.example:5000", "b", "1"),
        ("localhost/b:1", "localhost", "b", "1"),
        ("host/b:1", "registry-1.docker.io", "host/b", "1"),
        ("1234.dkr.ecr.eu-west-1.amazonaws.com/a:1", "1234.dkr.ecr.eu-west-1.amazonaws.com", "a", "1"),
    ],
)
def test_where_an_image_is(name, server, repository, tag):
    reference = read_reference(Image(name, None))
    assert (reference.server, reference.repository, reference.tag) == (server, repository, tag)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:5000", "127.1.2.3", "localhost:5000", "localhost"])
def test_a_registry_on_this_computer(host):
    assert read_reference(Image(f"{host}/a:1", None)).is_local


@pytest.mark.parametrize("host", ["127.0.0.1.example", "localhost.example:5000", "10.0.0.1:5000", "docker.io"])
def test_a_registry_elsewhere(host):
    assert not read_reference(Image(f"{host}/a:1", None)).is_local
