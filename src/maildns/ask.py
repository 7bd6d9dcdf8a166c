"""
The hinge: an inquiry asks, a driver answers.

The receivers' algorithms are generators. They yield the questions that they
have at that moment, together when they do not depend on each other, and are
sent the answers in the same order; what they return is their verdict. They
never do input or output, so the same algorithm runs blocking, under asyncio,
by the thousand in a scan, or over a pretended world.

>>> def addresses_of(name):
...     v4, v6 = yield Question(name, "A"), Question(name, "AAAA")
...     return [str(record) for record in v4.records + v6.records]
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import islice
from operator import itemgetter
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar

from maildns.dnsdata import Rdata, RRset
from maildns.frozen import unlocked

R = TypeVar("R")


class Outcome(StrEnum):
    """How a question ended; a time-out is never "missing"."""

    FOUND = "found"  # records of the asked type
    NO_NAME = "no name"  # NXDOMAIN: neither the name nor anything below it exists (RFC 8020)
    NO_DATA = "no data"  # the name exists, without records of this type
    UNREACHABLE = "unreachable"  # time-out, SERVFAIL, REFUSED, garbage: cannot know
    BOGUS = "bogus"  # the answer fails DNSSEC validation: cannot be trusted


# To look a member up in its class costs more than the whole comparison.
_FOUND, _NO_NAME, _NO_DATA = Outcome.FOUND, Outcome.NO_NAME, Outcome.NO_DATA
_UNREACHABLE, _BOGUS = Outcome.UNREACHABLE, Outcome.BOGUS


class DnssecStatus(StrEnum):
    """What is known of an answer's DNSSEC state (RFC 4035 section 4.3)."""

    SECURE = "secure"
    INSECURE = "insecure"
    BOGUS = "bogus"
    UNKNOWN = "unknown"  # nobody whom we trust has said


def weakest(statuses: Iterable[DnssecStatus]) -> DnssecStatus:
    """
    What is known of a way that is made of several answers, such as aliases and their end.

    One insecure step makes the whole insecure, whatever nobody has said of the others.

    >>> weakest([DnssecStatus.SECURE, DnssecStatus.INSECURE, DnssecStatus.UNKNOWN]).value
    'insecure'
    """
    return max(statuses, key=_STRENGTH.__getitem__)


_STRENGTH = {
    DnssecStatus.SECURE: 0,
    DnssecStatus.UNKNOWN: 1,
    DnssecStatus.INSECURE: 2,
    DnssecStatus.BOGUS: 3,
}


class Question(NamedTuple):
    """A name and a record type; make `name` with `maildns.dnsdata.name` where a person wrote it."""

    # A tuple, for it is a key of dicts many times over, and tuples are hashed and compared fastest.
    name: str
    rrtype: str

    def __str__(self) -> str:
        return f"{self.name} {self.rrtype}"


# As `Question(name, rrtype)`, from a pair; an audit makes dozens for each domain.
question_of: Callable[[tuple[str, str]], Question] = partial(tuple.__new__, Question)

_SERVER: int = 2
_TRANSPORT: int = 3


class DirectQuestion(Question):
    """
    A question put to one name server itself, without recursion and with DNSSEC records asked for.

    `server` is an address or another spelling of `maildns.net.servers`, `transport` is "udp" or
    "tcp". A pretended world answers as it answers any question. It is equal to no plain question.
    """

    __slots__ = ()

    def __new__(cls, name: str, rrtype: str, server: str = "", transport: str = "udp") -> Self:
        """Make one; the transport is UDP where none is given."""
        return tuple.__new__(cls, (name, rrtype, server, transport))

    @property
    def server(self) -> str:
        """Whom it is put to."""
        return self[_SERVER]

    @property
    def transport(self) -> str:
        """How it travels."""
        return self[_TRANSPORT]

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)

    def __repr__(self) -> str:
        return f"DirectQuestion{tuple(self)!r}"

    def __str__(self) -> str:
        return f"{self.name} {self.rrtype} at {self.server}"


