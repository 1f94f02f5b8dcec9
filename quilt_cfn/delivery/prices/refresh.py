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
from quilt_cfn.cloudformation.facts.prices import Price, read, regions_in_dollars, written
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
"""A price that is so many times the old one, or another Region's, or such a part of it, is taken for another
thing's."""
HIGHEST = 1000
"""US dollars: a price that no other one can be compared with is below it."""


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
    regional: bool = True
    """Whether the product is of a Region; others have none in the price list."""


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
    # of at most 50 metrics: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_billing.html
    "dashboard": Query("AmazonCloudWatch", "DashboardsUsageHour-Basic", ("Dashboards",), {"location": "Any"}, False),
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


def refresh(root: Path, regions: Iterable[str] = ()) -> Iterator[str]:
    """Ask for every kind of price that the checkout in ``root`` has, and for every size that its templates offer.

    They are asked for in these Regions, or in all that have prices in US dollars; yields a line for each, and at the
    end what was written. A price that AWS does not answer, or not as asked, stays as it is, and those of other Regions
    stay as well. Raises ``UserError``, having written nothing, when the API can't be asked.
    """
    file = root / FILE
    try:
        old = read(file.read_text(encoding="utf-8"))
    except (OSError, TypeError, ValueError) as error:
        raise UserError(f"{file} could not be read.", f"Restore it: git checkout {FILE}") from error
    client, found = aws.client("pricing", ENDPOINT_REGION), {(each.key, each.region): each for each in old}
    units = dict.fromkeys(_sizes(), "hour") | {each.key: each.unit for each in old}
    for region in dict.fromkeys(regions or regions_in_dollars()):
        for key, unit in units.items():
            asked, before = query(key), found.get((key, region))
            like = before or next((each for each in found.values() if each.key == key), None)
            with waiting_for(f"Asking AWS for {key} in {region}"):
                answer = _ask(client, asked, key, region, like) if asked else "nothing says how to ask for it"
            if not isinstance(answer, str):
                found[key, region] = Price(key, region, unit, answer, date.today().isoformat(), "A", SOURCE)
            yield f"{key} in {region}: {_said(before, answer)}"
    order = {key: place for place, key in enumerate(dict.fromkeys([*(each.key for each in old), *units]))}
    rows = sorted(found.values(), key=lambda each: (order[each.key], each.region))
    changed = write_atomically(file, written(rows).encode())
    yield f"{file}: {'written' if changed else 'unchanged'}"


def _sizes() -> Iterator[str]:
    """The keys of all sizes that the form offers: what no source said so far is in no table."""
    from quilt_cfn.stack.choices import DB_INSTANCE_CLASSES, INSTANCE_TYPES  # late: troposphere costs 0.1 s

    yield from (f"ec2/{size}" for size in INSTANCE_TYPES)
    yield from (f"rds-postgres/{size}" for size in DB_INSTANCE_CLASSES)


def _said(old: Price | None, answer: float | str) -> str:
    if isinstance(answer, str):
        return f"stays {old.usd:g} of {old.date}, because {answer}" if old else f"stays unknown, because {answer}"
    same = old and abs(answer - old.usd) < 1e-10
    return f"is {answer:g}" if same else f"was {f'{old.usd:g}' if old else 'unknown'}, is {answer:g}"


def _ask(client: Any, asked: Query, key: str, region: str, like: Price | None) -> float | str:
    """The price in US dollars, or why there is none: half a sentence. ``like`` is what it has to resemble."""
    wanted = {**asked.attributes, **({"regionCode": region} if asked.regional else {})}
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
        raise aws.user_error(error, f"AWS's price list could not be asked for {key} in {region}") from error
    prices = {*_prices(products, asked, wanted)}
    if not prices:
        return "AWS's price list has no such thing there"
    if len(prices) > 1:
        return f"AWS's price list has {len(prices)} prices for it"
    (price,) = prices
    if isinstance(price, str):
        return price
    usd = price * FOR_ONE.get(key, 1)
    if like and not like.usd / FACTOR < usd < like.usd * FACTOR:
        return f"AWS's answer, {usd:g}, is too far from {like.usd:g} in {like.region} to be the same thing"
    return usd if usd < HIGHEST else f"AWS's answer, {usd:g}, is too high to be true"


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
        if not asked.regional and attributes.get("regionCode"):
            continue
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
