"""What commands that describe one launch of one template have in common: how the template and its values are named."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from quilt_cfn.commands.arguments import TEMPLATES
from quilt_cfn.commands.checkout import find_own_checkout
from quilt_cfn.editions import REGISTRY, TEMPLATE_FILES
from quilt_cfn.errors import UserError

if TYPE_CHECKING:
    from quilt_cfn.cloudformation.launch import Contract, Launch

DOCUMENTED = "documented"
"""The parameter set with which one of our templates is described; --parameters replaces single values of it."""


class OneTemplate(NamedTuple):
    """One launch of one template."""

    name: str
    """What the user called the template: one of ours by its name, any other by its file."""
    launch: Launch
    contract: Contract
    """Ours for our templates, and an empty one for others."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The template, the parameter values and the Region of the launch that a command describes."""
    parser.add_argument(
        "template",
        metavar="FILE|NAME",
        nargs="?",
        default=REGISTRY.name,
        help=f"a template, - for standard input, or one of ours in {TEMPLATES}: {', '.join(TEMPLATE_FILES)}; "
        "default: %(default)s",
    )
    parser.add_argument(
        "--parameters",
        metavar="FILE|KEY=VALUE",
        action="append",
        default=[],
        help="values of parameters, repeatable; a file holds a map, or the list that the AWS CLI takes. Parameters "
        "without a value and a default stay unknown; ours have values of an example",
    )
    parser.add_argument(
        "--region", metavar="REGION", default="us-east-1", help="the Region of the launch, default: %(default)s"
    )


def read(options: argparse.Namespace) -> OneTemplate:
    """The launch that the arguments describe.

    Raises ``UserError`` for a file that is not a template, and for values that CloudFormation would refuse.
    """
    from quilt_cfn.cloudformation.launch import EMPTY_CONTRACT, values_for
    from quilt_cfn.cloudformation.template.read import read_template
    from quilt_cfn.inputs import cli_parameters
    from quilt_cfn.inputs.contract import read_contract

    name: str = options.template
    values = cli_parameters.parameter_values(options.parameters)
    region = cli_parameters.region(options.region)
    if name in TEMPLATE_FILES:
        file = find_own_checkout() / TEMPLATES / TEMPLATE_FILES[name]
        template = read_template(file).data
        contract = read_contract().for_template(file.name)
        values = values_for(template, contract.parameter_sets[DOCUMENTED]) | values
    else:
        template, contract = read_template(_file(name)).data, EMPTY_CONTRACT
    return OneTemplate(name, _launch(template, values, region), contract)


def launch_again(file: Path, one: OneTemplate) -> Launch:
    """A launch of another template with the same values, as far as it declares them. Raises ``UserError``."""
    from quilt_cfn.cloudformation.template.coerce import map_at
    from quilt_cfn.cloudformation.template.read import read_template

    template = read_template(_file(str(file))).data
    declared = map_at(template, "Parameters")
    values = {name: value for name, value in one.launch.parameter_values.items() if name in declared}
    return _launch(template, values, one.launch.region)


def _launch(template: Mapping[str, Any], values: Mapping[str, Any], region: str) -> Launch:
    from quilt_cfn.cloudformation.launch import ValidationError, evaluate

    try:
        return evaluate(template, values, region, allow_missing=True)
    except ValidationError as refused:
        what = f"CloudFormation would refuse this launch in {region}: {str(refused).rstrip('.')}."
        raise UserError(what, "Change the values with --parameters, or name another --region.") from None


def _file(name: str) -> Path:
    """The file of a template that is not ours."""
    from quilt_cfn.editions import nearest

    if name != "-" and not Path(name).is_file() and not Path(name).suffix:
        raise UserError(f"{name} is neither a file nor one of our templates.", nearest(name))
    return Path(name)
