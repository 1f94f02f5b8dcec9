"""``quilt-cfn check``: checks templates as deployed, for every Region and parameter set, and with the linters."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quilt_cfn.commands.arguments import TEMPLATES, add_command
from quilt_cfn.commands.checkout import find_own_checkout
from quilt_cfn.editions import TEMPLATE_FILES
from quilt_cfn.errors import UserError

if TYPE_CHECKING:
    from quilt_cfn.cloudformation.checks.report import Report


def add_to(commands: Any) -> None:
    parser = add_command(
        commands,
        "check",
        run,
        help="check templates as deployed, for every Region and parameter set",
        epilog="Examples: quilt-cfn check; quilt-cfn check stack.yaml --region eu-west-1 --parameters KeyName=admin; "
        "quilt-cfn check /tmp/variant.yaml --edition marketplace --region eu-west-1; "
        "quilt-cfn check stack.json --parameters parameters.json --format sarif; quilt-cfn check --linters; "
        "quilt-cfn check --explain W08",
    )
    parser.add_argument("files", metavar="FILE", nargs="*", type=Path, help="a template, or - for standard input")
    parser.add_argument(
        "--edition",
        metavar="NAME",
        help=f"check FILE, or the template in {TEMPLATES}, with this edition's contract, parameter sets and "
        f"suppressions: {' or '.join(TEMPLATE_FILES)}",
    )
    parser.add_argument(
        "--parameters",
        metavar="FILE|KEY=VALUE",
        action="append",
        default=[],
        help="values of FILE's parameters, repeatable; a file holds a map, or the list that the AWS CLI takes. "
        "Parameters without a value and a default stay unknown",
    )
    parser.add_argument(
        "--region",
        metavar="REGION",
        action="append",
        default=[],
        help="the Region of FILE's launch, default: us-east-1; with --edition or --linters, repeatable, only these "
        "Regions instead of all",
    )
    parser.add_argument("--marketplace", action="store_true", help="also ask what AWS Marketplace would refuse in FILE")
    parser.add_argument(
        "--linters", action="store_true", help="only ask cfn-lint and cloudformation-validate, in every Region"
    )
    parser.add_argument("--no-linters", action="store_true", help="check FILE by our own rules only")
    parser.add_argument("--format", choices=("text", "json", "sarif"), default="text", help="default: %(default)s")
    parser.add_argument("--explain", metavar="ID", help="explain a rule that a finding names, and do nothing else")


def run(options: argparse.Namespace) -> int:
    """Without FILE, check every edition in every Region, with both sizes and both sides of every condition, by our own
    rules, cfn-lint and cloudformation-validate.

    With FILE, check anybody's template by the same engines, as one set of parameters in one Region deploys it; with
    --edition as well, check FILE as that edition is checked. docs/rules.md lists the rules. Exits with 1 for errors and
    warnings that are not suppressed, and with 2 where there is nothing to check or CloudFormation would refuse the
    parameters.
    """
    if options.explain:
        from quilt_cfn.commands.explanations import explain

        print(explain(options.explain))
        return 0
    from quilt_cfn.cloudformation.checks.report import FORMATS  # late, like all that only a real check needs
    from quilt_cfn.finding import fails

    result = _check(options)
    print(FORMATS[options.format](result))
    return 1 if fails(result.findings) else 0


def _check(options: argparse.Namespace) -> Report:
    from quilt_cfn.cloudformation.checks.check import check, check_one_launch, lint
    from quilt_cfn.inputs import cli_parameters
    from quilt_cfn.inputs.subjects import read_subjects

    regions = [cli_parameters.region(name) for name in dict.fromkeys(options.region)]
    if options.no_linters and (options.linters or options.edition or not options.files):
        raise UserError(
            "--no-linters is about one launch of a template of yours.",
            "Name its file, without --edition and --linters.",
        )
    if options.linters or options.edition or not options.files:
        if options.parameters or options.marketplace:
            raise UserError(
                "--parameters and --marketplace are about one launch of a template of yours.",
                "Name its file, without --edition and --linters.",
            )
        folder = Path() if options.files else find_own_checkout() / TEMPLATES
        subjects = read_subjects(options.files, options.edition, folder)
        return lint(subjects, regions) if options.linters else check(subjects, regions)
    if len(options.files) > 1 or len(regions) > 1:
        raise UserError(
            "One launch is of one template in one Region.",
            "Name one FILE and one --region, or add --edition or --linters.",
        )
    values = cli_parameters.parameter_values(options.parameters)
    region = regions[0] if regions else "us-east-1"
    return check_one_launch(options.files[0], values, region, options.marketplace, linters=not options.no_linters)