@dataclass(frozen=True, slots=True)
class Seen:
    """
    Where an answer came from, and what else came with it: the evidence.

    `server` and `rcode` are empty where no server replied; `at` is in seconds since 1970.
    `octets` is the size of the message. `signatures` are the RRSIG records of the answer section,
    `authority` and `additional` the other two sections; all three only of a `DirectQuestion`.
    """

    server: str = ""
    rcode: str = ""
    milliseconds: float = 0.0
    at: float = 0.0
    authoritative: bool = False
    octets: int = 0
    signatures: tuple[Rdata, ...] = ()
    authority: tuple[RRset, ...] = ()
    additional: tuple[RRset, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What came back for one question.

    `aliases` are the targets of the CNAME records that were followed, in order;
    the last is the name at which `records` stand. `ttl_seconds` is the least TTL
    on the way, of a negative answer its negative TTL (RFC 2308 section 5), and
    None where no one said. `detail` is for people: the server asked, the rcode,
    the fault. `seen` says where it came from, None in a pretended world.
    """

    question: Question
    outcome: Outcome
    records: tuple[Rdata, ...] = ()
    ttl_seconds: int | None = None
    dnssec: DnssecStatus = DnssecStatus.UNKNOWN
    aliases: tuple[str, ...] = ()
    detail: str = ""
    seen: Seen | None = field(default=None, compare=False)

    @property
    def found(self) -> bool:
        """There are records."""
        return self.outcome is _FOUND

    @property
    def void(self) -> bool:
        """Definitely no records: NXDOMAIN or an empty answer (RFC 7208 section 4.6.4)."""
        return self.outcome is _NO_NAME or self.outcome is _NO_DATA

    @property
    def failed(self) -> bool:
        """It cannot be known what stands there."""
        return self.outcome is _UNREACHABLE or self.outcome is _BOGUS

    @property
    def owner(self) -> str:
        """The name at which the records stand, after all aliases."""
        return self.aliases[-1] if self.aliases else self.question.name


# An empty answer, to be filled in a hurry.
draft_answer = unlocked(Answer)


def told_again(answer: Answer, question: Question, ttl_seconds: int | None) -> Answer:
    """*answer* to another question that it answers just as well, or at another time."""
    told = draft_answer()
    told.question = question
    told.outcome = answer.outcome
    told.records = answer.records
    told.ttl_seconds = ttl_seconds
    told.dnssec = answer.dnssec
    told.aliases = answer.aliases
    told.detail = answer.detail
    told.seen = answer.seen
    told.__class__ = Answer
    made: Answer = told
    return made


Questions: TypeAlias = Sequence[Question]
Answers: TypeAlias = Sequence[Answer]
Inquiry: TypeAlias = Generator[Questions, Answers, R]


class Together:
    """
    Runs inquiries in step and remembers the answers, so that nothing is asked twice.

    The rounds are as many as the longest of them needs, not the sum. Of a name that does not exist
    no further type is asked: its answer is the same (RFC 2308 section 5). Nor is the wildcard
    beside it, which does not exist either.
    """

    def __init__(self) -> None:
        self.known: dict[Question, Answer] = {}
        self._gone: dict[str, Answer] = {}  # names that do not exist, as one answer says
        self._there: set[str] = set()  # names that do, as another says

    def run(self, inquiries: Iterable[Inquiry[Any]]) -> Inquiry[list[Any]]:
        """The verdicts of *inquiries*, in their order; raises what one of them raises."""
        running: list[_Step] = [(at, one.send, None) for at, one in enumerate(inquiries)]
        verdicts: list[Any] = [None] * len(running)
        while running:
            wanted: dict[Question, None] = {}
            running = self._advanced(running, verdicts, wanted)
            if wanted and (new := self._spared(wanted)):
                self._learn(new, (yield new))
        return verdicts

    def run_groups(self, groups: Sequence[Sequence[Inquiry[Any]]]) -> Inquiry[list[list[Any]]]:
        """Like `run`, the verdicts in groups as the inquiries are."""
        verdicts = iter((yield from self.run([one for group in groups for one in group])))
        return [list(islice(verdicts, len(group))) for group in groups]

    def _advanced(
        self, running: list[_Step], verdicts: list[Any], wanted: dict[Question, None]
    ) -> list[_Step]:
        """Take each as far as what is known carries it; those that wait for what is *wanted*."""
        known = self.known.get
        waiting: list[_Step] = []
        for at, send, before in running:
            try:
                asked = send(None) if before is None else before
                # Most ask one thing at a time.
                while all(
                    had := (known(asked[0]),) if len(asked) == 1 else list(map(known, asked))
                ):
                    asked = send(had)
            except StopIteration as stop:
                verdicts[at] = stop.value
            else:
                waiting.append((at, send, asked))
                for one in asked:
                    wanted[one] = None
        return waiting

    def _spared(self, wanted: dict[Question, None]) -> list[Question]:
        """Those of *wanted* that must be asked; others that were not known become so."""
        known, gone = self.known, self._gone
        new = [one for one in wanted if one not in known]
        if gone.keys().isdisjoint(map(_name_of, new)):
            return new
        asked = []
        for one in new:
            answer = gone.get(one[0])
            # A server that denies a name that has records is believed no further (RFC 4074).
            if answer is None or one[0] in self._there or len(one) != _PLAIN_WORDS:
                asked.append(one)
            else:
                known[one] = told_again(answer, one, answer.ttl_seconds)
        return asked

    def _learn(self, questions: Questions, answers: Answers) -> None:
        known, there = self.known, self._there
        for one, answer in zip(questions, answers, strict=True):
            known[one] = answer
            outcome = answer.outcome
            if outcome is _FOUND or outcome is _NO_DATA:
                there.add(one[0])
            # What an alias leads to does not exist, but the alias does; one server may be wrong.
            elif outcome is _NO_NAME and not answer.aliases and len(one) == _PLAIN_WORDS:
                name = one[0]
                self._gone[name] = answer
                # RFC 4592 section 3.3.1: a wildcard beside it would have answered.
                if "\\" not in name:
                    self._gone.setdefault(f"*.{name.partition('.')[2]}", answer)


# The place of an inquiry, how it is sent answers, and what it asks; None before it has begun.
_Step: TypeAlias = tuple[int, Callable[[Any], Questions], Questions | None]
_name_of = itemgetter(0)
_PLAIN_WORDS = 2  # of a question that is put to no server by itself


def in_step(inquiries: Iterable[Inquiry[Any]]) -> Inquiry[list[Any]]:
    """
    Run *inquiries* in step and give their verdicts, remembering nothing.

    For use below `Together`, or where no two of them ask the same.
    """
    running = list(inquiries)
    verdicts: list[Any] = [None] * len(running)
    asking: list[tuple[int, Questions]] = []
    answers: Answers = ()
    steps: Iterable[tuple[int, int]] = ((at, -1) for at in range(len(running)))
    while True:
        asking = list(_steps(running, steps, answers, verdicts))
        if not asking:
            return verdicts
        questions = [one for _, asked in asking for one in asked]
        answers = yield questions
        steps = [(at, len(asked)) for at, asked in asking]


def _steps(
    running: Sequence[Inquiry[Any]],
    steps: Iterable[tuple[int, int]],
    answers: Answers,
    verdicts: list[Any],
) -> Iterator[tuple[int, Questions]]:
    """Give each inquiry its share of *answers*, of a length that is negative at first; what it asks next."""
    begin = 0
    for at, length in steps:
        try:
            if length < 0:
                yield at, next(running[at])
            else:
                share = answers[begin : begin + length]
                begin += length
                yield at, running[at].send(share)
        except StopIteration as stop:
            verdicts[at] = stop.value
