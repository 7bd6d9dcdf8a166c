"""What can be checked: a domain, as a person may write it, and nothing else."""

from __future__ import annotations

import ipaddress

from maildns.dnsdata import labels, name
from maildns.errors import RecordSyntaxError, UsageError

_HINT = "give a domain, such as example.org"


def domain_of(text: str) -> str:
    """
    The domain that *text* names: a name, or the one in a mail address or a URL.

    Raises `UsageError` for an address of a host, for the root, and for what is no name.

    >>> domain_of("Alice@Bücher.Example")
    'xn--bcher-kva.example'
    """
    bare = text.strip()
    if "://" in bare:
        bare = bare.partition("://")[2].partition("/")[0].partition(":")[0]
    bare = bare.rpartition("@")[2]
    shown = "".join(char if char.isprintable() else "·" for char in text[:80])
    if _is_address(bare):
        raise UsageError(f"{shown!r} is the address of a host, not a domain", _HINT)
    try:
        domain = name(bare)
    except RecordSyntaxError as error:
        raise UsageError(f"{shown!r} is not a domain: {error.problem}", _HINT) from None
    if domain == "." or not all(labels(domain)) or "*" in domain:
        raise UsageError(f"{shown!r} is not a domain that takes mail", _HINT)
    return domain


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True
