"""The links that open CloudFormation's console with a published template, one for each Region, and a page of them.

They are computed, and nothing is looked up. A Region without a link has a reason instead; no Region is left out.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote

from quilt_cfn.cloudformation.facts import partitions
from quilt_cfn.delivery.release.artifact import PRODUCT
from quilt_cfn.editions import EDITIONS, MachineImage

IMAGE_REGION = "us-east-1"
"""Where the machine images of the product are: https://docs.aws.amazon.com/marketplace/latest/userguide/product-and-ami-policies.html"""

# The policy lets the page ask for nothing, whatever is in it: https://www.w3.org/TR/CSP3/#directive-default-src. The
# browser's own colours follow the reader's choice of light or dark:
# https://html.spec.whatwg.org/multipage/semantics.html#meta-color-scheme
_HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 48rem; padding: 0 1rem }}
table {{ border-collapse: collapse; width: 100% }}
caption, th, td {{ padding: .3rem .6rem .3rem 0; text-align: left }}
tr {{ border-bottom: 1px solid GrayText }}
tbody th {{ font-weight: normal }}
code {{ overflow-wrap: anywhere; white-space: pre-wrap }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
"""
_TAIL = """\
</main>
</body>
</html>
"""


class LaunchLinks(NamedTuple):
    """Every Region once, in either of the two."""

    links: dict[str, str]
    """Region -> the address that opens its console with the template."""
    without: dict[str, str]
    """Region -> why there is no link, as half a sentence."""


def launch_links(published: Mapping[str, str], stack_name: str, edition: str) -> LaunchLinks:
    """The quick-create links for the template of an edition: ``published`` has its URL in a bucket of each Region, the
    preferred first.

    An edition with a machine image of its own can only be launched where the image is, by the account that it belongs
    to; AWS Marketplace copies it for customers.

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
        elif _is_baked(edition) and region != IMAGE_REGION:
            found.without[region] = "the machine image is not there: customers launch it from AWS Marketplace"
        else:
            template = published.get(region, reachable[0])
            found.links[region] = (
                f"https://{region}.{console}/cloudformation/home?region={region}#/stacks/create/review"
                f"?templateURL={quote(template, safe='')}&stackName={quote(stack_name, safe='')}"
            )
    return found


def page(version: str, editions: Mapping[str, LaunchLinks], signer: str | None, command: str | None) -> str:
    """An HTML page with the launch links of a version, by edition and Region; it needs no other file.

    ``signer`` is the fingerprint of the key that signed the version, and ``command`` checks the signature.
    """
    lines = [_HEAD.format(title=html.escape(f"Launch {PRODUCT} {version}"))]
    lines.append(
        "<p>A link opens the form of the template, in the console of CloudFormation in that Region. Nothing is\n"
    )
    lines.append("created before the form is submitted.</p>\n")
    lines += _signature(signer, command)
    for name, links in editions.items():
        lines += _edition(name, links)
    return "".join(lines) + _TAIL


def _signature(signer: str | None, command: str | None) -> Iterator[str]:
    if not signer:
        yield "<p>Nothing was signed when it was published: nobody vouches for a version without a signature.</p>\n"
        return
    yield f"<p>The version was signed with the key <code>{html.escape(signer)}</code>.</p>\n"
    if command:
        yield "<p>This checks the signature, with that key in <code>key.pub</code>:</p>\n"
        yield f"<pre><code>{html.escape(command)}</code></pre>\n"


def _edition(name: str, links: LaunchLinks) -> Iterator[str]:
    edition = html.escape(name)
    yield f"<h2>The {edition} edition</h2>\n"
    if name in EDITIONS:
        yield f"<p>{html.escape(EDITIONS[name].title[:1].upper() + EDITIONS[name].title[1:])}.</p>\n"
    if _is_baked(name):
        yield "<p>Customers launch it from AWS Marketplace. Only the account that made its machine image can\n"
        yield "launch it here.</p>\n"
    if links.links:
        yield f"<table>\n<caption>Links for the {edition} edition</caption>\n"
        yield '<thead><tr><th scope="col">Region</th><th scope="col">Link</th></tr></thead>\n<tbody>\n'
        for region, url in links.links.items():
            link = f'<a href="{html.escape(url)}">Launch the {edition} edition in {html.escape(region)}</a>'
            yield f'<tr><th scope="row">{html.escape(region)}</th><td>{link}</td></tr>\n'
        yield "</tbody>\n</table>\n"
    if links.without:
        yield "<h3>Regions without a link</h3>\n<ul>\n"
        for reason in dict.fromkeys(links.without.values()):
            regions = ", ".join(region for region, each in links.without.items() if each == reason)
            yield f"<li>{html.escape(regions)}: {html.escape(reason)}</li>\n"
        yield "</ul>\n"


def _is_baked(edition: str) -> bool:
    return edition in EDITIONS and EDITIONS[edition].machine_image is MachineImage.BAKED
