"""The IAM roles of the image factory: of the instances that bake and try an image, and of AWS Marketplace.

Image Builder itself acts by a role of its own, which it makes in an account with the first of its resources.
https://docs.aws.amazon.com/imagebuilder/latest/userguide/image-builder-service-linked-role.html
"""

from __future__ import annotations

import re

from troposphere import GetAtt, Ref, Sub, Template, iam

from quilt_cfn.inputs.release import Release
from quilt_cfn.stack import permissions
from quilt_cfn.stack.image_components import Components
from quilt_cfn.stack.image_logs import LOG_PREFIX, BuildLogs
from quilt_cfn.stack.pseudo_parameters import arn, service

_ECR = re.compile(r"(?P<account>[0-9]{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<name>.+)")
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html"""


def add_build_profile(t: Template, release: Release, components: Components, logs: BuildLogs) -> iam.InstanceProfile:
    """The role of Image Builder's instances: less than AWS's two managed policies that its documentation names.

    EC2InstanceProfileForImageBuilder allows more of the same; AmazonSSMManagedInstanceCore also reads every SSM
    parameter and reports an inventory, which the pipeline doesn't ask for. Image Builder works by Run Command, which
    reaches the agent of Amazon Linux 2023 through the channels of Session Manager.
    https://docs.aws.amazon.com/imagebuilder/latest/userguide/image-builder-setting-up.html
    https://github.com/aws/amazon-ssm-agent/blob/mainline/RELEASENOTES.md (3.1.821.0, 3.3.40.0)
    """
    repositories = _ecr_repositories(release)
    role = t.add_resource(
        iam.Role(
            "BuildRole",
            AssumeRolePolicyDocument=permissions.trusts(service("ec2")),
            Policies=[
                permissions.policy(
                    "quilt-build-image",
                    *permissions.run_components(*components.arns),
                    permissions.be_managed(),
                    permissions.write_objects(logs.bucket, LOG_PREFIX),
                    permissions.write_build_logs(GetAtt(logs.group, "Arn")),
                    *(permissions.pull_images(*repositories) if repositories else ()),
                )
            ],
        )
    )
    return t.add_resource(iam.InstanceProfile("BuildProfile", Roles=[Ref(role)]))


def add_marketplace_role(t: Template) -> iam.Role:
    """The role by which AWS Marketplace copies the image into a listing; listing.yaml names it.

    https://docs.aws.amazon.com/marketplace/latest/userguide/ami-single-ami-marketplace-ami-access.html
    """
    return t.add_resource(
        iam.Role(
            "MarketplaceRole",
            AssumeRolePolicyDocument=permissions.trusts(service("assets.marketplace")),
            Policies=[permissions.policy("quilt-share-images", *permissions.share_images())],
        )
    )


def _ecr_repositories(release: Release) -> list[Sub]:
    """The ARNs of the repositories that are private ones in ECR, among those of the images."""
    names = dict.fromkeys(each.repository for each in release.images.values())
    found = filter(None, map(_ECR.fullmatch, names))
    return [arn("ecr:{region}:{account}:repository/{name}".format(**each.groupdict())) for each in found]
