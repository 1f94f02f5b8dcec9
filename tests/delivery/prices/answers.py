"""Products as the AWS Price List API answers them, in the shape that AWS documents:
https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html"""

from __future__ import annotations

from typing import Any


def product(
    *, tiers: dict[str, str] | None = None, unit: str = "Hrs", currency: str = "USD", **attributes: str
) -> dict[str, Any]:
    """An instance, t3.small with Linux in us-east-1; ``tiers`` is beginRange -> price."""
    tiers = tiers or {"0": "0.0208000000"}
    ends = [*list(tiers)[1:], "Inf"]
    return {
        "product": {
            "productFamily": "Compute Instance",
            "sku": "EXAMPLE0SKU00001",
            "attributes": {
                "servicecode": "AmazonEC2",
                "instanceType": "t3.small",
                "operatingSystem": "Linux",
                "tenancy": "Shared",
                "preInstalledSw": "NA",
                "capacitystatus": "Used",
                "regionCode": "us-east-1",
                "usagetype": "BoxUsage:t3.small",
                **attributes,
            },
        },
        "serviceCode": "AmazonEC2",
        "terms": {
            "OnDemand": {
                "EXAMPLE0SKU00001.JRTCKXETXF": {
                    "sku": "EXAMPLE0SKU00001",
                    "effectiveDate": "2026-11-01T00:00:00Z",
                    "offerTermCode": "JRTCKXETXF",
                    "termAttributes": {},
                    "priceDimensions": {
                        f"EXAMPLE0SKU00001.JRTCKXETXF.{begin}": {
                            "unit": unit,
                            "beginRange": begin,
                            "endRange": end,
                            "description": "per On Demand Linux t3.small Instance Hour",
                            "appliesTo": [],
                            "rateCode": f"EXAMPLE0SKU00001.JRTCKXETXF.{begin}",
                            "pricePerUnit": {currency: usd},
                        }
                        for (begin, usd), end in zip(tiers.items(), ends, strict=True)
                    },
                }
            }
        },
        "version": "20261120000000",
        "publicationDate": "2026-11-20T00:00:00Z",
    }
