"""What a launch costs in a month, item by item, and the same as a model in which choices can be changed.

An item without a known price stays in the list with its quantity: the total is that of the known prices, and says which
are missing. Types of resources that are charged and not known here are named as well.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.instances import instances
from quilt_cfn.cloudformation.facts import availability
from quilt_cfn.cloudformation.facts.prices import GRADES, Price, price, prices
from quilt_cfn.cloudformation.launch import Launch, evaluate, is_known
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, dict_or_empty, map_at

DEFAULT_REGION = "us-east-1"
"""The Region of a launch that names none."""
HOURS = 730
"""Hours of a month, as AWS's calculator takes them."""
REFRESHES = HOURS * 30
"""How often an instance of ours looks for changed secrets in a month: every two minutes."""


class Use(NamedTuple):
    """How a stack is used in a month; what no template says."""

    packages: float = 100
    """GB in buckets, old versions included."""
    logs: float = 2
    """GB written to each log group, and kept."""
    capacity: float = 0.1
    """Capacity units of the load balancer, on average."""


class Item(NamedTuple):
    """Something that is charged."""

    part: str
    """What it belongs to; with ``unit``, one of a kind in an estimate."""
    what: str
    key: str
    """Of the price, see ``facts.prices``."""
    quantity: float
    """In a month."""
    unit: str
    region: str
    """Where it is charged."""

    @property
    def price(self) -> Price | None:
        return price(self.key, self.region)

    @property
    def usd(self) -> float | None:
        """The amount in a month; None if the price is unknown."""
        return self.quantity * self.price.usd if self.price else None


class Estimate(NamedTuple):
    """What a launch costs in a month."""

    items: tuple[Item, ...]
    not_estimated: tuple[str, ...]
    """Types of resources of which it is not known whether and how they are charged."""

    @property
    def total(self) -> float:
        """US dollars, of the items with a known price."""
        return sum(item.usd or 0 for item in self.items)

    @property
    def unknown(self) -> tuple[Item, ...]:
        """The items without a known price."""
        return tuple(item for item in self.items if item.price is None)


EXCLUDED = (
    "the software itself, as its listing in AWS Marketplace says",
    "data out to the internet, and between zones",
    "CPU credits of t3 and db.t3 beyond those earned",
    "backups of the database beyond the free amount, which is as large as its storage",
    "requests to S3, queries of logs, mails of alarms and of the registry, workflow steps: cents in a small registry",
    "what an account has for free: its first alarms, metrics, dashboards and gigabytes of logs",
    "your hosted zone and domain, support, taxes, and discounts such as Savings Plans",
)
"""What no estimate has, in words."""

FREE = {
    *("AWS::EC2::VPC", "AWS::EC2::Subnet", "AWS::EC2::RouteTable", "AWS::EC2::Route", "AWS::EC2::InternetGateway"),
    *("AWS::EC2::SubnetRouteTableAssociation", "AWS::EC2::VPCGatewayAttachment", "AWS::EC2::SecurityGroup"),
    *("AWS::EC2::SecurityGroupIngress", "AWS::EC2::SecurityGroupEgress", "AWS::EC2::LaunchTemplate"),
    *("AWS::ElasticLoadBalancingV2::TargetGroup", "AWS::ElasticLoadBalancingV2::Listener"),
    *("AWS::ElasticLoadBalancingV2::ListenerRule", "AWS::RDS::DBSubnetGroup", "AWS::RDS::DBParameterGroup"),
    *("AWS::S3::BucketPolicy", "AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"),
    *("AWS::IAM::InstanceProfile", "AWS::IAM::User", "AWS::IAM::AccessKey", "AWS::IAM::Group"),
    *("AWS::Events::Rule", "AWS::SSM::Parameter", "AWS::CloudFormation::WaitConditionHandle"),
    *("AWS::CloudFormation::WaitCondition", "AWS::SNS::TopicPolicy", "AWS::SNS::Subscription"),
}
"""Types without a charge of their own: docs/guide/cost.md has AWS's pages about it."""

BY_USE = {
    *("AWS::StepFunctions::StateMachine", "AWS::SNS::Topic", "AWS::Logs::QueryDefinition", "AWS::EC2::FlowLog"),
    "AWS::Route53::RecordSetGroup",
}
"""Types that cost cents by their use, which ``EXCLUDED`` names, or whose charge another item has: a flow log's GB are
those of its log group."""


