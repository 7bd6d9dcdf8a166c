"""An SRV record in plain words."""

from __future__ import annotations

from maildns.dnsdata import Srv, absolute, unicode_name
from maildns.protocols.clients.record import is_absent


def explain(record: Srv) -> list[tuple[str, str]]:
    """Say what each part of *record* means, in order."""
    if is_absent(record):
        idle = "says nothing: there is no server"
        numbers = (record.priority, record.weight, record.port)
        return [*((str(number), idle) for number in numbers), (".", "this service is not offered")]
    return [
        (str(record.priority), "the order in which servers are tried: the lowest number first"),
        (str(record.weight), "the share of clients among servers of equal priority"),
        (str(record.port), "the port of the service"),
        (absolute(record.target), f"{unicode_name(record.target)} offers the service"),
    ]
