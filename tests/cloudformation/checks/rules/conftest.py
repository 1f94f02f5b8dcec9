"""Defects are put into one edition; ``make prove`` puts them into the others as well."""

from __future__ import annotations

import pytest

from quilt_cfn.editions import EDITIONS

FIRST, *OTHERS = EDITIONS


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Where a test names no editions itself, the fixture ``edition`` is the first one, not each in turn."""
    named = [mark.args[0] for mark in metafunc.definition.iter_markers("parametrize")]
    if "edition" in metafunc.fixturenames and "edition" not in named:
        others = [pytest.param(each, marks=pytest.mark.exhaustive) for each in OTHERS]
        metafunc.definition.add_marker(pytest.mark.parametrize("edition", [FIRST, *others], indirect=True))
