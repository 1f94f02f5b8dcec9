"""Where the world finds what was published: the URL of an object, and the links that open CloudFormation's console.

The rule: computed, never looked up. A Region without a link has a reason instead; none is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from quilt_cfn.cloudformation.facts import partitions
from quilt_cfn.delivery.publish.stores.locations import object_url


class Place(NamedTuple):
    """A published template: an object in a bucket, and the bucket's Region."""

    bucket: str
    region: str
    key: str

    @property
    def url(self) -> str:
        return object_url(self.bucket, self.region, self.key)


class Link(NamedTuple):
    """What launches a stack in a Region."""

    region: str
    url: str


class Gap(NamedTuple):
    """A Region without a link, and why: half a sentence."""

    region: str
    why: str


class Links(NamedTuple):
    """Every Region, once."""

    rows: tuple[Link, ...]
    without: tuple[Gap, ...]

    def __str__(self) -> str:
        lines = [f"{link.region:16}{link.url}" for link in self.rows]
        for why in dict.fromkeys(gap.why for gap in self.without):
            lines.append(f"No link ({why}): {', '.join(gap.region for gap in self.without if gap.why == why)}")
        return "\n".join(lines)


def launch_links(published: Sequence[Place], stack_name: str) -> Links:
    """The quick-create links for a template that is published at some places, the preferred one first.

    Each Region takes the template from its own bucket, or else from the first one of its partition. CloudFormation asks
    for read access to TemplateURL and not for the stack's Region
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html); accounts, and with them
    consoles, end with their partition. The form of a link:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stacks-quick-create-links.html
    """
    from quilt_cfn.cloudformation.facts import availability  # late: reads cfn-lint's data, 10 ms

    found = [_found(region, published, stack_name) for region in availability.regions()]
    return Links(
        tuple(each for each in found if isinstance(each, Link)),
        tuple(each for each in found if isinstance(each, Gap)),
    )


def _found(region: str, published: Sequence[Place], stack_name: str) -> Link | Gap:
    partition = partitions.partition(region)
    console = partitions.CONSOLES.get(partition)
    if console is None:
        return Gap(region, f"no public page names the console of {partition}")
    reachable = [place for place in published if partitions.partition(place.region) == partition]
    if not reachable:
        return Gap(region, f"published to no bucket in {partition}")
    place = next((place for place in reachable if place.region == region), reachable[0])
    return Link(
        region,
        f"https://{region}.{console}/cloudformation/home?region={region}#/stacks/create/review"
        f"?templateURL={quote(place.url, safe='')}&stackName={quote(stack_name, safe='')}",
    )
