"""
The proof that a record made anew says what the old one said.

All addresses are compared by what is decided for them, and some of them, those at the
edges of networks, are evaluated besides as receivers do: by `check_host`, with its limits.
"""

from __future__ import annotations

import ipaddress

from maildns.ask import Answer, Outcome, Question
from maildns.dnsdata import Txt
from maildns.protocols.spf.compare import difference
from maildns.protocols.spf.coverage import SpfNetworks
from maildns.protocols.spf.evaluate import check_host
from maildns.protocols.spf.reading import Reading
from maildns.protocols.spf.record import SpfResult

MAX_SAMPLES = 64
MAX_TOLD = 5


def faults(old: SpfNetworks, new: SpfNetworks) -> list[str]:
    """What the new policy says that the old one does not; nothing where they are the same."""
    differs = difference(old, new)
    return [f"not the same: {one}" for one in (*differs.shifts, *differs.others)][:MAX_TOLD]


def sampled_faults(new: Reading, old: SpfNetworks) -> tuple[list[str], int]:
    """Addresses to which receivers would not answer what *old* decides, and how many were tried."""
    samples = _samples(old)
    told = []
    for ip in samples:
        result, wanted = _verdict(new, ip), old.decision(ip)
        if result != wanted:
            told.append(f"{ip} would get {result} and shall get {wanted}")
    return told[:MAX_TOLD], len(samples)


def _samples(found: SpfNetworks) -> list[str]:
    """Addresses at the edges of the pieces, evenly over both families."""
    points: list[str] = []
    for version, kind in ((4, ipaddress.IPv4Address), (6, ipaddress.IPv6Address)):
        edges = [point for piece in found.ranges(version) for point in (piece.first, piece.last)]
        step = max(1, 2 * len(edges) // MAX_SAMPLES)
        points += [str(kind(point)) for point in edges[::step]]
    return points


def _verdict(reading: Reading, ip: str) -> SpfResult:
    """The verdict of a receiver who finds what was read."""
    inquiry = check_host(ip=ip, sender=f"postmaster@{reading.domain}", helo=reading.domain)
    try:
        questions = next(inquiry)
        while True:
            questions = inquiry.send([_replayed(reading, question) for question in questions])
    except StopIteration as stop:
        result: SpfResult = stop.value.result
        return result


def _replayed(reading: Reading, question: Question) -> Answer:
    if question.rrtype == "TXT" and question.name in reading.given:
        text = str(reading.given[question.name])
        return Answer(question, Outcome.FOUND, (Txt.of(text),))
    return reading.known.get(question) or Answer(question, Outcome.NO_NAME)
