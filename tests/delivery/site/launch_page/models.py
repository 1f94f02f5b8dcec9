"""Models of cost and duration that have one of everything that a model may have; their figures are nobody's."""

from __future__ import annotations

from quilt_cfn.delivery.site.launch_page.models import CostModel, CostRow, DurationModel, DurationRow
from quilt_cfn.editions import EDITIONS

SIZES = {"t3.small": 0.02, "t3.medium": 0.04, "t3.large": 0.08, "t2.small": 0.02, "m5.large": 0.1, "m6i.large": 0.1}


def row(what: str, quantity: float, price: float | None) -> CostRow:
    return {
        "what": what,
        "quantity": quantity,
        "price": price,
        "source": "A price list" if price else "",
        "date": "2026-01-01",
        "grade": "B" if price else "",
    }


COST: CostModel = {
    "items": [
        {
            "part": "Instance",
            "unit": "hours",
            "by": ["AWS::Region", "InstanceType"],
            "times": None,
            "rows": {
                **{f"us-east-1|{size}": row(f"{size}, Linux, on demand", 730, price) for size, price in SIZES.items()},
                **{
                    f"eu-west-1|{size}": row(f"{size}, Linux, on demand", 730, 2 * price)
                    for size, price in SIZES.items()
                },
                **{f"*|{size}": row(f"{size}, Linux, on demand", 730, None) for size in SIZES},
            },
        },
        {
            "part": "Database",
            "unit": "GB",
            "by": [],
            "times": "DBStorage",
            "rows": {"": row("storage, gp3", 1, 0.125)},
        },
        {
            "part": "DNS",
            "unit": "zones",
            "by": ["HostedZoneId?"],
            "times": None,
            "rows": {"yes": row("hosted zone", 1, 0.5)},
        },
    ],
    "grades": {"B": "a public file that was generated from AWS's price list"},
    "excluded": ["Taxes and support.", "What people download from the registry."],
}


def launch(low: float, typical: float, high: float) -> DurationRow:
    return {
        "low": low,
        "typical": typical,
        "high": high,
        "steps": [
            {"what": "Network", "start": 0, "low": 20, "typical": 30, "high": 60},
            {"what": "Database", "start": 30, "low": low - 100, "typical": typical - 120, "high": high - 160},
            {"what": "First boot", "start": typical - 90, "low": 80, "typical": 90, "high": 100},
        ],
    }


DURATION: DurationModel = {
    "by": ["DBSnapshotIdentifier?"],
    "rows": {"no": launch(600, 900, 1500), "yes": launch(900, 1500, 3000)},
    "source": "Measured by nobody.",
}

DURATIONS = dict.fromkeys(EDITIONS, DURATION)
