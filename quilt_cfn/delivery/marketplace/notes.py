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
3. Leave every value as it is. {parameter} is new in this template, and its default is the machine image of this \
version; a stack that keeps an earlier image does not start.
4. The preview of the changes may replace the instance, but neither the database nor the bucket: if it does, stop \
there. Otherwise submit.
With the AWS CLI, name every other parameter with UsePreviousValue=true, but neither {parameter} nor the earlier \
version's parameter for the machine image: CloudFormation refuses a name that the new template does not have, and a \
previous value of one that the running stack does not have."""
"""Why a new name: CloudFormation offers the saved value of every parameter that the stack has (UsePreviousValue).
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-direct.html

What it refuses: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/service_code_examples.html (a name that
is not in the template) and https://github.com/aws/aws-cli/issues/2599 (a previous value that there is not)."""

_MARKED = re.compile(
    r"(?P<ticks>`+)(?P<code>.+?)(?P=ticks)|!?\[(?P<link>[^\]]*)\]\((?:[^()]|\([^()]*\))*\)|(?P<stars>\*{1,3})(?P<emphasized>\S.*?)(?P=stars)"
)
"""A span of code, a link, or emphasized words."""


def release_notes(changelog: str, version: str, parameter: str) -> str:
    """The notes of a version as plain text; empty if the changelog says nothing about it.

    ``parameter`` is the parameter for the machine image in the version's template.
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
