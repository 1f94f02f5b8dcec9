"""The Catalog API, and what its errors mean to a person."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from botocore.config import Config

from quilt_cfn import aws
from quilt_cfn.delivery.marketplace.catalog import Catalog, Locked, Refused, connect
from quilt_cfn.errors import UserError
from tests.delivery.marketplace.conftest import SECRET, made
from tests.delivery.marketplace.stand_in import BUSY, CUT, EXPIRED, PRODUCT, THROTTLED, Outcome


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


def test_a_change_set_is_described_with_what_the_list_does_not_tell(stand_in, catalog):
    stand_in.outcomes["VALIDATE"] = [
        Outcome("FAILED", (("SCAN_ERROR", "port 22"), ("INVALID_ARN", "no")), description="d")
    ]
    identifier = catalog.start(made().request("VALIDATE", "5"))
    while (change_set := catalog.describe(identifier)).active:
        pass
    assert change_set.intent == "VALIDATE"
    assert change_set.revision == "5"
    assert change_set.errors == (("SCAN_ERROR", "port 22"), ("INVALID_ARN", "no"))
    assert (change_set.status, change_set.failure, change_set.description) == ("FAILED", "CLIENT_ERROR", "d")
    (listed,) = catalog.change_sets(PRODUCT)
    assert (listed.identifier, listed.status, listed.intent, listed.revision) == (identifier, "FAILED", "", "")


def test_the_same_request_twice_is_one_change_set(stand_in, catalog):
    request = made().request("VALIDATE", "5")
    assert catalog.start(request) == catalog.start(request)
    assert len(stand_in.change_sets) == 1


def test_what_keeps_a_change_set_from_starting_is_named(stand_in, catalog):
    running = stand_in.begin("New prices")
    with pytest.raises(Locked) as locked:
        catalog.start(made().request("VALIDATE", "5"))
    assert locked.value.change_sets == (running,)
    assert (
        "could not be started: another change set is going on, and a product takes one at a time" in locked.value.what
    )


def test_an_old_revision_is_refused_in_a_sentence(stand_in, catalog):
    with pytest.raises(Refused, match=r"AWS finds the request invalid.*@4 is not the latest revision") as refused:
        catalog.start(made().request("APPLY", "4"))
    assert refused.value.code == "ValidationException"
    assert stand_in.change_sets == {}


def test_unknown_ids_are_said_to_be_unknown(catalog):
    with pytest.raises(UserError, match="The product prod-nowhere could not be read: AWS Marketplace does not know it"):
        catalog.entity("prod-nowhere")
    with pytest.raises(UserError, match="The change set nowhere could not be read: AWS Marketplace does not know it"):
        catalog.describe("nowhere")


@pytest.mark.parametrize(
    ("fault", "said", "step"),
    [
        (EXPIRED, "the AWS credentials have expired", "Sign in again"),
        (THROTTLED, "AWS is busy", "in a minute"),
        (BUSY, "AWS is busy or has a fault", "in a minute"),
        (CUT, "the connection failed", "network"),
    ],
)
def test_a_fault_on_the_way_is_a_sentence_and_a_next_step(stand_in, catalog, fault, said, step):
    stand_in.faults[0] = fault
    with pytest.raises(UserError, match=said) as trouble:
        catalog.entity(PRODUCT)
    assert step in trouble.value.next_step
    assert SECRET not in str(trouble.value)


CODES = {
    "AccessDeniedException": "whose policy allows aws-marketplace:StartChangeSet",
    "ResourceInUseException": "Wait until what is going on has ended",
    "ResourceNotFoundException": "Check the ID",
    "ServiceQuotaExceededException": "open change sets have ended",
    "ValidationException": "Mend what is named here",
    "InternalServiceException": "in a minute",
    "ThrottlingException": "in a minute",
}


class Answering:
    """A client that is answered with an error."""

    def __init__(self, code: str, message: str, fields: list[dict[str, str]]) -> None:
        self.response = {"Error": {"Code": code, "Message": message}, "ValidationExceptionFieldList": fields}

    def __getattr__(self, name: str) -> object:
        from botocore.exceptions import ClientError

        def call(**arguments: object) -> object:
            raise ClientError(self.response, name)

        return call


@pytest.mark.parametrize("code", CODES)
def test_every_error_that_the_api_lists_has_a_next_step(code):
    fields = [{"Field": "ChangeSet[0].Details", "Message": "Too long."}]
    with pytest.raises(UserError) as trouble:
        Catalog(Answering(code, "The\n reason.", fields)).start(made().request("APPLY", "5"))
    assert CODES[code] in trouble.value.next_step
    assert trouble.value.what.startswith("The change set “")
    assert trouble.value.what.count("\n") == 0
    if code == "ValidationException":
        assert "(The reason; ChangeSet[0].Details: Too long)." in trouble.value.what


def test_the_tests_know_every_error_that_the_api_lists():
    from tests.delivery.marketplace.stand_in import MODEL

    assert {shape.name for shape in MODEL.operation_model("StartChangeSet").error_shapes} == set(CODES)


def test_a_request_that_the_api_does_not_know_is_not_even_sent(stand_in, catalog):
    with pytest.raises(
        UserError, match=r"it is not a request that the API knows \(Invalid length for parameter ChangeSet"
    ) as it:
        catalog.start({**made().request("VALIDATE", "5"), "ChangeSet": []})
    assert "\n" not in it.value.what
    assert stand_in.number == 0


def test_the_locks_of_two_change_sets_are_both_named():
    message = "Requested change set has entities locked by change sets - entity: 'prod-1'  change sets: abc1, def2."
    with pytest.raises(Locked) as locked:
        Catalog(Answering("ResourceInUseException", message, [])).start(made().request("APPLY", "5"))
    assert locked.value.change_sets == ("abc1", "def2")


def test_nobody_listening_is_a_sentence(client):
    import boto3

    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    session = boto3.session.Session("AKIAIOSFODNN7EXAMPLE", SECRET, region_name="us-east-1")
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=1)
    nobody = session.client("marketplace-catalog", endpoint_url=f"http://127.0.0.1:{port}", config=config)
    with pytest.raises(UserError, match="the connection failed"):
        Catalog(nobody).entity(PRODUCT)
    nobody.close()


@pytest.fixture
def configured(stand_in, monkeypatch, tmp_path):
    """An environment as a user has it, with nothing of this machine's."""

    def forget() -> None:
        for each in vars(aws).values():
            getattr(each, "cache_clear", lambda: None)()

    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_MARKETPLACE_CATALOG", stand_in.url)
    forget()
    yield monkeypatch
    forget()


