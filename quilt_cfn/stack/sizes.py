"""The sizes that the form offers; the smallest comes first and is the default."""

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
