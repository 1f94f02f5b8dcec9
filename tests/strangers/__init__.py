"""Templates as they are found in public: what `quilt-cfn check` says about each, and whether it is right.

The rule: every finding has a verdict in verdicts.yaml, given by hand with its reason; docs/strangers.md comes of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from quilt_cfn.cloudformation.checks.report import counted
from quilt_cfn.cloudformation.template.read import read_template

HERE = Path(__file__).parent
TEMPLATES = sorted(each for each in (HERE / "templates").iterdir() if each.suffix in (".json", ".yaml"))


class Verdict(NamedTuple):
    """Whether a finding about a template is right, as judged by a person."""

    template: str
    rule: str
    resource: str
    right: bool
    reason: str


def read_verdicts() -> tuple[list[Verdict], list[dict[str, Any]]]:
    """The verdicts about our strangers, and the counts of collections that are not in this repository."""
    read = yaml.safe_load((HERE / "verdicts.yaml").read_text())
    verdicts = [Verdict(template, **each) for template, findings in read["templates"].items() for each in findings]
    return verdicts, read["collections"]


def page() -> str:
    """The text of docs/strangers.md."""
    verdicts, collections = read_verdicts()
    false = [each for each in verdicts if not each.right]
    return "\n".join(
        [
            INTRODUCTION,
            "| Template | What it is | Right | False |",
            "|---|---|---|---|",
            *(_row(file, verdicts) for file in TEMPLATES),
            f"| **{counted(len(TEMPLATES), 'template')}** | | **{len(verdicts) - len(false)}** | **{len(false)}** |",
            "",
            "## The findings",
            "",
            *(f"- {each.template}, {_about(each)}" for each in verdicts),
            "",
            COLLECTIONS,
            "| Collection | Date | Judged | Findings | False today | False when first judged |",
            "|---|---|---|---|---|---|",
            *(f"| {' | '.join(map(str, each.values()))} |" for each in collections),
            "",
            LIMITS,
        ]
    )


def _row(file: Path, verdicts: list[Verdict]) -> str:
    mine = [each for each in verdicts if each.template == file.name]
    right, false = (_rules(each for each in mine if each.right is wanted) for wanted in (True, False))
    return f"| {file.name} | {read_template(file).data['Description']} | {right} | {false} |"


def _rules(verdicts: Iterator[Verdict]) -> str:
    numbers = Counter(each.rule for each in verdicts)
    return ", ".join(rule if number == 1 else f"{number} {rule}" for rule, number in numbers.items())


def _about(verdict: Verdict) -> str:
    return f"{verdict.rule} about {verdict.resource}, {'right' if verdict.right else '**false**'}: {verdict.reason}"


INTRODUCTION = """\
# Other people's templates

`quilt-cfn check FILE` judges any CloudFormation template. To know how often it is wrong, we let it judge templates that
have nothing to do with our product, and judged each of its findings ourselves against the documentation of AWS: it is
right if it tells a real fault, and false if it doesn't. Made by `python -m tests.strangers` from
tests/strangers/verdicts.yaml; the tests hold check to these verdicts.

## Written for this purpose

Of the shapes that people publish. Two thirds are meant to be right; the others have a fault or two of the kind that
public templates have, and say so in their first lines. Launched in us-east-1, with every field left as it is.
"""

COLLECTIONS = """\
## Written by others

Templates that we didn't write say more. These two collections are in source distributions on PyPI, and no part of this
repository; each file was given to `quilt-cfn check` as it is. What was false when they were first judged was mended.
"""

LIMITS = """\
One of troposphere's examples and nine files of cfn-lint's have no resources, so they are no templates; another of
cfn-lint's has a YAML alias, which CloudFormation refuses. Check says so of each.

The false findings came from custom resources, whose output may be any resource; `Fn::Transform` inside `Fn::Sub`;
`Fn::GetStackOutput`; modules; loops among the conditions; `cfn-init -v -c launch`, where an option follows an option
without a value; and LoginProfile, taken for the name of a log. The templates above showed one more: the host in a
database's secret, taken for a secret.

## What check can and can't say of a template

- It looks at one launch, in one Region, with one set of values; `--parameters` and `--region` give others.
- A parameter without value and default stands for itself, and so does what comes from another stack, from SSM or from a
  custom resource. About what depends on these, nothing is said.
- Macros are not run. What AWS::Serverless or a macro of your own would add is unknown, and a reference to it is no
  fault. Of AWS::LanguageExtensions the functions are computed; what is inside `Fn::ForEach` is not judged.
- Nested stacks and modules are not opened.
- Who talks to whom is judged between load balancers, instances and databases of one template, not for containers and
  functions.
- What is unused or open beyond need is judged only with a contract, which says what a template doesn't show. Strangers
  have none.
- Schemas of resources are the linters' business: run cfn-lint as well.
"""