def test_the_catalog_is_that_of_the_credentials_in_the_environment(stand_in, configured):
    configured.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    configured.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    configured.setenv("AWS_REGION", "eu-west-1")
    configured.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    catalog = connect()
    assert catalog.entity(PRODUCT).revision == "5"  # signed for us-east-1, or the stand-in refuses it
    catalog.client.close()


def test_a_fault_is_tried_again_as_often_as_the_environment_says(stand_in, configured):
    configured.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    configured.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    configured.setenv("AWS_MAX_ATTEMPTS", "2")
    stand_in.faults = {0: BUSY, 2: BUSY, 3: BUSY}
    catalog = connect()
    assert catalog.entity(PRODUCT).revision == "5"
    with pytest.raises(UserError, match="AWS is busy"):
        catalog.entity(PRODUCT)
    assert stand_in.number == 4
    catalog.client.close()


def test_no_credentials_are_said_to_be_none(configured):
    catalog = connect()
    with pytest.raises(UserError, match="there are no complete AWS credentials"):
        catalog.entity(PRODUCT)
    catalog.client.close()


# --- the stand-in itself refuses what AWS would ---


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ClientRequestToken": "x" * 65}, "ClientRequestToken has 65, not 1 to 64"),
        ({"ClientRequestToken": "a b"}, "ClientRequestToken 'a b' does not match"),
        ({"ChangeSetName": "x" * 101}, "ChangeSetName has 101"),
        ({"ChangeSetName": "a/b"}, "ChangeSetName 'a/b' does not match"),
        ({"Catalog": "AWS Marketplace"}, "Catalog 'AWS Marketplace' does not match"),
        ({"Intent": "REHEARSE"}, "Intent 'REHEARSE' is none of"),
    ],
)
def test_the_stand_in_refuses_what_botocore_lets_pass(stand_in, catalog, change, said):
    with pytest.raises(UserError) as trouble:
        catalog.start({**made().request("VALIDATE", "5"), **change})
    assert said in trouble.value.what
    assert stand_in.broken
    stand_in.broken.clear()


def test_the_stand_in_refuses_unsigned_requests_and_unknown_members(stand_in):
    url = f"{stand_in.url}/DescribeEntity?catalog=AWSMarketplace&entityId={PRODUCT}"
    with pytest.raises(urllib.error.HTTPError, match="403") as refused:
        urllib.request.urlopen(url)
    refused.value.close()
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=x/20261120/us-east-1/aws-marketplace/aws4_request"}
    with pytest.raises(urllib.error.HTTPError, match="422") as refused:
        urllib.request.urlopen(urllib.request.Request(f"{url}&surplus=1", headers=signed))
    assert "Unknown member .surplus" in json.load(refused.value)["Message"]
    refused.value.close()
    stand_in.broken.clear()


def test_the_stand_in_finds_what_a_version_lacks(stand_in, catalog):
    request = made().request("VALIDATE", "5")
    del request["ChangeSet"][0]["DetailsDocument"]["DeliveryOptions"][0]["Details"]
    with pytest.raises(UserError, match="DeliveryOption: Details"):
        catalog.start(request)
    stand_in.broken.clear()


def test_only_one_module_talks_to_the_catalog_api():
    package = Path(__file__).parents[3] / "quilt_cfn" / "delivery" / "marketplace"
    talking = {
        file.name
        for file in package.glob("*.py")
        if "import boto" in (text := file.read_text(encoding="utf-8")) or "from boto" in text
    }
    assert talking <= {"catalog.py"}
