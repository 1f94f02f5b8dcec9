"""Service principals, endpoints and ARNs that are right in every partition and Region.

No Region, partition or DNS suffix is spelled out anywhere in the stack but in principals and in lists by Region or
partition; each comes from a pseudo parameter.
"""

from __future__ import annotations

from typing import Any

from troposphere import FindInMap, Ref, Sub

CONSOLE_HOSTS = "ConsoleHosts"
"""The mapping from the partition to the host of its console."""


def service(name: str) -> str:
    """A service principal, which ends in ``amazonaws.com`` in every partition.

    With ``AWS::URLSuffix`` it would be wrong in the European Sovereign Cloud (``amazonaws.eu``). AWS's CDK writes the
    same for every Region since the names were made uniform (``ServicePrincipal`` in aws-cdk-lib 2.276.0).
    """
    return f"{name}.amazonaws.com"


def endpoint(name: str, scheme: str = "") -> Sub:
    """Host name of a Regional service endpoint, or its URL with a scheme such as ``https://``."""
    return Sub(f"{scheme}{name}.${{AWS::Region}}.${{AWS::URLSuffix}}")


def arn(rest: str, **values: Any) -> Sub:
    """An ARN of this partition from what comes after ``arn:partition:``; ``values`` are for ``${Name}`` in it."""
    return Sub(f"arn:${{AWS::Partition}}:{rest}", **values)


def console(page: str, **values: Any) -> Sub:
    """The address of a page of the console in this Region; ``values`` are for ``${Name}`` in it."""
    host = FindInMap(CONSOLE_HOSTS, Ref("AWS::Partition"), "Host")
    return Sub(f"https://${{AWS::Region}}.${{Console}}/{page}", Console=host, **values)
