"""
Pretended worlds: DNS answered from memory.

`World` answers the way a recursive resolver would that had just those records:
it follows aliases, expands wildcards (RFC 4592), tells NXDOMAIN from an empty
answer, and remembers what it was asked. `Overlay` puts planned records over a
live world: that is how a plan is proven before it is published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeGuard, overload

from maildns.ask import Answer, DnssecStatus, Outcome, Question, weakest
from maildns.dnsdata import Cname, Mx, Rdata, RRset, Soa, Txt, is_within, name, parent
from maildns.errors import RecordSyntaxError
from maildns.frozen import quickly
from maildns.net.drivers import BlockingWorld
from maildns.zonefile import parse_rdata, parse_records

MAX_ALIASES = 16  # more than any resolver follows; a longer chain is UNREACHABLE
DEFAULT_TTL = 3600
FRUITLESS_ROUNDS = 2  # rounds without a single answer after which a world is taken for dead

_answer = quickly(Answer)

TxtText = bytes | str | Sequence[bytes]
MxPair = tuple[int, str]


class World:
    r"""
    A pretended DNS: empty at first, so every name is `NO_NAME`.

    Names at or below a DNSKEY record, or given to `sign`, answer `SECURE`;
    all others `INSECURE`. `asked` lists every question put to it, in order.

    >>> world = World.from_zone("example.com. TXT \"v=spf1 -all\"")
    >>> world.answer([Question("example.com", "TXT")])[0].records[0].text
    'v=spf1 -all'
    """

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self._sets: dict[tuple[str, str], RRset] = {}
        self._absent: set[tuple[str, str]] = set()
        self._names: dict[str, bool] = {}  # every owner (True) and every name above one (False)
        self._failing: dict[tuple[str, str | None], Outcome] = {}
        self._signed: set[str] = set()

    # --- filling it ---------------------------------------------------------------

    @classmethod
    def from_zone(cls, text: str, origin: str = ".", *, path: Path | None = None) -> World:
        """
        Read zone-file text (RFC 1035 section 5); many zones in one text are fine.

        Raises `InputError` with the line where the text breaks the grammar, and with
        *path* when it is given.
        """
        world = cls()
        world.add_records(
            (record.owner, record.ttl_seconds, record.rdata)
            for record in parse_records(text, origin=origin, path=path)
        )
        return world

    @classmethod
    def of(cls, rrsets: Iterable[RRset]) -> World:
        """Make a world of *rrsets*."""
        world = cls()
        for rrset in rrsets:
            world.put(rrset)
        return world

    def add_records(self, records: Iterable[tuple[str, int, Rdata]]) -> None:
        """Add (owner, TTL in seconds, data) in bulk; the first TTL of a set is the set's."""
        groups: dict[tuple[str, str], tuple[int, list[Rdata]]] = {}
        for owner, ttl_seconds, rdata in records:
            group = groups.setdefault((owner, rdata.rrtype), (ttl_seconds, []))
            group[1].append(rdata)
        for (owner, rrtype), (ttl_seconds, rdatas) in groups.items():
            before = self._sets.get((owner, rrtype))
            if before is not None:
                rdatas.extend(before.records)
            self.put(RRset.of(owner, before.ttl_seconds if before else ttl_seconds, rdatas))

    @overload
    def add(self, owner: str, rrtype: str, data: str, ttl_seconds: int = ...) -> None: ...
    @overload
    def add(
        self,
        owner: str,
        rrtype: str,
        data: TxtText | MxPair,
        ttl_seconds: int = ...,
    ) -> None: ...
    def add(
        self,
        owner: str,
        rrtype: str,
        data: TxtText | MxPair,
        ttl_seconds: int = DEFAULT_TTL,
    ) -> None:
        """
        Add one record.

        *data* of a TXT is its octets, or the list of its strings (octets); of an
        MX the pair (preference, host); of every other type presentation text
        with absolute names. Raises `RecordSyntaxError` when it is neither.
        """
        self.add_records([(name(owner), ttl_seconds, _rdata(rrtype.upper(), data))])

    def put(self, rrset: RRset) -> None:
        """Put a whole RRset in, in place of what stood there."""
        self._sets[rrset.key] = rrset
        self._absent.discard(rrset.key)
        if rrset.rrtype == "DNSKEY":
            self._signed.add(rrset.name)
        self._names[rrset.name] = True
        above = parent(rrset.name)
        while above not in self._names:
            self._names[above] = False
            above = parent(above)

    def take(self, owner: str, rrtype: str) -> None:
        """Take an RRset away, and say that it is absent (which counts in an `Overlay`)."""
        self._sets.pop((owner, rrtype), None)
        self._absent.add((owner, rrtype))
        if all(key[0] != owner for key in self._sets):
            self._names.pop(owner, None)

    def fail(self, owner: str, outcome: Outcome, rrtype: str | None = None) -> None:
        """Make questions for *owner* end in *outcome*: of *rrtype* alone, or of every type."""
        self._failing[name(owner), None if rrtype is None else rrtype.upper()] = outcome

    def sign(self, apex: str) -> None:
        """Count *apex* and all below it as signed: their answers are `SECURE`."""
        self._signed.add(name(apex))

    # --- looking ------------------------------------------------------------------

    def rrset(self, owner: str, rrtype: str) -> RRset | None:
        """The RRset that stands at just this name, without following anything."""
        return self._sets.get((owner, rrtype))

    def rrsets(self) -> list[RRset]:
        """All RRsets, sorted by name and type."""
        return [self._sets[key] for key in sorted(self._sets)]

    def says_about(self, owner: str, rrtype: str) -> bool:
        """
        Whether this world has a word on *owner* and *rrtype*: there, absent, or failing.

        Where an alias is there or was taken away, it has one on all types: nothing else
        stands beside an alias.
        """
        key = (owner, rrtype)
        alias = (owner, "CNAME")
        return (
            key in self._sets
            or key in self._absent
            or alias in self._sets
            or alias in self._absent
            or key in self._failing
            or (owner, None) in self._failing
        )

    def has_name(self, owner: str) -> bool:
        """Whether *owner* or a name below it has records."""
        return owner in self._names

    # --- answering ----------------------------------------------------------------

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in order."""
        self.asked.extend(questions)
        return [follow(self.look, question) for question in questions]

    async def answer_async(self, questions: Sequence[Question]) -> list[Answer]:
        """Like `answer`."""
        return self.answer(questions)

    def look(self, question: Question) -> Answer:
        """Answer one question without following an alias: that of a CNAME has it in `records`."""
        failing = self._failure(question) if self._failing else None
        if failing is not None:
            status = DnssecStatus.BOGUS if failing is Outcome.BOGUS else DnssecStatus.UNKNOWN
            return Answer(question, failing, dnssec=status, detail="made to fail")
        dnssec = self._status(question.name)
        stands_at = self._source(question.name)
        for rrtype in (question.rrtype, "CNAME"):
            rrset = self._sets.get((stands_at, rrtype)) if stands_at else None
            if rrset is not None:
                return _answer(question, Outcome.FOUND, rrset.records, rrset.ttl_seconds, dnssec)
        outcome = Outcome.NO_NAME if stands_at is None else Outcome.NO_DATA
        return Answer(question, outcome, (), self._negative_ttl(question.name), dnssec)

    def _failure(self, question: Question) -> Outcome | None:
        of_type = self._failing.get((question.name, question.rrtype))
        return of_type or self._failing.get((question.name, None))

    def _source(self, owner: str) -> str | None:
        """The name whose records answer for *owner*: itself, or a wildcard (RFC 4592 section 3.3.1)."""
        if owner in self._names:
            return owner
        encloser = parent(owner)
        while encloser not in self._names and encloser != ".":
            encloser = parent(encloser)
        wildcard = "*" if encloser == "." else f"*.{encloser}"
        return wildcard if wildcard in self._names else None

    def _status(self, owner: str) -> DnssecStatus:
        if self._signed and any(is_within(owner, apex) for apex in self._signed):
            return DnssecStatus.SECURE
        return DnssecStatus.INSECURE

    def _negative_ttl(self, owner: str) -> int | None:
        apex = owner
        while True:
            soa = self._sets.get((apex, "SOA"))
            if soa is not None and isinstance(soa.records[0], Soa):
                return min(soa.ttl_seconds, soa.records[0].minimum)  # RFC 2308 section 5
            if apex == ".":
                return None
            apex = parent(apex)


class _Look(Protocol):
    def __call__(self, question: Question, /) -> Answer: ...


def follow(look: _Look, question: Question) -> Answer:
    """Answer *question* by *look*, following CNAME records as a resolver does (RFC 1034 section 3.6.2)."""
    answer = look(question)
    if not answer.aliases and not (answer.records and isinstance(answer.records[0], Cname)):
        return answer  # nearly always
    aliases: list[str] = []
    ttls: list[int | None] = []
    statuses: list[DnssecStatus] = []
    while True:
        ttls.append(answer.ttl_seconds)
        statuses.append(answer.dnssec)
        aliases.extend(answer.aliases)
        only = answer.records[0] if len(answer.records) == 1 else None
        if not isinstance(only, Cname) or question.rrtype == "CNAME":
            break
        if only.target in {question.name, *aliases} or len(aliases) >= MAX_ALIASES:
            return Answer(
                question, Outcome.UNREACHABLE, aliases=tuple(aliases), detail="aliases without end"
            )
        aliases.append(only.target)
        answer = look(Question(only.target, question.rrtype))
    if not aliases:
        return answer
    known = [ttl for ttl in ttls if ttl is not None]
    return replace(
        answer,
        question=question,
        aliases=tuple(aliases),
        ttl_seconds=min(known, default=None),
        dnssec=weakest(statuses),
    )


class Overlay:
    """
    Planned records first, then the live world.

    Where *planned* has a word (an RRset, or one taken away), that is the answer,
    with the DNSSEC status that the live world gives for the same name: a plan
    does not change whether a zone is signed. An alias is followed through both.
    """

    def __init__(self, planned: World, live: BlockingWorld) -> None:
        self.planned = planned
        self.live = live

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in order; questions for the live world go together."""
        ahead = dict(zip(questions, self.live.answer(questions), strict=True))

        def look(question: Question) -> Answer:
            return self._look(question, ahead)

        return [follow(look, question) for question in questions]

    def _look(self, question: Question, ahead: Mapping[Question, Answer]) -> Answer:
        live = ahead.get(question) or self.live.answer([question])[0]
        if self.planned.says_about(question.name, question.rrtype):
            planned = self.planned.look(question)
            if planned.failed:
                return planned
            status = live.dnssec if not live.failed else DnssecStatus.UNKNOWN
            outcome = Outcome.NO_DATA if planned.void else planned.outcome
            records, ttl = planned.records, planned.ttl_seconds
            return Answer(question, outcome, records, ttl, status, detail="planned")
        for position, alias in enumerate(live.aliases):
            if self.planned.says_about(alias, question.rrtype):
                rest = self._look(Question(alias, question.rrtype), {})
                return replace(
                    rest, question=question, aliases=live.aliases[: position + 1] + rest.aliases
                )
        if live.outcome is Outcome.NO_NAME and self.planned.has_name(live.owner):
            return replace(live, outcome=Outcome.NO_DATA)
        return live


