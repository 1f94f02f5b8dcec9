"""CORS: which pages in a browser may read and write a bucket."""

from __future__ import annotations

import re
from collections.abc import Iterator

from quilt_cfn.cloudformation.analysis.bucket_use import data_buckets
from quilt_cfn.cloudformation.checks.rules.rule import Violation, property_path, rule
from quilt_cfn.cloudformation.launch import Contract, Launch, is_known
from quilt_cfn.cloudformation.template.coerce import as_list, map_at

WRITES = ("DELETE", "POST", "PUT")


@rule(
    "W34",
    "warning",
    "Browsers refuse the requests of the pages that are meant, or let any page write to the bucket.",
    "https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html",
)
def origins_of_requests(launch: Launch, contract: Contract) -> Iterator[Violation]:
    """Finds CORS rules that let every origin write or delete in a bucket that holds data (see L18 for which do), and
    origins that no browser ever sends: without a scheme, or with a path, if only a slash.

    Why it is bad: S3 compares the origin as a text with the request's ``Origin`` header: scheme, host and port. With
    ``*``, any page may use a URL or credentials that it has got hold of to change objects.

    Use instead: the origins of the pages that write.

        CorsRules:
          - {AllowedMethods: [PUT], AllowedOrigins: ['https://quilt.example.com']}
    """
    for name, properties in launch.of_type("AWS::S3::Bucket").items():
        for index, each in enumerate(as_list(map_at(properties, "CorsConfiguration").get("CorsRules"))):
            allowed = map_at(each)
            methods = [method for method in as_list(allowed.get("AllowedMethods")) if method in WRITES]
            for position, origin in enumerate(as_list(allowed.get("AllowedOrigins"))):
                path = property_path(name, "CorsConfiguration", "CorsRules", index, "AllowedOrigins", position)
                if origin == "*" and methods and name in data_buckets(launch):
                    yield (path, f"{name} lets pages of every origin call {' and '.join(methods)}.")
                elif isinstance(origin, str) and is_known(origin) and not _is_origin(origin):
                    yield (path, f"{name} allows the origin {origin}, which no browser sends: it is scheme://host.")


def _is_origin(text: str) -> bool:
    """Whether a text may match an origin; a wildcard stands for any part of it."""
    return (
        "*" in text.partition("://")[0] or text == "null" or re.fullmatch(r"[A-Za-z][\w+.-]*://[^/]+", text) is not None
    )
