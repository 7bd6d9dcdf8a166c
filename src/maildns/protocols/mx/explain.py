"""An MX record in plain words."""

from __future__ import annotations

from maildns.dnsdata import Mx, absolute, unicode_name
from maildns.protocols.mx.record import is_null


def explain(record: Mx) -> list[tuple[str, str]]:
    """Say what each part of *record* means, in order."""
    if is_null(record):
        nothing = "says nothing: there is no host"
        return [(str(record.preference), nothing), (".", "this domain takes no mail (RFC 7505)")]
    order = "the order in which hosts are tried: the lowest number first, equal ones at random"
    host = f"{unicode_name(record.host)} takes mail for this domain"
    return [(str(record.preference), order), (absolute(record.host), host)]
