"""The release notes of a version: its entry in the changelog as plain text, and how to update a running stack.

The changelog is Markdown and AWS Marketplace shows plain text, so a link becomes its words and a paragraph one line.
"""

from __future__ import annotations

import re

from quilt_cfn.delivery.marketplace.text_limits import in_ascii
from quilt_cfn.inputs.changelog import changelog_entry

UPDATE = """\
How a running stack gets this version:
1. In the AWS Marketplace console, open Manage subscriptions, choose this product and Launch new software, and select \
this version and your Region. Copy the URL of the template.
2. In the CloudFormation console, select your stack, choose Update, then Replace existing template, and paste the URL.
3. Change the value of {parameter}. CloudFormation keeps the value of every parameter that the stack has, so without \
this step the old machine image stays. The new value is the default of {parameter} in the new template. To read it: \
aws cloudformation get-template-summary --template-url URL \
--query "Parameters[?ParameterKey=='{parameter}'].DefaultValue" --output text
4. Leave the other values as they are. The preview of the changes may replace the instance, but neither the database \
nor the bucket: if it does, stop there. Otherwise submit."""
"""Why step 3 is needed (UsePreviousValue):
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-direct.html"""

_MARKED = re.compile(
    r"(?P<ticks>`+)(?P<code>.+?)(?P=ticks)|!?\[(?P<link>[^\]]*)\]\((?:[^()]|\([^()]*\))*\)|(?P<stars>\*{1,3})(?P<emphasized>\S.*?)(?P=stars)"
)
"""A span of code, a link, or emphasized words."""


def release_notes(changelog: str, version: str, parameter: str = "AmiId") -> str:
    """The notes of a version as plain text; empty if the changelog says nothing about it.

    ``parameter`` is the template's parameter for the machine image.
    """
    entry = changelog_entry(changelog, version)
    if entry is None or not entry.text:
        return ""
    return f"{plain_text(entry.text)}\n\n{UPDATE.format(parameter=parameter)}"


def plain_text(markdown: str) -> str:
    """Markdown as plain text without its marks, each paragraph and bullet on one line; in ASCII as far as possible."""
    blocks: list[str] = []
    for line in markdown.splitlines():
        bullet = re.match(r"\s*[-*+]\s+", line)
        heading = re.match(r"#+\s+", line)
        if not line.strip() or not blocks:
            blocks += ["", line.strip()] if line.strip() and blocks else [line.strip()]
        elif bullet or heading or blocks[-1] == "":
            blocks.append(line.strip())
        else:
            blocks[-1] += f" {line.strip()}"
    text = "\n".join(_unmarked(block) for block in blocks)
    return re.sub(r"\n{3,}", "\n\n", in_ascii(text)).strip()


def _unmarked(block: str) -> str:
    return _MARKED.sub(_without_marks, re.sub(r"^[-*+]\s+", "- ", re.sub(r"^#+\s+", "", block)))


def _without_marks(match: re.Match[str]) -> str:
    # Code is kept as it is: a star in it is a star.
    return match["code"] or _MARKED.sub(_without_marks, match["link"] or match["emphasized"] or "")
