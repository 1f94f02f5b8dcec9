"""A submission is told from another by its content, and by nothing else."""

from __future__ import annotations

import copy
import re

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from quilt_cfn.delivery.marketplace.submission import Submission

SUBMISSION = Submission(
    product="prod-exampleexampl",
    version="1.0.0",
    details={"Version": {"VersionTitle": "1.0.0", "ReleaseNotes": "New."}, "DeliveryOptions": []},
    templates={"https://example.com/1.0.0/a.yaml": b"Resources: {}"},
)


@pytest.fixture(scope="module")
def model():
    """AWS's own description of the API."""
    return botocore.session.get_session().get_service_model("marketplace-catalog")


def with_note(note):
    details = copy.deepcopy(SUBMISSION.details)
    details["Version"]["ReleaseNotes"] = note
    return SUBMISSION._replace(details=details)


def test_what_is_sent_is_a_new_version_of_the_product():
    request = SUBMISSION.request("APPLY", "7")
    assert request["Catalog"] == "AWSMarketplace"
    assert request["Intent"] == "APPLY"
    assert request["ChangeSet"] == [
        {
            "ChangeType": "AddDeliveryOptions",
            "Entity": {"Type": "AmiProduct@1.0", "Identifier": "prod-exampleexampl@7"},
            "DetailsDocument": SUBMISSION.details,
        }
    ]


def test_without_a_revision_nothing_is_locked():
    assert SUBMISSION.request("VALIDATE", "")["ChangeSet"][0]["Entity"]["Identifier"] == "prod-exampleexampl"


def test_the_rehearsal_and_the_submission_are_told_apart():
    validate, apply = SUBMISSION.request("VALIDATE", "7"), SUBMISSION.request("APPLY", "7")
    assert validate["ChangeSetName"] != apply["ChangeSetName"]
    assert validate["ClientRequestToken"] != apply["ClientRequestToken"]


def test_a_repeated_call_has_the_same_token_though_the_product_moved_on():
    first, again = SUBMISSION.request("APPLY", "7"), SUBMISSION.request("APPLY", "8")
    assert first["ClientRequestToken"] == again["ClientRequestToken"]


def test_a_retry_after_a_failure_is_a_new_attempt_and_a_repeated_retry_is_not():
    tokens = [SUBMISSION.request("APPLY", "7", after)["ClientRequestToken"] for after in ("", "failed1", "failed1")]
    assert tokens[0] != tokens[1] == tokens[2]


def test_other_content_has_another_name_and_another_token():
    for other in (with_note("Newer."), SUBMISSION._replace(product="prod-other"), SUBMISSION._replace(version="1.0.1")):
        assert other.name != SUBMISSION.name
        assert (
            other.request("APPLY", "7")["ClientRequestToken"] != SUBMISSION.request("APPLY", "7")["ClientRequestToken"]
        )


def test_the_order_of_fields_and_the_bytes_behind_the_urls_are_no_content():
    turned = SUBMISSION._replace(details=dict(reversed(SUBMISSION.details.items())), templates={})
    assert turned.fingerprint == SUBMISSION.fingerprint
    assert turned.request("APPLY", "7")["ClientRequestToken"] == SUBMISSION.request("APPLY", "7")["ClientRequestToken"]


def test_a_name_says_product_and_version():
    assert re.fullmatch(r"Quilt Teams Registry 1\.0\.0 [0-9a-f]{12}", SUBMISSION.name)
    assert SUBMISSION.name.endswith(SUBMISSION.fingerprint[:12])
    assert SUBMISSION.title == "1.0.0"


@given(
    product=st.from_regex(r"[a-z0-9-]{1,200}", fullmatch=True),
    version=st.from_regex(r"(0|[1-9][0-9]{0,5})(\.(0|[1-9][0-9]{0,5})){2}", fullmatch=True),
    note=st.text(),
    intent=st.sampled_from(["VALIDATE", "APPLY"]),
    revision=st.integers(1, 10**9).map(str),
    after=st.text(max_size=30),
)
def test_whatever_is_sent_fits_aws_model(model, product, version, note, intent, revision, after):
    request = with_note(note)._replace(product=product, version=version).request(intent, revision, after)
    shape = model.operation_model("StartChangeSet").input_shape
    assert not ParamValidator().validate(request, shape).has_errors()
    identifier = request["ChangeSet"][0]["Entity"]["Identifier"]
    for name, value in (
        ("ChangeSetName", request["ChangeSetName"]),
        ("ClientRequestToken", request["ClientRequestToken"]),
        ("Identifier", identifier),
        ("ChangeType", request["ChangeSet"][0]["ChangeType"]),
        ("Catalog", request["Catalog"]),
    ):
        limits = model.shape_for(name)
        assert limits.metadata["min"] <= len(value) <= limits.metadata["max"]
        assert re.search(model._service_description["shapes"][name]["pattern"], value)
    assert re.fullmatch("[0-9a-f]{64}", request["ClientRequestToken"])
