"""Finds the registry of an image in its name, as docker does."""

from __future__ import annotations

from typing import NamedTuple

from quilt_cfn.delivery.urls import is_loopback
from quilt_cfn.inputs.release import Image

DOCKER_HUB = "docker.io"
DOCKER_HUB_NAMES = (DOCKER_HUB, "index.docker.io", "registry-1.docker.io")
"""What the registry of images without a registry in their names is called; the last one answers its API."""


class Reference(NamedTuple):
    """Where an image is: what docker makes of its name, https://pkg.go.dev/github.com/distribution/reference."""

    host: str
    """The registry as the name has it, ``docker.io`` where it has none: a host, and a port if need be."""
    repository: str
    tag: str
    """Or a digest in its place, for whoever asks about one."""

    @property
    def server(self) -> str:
        """The host, and a port if need be, that answers for the registry.

        https://github.com/containerd/containerd/blob/main/core/remotes/docker/resolver.go
        """
        return DOCKER_HUB_NAMES[-1] if self.host == DOCKER_HUB else self.host

    @property
    def is_local(self) -> bool:
        """Whether the registry is on this computer."""
        return is_loopback(self.host.partition(":")[0])

    @property
    def place(self) -> str:
        """The whole name without the tag."""
        return f"{self.host}/{self.repository}"


def read_reference(image: Image) -> Reference:
    """The reference of an image; one without a tag has docker's, ``latest``."""
    first, slash, path = image.repository.partition("/")
    if not (slash and ("." in first or ":" in first or first == "localhost")):
        first, path = DOCKER_HUB, image.repository
    if first in DOCKER_HUB_NAMES:
        first, path = DOCKER_HUB, path if "/" in path else f"library/{path}"
    return Reference(first, path, image.tag or "latest")
