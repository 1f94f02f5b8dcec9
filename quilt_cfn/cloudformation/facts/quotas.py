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

INLINE_POLICIES = {"AWS::IAM::Role": 10_240, "AWS::IAM::User": 2_048, "AWS::IAM::Group": 5_120}
"""Type -> characters, without spaces and line ends, of all inline policies of one together:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html."""
MANAGED_POLICY = 6_144
"""Characters of a managed policy, counted and found as those are."""
BUCKET_POLICY = 20_480
"""Bytes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-iam-policies.html (20 KB)."""
STORED_PARAMETER = {"Standard": 4_096, "Advanced": 8_192, "Intelligent-Tiering": 8_192}
"""Tier -> bytes of an SSM parameter's value:
https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html."""
SECRET = 65_536
"""Bytes of a secret: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html."""
FUNCTION_VARIABLES = 4_096
"""Bytes of all environment variables of a Lambda function, names included:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html."""
STATE_MACHINE = 1_048_576
"""Bytes of a definition: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html."""
