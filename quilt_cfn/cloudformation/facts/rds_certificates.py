"""Where RDS publishes the certificates that its databases' certificates are verified against.

Every Region has a bundle of its own below its partition's address, ``ADDRESS/REGION/REGION-bundle.pem``, which holds
the root of each of RDS's authorities there. From
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html ("Certificate bundles by AWS Region") and,
for China, https://docs.amazonaws.cn/en_us/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html, looked up in November 2026;
Teleport downloads from the same three (``lib/srv/db/ca.go`` of gravitational/teleport at 01c3a00).

No public page or program that we found names an address for the European Sovereign Cloud or the isolated partitions.
"""

from __future__ import annotations

RDS_CERTIFICATES = {
    "aws": "https://truststore.pki.rds.amazonaws.com",
    "aws-cn": "https://rds-truststore.s3.cn-north-1.amazonaws.com.cn",
    "aws-us-gov": "https://truststore.pki.us-gov-west-1.rds.amazonaws.com",
}
"""Partition -> address of RDS's certificate bundles, without a slash at its end."""
