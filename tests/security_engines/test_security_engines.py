"""What security engines find in the built templates is what accepted_findings.yaml declares, no more and no less."""

from __future__ import annotations

from pathlib import Path

import pytest

from quilt_cfn.cloudformation.describe.accepted_findings import expected
from quilt_cfn.cloudformation.template.read import read_template
from quilt_cfn.editions import EDITIONS
from quilt_cfn.inputs.accepted_findings import read_accepted_findings
from tests import security_engines
from tests.security_engines import ENGINES, Found

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(security_engines.missing() is not None, reason=str(security_engines.missing())),
]

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "templates" / edition.file for edition in EDITIONS.values()]
ACCEPTED = read_accepted_findings()
TEMPLATES = {file.name: read_template(file).data for file in FILES}


@pytest.fixture(scope="module", params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture(scope="module")
def found(engine):
    return ENGINES[engine](FILES)


@pytest.fixture(scope="module")
def declared(engine):
    return {Found(*each) for each in expected(ACCEPTED.findings, TEMPLATES, engine)}


def test_every_finding_has_a_reason(found, declared):
    new = sorted(found - declared)
    assert not new, "Repair the template, or say in accepted_findings.yaml why it is right to leave this."


def test_what_is_accepted_is_still_found(found, declared):
    stale = sorted(declared - found)
    assert not stale, "Remove this from accepted_findings.yaml: the engine no longer says so."


def test_the_page_names_the_versions_that_run():
    assert {each.name: each.version for each in ACCEPTED.engines} == security_engines.versions()
