"""What tells how a build went: its log in CloudWatch Logs, its files in a bucket, and a topic.

Both logs are kept when the stack is deleted, and expire once an image that they are about is too old to be listed.
"""

from __future__ import annotations

from typing import NamedTuple

from troposphere import NoValue, Template, s3, sns
from troposphere.logs import LogGroup

from quilt_cfn.stack.image_names import named_by_stack
from quilt_cfn.stack.parameters import Field
from quilt_cfn.stack.storage import FORGET_UPLOADS, KEPT, add_private_bucket

LOG_PREFIX = "builds"
"""Below which Image Builder writes to the bucket."""

# Two years: an image that is older is refused.
# https://docs.aws.amazon.com/marketplace/latest/userguide/product-and-ami-policies.html
_DAYS = 731


class BuildLogs(NamedTuple):
    """Where Image Builder and its instances write."""

    group: LogGroup
    bucket: s3.Bucket


def add_build_logs(t: Template) -> BuildLogs:
    """The log group and the bucket.

    Image Builder's own role may write to groups whose names begin so. The name has a part of the stack's ID, so that a
    group that was kept is not in the way of another stack.
    """
    group = t.add_resource(
        LogGroup(
            "BuildLogs", **KEPT, LogGroupName=named_by_stack("/aws/imagebuilder/quilt-image"), RetentionInDays=_DAYS
        )
    )
    rule = s3.LifecycleRule(
        Id="forget-old-builds",
        Status="Enabled",
        ExpirationInDays=_DAYS,
        AbortIncompleteMultipartUpload=FORGET_UPLOADS,
    )
    bucket = add_private_bucket(t, "BuildFiles", LifecycleConfiguration=s3.LifecycleConfiguration(Rules=[rule]))
    return BuildLogs(group, bucket)


def add_notifications(t: Template, address: Field) -> sns.Topic:
    """The topic to which Image Builder writes when an image is there, or has failed; mailed if there is an address.

    It needs no policy: the account owns the topic, and Image Builder's role there may publish. It is not encrypted, for
    AWS's own key lets no such role in, and the message has no secret.
    https://docs.aws.amazon.com/imagebuilder/latest/userguide/integ-sns.html
    """
    mail = sns.Subscription(Protocol="email", Endpoint=address.ref)
    return t.add_resource(sns.Topic("BuildTopic", Subscription=[address.if_set(mail, NoValue)]))
