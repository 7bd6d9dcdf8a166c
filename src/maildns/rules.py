"""Every rule there is: the modules that register rules, imported in one place."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from maildns.finding import Rule, registered_rules

_PROTOCOLS = (
    "addresses",
    "bimi",
    "caa",
    "clients",
    "dane",
    "dkim",
    "dmarc",
    "mtasts",
    "mx",
    "spf",
    "tlsrpt",
)
_OTHERS = (
    "maildns.audit.checks",
    "maildns.plan.rules",
    "maildns.publish.tsig",
    "maildns.recognise",
    "maildns.zonelint.rules",
)


def all_rules() -> dict[str, Rule]:
    """
    All rules by id, sorted.

    >>> all_rules()["zone-several-spf"].severity.value
    'error'
    """
    for protocol in _PROTOCOLS:
        import_module(f"maildns.protocols.{protocol}")
        # The package need not import the room where its rules stand.
        for room in ("lint", "rules"):
            if find_spec(f"maildns.protocols.{protocol}.{room}"):
                import_module(f"maildns.protocols.{protocol}.{room}")
    for module in _OTHERS:
        import_module(module)
    return registered_rules()