def estimate(launch: Launch, use: Use | None = None) -> Estimate:
    """What a launch costs in a month, used like that."""
    found = tuple(_items(launch, use or Use()))
    known = FREE | BY_USE | _CHARGED.keys()
    others = {launch.type_of(name) for name in launch.resources} - known
    return Estimate(found, tuple(sorted(others)))


def _items(launch: Launch, use: Use) -> Iterator[Item]:
    for resource_type, charged in _CHARGED.items():
        of_type = launch.of_type(resource_type)
        if of_type:
            yield from charged(launch, of_type, use)


_Properties = Mapping[str, dict[str, Any]]


def _instances(launch: Launch, of_type: _Properties, use: Use) -> Iterator[Item]:
    for instance in instances(launch):
        if instance.name in of_type:
            size = as_text(instance.settings.get("InstanceType", ""))
            count = _number(of_type[instance.name].get("DesiredCapacity"), 1)
            part = _part("Instance", instance.name, of_type)
            yield _item(launch, part, f"{size}, Linux, on demand", f"ec2/{size}", count * HOURS, "hours")
            disks = [dict_or_empty(each.get("Ebs")) for each in as_list(instance.settings.get("BlockDeviceMappings"))]
            for kind in sorted({as_text(disk.get("VolumeType", "gp2")) for disk in disks if disk.get("VolumeSize")}):
                size_of_all = sum(_number(d.get("VolumeSize"), 0) for d in disks if d.get("VolumeType", "gp2") == kind)
                yield _item(launch, part, f"disk, {kind}", f"ebs-{kind}", count * size_of_all, "GB-months")


def _databases(launch: Launch, of_type: _Properties, use: Use) -> Iterator[Item]:
    for name, properties in of_type.items():
        part = _part("Database", name, of_type)
        engine, size = as_text(properties.get("Engine", "")), as_text(properties.get("DBInstanceClass", ""))
        multi = as_text(properties.get("MultiAZ", "")).lower() == "true"
        suffix, two = ("-multi-az", ", in two zones") if multi else ("", "")
        yield _item(launch, part, f"{size}, {engine}{two}", f"rds-{engine}{suffix}/{size}", HOURS, "hours")
        kind, storage = as_text(properties.get("StorageType", "gp2")), _number(properties.get("AllocatedStorage"), 0)
        yield _item(launch, part, f"storage, {kind}{two}", f"rds-storage-{kind}{suffix}", storage, "GB-months")
        other = properties.get("AutomaticBackupReplicationRegion")
        if other is not None and is_known(other):
            part = _part("Copy of the backups", name, of_type)
            yield Item(part, f"in {as_text(other)}", "rds-backup", storage, "GB-months", as_text(other))


def _load_balancers(launch: Launch, of_type: _Properties, use: Use) -> Iterator[Item]:
    for name, properties in of_type.items():
        part = _part("Load balancer", name, of_type)
        kind = {"network": "nlb", "gateway": "gwlb"}.get(as_text(properties.get("Type", "")), "alb")
        yield _item(launch, part, "by the hour", kind, HOURS, "hours")
        yield _item(
            launch, part, f"{use.capacity:g} capacity units", f"{kind}-capacity", use.capacity * HOURS, "unit-hours"
        )
        if properties.get("Scheme", "internet-facing") == "internet-facing":
            zones = len(as_list(properties.get("Subnets")) or as_list(properties.get("SubnetMappings")))
            yield _item(launch, part, "public IPv4 addresses", "public-ipv4", zones * HOURS, "address-hours")


def _addresses(launch: Launch, of_type: _Properties, use: Use) -> Iterator[Item]:
    yield _item(launch, "Fixed address", "public IPv4 addresses", "public-ipv4", len(of_type) * HOURS, "address-hours")


def _gateways(launch: Launch, of_type: _Properties, use: Use) -> Iterator[Item]:
    yield _item(launch, "NAT gateway", "by the hour", "nat-gateway", len(of_type) * HOURS, "hours")


def _buckets(launch: Launch, of_type: _Properties, use: Use) -> Iterator[Item]:
    yield _item(launch, "Packages", f"{use.packages:g} GB in S3", "s3-standard", use.packages, "GB-months")


def _secrets(launch: Launch, of_type: _Properties, use: Use) -> Iterator[Item]:
    yield _item(launch, "Secrets", "kept", "secret", len(of_type), "secret-months")
    reads = len(of_type) * REFRESHES / 10_000
    yield _item(launch, "Secrets", "read every two minutes", "secret-requests", reads, "10,000 requests")


