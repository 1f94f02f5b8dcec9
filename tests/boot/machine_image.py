"""What EC2 Image Builder does with the image factory's components, on an instance of the harness."""

from __future__ import annotations

from subprocess import CompletedProcess
from typing import Any

from tests.boot.instance import Instance
from tests.stack.component_documents import commands

FILE = "/run/commands-of-a-step"


def run_phase(instance: Instance, factory: dict[str, Any], name: str, *variables: str) -> CompletedProcess[str]:
    """Run a phase, with NAME=VALUE environment variables if there are any; it ends with the first step that fails."""
    output, code = "", 0
    for shell in commands(factory, name):
        instance.run(f"cat >{FILE}", input=shell)
        done = instance.run(f"cd / && exec env {' '.join(variables)} bash {FILE} 2>&1")
        output, code = output + done.stdout, done.returncode
        if code != 0:
            break
    return CompletedProcess(name, code, output, "")
