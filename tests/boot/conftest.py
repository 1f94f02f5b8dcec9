"""Instances for the tests of this folder, which are skipped with the reason where no instance can be started."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from threading import Lock
from typing import Any, Protocol

import pytest

from tests.boot.instance import HERE, Instance, missing
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


@pytest.fixture(scope="module")
def start(templates: dict[str, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts instances, which end after the tests of the file."""
    folders = Lock()  # a test may start several at once
    with ExitStack() as running:

        def start(edition: str, parameters: dict[str, str] | None = None, /, **settings: Any) -> Instance:
            stack = launch_stack(templates[edition], DOCUMENTED | (parameters or {}))
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
