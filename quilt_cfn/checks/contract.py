"""What a template has to do beyond what it says itself: the forms that customers send, and what runs in the stack.

The rule: a contract is data about one product, read from one file; a stranger's template has an empty one, and the
rules then ask only what the template answers by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from quilt_cfn.errors import Trouble

CONTRACT_FILE = Path(__file__).resolve().parents[2] / "marketplace" / "contract.yaml"
"""What the editions of this checkout have to do."""


class Call(NamedTuple):
    """An AWS API call that runs in the stack and that no file in the template shows."""

    principal: str
    """Logical ID of the user or role that makes it."""
    action: str
    resource: str
    """The ARN, in Fn::Sub's words, or ``*``."""
    because: str
    """Who makes it and what for: a sentence without its stop."""
    template: str
    """The name of the template's file."""


class Agreed(NamedTuple):
    """A conversation that the template doesn't show; each end is a logical ID, or a CIDR in Fn::Sub's words."""

    source: str
    destination: str
    port: str
    because: str


@dataclass(frozen=True, eq=False)
class Contract:
    """``forms`` is name -> parameter -> value; ``calls`` are those of one template, see ``for_template``."""

    forms: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    calls: tuple[Call, ...] = ()
    conversations: tuple[Agreed, ...] = ()
    containers: Mapping[str, int] = field(default_factory=dict)
    """Container -> the port on which it listens."""

    def for_template(self, file_name: str) -> Contract:
        """The part of the contract that is about one template."""
        return replace(self, calls=tuple(call for call in self.calls if call.template == file_name))


NOTHING_AGREED = Contract()
"""The contract of a stranger's template."""


def read_contract(path: Path = CONTRACT_FILE) -> Contract:
    """The contract in a YAML file; raises ``Trouble``."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        calls = [
            Call(principal, action, entry["resource"], entry["because"], template)
            for entry in document["calls"]
            for template, principal in entry["principals"].items()
            for action in entry["actions"]
        ]
        documented = document["forms"]["documented"]
        forms = {name: documented | form for name, form in document["forms"].items()}
        conversations = tuple(Agreed(**entry) for entry in document["conversations"])
        containers = {name: int(port) for name, port in document["containers"].items()}
    except (OSError, yaml.YAMLError, AttributeError, TypeError, KeyError, ValueError) as error:
        raise Trouble(
            f"The contract in {path} could not be read: {error}.",
            "Run the command in a checkout, and compare the file with its last version.",
        ) from error
    return Contract(forms, tuple(calls), conversations, containers)
