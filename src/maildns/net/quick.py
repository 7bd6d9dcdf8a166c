"""
The replies that most questions get, understood at once from their octets.

What they mean is what `maildns.net.lookup` says they mean; whatever is not plain (a cut reply, a
failure, a referral, an alias left open, what makes no sense) is None here and that module's to
judge. So the bulk driver is fast where it is plain and right where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

from maildns.ask import Answer, DirectQuestion, DnssecStatus, Outcome, Question, Seen
from maildns.dnsdata import Cname, Rdata, RRset, is_within
from maildns.net import wire

MAX_ALIASES = 16
MAX_TTL = 2**31 - 1  # RFC 2181 section 8
_RCODES = {0: "NOERROR", 3: "NXDOMAIN"}
_ONE_ONLY = {wire.CNAME, wire.SOA, wire.RRSIG}  # of which dnspython keeps one in a set


@dataclass(slots=True)
class Manner:
    """
    How a server, which `server` spells, is asked.

    With `direct` it is asked by itself, for signatures too; with `authoritative` only authority
    counts. `trusted` says that its AD bit is believed, `validates` whether it is known to validate.
    """

    server: str
    direct: bool = False
    recursive: bool = True
    authoritative: bool = False
    trusted: bool = False
    validates: bool | None = None


class Asked(NamedTuple):
    """A question, the section that it went out as, and how its server is asked."""

    question: Question
    section: bytes
    manner: Manner


# The question, its section, the manner, the octets, and the milliseconds, the time and the TTL.
Packed: TypeAlias = tuple[tuple[str, ...], bytes, Manner, bytes, tuple[float, float, int | None]]


def understand(asked: Asked, octets: bytes, milliseconds: float, at: float) -> Answer | None:
    """
    What *octets* say to the question *asked*; None where that is not plain.

    They came after *milliseconds*, at the time *at*, and are a reply to that question
    (`maildns.net.wire.is_reply`).
    """
    question, section, manner = asked.question, asked.section, asked.manner
    message = wire.parse(octets, question.name, section)
    if message is None or message.rcode not in _RCODES or not _is_plain(message.flags, manner):
        return None
    aliases: list[str] = []
    found = _walk(message, question.name, int.from_bytes(section[-4:-2], "big"), manner, aliases)
    if found is None:
        return None
    records, ttl = found
    outcome, detail = Outcome.FOUND, ""
    if not records:
        negative = _negative_ttl(message, aliases[-1] if aliases else question.name)
        if negative is None:
            return None
        ttl = min(ttl, negative)
        outcome = Outcome.NO_NAME if message.rcode else Outcome.NO_DATA
        detail = manner.server
    elif message.rcode:
        return None
    status = _status(message.flags, manner)
    seen = Evidence(asked, octets, milliseconds, at)
    return Answer(question, outcome, records, ttl, status, tuple(aliases), detail, seen)


def _is_plain(flags: int, manner: Manner) -> bool:
    """Whether it is whole, from one who speaks for the name, and its DNSSEC status can be told."""
    if flags & wire.CUT:
        return False
    if manner.authoritative and not flags & wire.AUTHORITATIVE:
        return False
    if not manner.recursive:
        return True
    if not flags & (wire.RECURSION_OFFERED | wire.AUTHORITATIVE):
        return False
    return not manner.trusted or flags & wire.AUTHENTIC != 0 or manner.validates is not None


def _status(flags: int, manner: Manner) -> DnssecStatus:
    if not manner.recursive or not manner.trusted:
        return DnssecStatus.UNKNOWN
    if flags & wire.AUTHENTIC:
        return DnssecStatus.SECURE
    return DnssecStatus.INSECURE if manner.validates else DnssecStatus.UNKNOWN


def _walk(
    message: wire.Message, name: str, rdtype: int, manner: Manner, aliases: list[str]
) -> tuple[tuple[Rdata, ...], int] | None:
    """
    Follow the answer section, record by record, in the order in which servers write it.

    Fills *aliases*; the records at their end, and the least TTL on the way.
    """
    at, least = name, MAX_TTL
    records: list[Rdata] = []
    for record in message.records[: message.first_authority]:
        owner, kind, ttl, _, _ = record
        if kind == wire.RRSIG != rdtype and manner.direct:
            continue
        value = wire.rdata(message, record)
        if value is None or owner != at:
            return None
        if kind == rdtype:
            records.append(value)
        elif isinstance(value, Cname) and not records:
            at = value.target
            if at == name or at in aliases or len(aliases) >= MAX_ALIASES:
                return None
            aliases.append(at)
        else:
            return None
        least = min(least, ttl)
    if len(records) > 1:
        return None if rdtype in _ONE_ONLY else (tuple(sorted(set(records), key=str)), least)
    return tuple(records), least


def _negative_ttl(message: wire.Message, owner: str) -> int | None:
    """How long nothing stands at *owner*; None where the message does not say (RFC 2308 section 5)."""
    for record in message.records[message.first_authority : message.first_additional]:
        if record[1] == wire.SOA and is_within(owner, record[0]):
            return wire.negative_ttl(message, record)
    return None


class Evidence(Seen):
    """What is seen of a reply, read from its octets only when someone looks."""

    __slots__ = ("_asked", "_wire")

    _asked: Asked
    _wire: bytes

    def __init__(self, asked: Asked, octets: bytes, milliseconds: float, at: float) -> None:
        put = object.__setattr__
        put(self, "_asked", asked)
        put(self, "_wire", octets)
        put(self, "milliseconds", milliseconds)
        put(self, "at", at)

    @property
    def server(self) -> str:
        """The server that replied."""
        return self._asked.manner.server

    @property
    def rcode(self) -> str:
        """What it says of the whole."""
        return _RCODES[self._wire[3] & wire.RCODE]

    @property
    def authoritative(self) -> bool:
        """Whether it speaks with authority."""
        return self._wire[2] << 8 & wire.AUTHORITATIVE != 0

    @property
    def octets(self) -> int:
        """The size of the message."""
        return len(self._wire)

    @property
    def signatures(self) -> tuple[Rdata, ...]:
        """The RRSIG records of the answer."""
        message = self._message()
        if message is None:
            return ()
        signed = [record for record in message.answer if record[1] == wire.RRSIG]
        read = [wire.rdata(message, record) for record in signed]
        return tuple(sorted({one for one in read if one is not None}, key=str))

    @property
    def authority(self) -> tuple[RRset, ...]:
        """The records of the authority section."""
        message = self._message()
        return () if message is None else wire.rrsets(message, message.authority)

    @property
    def additional(self) -> tuple[RRset, ...]:
        """The records of the additional section."""
        message = self._message()
        return () if message is None else wire.rrsets(message, message.additional)

    def _message(self) -> wire.Message | None:
        asked = self._asked
        if not asked.manner.direct:
            return None
        return wire.parse(self._wire, asked.question.name, asked.section)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Evidence, (self._asked, self._wire, self.milliseconds, self.at))

    def packed(self, ttl_seconds: int | None) -> Packed:
        """The answer that this is seen of, small; of all replies this is the least that tells all."""
        question, section, manner = self._asked
        times = (self.milliseconds, self.at, ttl_seconds)
        return tuple(question), section, manner, self._wire, times


def pack(answer: Answer) -> Packed | Answer:
    """*answer* in a form that another process is given fast; `unpack` makes it whole there."""
    seen = answer.seen
    return seen.packed(answer.ttl_seconds) if isinstance(seen, Evidence) else answer


def unpack(packed: Packed | Answer) -> Answer:
    """The answer that `pack` was given."""
    if isinstance(packed, Answer):
        return packed
    words, section, manner, octets, (milliseconds, at, ttl) = packed
    question = DirectQuestion(*words) if manner.direct else Question(*words)
    answer = understand(Asked(question, section, manner), octets, milliseconds, at)
    if answer is None:
        raise AssertionError("what was understood once is understood again")
    return answer if answer.ttl_seconds == ttl else replace(answer, ttl_seconds=ttl)
