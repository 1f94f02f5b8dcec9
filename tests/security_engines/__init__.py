"""The security engines that customers run on our templates: checkov, AWS CloudFormation Guard and cdk-nag.

Each is a function from template files to what it finds, a set of (template's file, rule's ID, logical ID). None of them
contacts AWS. ``bin/set-up-security-engines`` installs them.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.template.read import read_template

_HERE = Path(__file__).parent
_INSTALLED = _HERE.parents[1] / ".security-engines"
_VERSIONS = ("constraints.txt", "guard-rules.txt", "package-lock.json")
_MODULES = _INSTALLED / "node_modules"
_GUARD = _MODULES / "@cdklabs/cdk-validator-cfnguard"
_CONTROLS = _GUARD / "rules/control-tower/cfn-guard"
_REGISTRY = _INSTALLED / "registry/awslabs/aws_iac_mcp_server/data"
_PROCESSORS = {"x86_64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}
_SYSTEMS = {"Linux": "ubuntu", "Darwin": "macos"}


class Found(NamedTuple):
    """What an engine says about one resource of a template."""

    template: str
    """The name of the file, without its folder."""
    rule: str
    resource: str


def missing() -> str | None:
    """Why they can't run; None if they can."""
    if not shutil.which("node"):
        return "there is no Node.js"
    if platform.machine() not in _PROCESSORS or platform.system() not in _SYSTEMS:
        return "cfn-guard's package has no program for this computer"
    ready = _INSTALLED / "ready"
    wanted = "".join((_HERE / name).read_text() for name in _VERSIONS)
    if not ready.exists() or ready.read_text().split() != wanted.split():
        return f"run: bin/set-up-security-engines {_INSTALLED.name}"
    return None


def checkov(templates: Sequence[Path]) -> set[Found]:
    """What checkov finds, with the parameters at their defaults, which is what it does by itself."""
    files = [argument for each in templates for argument in ("--file", str(each))]
    options = ["--framework", "cloudformation", "--output", "json", "--quiet", "--compact", "--skip-download"]
    report = json.loads(_run([_INSTALLED / "checkov/bin/checkov", *files, *options], {0, 1}))
    return {
        # The resource is AWS::S3::Bucket.Bucket.
        Found(Path(each["file_path"]).name, each["check_id"], each["resource"].rpartition(".")[2])
        for each in report["results"]["failed_checks"]
    }


def guard_registry(templates: Sequence[Path]) -> set[Found]:
    """What the rules find that AWS packages of its Guard Rules Registry."""
    return _guard(templates, [_REGISTRY / "default_guard_rules.guard"], str)


def control_tower(templates: Sequence[Path]) -> set[Found]:
    """What AWS Control Tower's proactive controls find, by the control's ID, such as CT.RDS.PR.1."""
    files = {name: file for file in _CONTROLS.rglob("*.guard") for name in _rule_names(file)}
    return _guard(templates, sorted(set(files.values())), lambda rule: files[rule].stem.upper().replace("-", "."))


def cdk_nag(templates: Sequence[Path]) -> set[Found]:
    """What every pack of cdk-nag finds, by the rule's ID with the pack in front."""
    with tempfile.TemporaryDirectory() as folder:
        # JSON, because its own reader of YAML warns of functions that are for Rules only.
        copies = [Path(folder, each.name) for each in templates]
        for copy, template in zip(copies, templates, strict=True):
            copy.write_text(json.dumps(read_template(template).data))
        environment = {"NODE_PATH": str(_MODULES), "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1"}
        found = json.loads(_run(["node", _HERE / "nag.js", *copies], {0}, environment))
    return {Found(each["template"], _short(each["rule"]), each["resource"]) for each in found}


ENGINES = {"checkov": checkov, "guard-registry": guard_registry, "control-tower": control_tower, "cdk-nag": cdk_nag}
"""Name, as in accepted_findings.yaml -> the engine."""


def versions() -> dict[str, str]:
    """Name of an engine -> the versions that are installed of it and of its rules."""
    guard = _run([_program(), "--version"], {0}).split()[-1]
    registry = next((_INSTALLED / "registry").glob("awslabs_aws_iac_mcp_server-*.dist-info")).stem.rpartition("-")[2]
    controls = _package_version("@cdklabs/cdk-validator-cfnguard")
    return {
        "checkov": _run([_INSTALLED / "checkov/bin/checkov", "--version"], {0}).strip(),
        "guard-registry": f"cfn-guard {guard}, rules of awslabs.aws-iac-mcp-server {registry}",
        "control-tower": f"cfn-guard {guard}, rules of @cdklabs/cdk-validator-cfnguard {controls}",
        "cdk-nag": _package_version("cdk-nag"),
    }


def _guard(templates: Sequence[Path], rules: Sequence[Path], named: Any) -> set[Found]:
    """What cfn-guard finds by the rules in some files; ``named`` gives the ID for a rule's name.

    Its report names a resource for some rules and for others not. So each failed rule is asked again, about one
    resource at a time.
    """
    failed = {(Path(template).name, rule) for template, rule in _failed(templates, rules)}
    again = [file for file in rules if any(rule in set(_rule_names(file)) for _, rule in failed)]
    with tempfile.TemporaryDirectory() as folder:
        for template in templates:
            for name, content in _one_at_a_time(read_template(template).data):
                Path(folder, f"{name}@{template.stem}.json").write_text(json.dumps(content))
        found = set()
        for file, rule in _failed([Path(folder)], again):
            resource, _, template_name = Path(file).stem.partition("@")
            found.add((f"{template_name}.yaml", rule, resource))
    located = {
        Found(template, named(rule), resource) for template, rule, resource in found if (template, rule) in failed
    }
    assert {each[:2] for each in found} >= failed, "a rule fails of no resource by itself"
    return located


def _failed(data: Iterable[Path], rules: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """(file, name of a rule that it breaks), for files or folders of files."""
    command: list[str | Path] = [_program(), "validate", "--structured", "--output-format", "json"]
    for option, paths in (("--rules", rules), ("--data", data)):
        command += [argument for path in paths for argument in (option, path)]
    for each in json.loads(_run([*command, "--show-summary", "none"], {0, 19})):
        yield from ((each["name"], failed["Rule"]["name"]) for failed in each["not_compliant"])


def _one_at_a_time(template: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Logical ID -> the template with nothing but this resource."""
    for name, resource in template["Resources"].items():
        yield name, {"Parameters": template["Parameters"], "Resources": {name: resource}}


def _rule_names(file: Path) -> list[str]:
    return re.findall(r"(?m)^rule (\w+)", file.read_text())


def _short(rule: str) -> str:
    """A rule's ID; where it ends in the text of a Fn::Sub with its variables, only the text: AwsSolutions-IAM5[…]."""
    match = re.fullmatch(r"(.+?::)(\[.+\])\]", rule)
    return f"{match[1]}{json.loads(match[2])[0]}]" if match else rule


def _program() -> Path:
    return _GUARD / "bin" / _SYSTEMS[platform.system()] / _PROCESSORS[platform.machine()] / "cfn-guard"


def _package_version(name: str) -> str:
    version: str = json.loads((_MODULES / name / "package.json").read_text())["version"]
    return version


def _run(command: Sequence[str | Path], statuses: set[int], environment: Mapping[str, str] | None = None) -> str:
    """What a program prints; fails for an exit status that is none of these."""
    done = subprocess.run(
        [str(each) for each in command],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode in statuses, f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout
