"""What CloudFormation would create from a template with certain parameter values in a Region; nothing is created.

    template ──▶ parameter_values ──▶ evaluator, functions ──▶ Launch: its resources and outputs, evaluated

A value that only AWS knows before a launch (an attribute, a generated name) becomes a placeholder that says what it
stands for; every ``Value`` lists the parameters, resources and references that it is made of; a function that
CloudFormation could not compute becomes an ``EvaluationError``. The one exception raised is ``ValidationError``, with
the message that the console would show. This package may import ``quilt_cfn.cloudformation.template`` and ``facts``.
"""

from quilt_cfn.cloudformation.launch.contract import EMPTY_CONTRACT, Contract, values_for
from quilt_cfn.cloudformation.launch.functions import NAME
from quilt_cfn.cloudformation.launch.launch import Launch, PreparedLaunch, evaluate, prepare
from quilt_cfn.cloudformation.launch.parameter_values import ValidationError
from quilt_cfn.cloudformation.launch.values import Base64Value, Origin, UnknownList, Value, is_known, origins_of

__all__ = [
    "EMPTY_CONTRACT",
    "NAME",
    "Base64Value",
    "Contract",
    "Launch",
    "Origin",
    "PreparedLaunch",
    "UnknownList",
    "ValidationError",
    "Value",
    "evaluate",
    "is_known",
    "origins_of",
    "prepare",
    "values_for",
]