class Remembering:
    """A world that asks another one each question once: for a short while, such as one proof."""

    def __init__(self, world: BlockingWorld) -> None:
        self.world = world
        self._known: dict[Question, Answer] = {}

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in order; those not known yet are asked together."""
        known = self._known
        new = [one for one in dict.fromkeys(questions) if one not in known]
        if new:
            known.update(zip(new, self.world.answer(new), strict=True))
        return [known[one] for one in questions]


class GivingUp:
    """
    A world that stops asking one from which no answer ever came, so that it costs seconds.

    A few rounds of questions that all end in `UNREACHABLE` are enough; what is asked after
    that is `UNREACHABLE` at once. One answer of any other kind, and it never gives up.
    """

    def __init__(self, world: BlockingWorld) -> None:
        self.world = world
        self._rounds_left = FRUITLESS_ROUNDS
        self._alive = False
        self._why = ""

    def answer(self, questions: Sequence[Question]) -> list[Answer]:
        """One answer for each question, in order."""
        if not self._alive and not self._rounds_left:
            return [Answer(one, Outcome.UNREACHABLE, detail=self._why) for one in questions]
        answers = self.world.answer(questions)
        if self._alive or not answers:
            return answers
        self._alive = any(answer.outcome is not Outcome.UNREACHABLE for answer in answers)
        self._rounds_left -= 1
        self._why = answers[0].detail
        return answers


def _rdata(rrtype: str, data: TxtText | MxPair) -> Rdata:
    if isinstance(data, str) and (rrtype != "TXT" or data.startswith('"')):
        return parse_rdata(rrtype, data)
    if rrtype == "TXT" and isinstance(data, bytes | bytearray | str):
        return Txt.of(data if isinstance(data, str) else bytes(data))
    if rrtype == "MX" and _is_pair(data):
        preference, host = data
        return Mx(int(preference), name(str(host)))
    if rrtype == "TXT":
        strings = [part.encode() if isinstance(part, str) else part for part in data]
        if strings and all(isinstance(part, bytes) for part in strings):
            return Txt(tuple(part for part in strings if isinstance(part, bytes)))
    shown = repr(data)[:80]
    forms = {"TXT": "octets or a list of them", "MX": "the pair (preference, host)"}
    problem = f"the data of {rrtype} is {forms.get(rrtype, 'its presentation text')}"
    raise RecordSyntaxError(problem, shown, (0, len(shown)))


def _is_pair(data: TxtText | MxPair) -> TypeGuard[MxPair]:
    """Whether *data* are the preference, of 16 bits (RFC 1035 section 3.3.9), and host of an MX."""
    if len(data) != 2 or not isinstance(data[1], str):
        return False
    return isinstance(data[0], int) and 0 <= data[0] <= 0xFFFF
