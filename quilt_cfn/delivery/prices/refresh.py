"""Asks the AWS Price List API for the prices that estimates need, and writes them into the checkout.

The API is asked with filters for one price in one Region at a time, and what it answers is looked at: the price of
another thing, in another unit or currency, for a reserved instance, or a hundred times the old one is refused, and the
old one stays. https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from quilt_cfn import aws
from quilt_cfn.cloudformation.facts.prices import Price, read, written
from quilt_cfn.cloudformation.template.coerce import as_text, dict_or_empty
from quilt_cfn.delivery.progress import waiting_for
from quilt_cfn.errors import UserError
from quilt_cfn.files import write_atomically
from quilt_cfn.text import shown

FILE = Path("quilt_cfn/cloudformation/facts/prices.csv")
"""Where the prices of a checkout are, seen from its top folder."""
ENDPOINT_REGION = "us-east-1"
"""One of the three Regions that have the API:
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/using-price-list-query-api.html#price-list-query-api-endpoints"""
SOURCE = "AWS Price List API"
MOST_PAGES = 20
FACTOR = 100
"""A price that is so many times the old one, or such a part of it, is taken for another thing's."""


class Query(NamedTuple):
    """How the API is asked for a price."""

    service: str
    """ServiceCode."""
    usage: str
    """The usage type, without what comes before it in other Regions (``EUW1-``)."""
    units: tuple[str, ...]
    """Which units the answer may have."""
    attributes: Mapping[str, str] = {}
    """Attribute -> the value that a product has to have; the API filters by it."""


_HOURS, _GB_MONTHS = ("Hrs",), ("GB-Mo",)
_LINUX = {"operatingSystem": "Linux", "tenancy": "Shared", "preInstalledSw": "NA", "capacitystatus": "Used"}
_POSTGRES = {"databaseEngine": "PostgreSQL", "deploymentOption": "Single-AZ"}
QUERIES = {
    "rds-storage-gp3": Query("AmazonRDS", "RDS:GP3-Storage", _GB_MONTHS, _POSTGRES),
    "rds-backup": Query("AmazonRDS", "RDS:ChargedBackupUsage", _GB_MONTHS, {"databaseEngine": "PostgreSQL"}),
    "secret": Query("AWSSecretsManager", "AWSSecretsManager-Secrets", ("Secrets", "Quantity")),
    "secret-requests": Query("AWSSecretsManager", "AWSSecretsManagerAPIRequest", ("API Requests", "Requests")),
    "nlb": Query("AWSELB", "LoadBalancerUsage", _HOURS, {"productFamily": "Load Balancer-Network"}),
    "nlb-capacity": Query("AWSELB", "LCUUsage", ("LCU-Hrs", "Hrs"), {"productFamily": "Load Balancer-Network"}),
    "ebs-gp3": Query("AmazonEC2", "EBS:VolumeUsage.gp3", _GB_MONTHS, {"volumeApiName": "gp3"}),
    "public-ipv4": Query("AmazonVPC", "PublicIPv4:InUseAddress", _HOURS),
    "s3-standard": Query("AmazonS3", "TimedStorage-ByteHrs", _GB_MONTHS, {"volumeType": "Standard"}),
    "logs-written": Query("AmazonCloudWatch", "DataProcessing-Bytes", ("GB",)),
    "logs-kept": Query("AmazonCloudWatch", "TimedStorage-ByteHrs", _GB_MONTHS),
    "alarm": Query("AmazonCloudWatch", "CW:AlarmMonitorUsage", ("Alarms",)),
    "metric": Query("AmazonCloudWatch", "CW:MetricMonitorUsage", ("Metrics",)),
    "dashboard": Query("AmazonCloudWatch", "DashboardsUsageHour", ("Dashboards", "Dashboard-Mo")),
}
"""Key of a price -> how to ask for it; of sizes see ``query``. Usage types are what bills have too."""
FOR_ONE = {"secret-requests": 10_000}
"""Key -> how many of AWS's units are one of ours."""


def query(key: str) -> Query | None:
    """How the API is asked for a price; None for a key that nobody has taught."""
    kind, _, size = key.partition("/")
    if kind == "ec2":
        return Query("AmazonEC2", f"BoxUsage:{size}", _HOURS, {"instanceType": size, **_LINUX})
    if kind == "rds-postgres":
        return Query("AmazonRDS", f"InstanceUsage:{size}", _HOURS, {"instanceType": size, **_POSTGRES})
    return QUERIES.get(key)


