"""AWS CDK's comparison of two templates: another opinion about what an update replaces.

It compares templates, not parameter values, and follows references: what refers to a replaced resource is replaced if
its own property can't change. So a launch becomes a template again, without parameters and conditions.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from quilt_cfn.cloudformation.launch import Launch, Value
from quilt_cfn.cloudformation.launch.values import Origin

_HERE = Path(__file__).parent
_INSTALLED = _HERE.parents[1] / ".cloudformation-diff"


def missing() -> str | None:
    """Why it can't run; None if it can."""
    if not shutil.which("node"):
        return "there is no Node.js"
    lock = _INSTALLED / "package-lock.json"
    if not (_INSTALLED / "ready").exists() or lock.read_text() != (_HERE / "package-lock.json").read_text():
        return f"run: bin/set-up-cloudformation-diff {_INSTALLED.name}"
    return None


def differences(pairs: Iterable[tuple[Launch, Launch]]) -> list[dict[str, dict[str, Any]]]:
    """For each launch and the one after it: logical ID -> ``impact``, and ``properties`` with the impact of each."""
    found: list[dict[str, dict[str, Any]]] = json.loads(
        subprocess.run(
            ["node", str(_HERE / "diff.js")],
            input=json.dumps([[as_template(before), as_template(after)] for before, after in pairs]),
            env={**os.environ, "NODE_PATH": str(_INSTALLED / "node_modules")},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=60,
        ).stdout
    )
    return found


def as_template(launch: Launch) -> dict[str, Any]:
    """The resources of a launch as a template, with references where only AWS knows the value."""
    return {"Resources": {name: _written(resource) for name, resource in launch.resources.items()}}


def _written(value: Any) -> Any:
    """An evaluated value as in a template: what is known as it is, the rest as the references that it comes from."""
    if isinstance(value, Value) and not value.known:
        origin = value.stands_for
        if origin:
            return _reference(origin)
        return {"Text": str(value), "From": [_reference(each) for each in sorted(value.origins)]}
    if isinstance(value, dict):
        return {key: _written(each) for key, each in value.items()}
    return [_written(each) for each in value] if isinstance(value, list) else value


def _reference(origin: Origin) -> dict[str, Any]:
    return {"Fn::GetAtt": [origin.name, origin.attribute]} if origin.attribute else {"Ref": origin.name}
