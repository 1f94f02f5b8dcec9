"""What security engines find in the built templates is what accepted_findings.yaml declares, no more and no less."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quilt_cfn.cloudformation.describe.accepted_findings import expected
from quilt_cfn.cloudformation.template.read import read_template
from quilt_cfn.editions import EDITIONS
from quilt_cfn.inputs.accepted_findings import read_accepted_findings
from quilt_cfn.inputs.contract import read_contract
from tests import security_engines
from tests.cloudformation_diff import as_template
from tests.launches import evaluate_edition
from tests.security_engines import ENGINES, Found

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(security_engines.missing() is not None, reason=str(security_engines.missing())),
]

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "templates" / edition.file for edition in EDITIONS.values()]
STRICT = read_contract().parameter_sets["options"] | {"LogRetentionDays": 365, "HttpsInputCIDR": "198.51.100.0/24"}
"""Values of the form with which a stack has what engines miss in a template, because they can't read a field."""
SETTLED = {
    "checkov": {"CKV_AWS_260"},
    "guard-registry": set(),
    "control-tower": {
        *("CT.AUTOSCALING.PR.8", "CT.CLOUDWATCH.PR.1", "CT.CLOUDWATCH.PR.2", "CT.EC2.PR.15"),
        *("CT.ELASTICLOADBALANCING.PR.2", "CT.RDS.PR.8", "CT.S3.PR.8"),
    },
    "cdk-nag": {
        *("AwsSolutions-EC23", "AwsSolutions-RDS13", "NIST.800.53.R5-EC2RestrictedCommonPorts"),
        *("NIST.800.53.R5-EC2RestrictedSSH", "NIST.800.53.R5-RDSInstanceBackupEnabled"),
    },
}
"""Engine -> rules of which the page says that a field, or what the engine can't read, settles them."""


@pytest.fixture(scope="module", params=ENGINES)
def engine(request):
    return request.param


@pytest.fixture(scope="module")
def templates():
    return {file.name: read_template(file).data for file in FILES}


@pytest.fixture(scope="module")
def reported(engine, templates, tmp_path_factory):
    """All that an engine says, at once: of the templates, and of the same as deployed, with values in place."""
    folder = tmp_path_factory.mktemp("deployed")
    deployed = [folder / f"deployed-{file}" for file in templates]
    for file, template in zip(deployed, templates.values(), strict=True):
        file.write_text(json.dumps(as_deployed(template)))
    return ENGINES[engine]([*FILES, *deployed])


@pytest.fixture(scope="module")
def found(reported, templates):
    return {each for each in reported if each.template in templates}


@pytest.fixture(scope="module")
def declared(engine, templates):
    return {Found(*each) for each in expected(read_accepted_findings().findings, templates, engine)}


def test_every_finding_has_a_reason(found, declared):
    new = sorted(found - declared)
    assert not new, "Repair the template, or say in accepted_findings.yaml why it is right to leave this."


def test_what_is_accepted_is_still_found(found, declared):
    stale = sorted(declared - found)
    assert not stale, "Remove this from accepted_findings.yaml: the engine no longer says so."


def test_an_engine_that_reads_values_does_not_find_what_the_page_says_is_there(engine, reported, found):
    assert SETTLED[engine] <= {each.rule for each in found}
    assert not SETTLED[engine] & {each.rule for each in reported - found}


def test_the_page_names_the_versions_that_run():
    assert {each.name: each.version for each in read_accepted_findings().engines} == security_engines.versions()


def as_deployed(template):
    """A template with the values of ``STRICT`` in place of parameters and conditions."""
    deployed = as_template(evaluate_edition(template, STRICT)) | {"Parameters": template["Parameters"]}
    for resource in deployed["Resources"].values():
        for name in {"RetentionInDays", "BackupRetentionPeriod"} & resource.get("Properties", {}).keys():
            resource["Properties"][name] = int(resource["Properties"][name])
    return deployed
