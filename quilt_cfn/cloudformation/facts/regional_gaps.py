"""What AWS lacks in which Region, as far as a template has to know it when it is built.

A build reads nothing but this list, so that the same release gives the same bytes. ``tests/cloudformation/facts`` holds
it against the data that AWS publishes (cfn-lint's region schemas and botocore's endpoints) in both directions, so a new
Region shows as a failure. A Region that none of those sources knows is in no list: there EC2 and RDS answer themselves.
"""

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
