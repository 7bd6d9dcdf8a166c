"""
Reading all that an SPF record rests on: every policy, address and mail exchanger below it.

`read` asks for everything that can be known without a mail at hand, with one round of
questions for each step down the tree, and remembers the answers with their TTL. What is
made of them (`coverage`, `flattening`) asks nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from maildns import dnsdata
from maildns.ask import Answer, Inquiry, Outcome, Question
from maildns.protocols.spf.macro import DomainSpec, target_name
from maildns.protocols.spf.record import (
    A,
    Directive,
    Include,
    Mx,
    Redirect,
    SpfRecord,
    SpfResult,
    Term,
    parse,
)
from maildns.protocols.spf.verdict import MAX_MX, Stop, select

MAX_POLICIES = 200  # far more than any evaluation may look up
MAX_QUESTIONS = 4_000
MAX_ROUNDS = 40


@dataclass(frozen=True, slots=True)
class SpfSource:
    """A name that was looked up: its records as text, and how long they may be remembered."""

    name: str
    rrtype: str
    ttl_seconds: int | None
    values: tuple[str, ...]


@dataclass(slots=True)
class Reading:
    """
    What is known of the policies below `domain`.

    `given` are records that stand in for what is published; the others are in `known`.
    """

    domain: str
    given: Mapping[str, SpfRecord] = field(default_factory=dict)
    known: dict[Question, Answer] = field(default_factory=dict)
    too_large: bool = False

    def answer(self, question: Question) -> Answer:
        """What came back; `UNREACHABLE` for what was not asked because there was too much."""
        found = self.known.get(question)
        return found or Answer(question, Outcome.UNREACHABLE, detail="the tree is too large")

    def policy(self, domain: str) -> SpfRecord | None:
        """The record of *domain*, None where there is none. Raises `Stop` as `select` does."""
        if domain in self.given:
            return self.given[domain]
        question = Question(domain, "TXT")
        if self.too_large and question not in self.known:
            raise Stop(SpfResult.PERMERROR, "the tree is too large to be read")
        return select(self.answer(question))

    def record(self, domain: str) -> SpfRecord | None:
        """The record of *domain*, None where there is none or it cannot be read."""
        try:
            return self.policy(domain)
        except Stop:
            return None

    def domains(self) -> list[str]:
        """Every policy of the tree once, the domain's own first, as far as it is known."""
        found = {self.domain: None}
        for domain in (ahead := [self.domain]):
            for child in _children(self.record(domain)):
                if child not in found:
                    found[child] = None
                    ahead.append(child)
        return list(found)

    def questions(self) -> list[Question]:
        """All that there is to ask, as far as can be told from what is known."""
        return [q for domain in self.domains() for q in self._asked_by(domain)]

    def _asked_by(self, domain: str) -> Iterator[Question]:
        if domain not in self.given:
            yield Question(domain, "TXT")
        record = self.record(domain)
        for term in record.lookup_terms if record else ():
            yield from self.addresses(term, domain)

    def addresses(self, term: Term, domain: str) -> Iterator[Question]:
        """What an `a` or `mx` asks, that of its mail exchangers when they are known."""
        mechanism = term.mechanism if isinstance(term, Directive) else None
        target = own_target(mechanism, domain) if isinstance(mechanism, A | Mx) else None
        if target is None:
            return
        if isinstance(mechanism, A):
            yield from (Question(target, "A"), Question(target, "AAAA"))
            return
        asked = Question(target, "MX")
        yield asked
        for host in exchangers(self.known[asked])[:MAX_MX] if asked in self.known else ():
            yield from (Question(host, "A"), Question(host, "AAAA"))

    def below(self, term: Term, domain: str) -> list[Question]:
        """All that *term* of the policy of *domain* rests on, through the whole tree below it."""
        found = list(self.addresses(term, domain))
        child = followed(term)
        if child is not None:
            found += Reading(child, self.given, self.known).questions()
        return list(dict.fromkeys(found))

    def sources(self, questions: list[Question]) -> tuple[SpfSource, ...]:
        """What was found by *questions*; those of names without such records are left out."""
        answers = [self.known[q] for q in questions if q in self.known]
        return tuple(
            SpfSource(
                answer.question.name,
                answer.question.rrtype,
                answer.ttl_seconds,
                tuple(str(record) for record in answer.records),
            )
            for answer in answers
            if answer.found
        )

    def cost(self, term: Term) -> int:
        """The lookups of *term* with all below it, as they count towards the limit."""
        return self._cost(term, {})

    def _cost(self, term: Term, costs: dict[str, int]) -> int:
        child = followed(term)
        if child is None:
            return int(_asks(term))
        if child not in costs:
            costs[child] = 0  # a loop is counted once; no evaluation comes out of it anyway
            record = self.record(child)
            terms = record.lookup_terms if record else ()
            costs[child] = sum(self._cost(one, costs) for one in terms)
        return 1 + costs[child]

    def total(self, record: SpfRecord) -> int:
        """The lookups of *record*, over the whole tree."""
        return sum(self.cost(term) for term in record.lookup_terms)


