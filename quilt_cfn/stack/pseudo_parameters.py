"""Service principals, endpoints and ARNs that are right in every partition and Region.

No Region, partition or DNS suffix is spelled out anywhere in the stack; each comes from a pseudo parameter.
"""

from __future__ import annotations

from troposphere import Sub


def service(name: str) -> Sub:
    """A service principal."""
    return Sub(f"{name}.${{AWS::URLSuffix}}")


def endpoint(name: str, scheme: str = "") -> Sub:
    """Host name of a Regional service endpoint, or its URL with a scheme such as ``https://``."""
    return Sub(f"{scheme}{name}.${{AWS::Region}}.${{AWS::URLSuffix}}")


def arn(rest: str) -> Sub:
    """An ARN of this partition from what comes after ``arn:partition:``."""
    return Sub(f"arn:${{AWS::Partition}}:{rest}")
