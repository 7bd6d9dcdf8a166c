"""The mend: which record to publish instead, where a result can tell."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from maildns.ask import Answer
from maildns.audit.result import Result
from maildns.dnsdata import Rdata, Txt
from maildns.errors import RecordSyntaxError
from maildns.zonefile import parse_rdata


@dataclass(frozen=True, slots=True)
class Mend:
    """A record to publish at `name`, what it does, and the rule that asks for it."""

    name: str
    rdata: Rdata
    says: str
    rule: str
    ttl_seconds: int | None = None


def mend_of(result: Result) -> Mend | None:
    """
    The record that mends *result*; None where there is nothing to publish, or it cannot be told.

    A fix that does not name the place of its record stands where the answer came from that the
    result rests on.
    """
    fix = result.fix
    if fix is None or fix.record is None:
        return None
    answer = next((one for one in result.evidence if isinstance(one, Answer)), None)
    owner = fix.owner or (answer.question.name if answer else "")
    rrtype = fix.rrtype or (answer.question.rrtype if answer else "")
    if not owner or not rrtype:
        return None
    rdata = _rdata(rrtype, fix.record)
    if rdata is None:
        return None
    ttl = answer.ttl_seconds if answer is not None and answer.found else None
    return Mend(owner, rdata, fix.says, result.rule, ttl)


def _rdata(rrtype: str, text: str) -> Rdata | None:
    if rrtype == "TXT" and not text.startswith('"'):
        return Txt.of(text)
    try:
        return parse_rdata(rrtype, text)
    except RecordSyntaxError:
        return None


def mends(results: Iterable[Result]) -> list[Mend]:
    """
    Each record once; of several that would take each other's place, that for the worst fault.

    A mend is the whole record that stands there, with one fault less, so two of them for the same
    record cannot both be published: when the first is in place, the next check gives the second.
    """
    found: dict[tuple[object, ...], Mend] = {}
    for result in sorted(results, key=lambda one: -one.status.rank):
        made = mend_of(result)
        if made is not None:
            found.setdefault(_place(made), made)
    return list(found.values())


def _place(mend: Mend) -> tuple[object, ...]:
    """What a mend takes the place of: one text of its kind, or just the same record."""
    if not isinstance(mend.rdata, Txt):
        return (mend.name, mend.rdata)
    kind = mend.rdata.text.replace(";", " ").partition(" ")[0].lower()
    return (mend.name, mend.rdata.rrtype, kind)
