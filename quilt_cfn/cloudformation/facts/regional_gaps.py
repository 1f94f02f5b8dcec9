"""What is available in some Regions only, as far as our templates depend on it.

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

REGIONS_WITH_SES_SMTP = (
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-west-1",
    "us-west-2",
)
"""Regions in which Amazon SES takes mail by SMTP, at ``email-smtp.REGION.amazonaws.com``; elsewhere the customer has to
name an SMTP host. SES's API, which boto3 lists, is in more Regions.

These are the hosts that Nodemailer knows (``lib/well-known/services.json`` of nodemailer/nodemailer at 01ae76f), looked
up in November 2026 because no copy of AWS's own table (https://docs.aws.amazon.com/general/latest/gr/ses.html, "SMTP
endpoints") could be had. AWS's guides say that Cape Town, Milan, Bahrain and Jakarta have none; people report of Cape
Town, Hyderabad, Jakarta and Zurich that DNS has no such name."""

REGIONS_WITHOUT_IMAGES = (
    "cn-north-1",
    "cn-northwest-1",
    "eu-isoe-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isob-west-1",
    "us-isof-east-1",
    "us-isof-south-1",
)
"""Regions from which the container images, which are on Docker Hub, can't be had.

The isolated partitions don't reach the internet, and in mainland China Docker Hub has timed out since June 2024
(https://github.com/docker/hub-feedback/issues/2388, /2415). ECR Public can be read from AWS's Regions in China
(https://github.com/aws/eks-hybrid/pull/868): with images there, the launch would work.

Nor is a machine image to be had there that AWS Marketplace sells. Of these it names AWS Secret, where nobody outside
knows the console's address: https://docs.aws.amazon.com/marketplace/latest/buyerguide/supported-regions.html"""
