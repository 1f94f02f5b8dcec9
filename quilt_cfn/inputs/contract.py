"""Reads contract.yaml: the parameter sets to check our templates with, and what the templates alone don't show."""

from __future__ import annotations

import re
from pathlib import Path

from quilt_cfn.cloudformation.launch.contract import Contract, ContractCall, ContractConnection
from quilt_cfn.inputs.fields import Fields, read_fields

CONTRACT_FILE = Path(__file__).resolve().parents[2] / "marketplace" / "contract.yaml"
"""The contract of this checkout."""

_NAME = re.compile(r"[A-Za-z0-9-]+")
_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z]+")
_NUMBER = re.compile(r"[0-9]+")
_REGION = re.compile(r"[a-z]+(-[a-z]+)+-[0-9]+")


def read_contract(path: Path = CONTRACT_FILE) -> Contract:
    """The contract in a YAML file; raises ``UserError`` that names the field and what it should be."""
    fields = read_fields(path, "contract")
    parameters = fields.maps("parameter_sets", "the value of a parameter")
    documented = parameters.get("documented", {})
    contract = Contract(
        parameter_sets={name: {**documented, **values} for name, values in parameters.items()},
        calls=tuple(
            call for entry in fields.entries("calls", "with principals, actions, resource") for call in _calls(entry)
        ),
        connections=tuple(map(_connection, fields.entries("connections", "with source, destination, port"))),
        containers={name: int(port) for name, port in fields.map("containers", "a port", _NUMBER).items()},
        others=dict(map(_other, fields.entries("others", "with template, regions, parameter_sets"))),
    )
    fields.refuse_others()
    return contract


def _calls(fields: Fields) -> list[ContractCall]:
    principals = fields.map("principals", "the logical ID of a user or role", _NAME)
    actions = fields.strings("actions", "an IAM action such as s3:GetObject", _ACTION)
    resource = fields.string_or_list("resource", "an ARN as Fn::Sub takes it, a text or a list, or *")
    because = fields.string("because", "who makes the call, and what for")
    condition = fields.optional("condition", "the name of a condition of the template", _NAME)
    return [
        ContractCall(principal, action, resource, because, template, condition)
        for template, principal in principals.items()
        for action in actions
    ]


def _connection(fields: Fields) -> ContractConnection:
    return ContractConnection(
        source=fields.string("source", "a logical ID, or a CIDR as Fn::Sub spells it"),
        destination=fields.string("destination", "a logical ID, or a CIDR as Fn::Sub spells it"),
        port=fields.string("port", "a port, as Fn::Sub spells it"),
        because=fields.string("because", "who connects, and what for"),
    )


def _other(fields: Fields) -> tuple[str, Contract]:
    return fields.string("template", "the name of the file of a template that is no edition"), Contract(
        parameter_sets=fields.maps("parameter_sets", "the value of a parameter"),
        regions=fields.strings("regions", "the name of a Region such as eu-west-1", _REGION),
    )
