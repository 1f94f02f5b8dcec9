"""A submission is told from another by its content, and by nothing else."""

from __future__ import annotations

import copy
import re

import pytest
from botocore.validate import ParamValidator

from quilt_cfn.delivery.marketplace.submission import Submission
from tests.delivery.marketplace.stand_in import MODEL

SUBMISSION = Submission(
    product="prod-exampleexampl",
    version="1.0.0",
    details={"Version": {"VersionTitle": "1.0.0", "ReleaseNotes": "New."}, "DeliveryOptions": []},
    templates={"https://example.com/1.0.0/a.yaml": b"Resources: {}"},
)


def with_notes(notes):
    details = copy.deepcopy(SUBMISSION.details)
    details["Version"]["ReleaseNotes"] = notes
    return SUBMISSION._replace(details=details)


def token(submission, *arguments):
    return submission.request(*arguments)["ClientRequestToken"]


def test_what_is_sent_is_a_new_version_of_the_product_at_this_revision():
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


def test_validating_and_applying_are_told_apart():
    assert SUBMISSION.request("VALIDATE", "7")["ChangeSetName"] != SUBMISSION.request("APPLY", "7")["ChangeSetName"]
    assert token(SUBMISSION, "VALIDATE", "7") != token(SUBMISSION, "APPLY", "7")


def test_a_repeated_call_has_the_same_token_though_the_product_changed():
    assert token(SUBMISSION, "APPLY", "7") == token(SUBMISSION, "APPLY", "8")


def test_a_retry_after_a_failure_is_a_new_attempt_and_a_repeated_retry_is_not():
    tokens = [token(SUBMISSION, "APPLY", "7", retry_of) for retry_of in ("", "failed1", "failed1")]
    assert tokens[0] != tokens[1] == tokens[2]


def test_other_content_has_another_name_and_another_token():
    for other in (
        with_notes("Newer."),
        SUBMISSION._replace(product="prod-other"),
        SUBMISSION._replace(version="1.0.1"),
    ):
        assert other.name != SUBMISSION.name
        assert token(other, "APPLY", "7") != token(SUBMISSION, "APPLY", "7")


def test_the_order_of_fields_does_not_count():
    turned = SUBMISSION._replace(details=dict(reversed(SUBMISSION.details.items())))
    assert turned.fingerprint == SUBMISSION.fingerprint
    assert token(turned, "APPLY", "7") == token(SUBMISSION, "APPLY", "7")


def test_a_name_says_product_and_version():
    assert SUBMISSION.name == f"Quilt Teams Registry 1.0.0 {SUBMISSION.fingerprint[:12]}"


@pytest.mark.parametrize("intent", ["VALIDATE", "APPLY"])
@pytest.mark.parametrize(("product", "version"), [("prod-x", "0.0.0"), ("x" * 200, "99999.99999.99999")])
def test_a_request_fits_the_lengths_and_patterns_of_aws(product, version, intent):
    request = SUBMISSION._replace(product=product, version=version).request(intent, "1000000000", "failed")
    assert not ParamValidator().validate(request, MODEL.operation_model("StartChangeSet").input_shape).has_errors()
    for name, value in (
        ("ChangeSetName", request["ChangeSetName"]),
        ("ClientRequestToken", request["ClientRequestToken"]),
        ("Identifier", request["ChangeSet"][0]["Entity"]["Identifier"]),
        ("ChangeType", request["ChangeSet"][0]["ChangeType"]),
        ("Catalog", request["Catalog"]),
    ):
        limits = MODEL.shape_for(name).metadata
        assert limits["min"] <= len(value) <= limits["max"]
        assert re.search(MODEL._service_description["shapes"][name]["pattern"], value)
