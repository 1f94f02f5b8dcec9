"""What is not available in which Region, as far as our templates depend on it.

These are lists rather than look-ups so that the same release always gives the same bytes. The tests of this package
compare them with the data that AWS publishes (cfn-lint's schemas of the Regions and botocore's endpoints) and fail when
they differ, for instance because of a new Region. A Region that is in none of these sources is in no list.
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
"""EC2 instance family -> Regions where it is not available."""

DB_INSTANCE_FAMILIES_MISSING = {
    "db.m5": ("ap-east-2", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-west-1", "mx-central-1"),
}
"""RDS instance family -> Regions where it is not available for PostgreSQL."""

REGIONS_WITHOUT_SES = (
    "ap-east-1",
    "cn-north-1",
    "cn-northwest-1",
)
"""Regions without Amazon SES, where the customer has to name an SMTP host. The isolated partitions are left out: they
can't reach the sources of the container images."""
