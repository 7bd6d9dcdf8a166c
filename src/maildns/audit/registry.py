"""
The checks: small functions from facts to results, registered by the topic they belong to.

Importing `maildns.audit.checks` registers them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, TypeAlias

from maildns.audit.result import Result

if TYPE_CHECKING:
    from maildns.audit.facts import Facts

Check: TypeAlias = "Callable[[Facts], Iterable[Result]]"

# In the order in which they are shown.
TOPICS: Final = {
    "zone": "name servers and zone",
    "dnssec": "DNSSEC",
    "mx": "where mail goes",
    "addresses": "addresses and their names",
    "smtp": "the mail servers",
    "tls": "TLS and certificates",
    "dane": "DANE",
    "mtasts": "MTA-STS",
    "tlsrpt": "TLS reports",
    "spf": "SPF",
    "dkim": "DKIM",
    "dmarc": "DMARC",
    "bimi": "BIMI",
    "caa": "CAA",
    "clients": "mail programs",
    "views": "views",
}
_CHECKS: dict[str, list[Check]] = {topic: [] for topic in TOPICS}
_ALWAYS: set[Check] = set()


def check(topic: str, *, always: bool = False) -> Callable[[Check], Check]:
    """
    Register a check under *topic*, one of `TOPICS`; raises `KeyError` for another.

    Of a domain that does not exist only those with *always* are made: nothing else is to be said.
    """
    registered = _CHECKS[topic]

    def register(made: Check) -> Check:
        registered.append(made)
        if always:
            _ALWAYS.add(made)
        return made

    return register


def judge(facts: Facts) -> dict[str, list[Result]]:
    """All results by topic, in the order of `TOPICS` and of the checks."""
    gone = facts.dns.exists is False
    return {
        topic: [result for one in checks if not gone or one in _ALWAYS for result in one(facts)]
        for topic, checks in _CHECKS.items()
    }
