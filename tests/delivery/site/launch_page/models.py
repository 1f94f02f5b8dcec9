"""A model of cost that has one of everything that such a model may have; its figures are nobody's."""

from __future__ import annotations

from quilt_cfn.delivery.site.launch_page.models import CostModel, CostRow

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
