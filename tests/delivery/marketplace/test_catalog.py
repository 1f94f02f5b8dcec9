"""The Catalog API, and what its errors mean to a person."""

from __future__ import annotations

import os

import pytest
from botocore.exceptions import ClientError

from quilt_cfn import aws
from quilt_cfn.delivery.marketplace.catalog import Catalog, ProductLocked, connect
from quilt_cfn.errors import UserError
from tests.delivery.marketplace.conftest import SECRET, made
from tests.delivery.marketplace.stand_in import BUSY, CUT, EXPIRED, MODEL, PRODUCT, THROTTLED, Outcome


def test_a_product_is_read_with_its_revision(stand_in, catalog):
    stand_in.revision = 12
    entity = catalog.entity(PRODUCT)
    assert (entity.identifier, entity.revision) == (PRODUCT, "12")
    assert entity.document == {"Description": {"ProductTitle": "Quilt"}, "Versions": []}


def test_change_sets_are_listed_newest_first_over_all_pages(stand_in, catalog):
    identifiers = [stand_in.begin(f"Number {number}", status="SUCCEEDED") for number in range(45)]
    assert [each.identifier for each in catalog.change_sets(PRODUCT)] == identifiers[::-1]
    assert stand_in.calls("ListChangeSets") == 3
    assert {each.arguments["FilterList"][0]["ValueList"][0] for each in stand_in.requests} == {PRODUCT}


def test_a_change_set_is_described_with_what_the_list_leaves_out(stand_in, catalog):
    errors = (("SCAN_ERROR", "port 22"), ("INVALID_ARN", "no"))
    stand_in.outcomes["VALIDATE"] = [Outcome("FAILED", errors, description="d")]
    identifier = catalog.start(made().request("VALIDATE", "5"))
    while (change_set := catalog.describe(identifier)).active:
        pass
    assert (change_set.intent, change_set.revision, change_set.errors) == ("VALIDATE", "5", errors)
    assert (change_set.status, change_set.failure, change_set.description) == ("FAILED", "CLIENT_ERROR", "d")
    (listed,) = catalog.change_sets(PRODUCT)
    assert (listed.identifier, listed.status, listed.intent, listed.revision) == (identifier, "FAILED", "", "")


def test_the_same_request_twice_is_one_change_set(stand_in, catalog):
    request = made().request("VALIDATE", "5")
    assert catalog.start(request) == catalog.start(request)
    assert len(stand_in.change_sets) == 1


def test_the_change_set_that_locks_the_product_is_named(stand_in, catalog):
    running = stand_in.begin("New prices")
    with pytest.raises(ProductLocked, match="another change set of the product has not ended") as locked:
        catalog.start(made().request("VALIDATE", "5"))
    assert locked.value.change_sets == (running,)


def test_an_old_revision_is_refused_in_a_sentence(stand_in, catalog):
    with pytest.raises(UserError, match=r"AWS finds the request invalid.*@4 is not the latest revision"):
        catalog.start(made().request("APPLY", "4"))
    assert stand_in.change_sets == {}


def test_an_id_that_does_not_exist_is_reported(catalog):
    with pytest.raises(UserError, match="The product prod-nowhere could not be read: there is none with this ID"):
        catalog.entity("prod-nowhere")
    with pytest.raises(UserError, match="The change set nowhere could not be read: there is none with this ID"):
        catalog.describe("nowhere")


@pytest.mark.parametrize(
    ("fault", "sentence", "step"),
    [
        (EXPIRED, "the AWS credentials have expired", "Sign in again"),
        (THROTTLED, "AWS is busy", "in a minute"),
        (BUSY, "AWS is busy or has a fault", "in a minute"),
        (CUT, "the connection to .* failed", "network"),
    ],
)
def test_a_call_that_fails_is_reported_with_a_next_step(stand_in, catalog, fault, sentence, step):
    stand_in.faults[0] = fault
    with pytest.raises(UserError, match=sentence) as raised:
        catalog.entity(PRODUCT)
    assert step in raised.value.next_step
    assert SECRET not in str(raised.value)


NEXT_STEPS = {
    "AccessDeniedException": "whose policy allows aws-marketplace:StartChangeSet",
    "ResourceInUseException": "Wait until that change set has ended",
    "ResourceNotFoundException": "Check the ID",
    "ServiceQuotaExceededException": "open change sets have ended",
    "ValidationException": "Fix what is named here",
    "InternalServiceException": "in a minute",
    "ThrottlingException": "in a minute",
}


class FailingClient:
    """Every call ends in an error."""

    def __init__(self, code: str, message: str) -> None:
        fields = [{"Field": "ChangeSet[0].Details", "Message": "Too long."}]
        self.error = {"Error": {"Code": code, "Message": message}, "ValidationExceptionFieldList": fields}

    def start_change_set(self, **arguments: object) -> object:
        raise ClientError(self.error, "StartChangeSet")


def test_every_error_that_the_api_lists_has_a_next_step():
    assert {shape.name for shape in MODEL.operation_model("StartChangeSet").error_shapes} == set(NEXT_STEPS)
    for code, next_step in NEXT_STEPS.items():
        with pytest.raises(UserError) as raised:
            Catalog(FailingClient(code, "The\n reason.")).start(made().request("APPLY", "5"))
        assert next_step in raised.value.next_step
        assert raised.value.what.startswith("The change set “")
        assert "\n" not in raised.value.what
        if code == "ValidationException":
            assert "(The reason; ChangeSet[0].Details: Too long)." in raised.value.what


def test_a_request_that_does_not_fit_the_api_is_not_sent(stand_in, catalog):
    with pytest.raises(UserError, match=r"does not fit the API \(Invalid length for parameter ChangeSet") as raised:
        catalog.start({**made().request("VALIDATE", "5"), "ChangeSet": []})
    assert "\n" not in raised.value.what
    assert stand_in.number == 0


def test_two_change_sets_that_lock_the_product_are_both_named():
    message = "Requested change set has entities locked by change sets - entity: 'prod-1'  change sets: abc1, def2."
    with pytest.raises(ProductLocked) as locked:
        Catalog(FailingClient("ResourceInUseException", message)).start(made().request("APPLY", "5"))
    assert locked.value.change_sets == ("abc1", "def2")


@pytest.fixture
def environment(monkeypatch):
    """A user's environment variables; boto3 reads them anew."""
    aws._session.cache_clear()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    yield monkeypatch
    aws._session.cache_clear()


def test_the_catalog_is_that_of_the_credentials_in_the_environment_and_in_us_east_1(stand_in, environment):
    environment.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    environment.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    environment.setenv("AWS_MAX_ATTEMPTS", "2")
    stand_in.faults = {0: BUSY}
    catalog = connect()
    stand_in.connect(catalog.client)
    assert catalog.entity(PRODUCT).revision == "5"  # the stand-in refuses a signature for another Region
    assert stand_in.number == 2


def test_missing_credentials_are_reported(environment):
    with pytest.raises(UserError, match="there are no complete AWS credentials"):
        connect().entity(PRODUCT)
