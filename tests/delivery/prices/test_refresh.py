"""Asking AWS's price list: what it answers is looked at before it becomes a price."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from quilt_cfn import aws
from quilt_cfn.cloudformation.facts.prices import prices, read, regions_in_dollars, written
from quilt_cfn.delivery.prices.refresh import FILE, query, refresh
from quilt_cfn.errors import UserError
from quilt_cfn.stack import choices
from tests.delivery.prices.answers import product

OLD = read("""\
key,region,unit,usd,date,grade,source
ec2/t3.small,us-east-1,hour,0.0200,2024-07-01,D,https://example.com/old
""")


class PriceList(ThreadingHTTPServer):
    """An AWS Price List API on this computer; ``pages`` are what it answers, one after the other."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: list[Any] = []
        self.asked: list[dict[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: PriceList

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.asked.append(json.loads(self.rfile.read(length)))
        page = self.server.pages.pop(0) if len(self.server.pages) > 1 else self.server.pages[0]
        status, body = (200, page) if not isinstance(page, tuple) else page
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nothing is printed."""


@pytest.fixture
def price_list(monkeypatch) -> Iterator[PriceList]:
    with PriceList() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_PRICING", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-a-secret")
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
        aws._session.cache_clear()  # a session keeps the credentials that it has found
        yield server
        aws._session.cache_clear()
        server.shutdown()
        thread.join()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout whose table has one price, and whose templates have one size."""
    monkeypatch.setattr(choices, "INSTANCE_TYPES", ("t3.small",))
    monkeypatch.setattr(choices, "DB_INSTANCE_CLASSES", ())
    (tmp_path / FILE).parent.mkdir(parents=True)
    (tmp_path / FILE).write_text(written(OLD), encoding="utf-8")
    return tmp_path


def refreshed(checkout) -> tuple[list[str], Any]:
    lines = [*refresh(checkout, ["us-east-1"])]
    (price,) = read((checkout / FILE).read_text(encoding="utf-8"))
    return lines, price


def table_of(checkout) -> dict[tuple[str, str], float]:
    return {(each.key, each.region): each.usd for each in read((checkout / FILE).read_text(encoding="utf-8"))}


def answer(*products: dict[str, Any], **more: str) -> dict[str, Any]:
    return {"FormatVersion": "aws_v1", "PriceList": [json.dumps(each) for each in products], **more}


def test_a_price_gets_the_figure_of_aws_with_todays_date(price_list, checkout):
    price_list.pages = [answer(product())]
    lines, price = refreshed(checkout)
    assert lines[0] == "ec2/t3.small in us-east-1: was 0.02, is 0.0208"
    assert (price.usd, price.grade, price.source) == (0.0208, "A", "AWS Price List API")
    assert price.date > "2026-11-27"


def test_it_is_asked_for_this_thing_in_this_region(price_list, checkout):
    price_list.pages = [answer(product())]
    refreshed(checkout)
    (asked,) = price_list.asked
    assert asked["ServiceCode"] == "AmazonEC2"
    wanted = {each["Field"]: each["Value"] for each in asked["Filters"]}
    assert wanted == {
        "instanceType": "t3.small",
        "operatingSystem": "Linux",
        "tenancy": "Shared",
        "preInstalledSw": "NA",
        "capacitystatus": "Used",
        "regionCode": "us-east-1",
    }


def test_the_answer_may_be_on_a_later_page(price_list, checkout):
    price_list.pages = [answer(NextToken="more"), answer(product())]
    assert refreshed(checkout)[1].usd == 0.0208
    assert price_list.asked[1]["NextToken"] == "more"


def test_of_several_tiers_the_first_that_is_not_free_counts(price_list, checkout):
    price_list.pages = [answer(product(tiers={"0": "0.0", "10": "0.0208", "1000": "0.01"}))]
    assert refreshed(checkout)[1].usd == 0.0208


def test_requests_are_charged_by_ten_thousand_and_answered_by_one(price_list, checkout):
    old = OLD[0]._replace(key="secret-requests", unit="10 000 requests", usd=0.04)
    (checkout / FILE).write_text(written([old]), encoding="utf-8")
    usage = {"usagetype": "USE1-AWSSecretsManagerAPIRequest", "servicecode": "AWSSecretsManager"}
    price_list.pages = [answer(product(tiers={"0": "0.0000050000"}, unit="API Requests", **usage))]
    assert refreshed(checkout)[1].usd == pytest.approx(0.05)


REFUSED = {
    "nothing": ([answer()], "has no such thing there"),
    "another usage type": ([answer(product(usagetype="UnusedBox:t3.small"))], "has no such thing there"),
    "another Region": ([answer(product(regionCode="eu-west-1"))], "has no such thing there"),
    "Windows": ([answer(product(operatingSystem="Windows"))], "has no such thing there"),
    "only reserved": ([answer({**product(), "terms": {"Reserved": product()["terms"]["OnDemand"]}})], "no such thing"),
    "two prices": ([answer(product(), product(tiers={"0": "0.03"}))], "has 2 prices for it"),
    "another unit": ([answer(product(unit="Quantity"))], "is for Quantity, not for Hrs"),
    "another currency": ([answer(product(currency="CNY"))], "in another currency"),
    "free": ([answer(product(tiers={"0": "0.0000000000"}))], "says that it is free"),
    "far from the old one": ([answer(product(tiers={"0": "2.5"}))], "too far from 0.02 in us-east-1"),
    "no JSON": ([{"PriceList": ["{"]}], "has no such thing there"),
    "another shape": ([{"PriceList": ["[]", "3", json.dumps({"product": [], "terms": 3})]}], "has no such thing there"),
    "endless": ([answer(NextToken="more")], "more than 20 pages"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_what_was_asked_for_changes_nothing(price_list, checkout, name):
    price_list.pages, why = REFUSED[name]
    lines, price = refreshed(checkout)
    assert lines[0].startswith("ec2/t3.small in us-east-1: stays 0.02 of 2024-07-01, because ")
    assert why in lines[0]
    assert price == OLD[0]
    assert lines[1].endswith("prices.csv: unchanged")


def test_a_region_without_a_price_gets_one_and_the_others_keep_theirs(price_list, checkout):
    price_list.pages = [answer(product(regionCode="eu-central-1", usagetype="EUC1-BoxUsage:t3.small"))]
    lines = [*refresh(checkout, ["eu-central-1"])]
    assert lines[0] == "ec2/t3.small in eu-central-1: was unknown, is 0.0208"
    assert table_of(checkout) == {("ec2/t3.small", "eu-central-1"): 0.0208, ("ec2/t3.small", "us-east-1"): 0.02}


def test_the_table_has_the_regions_of_a_price_together(price_list, checkout):
    (checkout / FILE).write_text(written([OLD[0], OLD[0]._replace(key="nlb")]), encoding="utf-8")
    price_list.pages = [answer(product(regionCode="eu-central-1", usagetype="EUC1-BoxUsage:t3.small"))]
    list(refresh(checkout, ["eu-central-1"]))
    assert [*table_of(checkout)] == [
        ("ec2/t3.small", "eu-central-1"),
        ("ec2/t3.small", "us-east-1"),
        ("nlb", "us-east-1"),
    ]


def test_all_regions_with_prices_in_dollars_are_asked(price_list, checkout):
    price_list.pages = [answer()]
    lines = [*refresh(checkout)]
    filters = [{each["Field"]: each["Value"] for each in asked["Filters"]} for asked in price_list.asked]
    assert [each["regionCode"] for each in filters] == list(regions_in_dollars())
    assert {"us-east-1", "eu-central-1", "us-gov-west-1"} <= {*regions_in_dollars()}
    assert not [each for each in regions_in_dollars() if each.startswith(("cn-", "us-iso"))]
    assert "ec2/t3.small in eu-central-1: stays unknown, because AWS's price list has no such thing there" in lines


def test_a_size_that_no_source_knew_is_asked_for(price_list, checkout, monkeypatch):
    monkeypatch.setattr(choices, "INSTANCE_TYPES", ())
    monkeypatch.setattr(choices, "DB_INSTANCE_CLASSES", ("db.m5.large",))
    database = {"instanceType": "db.m5.large", "databaseEngine": "PostgreSQL", "deploymentOption": "Single-AZ"}
    found = product(tiers={"0": "0.1780000000"}, usagetype="InstanceUsage:db.m5.large", **database)
    price_list.pages = [answer(found), answer(product())]
    lines = [*refresh(checkout, ["us-east-1"])]
    assert lines[0] == "rds-postgres/db.m5.large in us-east-1: was unknown, is 0.178"
    assert table_of(checkout)["rds-postgres/db.m5.large", "us-east-1"] == 0.178


@pytest.mark.parametrize(("usd", "accepted"), [("999.0", True), ("1000.0", False)])
def test_a_price_that_nothing_can_be_compared_with_is_below_a_thousand(price_list, checkout, usd, accepted):
    (checkout / FILE).write_text(written([]), encoding="utf-8")
    price_list.pages = [answer(product(tiers={"0": usd}))]
    first, _ = refresh(checkout, ["us-east-1"])
    assert first.endswith("is 999" if accepted else "is too high to be true")
    assert bool(table_of(checkout)) is accepted


def test_a_new_region_is_compared_with_one_that_is_known(price_list, checkout):
    price_list.pages = [answer(product(tiers={"0": "2.5"}, regionCode="eu-central-1"))]
    first, _ = refresh(checkout, ["eu-central-1"])
    assert "too far from 0.02 in us-east-1" in first
    assert table_of(checkout) == {("ec2/t3.small", "us-east-1"): 0.02}


def test_all_decimals_of_a_price_are_kept(price_list, checkout):
    price_list.pages = [answer(product(tiers={"0": "0.0239400000"}))]
    assert refreshed(checkout)[1].usd == 0.02394
    assert refreshed(checkout)[0][0] == "ec2/t3.small in us-east-1: is 0.02394"


def test_a_dashboard_has_no_region_in_the_price_list(price_list, checkout, monkeypatch):
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_billing.html has the usage types."""
    monkeypatch.setattr(choices, "INSTANCE_TYPES", ())
    old = OLD[0]._replace(key="dashboard", unit="dashboard-month", usd=2.5)
    (checkout / FILE).write_text(written([old]), encoding="utf-8")
    usage = {"usagetype": "DashboardsUsageHour-Basic", "servicecode": "AmazonCloudWatch", "location": "Any"}
    right = product(tiers={"0": "3.0000000000"}, unit="Dashboards", **usage, regionCode="")
    regional = product(tiers={"0": "4.0"}, unit="Dashboards", **usage)
    free = product(tiers={"0": "0.0"}, unit="Dashboards", **usage | {"usagetype": "Global-DashboardsUsageHour-Basic"})
    price_list.pages = [answer(right, regional, free)]
    assert refreshed(checkout)[1].usd == 3
    assert "regionCode" not in {each["Field"] for each in price_list.asked[0]["Filters"]}


FAULTS = {
    "throttled": (400, {"__type": "ThrottlingException", "message": "Rate exceeded"}),
    "denied": (400, {"__type": "AccessDeniedException", "message": "no pricing:GetProducts"}),
    "a page of HTML": (200, b"<html>"),
    "cut off": (200, b'{"PriceList": ["'),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_no_answer_is_one_sentence_and_nothing_is_written(price_list, checkout, name):
    price_list.pages = [FAULTS[name]]
    before = (checkout / FILE).read_bytes()
    with pytest.raises(UserError, match=r"AWS's price list could not be asked for ec2/t3\.small in us-east-1"):
        list(refresh(checkout, ["us-east-1"]))
    assert (checkout / FILE).read_bytes() == before


def test_what_fails_in_the_middle_writes_nothing(price_list, checkout):
    price_list.pages = [answer(product(regionCode="us-east-2")), FAULTS["throttled"]]
    before = (checkout / FILE).read_bytes()
    with pytest.raises(UserError, match="in us-west-2"):
        list(refresh(checkout, ["us-east-2", "us-west-2"]))
    assert (checkout / FILE).read_bytes() == before


def test_without_credentials_it_says_so(price_list, checkout, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    price_list.pages = [answer(product())]
    with pytest.raises(UserError) as error:
        list(refresh(checkout))
    assert "credentials" in error.value.what.lower() + error.value.next_step.lower()
    assert price_list.asked == []


def test_every_price_that_there_is_can_be_asked_for():
    for each in prices().values():
        assert query(each.key), each.key
        assert each.region in regions_in_dollars()


def test_a_table_that_is_none_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match=r"prices\.csv could not be read"):
        list(refresh(tmp_path))
