"""The image factory: bakes the machine image from which the ``marketplace`` edition is launched.

The vendor launches this template once in the account that sells the product, and updates it with every release. It is
no edition: customers never see it. EC2 Image Builder makes the image, on an instance of its own that nobody can reach,
when somebody starts the pipeline. What it made stays when the stack is deleted: images with their snapshots, and logs.
"""

from __future__ import annotations

from troposphere import Equals, Ref, Template

from quilt_cfn.cloudformation.template.write import TemplateDict, in_reading_order
from quilt_cfn.editions import IMAGE_FACTORY
from quilt_cfn.inputs.release import Release
from quilt_cfn.stack.image_access import add_build_profile, add_marketplace_role
from quilt_cfn.stack.image_components import add_components
from quilt_cfn.stack.image_logs import add_build_logs, add_notifications
from quilt_cfn.stack.image_network import add_build_network
from quilt_cfn.stack.image_outputs import add_image_outputs
from quilt_cfn.stack.image_pipeline import add_pipeline
from quilt_cfn.stack.parameters import ALARM_EMAIL, Group, add_form

NOTIFICATION_EMAIL = ALARM_EMAIL._replace(
    name="NotificationEmail",
    label="Address for results",
    description=(
        "Mail address to write to when a build has ended; it first gets a mail with a link to confirm. Empty: look at "
        "the pipeline."
    ),
)
FORM = (Group("Image factory", (NOTIFICATION_EMAIL,)),)


def build_image_factory(release: Release) -> TemplateDict:
    """The template of the image factory for one release, as a plain dict in reading order."""
    t = Template(
        Description=f"Quilt Teams Registry {release.version}: {IMAGE_FACTORY.title}. Deleting the stack leaves the "
        "images that it made, their snapshots, and the logs of their builds; delete those yourself."
    )
    t.set_version("2010-09-09")
    add_form(t, FORM)
    _refuse_other_regions(t)

    network = add_build_network(t)
    logs = add_build_logs(t)
    topic = add_notifications(t, NOTIFICATION_EMAIL)
    components = add_components(t, release)
    profile = add_build_profile(t, release, components, logs)
    pipeline = add_pipeline(t, release, components, network, profile, logs, topic)
    role = add_marketplace_role(t)
    add_image_outputs(t, pipeline, role, logs)
    return in_reading_order(t.to_dict())


def _refuse_other_regions(t: Template) -> None:
    """The listing needs an image in that Region.

    https://docs.aws.amazon.com/marketplace/latest/userguide/product-and-ami-policies.html
    """
    sentence = "AWS Marketplace takes machine images in us-east-1 alone: launch the image factory there."
    assertion = {"Assert": Equals(Ref("AWS::Region"), "us-east-1"), "AssertDescription": sentence}
    t.add_rule("RegionOfTheListing", {"Assertions": [assertion]})
