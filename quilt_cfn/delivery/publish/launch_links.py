"""The links that open CloudFormation's console with a published template, one for each Region.

They are computed, and nothing is looked up. A Region without a link has a reason instead; no Region is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from quilt_cfn.cloudformation.facts import partitions


class LaunchLinks(NamedTuple):
    """Every Region once, in either of the two."""

    links: dict[str, str]
    """Region -> the address that opens its console with the template."""
    without: dict[str, str]
    """Region -> why there is no link, as half a sentence."""

    def __str__(self) -> str:
        lines = [f"{region:16}{url}" for region, url in self.links.items()]
        for reason in dict.fromkeys(self.without.values()):
            regions = ", ".join(region for region, each in self.without.items() if each == reason)
            lines.append(f"No link ({reason}): {regions}")
        return "\n".join(lines)


def launch_links(published: Mapping[str, str], stack_name: str) -> LaunchLinks:
    """The quick-create links for a template: ``published`` has its URL in a bucket of each Region, the preferred first.

    Each Region takes the template from a bucket of its own, or else from the first one of its partition. CloudFormation
    asks for read access to TemplateURL and not for the stack's Region
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html); accounts, and with them
    consoles, end with their partition. The syntax of a link:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-console-create-stacks-quick-create-links.html
    """
    from quilt_cfn.cloudformation.facts import availability  # late: reads cfn-lint's data, 10 ms

    found = LaunchLinks({}, {})
    for region in availability.regions():
        partition = partitions.partition(region)
        console = partitions.CONSOLES.get(partition)
        reachable = [url for other, url in published.items() if partitions.partition(other) == partition]
        if console is None:
            found.without[region] = f"no public page names the console of {partition}"
        elif not reachable:
            found.without[region] = f"published to no bucket in {partition}"
        else:
            template = published.get(region, reachable[0])
            found.links[region] = (
                f"https://{region}.{console}/cloudformation/home?region={region}#/stacks/create/review"
                f"?templateURL={quote(template, safe='')}&stackName={quote(stack_name, safe='')}"
            )
    return found
