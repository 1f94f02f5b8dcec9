"""What the form offers to choose from: sizes, of which the smallest comes first and is the default, and hours."""

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

MAINTENANCE_WINDOWS = tuple(
    f"{day}:{hour:02}:00-{day}:{hour + 1:02}:00"
    for day in ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
    for hour in range(0, 24, 4)
)
"""Hours of the week in UTC, as RDS writes them: every fourth hour, so that the hour after is free for the backup."""
