"""Templates that have nothing to do with our product, and whether each finding about them is right.

findings.yaml has every finding of ``quilt-cfn check`` about a template in templates/, with a person's assessment and
its reason. docs/other-templates.md is made from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from quilt_cfn.cloudformation.template.read import read_template
from quilt_cfn.finding import counted

HERE = Path(__file__).parent
TEMPLATES = sorted(each for each in (HERE / "templates").iterdir() if each.suffix in (".json", ".yaml"))


class Assessment(NamedTuple):
    """Whether a finding about a template is right, as a person assessed it."""

    template: str
    rule: str
    resource: str
    right: bool
    reason: str


def read_assessments() -> tuple[list[Assessment], list[dict[str, Any]]]:
    """The assessments of our templates, and the counts for collections that are not in this repository."""
    read = yaml.safe_load((HERE / "findings.yaml").read_text())
    assessed = [Assessment(template, **each) for template, findings in read["templates"].items() for each in findings]
    return assessed, read["collections"]


def page() -> str:
    """The text of docs/other-templates.md."""
    assessed, collections = read_assessments()
    false = [each for each in assessed if not each.right]
    return "\n".join(
        [
            INTRODUCTION,
            "| Template | What it is | Right | False |",
            "|---|---|---|---|",
            *(_row(file, assessed) for file in TEMPLATES),
            f"| **{counted(len(TEMPLATES), 'template')}** | | **{len(assessed) - len(false)}** | **{len(false)}** |",
            "",
            "## The findings",
            "",
            *(f"- {each.template}, {_in_words(each)}" for each in assessed),
            "",
            COLLECTIONS,
            "| Collection | Date | Templates | Findings | False today | False at first |",
            "|---|---|---|---|---|---|",
            *(f"| {' | '.join(map(str, each.values()))} |" for each in collections),
            "",
            LIMITS,
        ]
    )


def _row(file: Path, assessed: list[Assessment]) -> str:
    own = [each for each in assessed if each.template == file.name]
    right, false = (_rules(each for each in own if each.right is wanted) for wanted in (True, False))
    return f"| {file.name} | {read_template(file).data['Description']} | {right} | {false} |"


def _rules(assessed: Iterator[Assessment]) -> str:
    numbers = Counter(each.rule for each in assessed)
    return ", ".join(rule if number == 1 else f"{number} {rule}" for rule, number in numbers.items())


def _in_words(each: Assessment) -> str:
    return f"{each.rule} about {each.resource}, {'right' if each.right else '**false**'}: {each.reason}"


INTRODUCTION = """\
# Other people's templates

`quilt-cfn check FILE` checks any CloudFormation template. To know how often it is wrong, we let it check templates that
have nothing to do with our product, and assessed each finding by AWS's documentation: it is right if it reports a real
defect, and false if it doesn't. Made by `python -m tests.other_templates` from tests/other_templates/findings.yaml; a
test compares that file with what check finds.

## Written for this purpose

These have the shapes that people publish. Two thirds are meant to be correct; the others have a defect or two of the
sort that public templates have, and name it in their first lines. Checked in us-east-1, with the defaults of their
parameters.
"""

COLLECTIONS = """\
## Written by others

These two collections are in source distributions on PyPI, and no part of this repository. Each file was given to
`quilt-cfn check` as it is. The rules whose findings were false at first have been corrected.
"""

LIMITS = """\
One of troposphere's examples and nine files of cfn-lint's have no resources, so they are no templates; another of
cfn-lint's has a YAML alias, which CloudFormation refuses. Check says so of each. Of the findings in cfn-lint's
templates 67 say for information what was not expanded: many of them are about loops.

The false findings came from custom resources, whose output may be any resource; `Fn::Transform` inside `Fn::Sub`;
`Fn::GetStackOutput`; modules; loops among the conditions; `cfn-init -v -c launch`, where an option follows an option
without a value; and LoginProfile, taken for the name of a log. The templates above showed one more: the host in a
database's secret, taken for a secret.

## What check doesn't see in a template

- It checks one launch, in one Region, with one set of parameter values; `--parameters` and `--region` change them.
- A parameter without value and default is unknown, and so is what comes from another stack, from SSM or from a custom
  resource. Unknown values are never reported.
- Macros are not run. What AWS::Serverless or a macro of your own would add is unknown, and a reference to it is not
  reported. The functions of AWS::LanguageExtensions are computed; what is inside `Fn::ForEach` is not checked. Nested
  stacks and modules are not opened. Each such part is named by T12, for information.
- The syntax of programs and files in a template is checked in Python, shell, JSON, YAML, nginx and systemd, not in
  JavaScript, PowerShell and others. What a here-document writes is read only if the shell replaces nothing in it.
- Connections are known between load balancers, instances and databases of one template, not for containers and
  functions.
- Unused permissions and open ports without traffic are reported only with a contract, which says what a template
  doesn't show. Other templates have none.
- Schemas of resources are the linters' business: cfn-lint and cloudformation-validate are asked as well, unless
  `--no-linters` is given. The lists above have the findings of our own rules.
"""
