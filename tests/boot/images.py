"""The harness's container images, and where a container registry keeps them.

An image is a few links into /usr, the stand-ins, and Python's packages in /venv, which each container has mounted, see
instance.sh. The same checkout on the same computer gives the same digests.
"""

from __future__ import annotations

import io
import json
import tarfile
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from quilt_cfn.inputs.release import Image, Release

STAND_INS = Path(__file__).parent / "stand_ins"

FOLDERS = (
    *("dev", "etc", "etc/nginx", "home", "home/catalog", "home/quilt", "home/quilt/scripts", "opt", "proc", "root"),
    *("run", "stand-ins", "sys", "tmp", "usr", "venv", "var", "var/lib", "var/lib/nginx", "var/log", "var/log/nginx"),
)
USERS = """\
root:x:0:0::/root:/bin/sh
quilt:x:1234:1234::/home/quilt:/bin/sh
nobody:x:65534:65534::/:/bin/false
www-data:x:33:33::/:/bin/false
"""
GROUPS = "root:x:0:\nquilt:x:1234:\nnogroup:x:65534:\nwww-data:x:33:\n"

_PATH = "PATH=/usr/sbin:/usr/bin"
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "registry": {
        "Env": ["PATH=/venv/bin:/opt:/usr/sbin:/usr/bin", "SQLALCHEMY_SILENCE_UBER_WARNING=1"],
        "User": "quilt",
        "WorkingDir": "/home/quilt",
        "Cmd": ["python3", "/venv/bin/uwsgi", "--ini", "/stand-ins/uwsgi.ini"],
    },
    "catalog": {"Env": [_PATH], "Cmd": ["/stand-ins/catalog.sh"]},
    "nginx": {"Env": [_PATH]},
}
"""Image, by its name in the release file -> how its containers start."""
SYSTEM = ("debian", "12")
"""The ID and VERSION_ID of the system that the images say they were made from."""

# https://github.com/opencontainers/image-spec/blob/main/manifest.md
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIGURATION = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"


class Content(NamedTuple):
    """An image: its manifest, and by their digests the manifest and what the manifest names."""

    manifest: str
    blobs: dict[str, bytes]


@cache
def content(image: str, system: tuple[str, str] = SYSTEM) -> Content:
    """What a registry has of one of the images."""
    layer = _layer(f'ID={system[0]}\nVERSION_ID="{system[1]}"\n')
    layers = {"type": "layers", "diff_ids": [digest(layer)]}
    settings = {"architecture": "amd64", "os": "linux", "config": CONFIGURATIONS[image], "rootfs": layers}
    configuration = json.dumps(settings).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIGURATION, "digest": digest(configuration), "size": len(configuration)},
            "layers": [{"mediaType": LAYER, "digest": digest(layer), "size": len(layer)}],
        }
    ).encode()
    return Content(digest(manifest), {digest(blob): blob for blob in (layer, configuration, manifest)})


def host(reference: str) -> str:
    """Whom docker asks for an image: Docker Hub has another name there."""
    name = reference.partition("/")[0]
    return "registry-1.docker.io" if name == "docker.io" else name


def digest(blob: bytes) -> str:
    return f"sha256:{sha256(blob).hexdigest()}"


def pinned(release: Release) -> Release:
    """The release with the digests of these images."""
    registry, catalog, nginx = (
        Image(release.images[name].name, content(name).manifest) for name in ("registry", "catalog", "nginx")
    )
    return release._replace(registry=registry, catalog=catalog, nginx=nginx)


def store(folder: Path, image: str, reference: str, system: tuple[str, str] = SYSTEM) -> None:
    """Put an image under a reference into the folder of a registry, of whatever host the reference names.

    https://github.com/distribution/distribution/blob/v2.8.2/registry/storage/paths.go
    """
    name, _, pinned_digest = reference.partition("@")
    repository, _, tag = name.partition("/")[2].partition(":")
    manifest, blobs = content(image, system)
    assert pinned_digest in ("", manifest), f"{reference} is not the image of the harness"
    top = folder / "docker/registry/v2"
    own = top / "repositories" / repository
    files = {top / "blobs/sha256" / hexadecimal(each)[:2] / hexadecimal(each) / "data": blobs[each] for each in blobs}
    links = [own / "_layers/sha256" / hexadecimal(each) / "link" for each in blobs]
    files |= {link: f"sha256:{link.parent.name}".encode() for link in links}
    tags = own / "_manifests/tags" / (tag or "latest")
    for link in (
        own / "_manifests/revisions/sha256" / hexadecimal(manifest) / "link",
        tags / "current/link",
        tags / "index/sha256" / hexadecimal(manifest) / "link",
    ):
        files[link] = manifest.encode()
    for path, blob in files.items():
        # A registry may be reading it.
        if not path.exists() or path.read_bytes() != blob:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(blob)


def hexadecimal(of: str) -> str:
    return of.removeprefix("sha256:")


def _layer(os_release: str) -> bytes:
    files = {
        "etc/ld.so.cache": Path("/etc/ld.so.cache").read_bytes(),
        "etc/nginx/uwsgi_params": Path("/etc/nginx/uwsgi_params").read_bytes(),
        "etc/passwd": USERS.encode(),
        "etc/group": GROUPS.encode(),
        "etc/os-release": os_release.encode(),
        "home/quilt/scripts/create_admin.py": (STAND_INS / "create_admin.py").read_bytes(),
        "opt/flask": (STAND_INS / "flask.py").read_bytes(),
        "home/catalog/index.html": b"<title>catalog</title>",
        "home/catalog/script.js": 20_000 * b"quilt",
    }
    executable = ("home/quilt/scripts/create_admin.py", "opt/flask")
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as tar:
        for folder in FOLDERS:
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for link in ("bin", "lib", "lib64", "sbin"):
            entry = tarfile.TarInfo(link)
            entry.type, entry.linkname = tarfile.SYMTYPE, f"usr/{link}"
            tar.addfile(entry)
        for path, text in files.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(text), 0o755 if path in executable else 0o644
            tar.addfile(entry, io.BytesIO(text))
    return written.getvalue()