def _logs(launch: Launch, of_type: _Properties, use: Use) -> Iterator[Item]:
    gigabytes = len(of_type) * use.logs
    yield _item(launch, "Logs", f"{use.logs:g} GB in each of {len(of_type)}", "logs-written", gigabytes, "GB")
    yield _item(launch, "Logs", "kept for a month", "logs-kept", gigabytes, "GB-months")


def _counted(part: str, what: str, key: str, unit: str) -> Callable[[Launch, _Properties, Use], Iterator[Item]]:
    def found(launch: Launch, of_type: _Properties, use: Use) -> Iterator[Item]:
        yield _item(launch, part, what, key, len(of_type), unit)

    return found


_CHARGED: dict[str, Callable[[Launch, _Properties, Use], Iterator[Item]]] = {
    "AWS::AutoScaling::AutoScalingGroup": _instances,
    "AWS::EC2::Instance": _instances,
    "AWS::RDS::DBInstance": _databases,
    "AWS::ElasticLoadBalancingV2::LoadBalancer": _load_balancers,
    "AWS::EC2::EIP": _addresses,
    "AWS::EC2::NatGateway": _gateways,
    "AWS::S3::Bucket": _buckets,
    "AWS::SecretsManager::Secret": _secrets,
    "AWS::Logs::LogGroup": _logs,
    "AWS::CloudWatch::Alarm": _counted("Alarms", "alarms of one metric", "alarm", "alarm-months"),
    "AWS::Logs::MetricFilter": _counted("Metrics", "made of the log", "metric", "metric-months"),
    "AWS::CloudWatch::Dashboard": _counted("Dashboard", "dashboards", "dashboard", "dashboard-months"),
}
"""Type -> the items of all resources of that type."""


def _item(launch: Launch, part: str, what: str, key: str, quantity: float, unit: str) -> Item:
    return Item(part, what, key, quantity, unit, launch.region)


def _part(part: str, name: str, of_type: Mapping[str, Any]) -> str:
    """What an item belongs to; with the logical ID where there are several of the type."""
    return part if len(of_type) == 1 else f"{part} {name}"


def _number(value: Any, unknown: float) -> float:
    try:
        return float(as_text(value)) if is_known(value) else unknown
    except ValueError:
        return unknown


def table(launches: Mapping[str, Launch]) -> str:
    """Markdown: what launches cost in a month, side by side, with where each price is from.

    All of them have the same parts in the same order, and differ in sizes.
    """
    estimates = {name: estimate(launch) for name, launch in launches.items()}
    lines = [
        f"| Part | What | Quantity | {' | '.join(f'USD, {name}' for name in launches)} |",
        f"|---|---|---|{'---:|' * len(launches)}",
    ]
    for row in zip(*(each.items for each in estimates.values()), strict=True):
        what = " or ".join(dict.fromkeys(item.what for item in row))
        quantity = " or ".join(dict.fromkeys(_figure(item.quantity) for item in row))
        amounts = " | ".join(_usd(item.usd) for item in row)
        lines.append(f"| {row[0].part} | {what} | {quantity} {row[0].unit} | {amounts} |")
    totals = " | ".join(f"**{each.total:,.2f}**" for each in estimates.values())
    lines += [f"| **Total** | all with a known price | a month | {totals} |", "", "Where the prices are from:", ""]
    used = {item.price: item for each in estimates.values() for item in each.items if item.price}
    lines += ["| Price of | USD | For one | True on | Grade | Source |", "|---|---:|---|---|---|---|"]
    for each in used:
        assert each
        name = "/".join(each.source.split("/")[3:5])
        source = f"[{name}]({each.source})" if each.source.startswith("https:") else each.source
        lines.append(f"| `{each.key}` | {each.usd:g} | {each.unit} | {each.date} | {each.grade} | {source} |")
    lines += ["", *(f"- Grade {grade}: {meaning}." for grade, meaning in GRADES.items())]
    return "\n".join(lines)


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) else f"{number:,.2f}"


def _usd(amount: float | None) -> str:
    return "unknown" if amount is None else f"{amount:,.2f}"


def model(template: Mapping[str, Any], values: Mapping[str, Any], filled_in: Mapping[str, Any]) -> dict[str, Any]:
    """The estimate of a template as tables by the choices on which each item depends, for a page without Python.

    ``values`` are those of a launch, and ``filled_in`` has one for each parameter that may be left empty. The choices
    are the parameters that have a list of values, those that may be left empty, and the Region; by a number, a
    parameter too, a quantity grows. The shape is that of ``quilt_cfn.delivery.site.launch_page.models.CostModel``.

    The template's rules are left aside: of two parameters that need each other, each is tried alone.
    """
    without_rules = {name: section for name, section in template.items() if name != "Rules"}
    choices = _Choices(without_rules, values, filled_in)
    return {
        "items": [choices.table_of(slot, by) for slot, by in choices.slots().items()],
        "grades": dict(GRADES),
        "excluded": [f"{each[0].upper()}{each[1:]}." for each in EXCLUDED],
    }


