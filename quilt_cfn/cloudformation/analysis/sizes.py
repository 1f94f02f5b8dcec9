"""How large the texts and documents of a launch are, for which services have a limit.

What is only known in AWS counts nothing, so that each size is the least that there can be.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from quilt_cfn.cloudformation.analysis.grants import identity_of
from quilt_cfn.cloudformation.analysis.policy_documents import IDENTITY, policy_documents
from quilt_cfn.cloudformation.facts import quotas
from quilt_cfn.cloudformation.launch import Launch
from quilt_cfn.cloudformation.template.coerce import as_list, as_text, map_at
from quilt_cfn.cloudformation.template.walk import Path


class Size(NamedTuple):
    """The size of a text or document, and the most that its service takes."""

    path: Path
    what: str
    """``the inline policies of Role``."""
    size: int
    most: int


def sizes(launch: Launch) -> Iterator[Size]:
    """Every size in a launch for which a service has a limit."""
    yield from _policies(launch)
    for name, properties in launch.of_type("AWS::S3::BucketPolicy").items():
        yield _of(name, "PolicyDocument", properties, quotas.BUCKET_POLICY)
    for name, properties in launch.of_type("AWS::SSM::Parameter").items():
        most = quotas.STORED_PARAMETER.get(as_text(properties.get("Tier", "Standard")))
        if most:
            yield _of(name, "Value", properties, most)
    for name, properties in launch.of_type("AWS::SecretsManager::Secret").items():
        yield _of(name, "SecretString", properties, quotas.SECRET)
    for name, properties in launch.of_type("AWS::StepFunctions::StateMachine").items():
        key = "Definition" if "Definition" in properties else "DefinitionString"
        yield _of(name, key, properties, quotas.STATE_MACHINE)
    for name, properties in launch.of_type("AWS::Lambda::Function").items():
        yield _of(name, "Environment", properties, quotas.FUNCTION_VARIABLES, "Variables")


def _policies(launch: Launch) -> Iterator[Size]:
    inline: dict[str, list[tuple[Path, int]]] = defaultdict(list)
    for document in policy_documents(launch):
        owner = str(document.path[1])
        size = len(re.sub(r"\s", "", _text(document.body)))
        if launch.type_of(owner) == "AWS::IAM::ManagedPolicy":
            yield Size(document.path, f"the policy {owner}", size, quotas.MANAGED_POLICY)
        elif document.policy_type == IDENTITY:
            keys = ("Users", "Groups", "Roles", "UserName", "GroupName", "RoleName")
            properties = launch.properties(owner)
            named = {identity_of(launch, each) for key in keys for each in as_list(properties.get(key))}
            for identity in {owner} if launch.type_of(owner) in quotas.INLINE_POLICIES else filter(None, named):
                inline[identity].append((document.path, size))
    for identity, found in inline.items():
        most = quotas.INLINE_POLICIES.get(launch.type_of(identity))
        if most:
            yield Size(found[-1][0], f"the inline policies of {identity}", sum(size for _, size in found), most)


def _of(name: str, key: str, properties: dict[str, Any], most: int, *inner: str) -> Size:
    value = map_at(properties, key).get(inner[0]) if inner else properties.get(key, "")
    return Size(("Resources", name, "Properties", key), f"the {key} of {name}", len(_text(value).encode()), most)


def _text(value: Any) -> str:
    """A text as it is and anything else as compact JSON, without the placeholders in it."""
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return re.sub("<[^<>]*>", "", text) if "<" in text else str(text)
