"""What differs from Region to Region, as facts.

The rule: a fact stands here once, and ``tests/stack/test_regions.py`` holds it against the data that AWS publishes
(through cfn-lint's region schemas and botocore's endpoints), in both directions, so a new Region shows as a failure.
A Region that none of those sources knows passes: then EC2 and RDS themselves give the answer.
"""

INSTANCE_TYPES = (
    "t3.small",
    "t3.medium",
    "t3.large",
    "t2.small",
    "m5.large",
    "m5.xlarge",
    "m6i.large",
    "m6i.xlarge",
)
"""EC2 instance types on offer, all x86_64 because the registry's images are. t3 exists in every Region."""

DB_INSTANCE_CLASSES = (
    "db.t3.small",
    "db.t3.medium",
    "db.t3.large",
    "db.m5.large",
    "db.m5.xlarge",
    "db.m6g.large",
    "db.m6g.xlarge",
)
"""RDS instance classes on offer. db.t3 and db.m6g exist for PostgreSQL in every Region."""

INSTANCE_FAMILIES_MISSING = {
    "t2": (
        "af-south-1",
        "ap-east-1",
        "ap-east-2",
        "ap-south-2",
        "ap-southeast-3",
        "ap-southeast-4",
        "ap-southeast-5",
        "ap-southeast-6",
        "ap-southeast-7",
        "ca-west-1",
        "eu-central-2",
        "eu-north-1",
        "eu-south-1",
        "eu-south-2",
        "il-central-1",
        "me-central-1",
        "me-south-1",
        "mx-central-1",
        "us-gov-east-1",
    ),
    "m5": ("ap-east-2", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "mx-central-1"),
    "m6i": ("ap-southeast-4", "eu-south-2"),
}
"""EC2 instance family -> Regions that do not offer it."""

DB_INSTANCE_FAMILIES_MISSING = {
    "db.m5": ("ap-east-2", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-west-1", "mx-central-1"),
}
"""RDS instance family -> Regions that do not offer it for PostgreSQL."""

REGIONS_WITHOUT_SES = (
    "ap-east-1",
    "cn-north-1",
    "cn-northwest-1",
)
"""Regions without Amazon SES, where the customer has to name an SMTP host; the isolated partitions, which can't reach
the sources of the container images anyway, are left out."""
