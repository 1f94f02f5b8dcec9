"""Quotas for a template; those of CloudFormation are on this page:

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""

TEMPLATE_AT_A_URL = 1_000_000
"""Bytes of a template in S3; the page says 1 MB."""
TEMPLATE_INLINE = 51_200
"""Bytes of a template in the request itself, as with ``--template-body``."""
ENTRIES = {"Parameters": 200, "Mappings": 200, "Resources": 500, "Outputs": 200}
"""Section -> how many entries it may have."""
MAPPING_ATTRIBUTES = 200
"""Attributes of one mapping."""
NAME = 255
"""Characters of the name of a parameter, mapping, attribute of a mapping, resource or output."""
DESCRIPTION = 1_024
"""Bytes of the description of a template or an output:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/outputs-section-structure.html."""
PARAMETER_DESCRIPTION = 4_000
"""Characters: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html."""
PARAMETER_VALUE = 4_096
"""Bytes of a parameter's value."""
USER_DATA = 16_384
"""Bytes of user data before it is encoded, a quota of EC2:
https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html."""
