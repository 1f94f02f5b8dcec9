"""``quilt-cfn images try``: runs images on this computer as the stack would, and says what does not fit.

The environment, the programs and the options of ``docker run`` are those of an instance (``trial_files``); PostgreSQL,
S3, the mail service and the load balancer run in containers beside it. All that a trial makes has its name and is
removed at its end, whatever happens; nothing else is touched.
"""

from __future__ import annotations

import os
import secrets
import shutil
import ssl
import tempfile
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

from quilt_cfn.delivery.images.trial_checks import Fact, Trial, try_all, wait
from quilt_cfn.delivery.images.trial_docker import Docker, Done, find_program, interruptible, run, undisturbed
from quilt_cfn.delivery.images.trial_files import Files, make_files, variables
from quilt_cfn.errors import UserError
from quilt_cfn.inputs.release import Release

POSTGRES = "docker.io/library/postgres:16"
"""The image of the database unless there is another one: https://hub.docker.com/_/postgres"""


def try_images(
    release: Release, parameters: Mapping[str, str], postgres: str, keep: bool
) -> Generator[Fact | str, None, None]:
    """Every fact as soon as it is known, and sentences about what is left; close it to end the trial.

    ``release`` has the images to try, ``parameters`` are those of any launch. With ``keep``, what runs is not removed
    when all has been tried. Raises ``UserError`` where nothing can be tried.
    """
    if not hasattr(os, "geteuid"):
        raise UserError("Images are tried on Linux and macOS.", "Use one of them, or WSL 2 on Windows.")
    docker = Docker(f"quilt-try-{secrets.token_hex(4)}")
    bash = find_program("bash", "runs the instance's scripts")
    folder = Path(tempfile.mkdtemp(prefix=f"{docker.name}-"))
    kept = False
    try:
        with interruptible():
            for image in (*(each.reference for each in release.images.values()), postgres):
                if docker.lacks(image):
                    yield f"Downloading {image}"
                    docker.fetch(image, release.platform)
            files = make_files(folder, release, parameters)
            docker.create_network()
            trial = _start(docker, release, files, bash, postgres)
            yield from try_all(trial)
            if keep:
                yield from _keep(trial)
                kept = True
    finally:
        with undisturbed():
            if not kept:
                try:
                    docker.remove()
                finally:
                    shutil.rmtree(folder, ignore_errors=True)


def _start(docker: Docker, release: Release, files: Files, bash: str, postgres: str) -> Trial:
    """Start what stands for AWS."""
    mounts = ["--volume", f"{files.folder}/trial:/trial:ro,z"]
    database = {"POSTGRES_USER": "rdsadmin", "POSTGRES_PASSWORD": secrets.token_urlsafe(24)}
    init = ["--volume", f"{files.folder}/database:/docker-entrypoint-initdb.d:ro,z"]
    docker.start("database", *mounts, *init, postgres, variables=database)
    names = [files.s3_host, f"{files.bucket}.{files.s3_host}", files.environments["registry"]["SMTP_HOST"]]
    aliases = [word for name in names for word in ("--network-alias", name)]
    published = ["--publish", "127.0.0.1::443", "--publish", "127.0.0.1::8443"]
    user = ["--user", "0:0", "--entrypoint", "python3"]
    image = release.registry.reference
    environment = variables(files, docker.name, docker.program, os.environ.get("PATH", ""))

    def script(name: str, *arguments: str, **options: Any) -> Done:
        return run([bash, str(files.folder / "home/ec2-user" / name), *arguments], variables=environment, **options)

    context = ssl.create_default_context(cafile=str(files.authority))
    trial = Trial(docker, release, files, context, script, {}, {})
    try:
        docker.start("services", *mounts, *aliases, *published, *user, image, "/trial/services.py")
        trial.ports.update({port: docker.port("services", port) for port in (443, 8443)})
        if not wait(lambda: trial.send(files.s3_host, "GET", "/", port=443).status, 30):
            raise UserError(
                f"What stands for AWS does not run in the registry's image ({docker.logs('services').last_words}).",
                "Its python3 has to be 3.5 or newer, with its standard library.",
            )
        files.write_environments(trial.ports[8443])
    except UserError as error:
        # If it is because the image has no python3, the check of its programs says so.
        trial.known["services"] = error
    return trial


def _keep(trial: Trial) -> Iterator[str]:
    trial.script("start.sh", seconds=120)
    wait(lambda: trial.health() == 200, 60)
    port = trial.ports[8443]
    yield f"The catalog: https://{trial.files.catalog_host}:{port}/"
    yield f"The registry, whose certificate the browser has to accept as well: https://{trial.files.registry_host}:{port}/"
    yield f"Remove all of it: {trial.docker.removal}; rm -r {trial.files.folder}"
