"""The plan: the order of its steps, what they confirm, and what they cost."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from quilt_cfn.delivery.rehearsal import plan
from quilt_cfn.errors import UserError

ROOT = Path(__file__).resolve().parents[3]


def made(document, values=None, region=None, only=None, start=None):
    return plan.make_plan(document, values or {}, region, only, start)


def test_the_steps_are_taken_in_the_order_of_risk():
    order = ["pull", "launch", "failed-update", "grow", "restore", "terminate", "delete", "failing-signal"]
    assert [step.name for step in plan.STEPS if step.name in order] == order


def test_what_a_step_needs_comes_before_it():
    seen: set[str] = set()
    for step in plan.STEPS:
        assert set(step.needs) <= seen
        seen.add(step.name)


@pytest.mark.parametrize("step", plan.STEPS, ids=lambda step: step.name)
def test_what_a_step_confirms_is_written_there(step):
    for part in step.confirms.split("; "):
        page = re.search(r"docs/[a-z/-]+\.md", part)
        assert page
        if page[0] != "docs/releasing.md":
            text = (ROOT / page[0]).read_text()
            for heading in re.findall("“(.*?)”", part):
                assert re.search(rf"(?m)^#+ ([0-9]+\. )?{re.escape(heading)}", text), heading


def test_only_one_step_takes_what_it_needs_as_well(document):
    assert [step.name for step in made(document, only="clear-snapshot").steps] == [
        "validate",
        "launch",
        "grow",
        "restore",
        "clear-snapshot",
    ]
    assert [step.name for step in made(document, only="pull").steps] == ["pull"]


def test_from_a_step_on_everything_is_taken(document):
    names = [step.name for step in made(document, start="terminate").steps]
    assert names == ["validate", "launch", "terminate", "delete", "failing-signal"]


def test_the_cost_is_hours_times_prices(document):
    whole = made(document)
    hour = plan.INSTANCES["t3.small"] + plan.DATABASES["db.t3.small"]
    types = [resource["Type"] for resource in document["Resources"].values()]
    assert whole.hourly == pytest.approx(hour + sum(plan.PARTS.get(type, 0) for type in types))
    assert 0.1 < whole.hourly < 0.2
    launched = made(document, only="launch")
    minutes = {step.name: step.typical for step in (*plan.STEPS, plan.CLEAN_UP)}
    assert launched.typical_usd == pytest.approx((minutes["launch"] + minutes["clean-up"]) / 60 * launched.hourly)


def test_the_upper_bound_is_one(document):
    """As if every stack of the plan ran for as long as all of it may take."""
    for only in (step.name for step in plan.STEPS):
        planned = made(document, only=only)
        stacks = sum(step.stacks > 0 for step in planned.steps)
        assert planned.typical_usd <= planned.most_usd
        assert planned.most_usd <= stacks * (planned.hours[1] + 1) * planned.hourly * plan.MARGIN + 1
        assert planned.most_usd >= stacks * plan.CLEAN_UP.longest / 60 * planned.hourly


@pytest.mark.parametrize("only", ["failing-signal", "delete"])
def test_the_upper_bound_has_the_hour_begun_and_no_deletion_before_the_end(document, only):
    large = {"InstanceType": "m5.large", "DBInstanceType": "db.t3.large"}
    planned = made(document, large, only=only)
    charged = [step for step in planned.steps if step.name != "validate"]
    hours = sum(step.longest for step in (*charged, plan.CLEAN_UP)) / 60
    price = planned.hourly * plan.MARGIN
    assert planned.most_usd == math.ceil((hours + 1) * price)
    if only == "failing-signal":  # where the hour is not rounded away
        assert planned.most_usd > math.ceil(hours * price)


def test_what_makes_nothing_costs_nothing(document):
    assert made(document, only="pull").most_usd == 0
    assert made(document, only="validate").most_usd == 0


def test_larger_sizes_and_other_regions_cost_more(document):
    usual = made(document)
    assert made(document, {"InstanceType": "m5.large"}).typical_usd > usual.typical_usd
    assert made(document, {"DBInstanceType": "db.t3.large"}).typical_usd > usual.typical_usd
    assert made(document, region="eu-west-1").most_usd > made(document, region="us-east-1").most_usd


@pytest.mark.parametrize("field", ["InstanceType", "DBInstanceType"])
def test_a_size_without_a_price_is_refused(document, field):
    with pytest.raises(UserError, match=f"The price of m6i.xlarge as {field} is not known"):
        made(document, {field: "m6i.xlarge"})


def test_the_defaults_of_every_edition_have_a_price(templates):
    for template in templates.values():
        if "Database" in template["Resources"]:
            assert made(template).hourly


def test_the_prices_are_those_of_the_page():
    page = (ROOT / "docs/rehearsal.md").read_text()
    for prices in (plan.INSTANCES, plan.DATABASES):
        for name, price in prices.items():
            assert f"| `{name}` | {price:.4f} |" in page, name
    for name, price in plan.PARTS.items():
        assert f"| `{name.removeprefix('AWS::')}` | {price:.4f} |" in page, name


def test_a_description_tells_what_is_done_how_long_it_takes_and_what_it_may_cost(document):
    planned = made(document)
    text = "\n".join(plan.describe(planned, ["quilt", "quilt-restored"]))
    for step in (*plan.STEPS, plan.CLEAN_UP):
        assert f"{step.name}: {step.does}" in text
        assert step.proves in text
        assert step.confirms in text
    assert f"USD {planned.most_usd} at most" in text
    assert "quilt, quilt-restored; none of them may exist" in text
    assert "Risks: " in text


def test_what_the_steps_ask_for_is_in_every_edition(templates):
    """Names that the steps spell."""
    from quilt_cfn.delivery.rehearsal.steps import ALONE, NO_MAIL

    editions = [template for template in templates.values() if "ServerGroup" in template["Resources"]]
    assert len(editions) >= 2
    for template in editions:
        assert {*ALONE, "PackageBucket", "SmtpHost", "RegistryHost", "CatalogHost"} <= set(template["Parameters"])
        assert {"LoadBalancerDNSName", "EC2InstanceIp"} <= set(template["Outputs"])
        assert {"Database", "ServerGroup", "Bucket"} <= set(template["Resources"])
        assert re.fullmatch(template["Parameters"]["SmtpHost"]["AllowedPattern"], NO_MAIL)
        # Another mail server makes another launch template, and so another instance.
        assert "${SmtpHost}" in str(template["Resources"]["ServerTemplate"])
        assert template["Resources"]["Database"]["DeletionPolicy"] == "Snapshot"
        kinds = {
            resource["Type"]
            for resource in template["Resources"].values()
            if resource.get("DeletionPolicy", "").startswith("Retain")
        }
        # What is retained is what the removal knows of; a bucket's policy goes with the bucket.
        assert kinds == {"AWS::S3::Bucket", "AWS::S3::BucketPolicy", "AWS::Logs::LogGroup"}
