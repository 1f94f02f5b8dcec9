"""Our templates, built once, and the editions, launched with the documented parameter values."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from hypothesis import settings

from quilt_cfn.cli import TRACEBACK
from quilt_cfn.editions import EDITIONS
from quilt_cfn.inputs.release import Release, read_release
from quilt_cfn.stack import BUILDERS
from tests.launches import LaunchedStack, launch_stack

# The same examples on every run, and no deadline: a slow machine is not a broken product.
settings.register_profile("suite", derandomize=True, deadline=None, max_examples=200)
settings.load_profile("suite")

# An error that no command foresaw fails a test with its traceback instead of becoming a sentence.
os.environ[TRACEBACK] = "1"

# A shell starts background processes with SIGINT ignored, and nohup with SIGHUP; their children inherit that, and some
# tests send these.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


pytest_plugins = ["tests.browser"]


@pytest.fixture(scope="session")
def release() -> Release:
    return read_release()


@pytest.fixture(scope="session")
def all_templates(release: Release) -> dict[str, dict[str, Any]]:
    """Name on the command line -> template."""
    return {name: build(release) for name, build in BUILDERS.items()}


@pytest.fixture(scope="session")
def templates(all_templates: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Edition name -> template."""
    return {name: all_templates[name] for name in EDITIONS}


@pytest.fixture(scope="session", params=EDITIONS)
def edition(request: pytest.FixtureRequest) -> str:
    """Every edition's name in turn."""
    name: str = request.param
    return name


@pytest.fixture(scope="session")
def template(edition: str, templates: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Every edition's template in turn."""
    return templates[edition]


@pytest.fixture(scope="session")
def stack(template: dict[str, Any]) -> LaunchedStack:
    """Every edition in turn, launched with the documented parameter values."""
    return launch_stack(template)