def refresh(root: Path) -> Iterator[str]:
    """Ask for every price that the checkout in ``root`` has; yields a line for each, and at the end what was written.

    A price that AWS does not answer, or not as asked, stays as it is. Raises ``UserError``, having written nothing,
    when the API can't be asked at all.
    """
    file = root / FILE
    try:
        old = read(file.read_text(encoding="utf-8"))
    except (OSError, TypeError, ValueError) as error:
        raise UserError(f"{file} could not be read.", f"Restore it: git checkout {FILE}") from error
    client, found = aws.client("pricing", ENDPOINT_REGION), []
    for each in old:
        asked = query(each.key)
        with waiting_for(f"Asking AWS for {each.key} in {each.region}"):
            answer = _ask(client, asked, each) if asked else "nothing says how to ask for it"
        found.append(answer if isinstance(answer, Price) else each)
        yield f"{each.key} in {each.region}: {_said(each, answer)}"
    changed = write_atomically(file, written(found).encode())
    yield f"{file}: {'written' if changed else 'unchanged'}"


def _said(old: Price, answer: Price | str) -> str:
    if isinstance(answer, str):
        return f"stays {old.usd:g} of {old.date}, because {answer}"
    return f"is {answer.usd:g}" if answer.usd == old.usd else f"was {old.usd:g}, is {answer.usd:g}"


def _ask(client: Any, asked: Query, old: Price) -> Price | str:
    """The new price, or why there is none: half a sentence."""
    wanted = {**asked.attributes, "regionCode": old.region}
    filters = [{"Type": "TERM_MATCH", "Field": name, "Value": value} for name, value in wanted.items()]
    products: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    try:
        for _ in range(MOST_PAGES):
            page = client.get_products(ServiceCode=asked.service, Filters=filters, FormatVersion="aws_v1", **token)
            products += [_product(text) for text in page.get("PriceList", [])]
            if not page.get("NextToken"):
                break
            token = {"NextToken": page["NextToken"]}
        else:
            return f"AWS's answer has more than {MOST_PAGES} pages"
    except Exception as error:  # of botocore, and what a broken answer raises
        raise aws.user_error(error, f"AWS's price list could not be asked for {old.key} in {old.region}") from error
    prices = {*_prices(products, asked, wanted)}
    if not prices:
        return "AWS's price list has no such thing there"
    if len(prices) > 1:
        return f"AWS's price list has {len(prices)} prices for it"
    (price,) = prices
    if isinstance(price, str):
        return price
    usd = price * FOR_ONE.get(old.key, 1)
    if not old.usd / FACTOR < usd < old.usd * FACTOR:
        return f"AWS's answer, {usd:g}, is too far from it to be the same thing"
    return Price(old.key, old.region, old.unit, usd, date.today().isoformat(), "A", SOURCE)


def _product(text: object) -> dict[str, Any]:
    """A product of an answer, which is JSON in a string; empty for what is none."""
    try:
        return dict_or_empty(json.loads(text)) if isinstance(text, str) else {}
    except ValueError:
        return {}


def _prices(products: Iterable[dict[str, Any]], asked: Query, wanted: Mapping[str, str]) -> Iterator[float | str]:
    """What the products that were asked for cost on demand, each as a price or why it is none."""
    for product in products:
        attributes = dict_or_empty(dict_or_empty(product.get("product")).get("attributes"))
        family = dict_or_empty(product.get("product")).get("productFamily")
        has = {**attributes, "productFamily": family}
        usage = re.sub(r"^[A-Z]{2,4}[0-9]?-", "", as_text(attributes.get("usagetype", "")))
        if usage == asked.usage and all(as_text(has.get(name, "")) == value for name, value in wanted.items()):
            terms = dict_or_empty(dict_or_empty(product.get("terms")).get("OnDemand"))
            for term in terms.values():
                yield _first_price([*dict_or_empty(dict_or_empty(term).get("priceDimensions")).values()], asked)


def _first_price(dimensions: list[Any], asked: Query) -> float | str:
    """The price of the first units that are not free; a larger use may be cheaper."""
    dimensions = sorted(map(dict_or_empty, dimensions), key=lambda each: _number(each.get("beginRange")))
    for each in dimensions:
        unit = as_text(each.get("unit", ""))
        if unit not in asked.units:
            return f"AWS's answer is for {shown(unit)}, not for {' or '.join(asked.units)}"
        usd = dict_or_empty(each.get("pricePerUnit")).get("USD")
        if usd is None:
            return "AWS's answer is in another currency"
        if _number(usd) > 0:
            return _number(usd)
    return "AWS's answer says that it is free"


def _number(value: Any) -> float:
    try:
        return float(as_text(value))
    except ValueError:
        return 0.0
