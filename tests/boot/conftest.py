"""Instances for the tests of this folder, which are skipped with the reason where no instance can be started."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Lock
from typing import Any, Protocol

import pytest

from quilt_cfn.editions import EDITIONS, IMAGE_FACTORY, MachineImage
from quilt_cfn.inputs.release import Release, read_release
from quilt_cfn.stack import BUILDERS
from tests.boot import images
from tests.boot.instance import HERE, Instance, missing
from tests.boot.machine_image import run_phase
from tests.launches import DOCUMENTED, launch_stack


class Start(Protocol):
    """start(EDITION, PARAMETERS...): a running instance that has not booted yet."""

    def __call__(self, edition: str, parameters: dict[str, str] | None = None, /, **settings: Any) -> Instance: ...


LONGEST = [HERE / name for name in ("test_kills.py", "test_replacement.py", "test_database.py", "test_rotation.py")]
"""A file's tests are run by one process. These files begin first, so that none is what all the others wait for."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test, where a fixture would make the summary count the reason once a test."""
    items.sort(key=lambda item: LONGEST.index(item.path) if item.path in LONGEST else len(LONGEST))
    tests = [item for item in items if HERE in item.path.parents]
    if tests and missing():
        for item in tests:
            item.add_marker(pytest.mark.skip(reason=missing()))


@pytest.fixture(scope="session")
def release() -> Release:
    """The release of this checkout, with the digests of the harness's images."""
    return images.pinned(read_release())


@pytest.fixture(scope="session")
def templates(release: Release) -> dict[str, dict[str, Any]]:
    """Name of an edition, or image-factory -> template."""
    return {name: BUILDERS[name](release) for name in (*EDITIONS, IMAGE_FACTORY.name)}


@pytest.fixture(scope="session")
def baked(templates: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release's machine image, baked once for all processes of a run."""
    run = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        run = run.parent
    folder = run / "baked"
    with (run / "baked.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            folder.mkdir()
            # The image has nothing of the stack with which the harness starts an instance.
            with Instance(folder, launch_stack(templates["registry"], DOCUMENTED)) as instance:
                done = run_phase(instance, templates[IMAGE_FACTORY.name], "build")
                assert done.returncode == 0, done.stdout
                instance.become_image()
            (folder / "done").touch()
    return folder / "image.tar"


@pytest.fixture(scope="module")
def start(
    templates: dict[str, dict[str, Any]], baked: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """Starts instances, which end after the tests of the file; from the baked image where the edition takes it."""
    folders = Lock()  # a test may start several at once
    with ExitStack() as running:

        def start(edition: str, parameters: dict[str, str] | None = None, /, **settings: Any) -> Instance:
            stack = launch_stack(templates[edition], DOCUMENTED | (parameters or {}))
            if EDITIONS[edition].machine_image is MachineImage.BAKED:
                settings = {"baked": baked, **settings}
            with folders:
                folder = tmp_path_factory.mktemp("instance")
            return running.enter_context(Instance(folder, stack, **settings))

        yield start


@pytest.fixture(scope="module")
def serving(start: Start) -> Instance:
    """An instance that has booted, and that makes short pauses between its tries."""
    instance = start("marketplace")
    instance.shorten_pauses()
    assert instance.boot().returncode == 0
    return instance


@pytest.fixture
def instance(serving: Instance) -> Iterator[Instance]:
    """An instance that serves, and has to serve again after each test without anybody's help.

    What a test changes in the files of its next boots is not in those after the test.
    """
    before = {name: (serving.folder / name).read_text() for name in ("metadata.json", "user-data")}
    yield serving
    for name, text in before.items():
        serving.write(name, text)
    serving.refuse()
    serving.wait_for(lambda: serving.packages() == 200, "the registry serves again")
