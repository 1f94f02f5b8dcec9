"""The S3 bucket that holds the packages: the stack's own, or one that exists already.

Nothing that happens to the stack loses an object, and no object expires. Only OldVersionDays, if somebody sets it, lets
expire what was overwritten or deleted, in the stack's own bucket. The bucket survives the stack's deletion and any
replacement. Only the rollback of a failed first launch deletes it, while it is still empty, so that its name is free
for a retry. The stack's own bucket is created in any case: whatever is done to ExistingBucket later, no bucket is
created, deleted or renamed by it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from troposphere import GetAtt, If, Ref, Template, s3

from quilt_cfn.cloudformation.facts.replacement import resource_page
from quilt_cfn.cloudformation.template.immutable import ImmutableProperty
from quilt_cfn.stack import permissions
from quilt_cfn.stack.network import named
from quilt_cfn.stack.parameters import EXISTING_BUCKET, OLD_VERSION_DAYS, PACKAGE_BUCKET
from quilt_cfn.stack.pseudo_parameters import arn

IMMUTABLE = (
    ImmutableProperty(
        "Bucket",
        "BucketName",
        "Another name makes an empty bucket beside this one, and the registry no longer finds its packages; this one "
        "stays in the account with every object.",
        (resource_page("AWS::S3::Bucket"),),
    ),
    ImmutableProperty("BucketPolicy", "Bucket", "It follows the bucket.", (resource_page("AWS::S3::BucketPolicy"),)),
)
"""What must never change."""


class PackageBucket(NamedTuple):
    """The bucket that the registry works with."""

    name: If
    arn: If


KEPT = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
"""What stays when the stack is deleted, unless the stack's creation has failed."""


def add_private_bucket(t: Template, name: str, **properties: Any) -> s3.Bucket:
    """An encrypted bucket that nobody outside of this account reaches, and that stays, with its policy."""
    bucket = t.add_resource(
        s3.Bucket(
            name,
            **KEPT,
            **properties,
            BucketEncryption=s3.BucketEncryption(
                ServerSideEncryptionConfiguration=[
                    s3.ServerSideEncryptionRule(
                        ServerSideEncryptionByDefault=s3.ServerSideEncryptionByDefault(SSEAlgorithm="AES256")
                    )
                ]
            ),
            OwnershipControls=s3.OwnershipControls(
                Rules=[s3.OwnershipControlsRule(ObjectOwnership="BucketOwnerEnforced")]
            ),
            PublicAccessBlockConfiguration=s3.PublicAccessBlockConfiguration(
                BlockPublicAcls=True,
                BlockPublicPolicy=True,
                IgnorePublicAcls=True,
                RestrictPublicBuckets=True,
            ),
        )
    )
    t.add_resource(
        s3.BucketPolicy(
            f"{name}Policy",
            **KEPT,
            Bucket=Ref(bucket),
            PolicyDocument=permissions.document(
                permissions.refuse_plain_http(bucket), permissions.refuse_other_accounts(bucket)
            ),
        )
    )
    return bucket


FORGET_UPLOADS = s3.AbortIncompleteMultipartUpload(DaysAfterInitiation=7)
"""Parts of an upload that never ended are charged for until they are removed."""


def add_bucket(t: Template) -> PackageBucket:
    """The stack's bucket; logical ID and CORS rule are documented.

    A bucket that exists already has its policy; CloudFormation refuses to replace one that it did not make.
    """
    bucket = add_private_bucket(
        t,
        "Bucket",
        BucketName=PACKAGE_BUCKET.ref,
        VersioningConfiguration=s3.VersioningConfiguration(Status="Enabled"),
        CorsConfiguration=s3.CorsConfiguration(
            CorsRules=[
                s3.CorsRules(
                    AllowedMethods=["GET"],
                    AllowedOrigins=["*"],
                    AllowedHeaders=["Authorization"],
                    MaxAge=3000,
                )
            ]
        ),
        LifecycleConfiguration=s3.LifecycleConfiguration(
            Rules=[
                s3.LifecycleRule(
                    Id="forget-incomplete-uploads", Status="Enabled", AbortIncompleteMultipartUpload=FORGET_UPLOADS
                ),
                OLD_VERSION_DAYS.if_set(
                    s3.LifecycleRule(
                        Id="forget-old-versions",
                        Status="Enabled",
                        NoncurrentVersionExpiration=s3.NoncurrentVersionExpiration(NoncurrentDays=OLD_VERSION_DAYS.ref),
                        # The marker of a deleted object goes once no version is left behind it.
                        ExpiredObjectDeleteMarker=True,
                    )
                ),
            ]
        ),
        Tags=named("packages"),
    )
    return PackageBucket(
        name=EXISTING_BUCKET.if_set(EXISTING_BUCKET.ref, Ref(bucket)),
        arn=EXISTING_BUCKET.if_set(arn(f"s3:::${{{EXISTING_BUCKET.name}}}"), GetAtt(bucket, "Arn")),
    )
