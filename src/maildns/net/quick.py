"""
The replies that most questions get, understood at once from their octets.

What they mean is what `maildns.net.lookup` says they mean; whatever is not plain (a cut reply, a
failure, a referral, an alias left open, what makes no sense) is None here and that module's to
judge. So the bulk driver is fast where it is plain and right where it is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from maildns.ask import (
    Answer,
    DirectQuestion,
    DnssecStatus,
    Outcome,
    Question,
    Seen,
    draft_answer,
    told_again,
)
from maildns.dnsdata import Cname, Rdata, RRset, is_within
from maildns.frozen import unlocked
from maildns.net import wire

MAX_ALIASES = 16
MAX_TTL = 2**31 - 1  # RFC 2181 section 8
_RCODES = {0: "NOERROR", 3: "NXDOMAIN"}
# To look a member up in its class costs more than to use it.
_FOUND, _NO_NAME, _NO_DATA = Outcome.FOUND, Outcome.NO_NAME, Outcome.NO_DATA
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
    _weighed: dict[int, DnssecStatus | None] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def learn(self, *, validates: bool) -> None:
        """Whether the server validates is known now."""
        self.validates = validates
        self._weighed.clear()

    def status(self, flags: int) -> DnssecStatus | None:
        """
        The DNSSEC status of a reply with these *flags*, its rcode among them.

        None where it is not plain: not whole, not from one who speaks for the name, a failure.
        """
        try:
            return self._weighed[flags]
        except KeyError:
            self._weighed[flags] = status = _status(flags, self) if _is_plain(flags, self) else None
            return status

    @property
    def packed(self) -> tuple[Any, ...]:
        """All that it is, to make another of."""
        return (
            self.server,
            self.direct,
            self.recursive,
            self.authoritative,
            self.trusted,
            self.validates,
        )


@dataclass(slots=True, eq=False)
class Asked:
    """A question, the section that it went out as, and how its server is asked."""

    question: Question
    section: bytes
    manner: Manner


# The manners in which was asked, and the answers: each a tuple of plain values, or whole.
Packed: TypeAlias = tuple[list[tuple[Any, ...]], list[Any]]


def understand(asked: Asked, octets: bytes, milliseconds: float, at: float) -> Answer | None:
    """
    What *octets* say to the question *asked*; None where that is not plain.

    They came after *milliseconds*, at the time *at*, and are a reply to that question
    (`maildns.net.wire.is_reply`).
    """
    question, manner = asked.question, asked.manner
    status = manner.status(octets[2] << 8 | octets[3])
    if status is None:
        return None
    rcode = octets[3] & wire.RCODE
    aliases: tuple[str, ...] = ()
    records: tuple[Rdata, ...] = ()
    ttl = wire.denial(octets, question[0], asked.section)
    if ttl is None:
        found = _sole(asked, octets) or _read(asked, octets)
        if found is None:
            return None
        records, ttl, aliases = found
        if records and rcode:
            return None
    answer = draft_answer()
    if records:
        answer.outcome, answer.detail = _FOUND, ""
    else:
        answer.outcome, answer.detail = _NO_NAME if rcode else _NO_DATA, manner.server
    answer.question = question
    answer.records = records
    answer.ttl_seconds = ttl
    answer.dnssec = status
    answer.aliases = aliases
    answer.seen = _evidence(question, manner, octets, milliseconds, at)
    answer.__class__ = Answer
    made: Answer = answer
    return made


# The records at the end of the aliases, the TTL of the whole, and the aliases.
_Found: TypeAlias = tuple[tuple[Rdata, ...], int, tuple[str, ...]]


def _sole(asked: Asked, octets: bytes) -> _Found | None:
    """What most replies that have something hold: one record, of the type and at the name asked for."""
    sole = wire.sole_record(octets, asked.question[0], asked.section)
    return None if sole is None else ((sole[0],), sole[1], ())


def _read(asked: Asked, octets: bytes) -> _Found | None:
    name, section = asked.question[0], asked.section
    message = wire.parse_answer(octets, name, section)
    if message is None or message.rcode != octets[3] & wire.RCODE:
        return None
    aliases: list[str] = []
    found = _walk(message, name, section[-4] << 8 | section[-3], asked.manner, aliases)
    if found is None:
        return None
    records, ttl = found
    if not records:
        whole = wire.parse(octets, name, section)
        negative = _negative_ttl(whole, aliases[-1] if aliases else name) if whole else None
        if negative is None:
            return None
        ttl = min(ttl, negative)
    return records, ttl, tuple(aliases)


def _is_plain(flags: int, manner: Manner) -> bool:
    """Whether it is whole, from one who speaks for the name, and its DNSSEC status can be told."""
    if flags & wire.CUT or flags & wire.RCODE not in _RCODES:
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
        return None if rdtype in _ONE_ONLY else (_in_order(records), least)
    return tuple(records), least


def _in_order(records: list[Rdata]) -> tuple[Rdata, ...]:
    """Sorted by their text, each once; what has another text is another record."""
    by_text = {str(record): record for record in records}
    if len(by_text) < len(records):
        return tuple(sorted(set(records), key=str))
    return tuple(by_text[text] for text in sorted(by_text))


def _negative_ttl(message: wire.Message, owner: str) -> int | None:
    """How long nothing stands at *owner*; None where the message does not say (RFC 2308 section 5)."""
    for record in message.records[message.first_authority : message.first_additional]:
        if record[1] == wire.SOA and is_within(owner, record[0]):
            return wire.negative_ttl(message, record)
    return None


class Evidence(Seen):
    """What is seen of a reply, read from its octets only when someone looks."""

    __slots__ = ("manner", "question", "whole")

    question: Question
    manner: Manner
    whole: bytes

    @property
    def server(self) -> str:
        """The server that replied."""
        return self.manner.server

    @property
    def rcode(self) -> str:
        """What it says of the whole."""
        return _RCODES[self.whole[3] & wire.RCODE]

    @property
    def authoritative(self) -> bool:
        """Whether it speaks with authority."""
        return self.whole[2] << 8 & wire.AUTHORITATIVE != 0

    @property
    def octets(self) -> int:
        """The size of the message."""
        return len(self.whole)

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
        if not self.manner.direct:
            return None
        name = self.question.name
        return wire.parse(self.whole, name, wire.question_in(self.whole, name))

    def __reduce__(self) -> tuple[Any, ...]:
        made_of = (self.question, self.manner, self.whole, self.milliseconds, self.at)
        return (_evidence, made_of)


_draft_evidence = unlocked(Evidence)


def _evidence(
    question: Question, manner: Manner, octets: bytes, milliseconds: float, at: float
) -> Seen:
    made = _draft_evidence()
    made.question = question
    made.manner = manner
    made.whole = octets
    made.milliseconds = milliseconds
    made.at = at
    made.__class__ = Evidence
    seen: Seen = made
    return seen


def pack(answers: Iterable[Answer]) -> Packed:
    """
    *answers* in a form that another process is given fast; `unpack` makes them whole there.

    Of a reply its octets are the least that tells all.
    """
    manners: list[Manner] = []
    number: dict[int, int] = {}
    rows: list[Any] = []
    for answer in answers:
        seen = answer.seen
        if not isinstance(seen, Evidence):
            rows.append(answer)
            continue
        asked, manner = seen.question, seen.manner
        which = number.get(id(manner))
        if which is None:
            which = number[id(manner)] = len(manners)
            manners.append(manner)
        # What is asked of one server itself has more words; some answers are to several questions.
        words: tuple[str, ...] = asked
        more = None
        if len(words) > 2 or answer.question != asked:
            more = words[2:], tuple(answer.question)
        ttl, took = answer.ttl_seconds, seen.milliseconds
        rows.append((which, words[0], words[1], seen.whole, took, seen.at, ttl, more))
    return [manner.packed for manner in manners], rows


def unpack(packed: Packed) -> list[Answer]:
    """The answers that `pack` was given."""
    manners, rows = packed
    made = [Manner(*one) for one in manners]
    return [row if isinstance(row, Answer) else _unpacked(made, *row) for row in rows]


def _unpacked(manners: list[Manner], number: int, *row: Any) -> Answer:
    name, rrtype, octets, milliseconds, at, ttl, more = row
    servers, other = more or ((), None)
    asked = _question(name, rrtype, *servers)
    section = wire.question_in(octets, name)
    answer = understand(Asked(asked, section, manners[number]), octets, milliseconds, at)
    if answer is None:
        raise AssertionError("what was understood once is understood again")
    question = _question(*other) if other else asked
    return told_again(answer, question, ttl)


def _question(*words: str) -> Question:
    return Question(*words) if len(words) == 2 else DirectQuestion(*words)
