"""The explanations of everything that our own engine reports: the rules, and the checks of a template as a file."""

from __future__ import annotations

from quilt_cfn.cloudformation.checks.rules import FAMILIES as RULE_FAMILIES
from quilt_cfn.finding import Explanation, Family

TEMPLATE_SIZE = Explanation(
    "template-size",
    "CloudFormation refuses the template, or people can't read it any more.",
    "The template has more bytes than it may have. CloudFormation takes 1,000,000 from S3; our own templates have a "
    "lower limit so that people can read them. The scripts of the instance take most of it: shorten them in "
    "quilt_cfn/instance, or install them with the machine image. Divide other templates into nested stacks.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html",
)

UNSEEN_CONDITION = Explanation(
    "unseen-condition",
    "A part of the template was not checked, and may fail for the first customer who needs it.",
    "No parameter set of the contract makes a condition true in any Region, or none makes it false, so that the "
    "resources and values that depend on it were never evaluated. Add a parameter set that does to "
    "marketplace/contract.yaml.",
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html",
)

STALE_SUPPRESSION = Explanation(
    "stale-suppression",
    "A suppression would hide the same finding if it came back.",
    "suppressions.yaml names a finding that is no longer reported. If it came back one day, nobody would see it. "
    "Remove the entry; where the finding moved to another resource or template, change the entry.",
    "https://docs.astral.sh/ruff/rules/unused-noqa/",
)

DUPLICATE_KEY = Explanation(
    "duplicate-key",
    "A part of the template is ignored without a word.",
    "A map has the same key twice. CloudFormation uses the last one, in YAML and in JSON, and drops the others with "
    "all that is in them, such as a whole resource. The linters refuse such a template, and check nothing else in it. "
    "Remove one of them, or rename it.",
    "https://github.com/aws-cloudformation/cfn-language-discussion/issues/96",
)

LINTER_UNFINISHED = Explanation(
    "linter-unfinished",
    "What a linter would have found in the template is not known.",
    "A linter failed, or needed more time or memory than it may, and was ended; the other engines were not. Both "
    "linters try every combination of the values in one Fn::Sub: cloudformation-validate those of parameters with "
    "AllowedValues, cfn-lint those of pseudo parameters. Divide that text into two, or leave the linters out with "
    "--no-linters.",
    "https://github.com/aws-cloudformation/cfn-lint",
)

FAMILIES: tuple[Family, ...] = (
    *RULE_FAMILIES,
    Family(
        "Checks of the template as a file",
        (TEMPLATE_SIZE, DUPLICATE_KEY, LINTER_UNFINISHED, UNSEEN_CONDITION, STALE_SUPPRESSION),
    ),
)

EXPLANATIONS: dict[str, Explanation] = {each.id: each for family in FAMILIES for each in family.explanations}
"""Id -> explanation, for every id that our own engine reports about a template."""
