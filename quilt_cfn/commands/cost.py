"""``quilt-cfn cost``: what a template costs in a month, item by item."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from quilt_cfn.commands import one_template
from quilt_cfn.commands.arguments import add_command, print_lines
from quilt_cfn.commands.checkout import find_own_checkout

if TYPE_CHECKING:
    from quilt_cfn.cloudformation.describe.cost import Estimate


def add_to(commands: Any) -> None:
    parser = add_command(
        commands,
        "cost",
        run,
        help="estimate what a template costs in a month",
        epilog="Examples: quilt-cfn cost; quilt-cfn cost marketplace --parameters InstanceType=m5.large; "
        "quilt-cfn cost template.yaml --packages 5000 --format json; quilt-cfn cost --refresh us-east-1 eu-central-1",
    )
    one_template.add_arguments(parser)
    parser.add_argument("--packages", metavar="GB", type=_amount, help="GB of packages in S3, default: 100")
    parser.add_argument("--logs", metavar="GB", type=_amount, help="GB a month in each log group, default: 2")
    parser.add_argument(
        "--capacity", metavar="UNITS", type=_amount, help="capacity units of the load balancer on average, default: 0.1"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default: %(default)s")
    parser.add_argument(
        "--refresh",
        metavar="REGION",
        nargs="*",
        help="ask AWS's price list for all prices in these Regions, or in every one, and write them into the table of "
        "this checkout; estimate nothing",
    )


def run(options: argparse.Namespace) -> int:
    """Estimate what a launch of a template costs in a month, item by item: each price with its date, its source and how
    good that is. A price that no source says is unknown, and never guessed.

    With --refresh, ask the AWS Price List API, which takes AWS credentials and the permission pricing:GetProducts. Its
    prices, and nothing else, replace those of quilt_cfn/cloudformation/facts/prices.csv in the checkout.
    """
    if options.refresh is not None:
        from quilt_cfn.delivery.prices.refresh import refresh  # late: imports boto3

        return print_lines(refresh(find_own_checkout(), _regions(options.refresh)))
    from quilt_cfn.cloudformation.describe.cost import Use, estimate

    one = one_template.read(options)
    given = {name: getattr(options, name) for name in Use._fields if getattr(options, name) is not None}
    use = Use(**given)
    found = estimate(one.launch, use)
    if options.format == "json":
        print(json.dumps(_as_json(found, use), indent=2))
        return 0
    return print_lines(_lines(one.name, one.launch.region, found))


def _lines(name: str, region: str, found: Estimate) -> Iterator[str]:
    from quilt_cfn.cloudformation.describe.cost import EXCLUDED
    from quilt_cfn.cloudformation.facts.prices import GRADES, regions_in_dollars
    from quilt_cfn.text import shown

    yield f"{shown(name)} in {region}, in a month of 730 hours"
    yield ""
    yield f"{'Part':<14} {'What':<28} {'Quantity':>8} {'Price':>7} {'USD':>9}  Source"
    sources: dict[str, int] = {}
    for item in found.items:
        price = item.price
        number = sources.setdefault(f"{price.grade}, {price.date}, {price.source}", len(sources) + 1) if price else 0
        figures = f"{price.usd:>7g} {item.usd:>9,.2f}  {price.grade} [{number}]" if price else f"{'unknown':>17}"
        yield f"{shown(item.part)[:14]:<14} {shown(item.what)[:28]:<28} {item.quantity:>8,.6g} {figures}"
    yield f"{'all with a known price':<60} {found.total:>9,.2f}"
    for other in dict.fromkeys(item.region for item in found.unknown):
        yield ""
        if other in regions_in_dollars():
            yield f"Unknown, because no source says it for {other}. To ask AWS, in a checkout:"
            yield f"  quilt-cfn cost --refresh {other}"
        else:
            yield f"Unknown: AWS's price list has no prices in US dollars for {other}."
    if found.not_estimated:
        yield ""
        yield from textwrap.wrap(f"Not estimated: {', '.join(map(shown, found.not_estimated))}.", 80)
    yield ""
    yield "Not included:"
    for each in EXCLUDED:
        yield from textwrap.wrap(each, 80, initial_indent="  - ", subsequent_indent="    ")
    if sources:
        yield ""
        yield "Sources, each with its grade and the day on which it was true:"
        yield from (f"  [{number}] {source}" for source, number in sources.items())
        yield from (f"  {grade}: {meaning}" for grade, meaning in GRADES.items())


def _regions(names: list[str]) -> list[str]:
    """The Regions whose prices are to be asked for. Raises ``UserError`` for one that AWS's price list can't have."""
    from quilt_cfn.cloudformation.facts.prices import regions_in_dollars
    from quilt_cfn.errors import UserError
    from quilt_cfn.inputs import cli_parameters
    from quilt_cfn.text import shown

    for name in names:
        if cli_parameters.region(name) not in regions_in_dollars():
            raise UserError(
                f"AWS's price list has no prices in US dollars for {shown(name)}.",
                "Name other Regions, or none for all.",
            )
    return names


def _as_json(found: Estimate, use: Any) -> dict[str, Any]:
    from quilt_cfn.cloudformation.describe.cost import EXCLUDED
    from quilt_cfn.cloudformation.facts.prices import GRADES

    items = [
        {
            "part": item.part,
            "what": item.what,
            "region": item.region,
            "quantity": item.quantity,
            "unit": item.unit,
            "usd": item.usd,
            "price": item.price._asdict() if item.price else None,
        }
        for item in found.items
    ]
    return {
        "total": found.total,
        "complete": not (found.unknown or found.not_estimated),
        "use": use._asdict(),
        "items": items,
        "not_estimated": list(found.not_estimated),
        "excluded": list(EXCLUDED),
        "grades": GRADES,
    }


def _amount(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number < 1e12:
        raise argparse.ArgumentTypeError(f"{text} is not an amount of 0 or more")
    return number
