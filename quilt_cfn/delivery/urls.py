"""What a URL says about its server, before anybody asks it."""

from __future__ import annotations

from ipaddress import ip_address


def has_user(url: str) -> bool:
    """Whether a URL has a user's name, or a name and a password, before its host."""
    return "@" in url.partition(":")[2].lstrip("/\\").partition("/")[0]


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet, and not of a private network or of this computer."""
    parsed = ip_address(address.partition("%")[0])
    mapped = getattr(parsed, "ipv4_mapped", None)  # of which each version of Python thinks something else
    return (mapped or parsed).is_global


def is_loopback(host: str) -> bool:
    """Whether a host, by name or by IP address, is this computer."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
