"""
Complete, correct, published and proven DNS records for a mail server.

    import maildns
    from maildns import World, run, spf

    world = World.from_zone(zone_text)
    verdict = run(spf.check_host(ip="192.0.2.1", sender="a@example.com", helo="mx"), world)

The protocols are `spf`, `dkim`, `dmarc`, `dane`, `mtasts`, `tlsrpt`, `bimi`, `mx`, `caa`,
`clients` and `addresses`. Their algorithms are inquiries: they yield questions, and
`run` or `run_async` carries them to a world and back. Names are imported when they are
first used, so that `import maildns` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from maildns._version import __version__

if TYPE_CHECKING:
    from maildns import reports
    from maildns.ask import Answer, DnssecStatus, Inquiry, Outcome, Question
    from maildns.authentication import AuthenticationResults, authenticate
    from maildns.errors import (
        ConfigError,
        InputError,
        MaildnsError,
        PublishError,
        RecordSyntaxError,
        ReportError,
        StalePlan,
        UnsafePlan,
        UsageError,
    )
    from maildns.finding import Finding, Fix, Rule, Severity
    from maildns.net.drivers import run, run_async
    from maildns.net.resolver import Resolver
    from maildns.net.world import Overlay, World
    from maildns.protocols import (
        addresses,
        bimi,
        caa,
        clients,
        dane,
        dkim,
        dmarc,
        mtasts,
        mx,
        spf,
        tlsrpt,
    )

_HOMES = {
    "Answer": "maildns.ask",
    "AuthenticationResults": "maildns.authentication",
    "ConfigError": "maildns.errors",
    "DnssecStatus": "maildns.ask",
    "Finding": "maildns.finding",
    "Fix": "maildns.finding",
    "InputError": "maildns.errors",
    "Inquiry": "maildns.ask",
    "MaildnsError": "maildns.errors",
    "Outcome": "maildns.ask",
    "Overlay": "maildns.net.world",
    "PublishError": "maildns.errors",
    "Question": "maildns.ask",
    "RecordSyntaxError": "maildns.errors",
    "ReportError": "maildns.errors",
    "Resolver": "maildns.net.resolver",
    "Rule": "maildns.finding",
    "Severity": "maildns.finding",
    "StalePlan": "maildns.errors",
    "UnsafePlan": "maildns.errors",
    "UsageError": "maildns.errors",
    "World": "maildns.net.world",
    "authenticate": "maildns.authentication",
    "run": "maildns.net.drivers",
    "run_async": "maildns.net.drivers",
}
_PACKAGES = {"reports": "maildns.reports"}
_PROTOCOLS = frozenset(
    {
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
    },
)

__all__ = [
    "Answer",
    "AuthenticationResults",
    "ConfigError",
    "DnssecStatus",
    "Finding",
    "Fix",
    "InputError",
    "Inquiry",
    "MaildnsError",
    "Outcome",
    "Overlay",
    "PublishError",
    "Question",
    "RecordSyntaxError",
    "ReportError",
    "Resolver",
    "Rule",
    "Severity",
    "StalePlan",
    "UnsafePlan",
    "UsageError",
    "World",
    "__version__",
    "addresses",
    "authenticate",
    "bimi",
    "caa",
    "clients",
    "dane",
    "dkim",
    "dmarc",
    "mtasts",
    "mx",
    "reports",
    "run",
    "run_async",
    "spf",
    "tlsrpt",
]


def __getattr__(wanted: str) -> Any:
    if wanted in _PROTOCOLS:
        found: Any = import_module(f"maildns.protocols.{wanted}")
    elif wanted in _PACKAGES:
        found = import_module(_PACKAGES[wanted])
    elif wanted in _HOMES:
        found = getattr(import_module(_HOMES[wanted]), wanted)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {wanted!r}")
    globals()[wanted] = found
    return found


def __dir__() -> list[str]:
    return list(__all__)
