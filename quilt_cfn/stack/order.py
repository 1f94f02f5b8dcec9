"""The order of creation where no reference gives one.

Whatever may fail is created before the database's creation begins, or after the database is available. When a launch
fails, CloudFormation deletes what it has begun and takes the final snapshot that the database's DeletionPolicy asks
for; RDS refuses that while the database is being created, and the rollback would end in ROLLBACK_FAILED.

The group of instances comes last: nothing that fails beside it makes CloudFormation replace an instance that works.
Only alarms and the dashboard, which watch its instances, come after it.
"""

from __future__ import annotations

from typing import Any

from quilt_cfn.cloudformation.template.walk import references
from quilt_cfn.cloudformation.template.write import TemplateDict


def after_the_rest(template: TemplateDict, last: str) -> TemplateDict:
    """The template, in which one resource, by its logical ID, waits for every resource that doesn't wait for it."""
    begun = {key: value for key, value in template["Resources"][last].items() if key != "DependsOn"}
    resources = {**template["Resources"], last: begun}
    direct = {name: _before(resource) & set(resources) for name, resource in resources.items()}
    before = {name: _closure(name, direct) for name in resources}
    early = [name for name in resources if name != last and last not in before[name]]
    # What a conditional resource waits for may have to be waited for without it.
    certain = [name for name in early if "Condition" not in resources[name]]
    waited_for = set().union(before[last], *(before[name] for name in certain))
    missing = sorted(name for name in early if name not in waited_for)
    always = [name for name in missing if name in certain]
    ordered = {**begun, "DependsOn": always}
    # DependsOn takes no resource that may not exist; a reference in the metadata, which does nothing else, orders too.
    # https://cloudonaut.io/optional-dependson-with-cloudformation-metadata-to-the-rescue
    sometimes = [_if_it_exists(name, resources[name]["Condition"]) for name in missing if name not in always]
    if sometimes:
        ordered["Metadata"] = {**begun.get("Metadata", {}), "CreatedAfter": sometimes}
    return {**template, "Resources": {**resources, last: ordered}}


def _if_it_exists(name: str, condition: str) -> dict[str, Any]:
    return {"Fn::If": [condition, {"Ref": name}, {"Ref": "AWS::NoValue"}]}


def _closure(name: str, direct: dict[str, set[str]]) -> set[str]:
    """The resources that are created before one, directly or by way of others."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        new = direct[waiting.pop()] - seen
        seen |= new
        waiting += new
    return seen


def _before(resource: dict[str, Any]) -> set[str]:
    explicit = resource.get("DependsOn", [])
    named = {explicit} if isinstance(explicit, str) else set(explicit)
    return named | {reference.name for reference in references(resource)}
