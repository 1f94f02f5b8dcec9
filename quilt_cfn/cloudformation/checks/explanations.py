"""What ``quilt-cfn check`` reports, explained: the rules, and what is asked of a template as a file."""

from __future__ import annotations

from quilt_cfn.cloudformation.checks.rules import FAMILIES as RULE_FAMILIES
from quilt_cfn.finding import Explanation, Family

TEMPLATE_SIZE = Explanation(
    "template-size",
    "The template can't be launched, or nobody can read it any more.",
    "The template has more bytes than it may have. CloudFormation takes 1 MB from S3, and our own templates stay far "
    "below that so that people can read them. What grows most are the scripts of the instance: shorten them, or "
    "install them with the machine image.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html",
)

UNSEEN_CONDITION = Explanation(
    "unseen-condition",
    "A part of the template was not checked, and may fail for the first customer who needs it.",
    "No parameter set of the contract makes a condition true, or none makes it false, in any Region, so that the "
    "resources and values on that side were never evaluated. Add a parameter set to "
    "marketplace/contract.yaml that does.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html",
)

STALE_SUPPRESSION = Explanation(
    "stale-suppression",
    "A suppression hides a fault that may come back.",
    "suppressions.yaml names a finding that is no longer reported. If the same fault comes back one day, nobody would "
    "see it. Remove the entry; where the finding moved to another resource or template, write the entry anew.",
    "https://docs.astral.sh/ruff/rules/unused-noqa/",
)

FAMILIES: tuple[Family, ...] = (
    *RULE_FAMILIES,
    Family("Checks of the template as a file", (TEMPLATE_SIZE, UNSEEN_CONDITION, STALE_SUPPRESSION)),
)

EXPLANATIONS: dict[str, Explanation] = {each.id: each for family in FAMILIES for each in family.explanations}
"""Every id that our own engine reports about a template."""