_Slot = tuple[str, str, int]
"""Part, unit, and the place among the items that have both: what an item is, whatever was chosen."""


class _Choices(NamedTuple):
    """A template, a launch of it, and the values by which another launch may differ."""

    template: Mapping[str, Any]
    values: Mapping[str, Any]
    filled_in: Mapping[str, Any]

    def slots(self) -> dict[_Slot, list[str]]:
        """Every item that some choice brings, and the parameters on which it depends.

        Each parameter is changed in a launch without options and in one with all, because an item may take several.
        """
        found: dict[_Slot, list[str]] = {slot: [] for slot in self.items({})}
        for name in map_at(self.template, "Parameters"):
            options = self.options(name)
            for others in ({}, self.filled_in):
                ends = [self.items({**others, name: each}) for each in (options[:1] + options[-1:])]
                for slot in dict.fromkeys(itertools.chain.from_iterable(ends)):
                    depends = found.setdefault(slot, [])
                    if name not in depends and len({each.get(slot) for each in ends}) > 1:
                        depends.append(name)
        return found

    def table_of(self, slot: _Slot, parameters: list[str]) -> dict[str, Any]:
        """The rows of one item by what was chosen for these parameters, and by Region."""
        times = next((name for name in parameters if self.is_number(name)), None)
        by = [name for name in parameters if name != times]
        least = {times: self.options(times)[0]} if times else {}
        share = 1 / float(least[times]) if times else 1
        rows: dict[str, Any] = {}
        in_region = False
        for chosen in itertools.product(*map(self.options, by)):
            item = self.items({**dict(zip(by, chosen, strict=True)), **least}).get(slot)
            if item:
                item = item._replace(quantity=item.quantity * share)
                key = "|".join(
                    "yes" if self.is_text(name) and each else each for name, each in zip(by, chosen, strict=True)
                )
                in_region = not any(map(self.is_region, by))
                for region in [*(r for k, r in prices() if k == item.key), "*"] if in_region else [item.region]:
                    rows["|".join([region] * in_region + [key] * bool(by))] = _row(item, price(item.key, region))
        names = [f"{name}?" if self.is_text(name) else name for name in by]
        return {
            "part": slot[0],
            "unit": slot[1],
            "by": ["AWS::Region"] * in_region + names,
            "times": times,
            "rows": rows,
        }

    def options(self, name: str) -> list[str]:
        """The values of a parameter between which a choice may matter; none for what has to be filled in."""
        declared = map_at(self.template, "Parameters", name)
        if declared.get("AllowedValues"):
            return [as_text(each) for each in as_list(declared["AllowedValues"])]
        if self.is_number(name):
            return [as_text(declared["MinValue"]), as_text(declared["MaxValue"])]
        if self.is_region(name):
            return ["", *availability.regions()]
        return ["", as_text(self.filled_in[name])] if self.is_text(name) else []

    def is_number(self, name: str) -> bool:
        return "MinValue" in map_at(self.template, "Parameters", name)

    def is_region(self, name: str) -> bool:
        """Whether a parameter is the name of a Region, which decides about a price."""
        return name.endswith("Region")

    def is_text(self, name: str) -> bool:
        """Whether of a parameter only matters if it is filled in."""
        declared = map_at(self.template, "Parameters", name)
        may_be_empty = as_text(declared.get("Default", "x")) == ""
        return may_be_empty and name in self.filled_in and not self.is_region(name)

    def items(self, changes: Mapping[str, Any]) -> dict[_Slot, Item]:
        """The items of the launch with these values."""
        launch = evaluate(self.template, {**self.values, **changes}, DEFAULT_REGION, allow_missing=True)
        found: dict[_Slot, Item] = {}
        for item in estimate(launch).items:
            place = sum(1 for part, unit, _ in found if (part, unit) == (item.part, item.unit))
            found[item.part, item.unit, place] = item
        return found


def _row(item: Item, found: Price | None) -> dict[str, Any]:
    return {
        "what": item.what,
        "quantity": item.quantity,
        "price": found.usd if found else None,
        "source": found.source if found else "",
        "date": found.date if found else "",
        "grade": found.grade if found else "",
    }
