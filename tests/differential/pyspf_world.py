"""pyspf over a pretended world: its lookup function is the port that it offers."""

from __future__ import annotations

import spf as pyspf

from maildns.ask import Question
from maildns.dnsdata import Mx, Txt
from maildns.protocols.spf.macro import target_name


class Lookup:
    """What pyspf calls for each DNS question; it answers from *world*."""

    def __init__(self, world):
        self.world = world

    def __call__(self, name, qtype, _strict=True, _timeout=20):
        asked = target_name(name)
        if asked is None:
            return []
        (answer,) = self.world.answer([Question(asked, qtype)])
        if answer.failed:
            raise pyspf.TempError("DNS: no answer")
        return [((name, qtype), _value(record)) for record in answer.records]


def _value(record):
    if isinstance(record, Txt):
        return record.strings
    if isinstance(record, Mx):
        return (record.preference, record.host)
    return str(record).rstrip(".")


def query(world, *, ip, sender, helo):
    """A query of pyspf whose questions go to *world*."""
    pyspf.DNSLookup = Lookup(world)
    return pyspf.query(i=ip, s=sender, h=helo, receiver="unknown", querytime=0)


def check(world, *, ip, sender, helo):
    """The result of pyspf, one of the seven words, and its explanation of a fail."""
    result, _code, text = query(world, ip=ip, sender=sender, helo=helo).check()
    return result, text