def _asks(term: Term) -> bool:
    return term.mechanism.asks if isinstance(term, Directive) else isinstance(term, Redirect)


def own_target(mechanism: A | Mx, domain: str) -> str | None:
    """The name that an `a` or `mx` looks at; None where it has macros or cannot be a name."""
    if mechanism.domain is None:
        return domain
    return None if mechanism.domain.letters else target_name(mechanism.domain.text)


def exchangers(answer: Answer) -> list[str]:
    """The hosts of an MX answer by preference; the null MX of RFC 7505 is none."""
    records = sorted(record for record in answer.records if isinstance(record, dnsdata.Mx))
    return [record.host for record in records if record.host != "."]


def followed(term: Term) -> str | None:
    """The domain that an include or redirect leads to; None for one with macros, and others."""
    spec: DomainSpec | None = None
    if isinstance(term, Redirect):
        spec = term.domain
    elif isinstance(term, Directive) and isinstance(term.mechanism, Include):
        spec = term.mechanism.domain
    return None if spec is None or spec.letters else target_name(spec.text)


def _children(record: SpfRecord | None) -> list[str]:
    terms = record.lookup_terms if record else ()
    return [child for term in terms if (child := followed(term)) is not None]


def read(
    domain: str,
    record: SpfRecord | str | None = None,
    *,
    given: Mapping[str, SpfRecord] | None = None,
    known: dict[Question, Answer] | None = None,
) -> Inquiry[Reading]:
    """
    Ask for all that the policy of *domain* rests on.

    *record* and *given* (by name) stand in for what is published; what is *known* is not
    asked again. Raises `RecordSyntaxError` for a *record* that is none.
    """
    own = target_name(domain) or domain
    stand_in = dict(given or {})
    if record is not None:
        stand_in[own] = parse(record) if isinstance(record, str) else record
    reading = Reading(own, stand_in, {} if known is None else known)
    for _ in range(MAX_ROUNDS):
        if len(reading.domains()) > MAX_POLICIES:
            break
        new = [q for q in dict.fromkeys(reading.questions()) if q not in reading.known]
        if not new:
            return reading
        if len(reading.known) + len(new) > MAX_QUESTIONS:
            break
        answers = yield tuple(new)
        reading.known.update(zip(new, answers, strict=True))
    reading.too_large = True
    return reading


def problem_of(reading: Reading, domain: str) -> tuple[SpfResult, str] | None:
    """Why the policy of *domain* cannot be used, where that is so."""
    try:
        record = reading.policy(domain)
    except Stop as stop:
        return stop.result, stop.problem
    return None if record is not None else (SpfResult.NONE, f"{domain} has no SPF record")
