"""The links that open CloudFormation's console with a published template, one for each Region.

They are computed, and nothing is looked up. A Region without a link has a reason instead; no Region is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from quilt_cfn.cloudformation.facts import partitions
from quilt_cfn.delivery.publish.stores.locations import object_url


class PublishedTemplate(NamedTuple):
    """A template as an object in a bucket."""

    bucket: str
    region: str
    """The bucket's."""
    key: str

    @property
    def url(self) -> str:
        return object_url(self.bucket, self.region, self.key)


class LaunchLink(NamedTuple):
    """The address that opens the console of a Region with the template."""

    region: str
    url: str


class NoLink(NamedTuple):
    """A Region for which there is no link."""

    region: str
    reason: str
    """Why, as half a sentence."""


class LaunchLinks(NamedTuple):
    """Every Region once, in either of the two."""

    links: tuple[LaunchLink, ...]
    without: tuple[NoLink, ...]

    def __str__(self) -> str:
        lines = [f"{link.region:16}{link.url}" for link in self.links]
        for reason in dict.fromkeys(each.reason for each in self.without):
            regions = ", ".join(each.region for each in self.without if each.reason == reason)
            lines.append(f"No link ({reason}): {regions}")
        return "\n".join(lines)


def launch_links(published: Sequence[PublishedTemplate], stack_name: str) -> LaunchLinks:
    """The quick-create links for a template that is published in some buckets, the preferred one first.

    Each Region takes the template from a bucket of its own, or else from the first one of its partition. CloudFormation
    asks for read access to TemplateURL and not for the stack's Region
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html); accounts, and with them
    consoles, end with their partition. The syntax of a link:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stacks-quick-create-links.html
    """
    from quilt_cfn.cloudformation.facts import availability  # late: reads cfn-lint's data, 10 ms

    found = [_link(region, published, stack_name) for region in availability.regions()]
    return LaunchLinks(
        tuple(each for each in found if isinstance(each, LaunchLink)),
        tuple(each for each in found if isinstance(each, NoLink)),
    )


def _link(region: str, published: Sequence[PublishedTemplate], stack_name: str) -> LaunchLink | NoLink:
    partition = partitions.partition(region)
    console = partitions.CONSOLES.get(partition)
    if console is None:
        return NoLink(region, f"no public page names the console of {partition}")
    reachable = [template for template in published if partitions.partition(template.region) == partition]
    if not reachable:
        return NoLink(region, f"published to no bucket in {partition}")
    template = next((template for template in reachable if template.region == region), reachable[0])
    return LaunchLink(
        region,
        f"https://{region}.{console}/cloudformation/home?region={region}#/stacks/create/review"
        f"?templateURL={quote(template.url, safe='')}&stackName={quote(stack_name, safe='')}",
    )
