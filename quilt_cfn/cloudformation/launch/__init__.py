"""What CloudFormation would create from a template: parameter values, Region and account decide, and nothing is
created.

    template ──▶ parameter_values ──▶ evaluator and functions ──▶ Launch: resources and outputs, evaluated

What only AWS can tell (an attribute, a generated name) becomes a ``Value`` that says what it stands for, every
``Value`` knows what flowed into it, and what would fail becomes an ``EvaluationError``. Nothing is guessed, and nothing
is raised but ``ValidationError``, whose message is what the console would show. This package may import
``quilt_cfn.cloudformation.template`` and ``facts``.
"""

from quilt_cfn.cloudformation.launch.launch import Launch, PreparedLaunch, evaluate, prepare
from quilt_cfn.cloudformation.launch.parameter_values import ValidationError
from quilt_cfn.cloudformation.launch.values import Base64Value, Origin, UnknownList, Value

__all__ = [
    "Base64Value",
    "Launch",
    "Origin",
    "PreparedLaunch",
    "UnknownList",
    "ValidationError",
    "Value",
    "evaluate",
    "prepare",
]
