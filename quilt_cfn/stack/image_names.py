"""Names for Image Builder's resources, which have no generated ones: different in every stack of an account.

A component and a recipe can't be changed. CloudFormation makes another one beside the old, if it has another name.
https://docs.aws.amazon.com/imagebuilder/latest/userguide/manage-recipes.html
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from troposphere import Ref, Select, Split, Sub, encode_to_dict

# The first eight hexadecimal digits of the identifier in the stack's ID, arn:…:stack/NAME/IDENTIFIER.
_STACK = Select(0, Split("-", Select(2, Split("/", Ref("AWS::StackId")))))


def named_by_stack(name: str) -> Sub:
    """The name with a part of the stack's ID behind it."""
    return Sub(f"{name}-${{Stack}}", Stack=_STACK)


def named_by_content(name: str, content: Any) -> Sub:
    """The same with twelve digits that stand for the content: troposphere's objects, dicts, lists and texts."""
    text = json.dumps(encode_to_dict(content), sort_keys=True)
    return named_by_stack(f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:12]}")


def image_version(version: str) -> str:
    """The version of a component or a recipe, which knows three numbers and no draft."""
    return version.partition("-")[0]
