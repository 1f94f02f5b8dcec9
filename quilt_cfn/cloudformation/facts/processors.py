"""Which processor architecture an EC2 instance type has, and an image that a public parameter of AWS names.

Instance types: after the generation's digit, ``g`` stands for AWS's own processors, Graviton, which are arm64.
https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html. Named otherwise are a1, the Macs with
Apple's processors, and the types with NVIDIA's Grace.
https://docs.aws.amazon.com/ec2/latest/instancetypes/ac.html

Images: https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-public-parameters-ami.html
"""

from __future__ import annotations

import re

ARM64, X86_64 = "arm64", "x86_64"

_INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
_ARM_TYPE = re.compile(r"a1|[a-z]+[0-9]+g[a-z]*|[a-z0-9]+-gb[0-9]+|mac2(-.+)?|mac-m.+")

_ARM_IMAGE = re.compile(r"(?i)(?<![a-z0-9])(arm64|aarch64)(?![a-z0-9])")
_X86_IMAGE = re.compile(r"(?i)(?<![a-z0-9])(x86_64|amd64)(?![a-z0-9])")
_UNNAMED_X86 = re.compile(
    r"/aws/service/(ami-windows-latest/|ecs/optimized-ami/(amazon-linux|windows)|eks/optimized-ami/[0-9.]+/amazon-linux-2)"
)
"""Public parameters that name an architecture only if it is another than x86_64."""


def of_instance_type(instance_type: str) -> str | None:
    """The architecture of an instance type such as ``t4g.small``; None for what isn't the name of one."""
    if not _INSTANCE_TYPE.fullmatch(instance_type):
        return None
    return ARM64 if _ARM_TYPE.fullmatch(instance_type.partition(".")[0]) else X86_64


def of_public_image(parameter: str) -> str | None:
    """The architecture of the image in a public parameter, by its path; None where the path doesn't say."""
    if not parameter.startswith("/aws/service/"):
        return None
    # An underscore is a word character, so that mac's arm64_mac would not be found as a word.
    text = parameter.replace("_mac", "/mac")
    arm, x86 = _ARM_IMAGE.search(text), _X86_IMAGE.search(text)
    if arm or x86:
        return None if arm and x86 else ARM64 if arm else X86_64
    return X86_64 if _UNNAMED_X86.match(parameter) else None
