"""Instances for the tests of this folder; where this machine can't play one, they are skipped with the reason."""

from __future__ import annotations

from contextlib import ExitStack
from threading import Lock

import pytest

from tests.boot.machine import HERE, Machine, missing
from tests.launches import DOCUMENTED, launch_stack


def pytest_collection_modifyitems(items):
    """A line a file, with the reason, where a line a test would hide it."""
    why_not = missing()
    for item in items:
        if why_not and HERE in item.path.parents:
            item.add_marker(pytest.mark.skip(reason=why_not))


@pytest.fixture(scope="module")
def start(templates, tmp_path_factory):
    """start(EDITION, FORM...): a running instance that has not booted; it ends with the tests of the file."""
    folders = Lock()  # a test may start several at once
    with ExitStack() as running:

        def start(edition, parameter_values=None, **settings):
            stack = launch_stack(templates[edition], DOCUMENTED | (parameter_values or {}))
            with folders:
                folder = tmp_path_factory.mktemp("instance")
            return running.enter_context(Machine(folder, stack, **settings))

        yield start
