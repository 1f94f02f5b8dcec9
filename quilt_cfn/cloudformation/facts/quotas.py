"""CloudFormation's quotas for a template.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""

TEMPLATE_AT_A_URL = 1_000_000
"""Bytes of a template in S3; the page says 1 MB."""
TEMPLATE_INLINE = 51_200
"""Bytes of a template in the request itself, as with ``--template-body``."""
RESOURCES = 500
PARAMETERS = 200
OUTPUTS = 200
DESCRIPTION = 1_024
"""Bytes of a template's description."""
