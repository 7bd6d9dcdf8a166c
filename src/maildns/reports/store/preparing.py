"""
From what arrived to what is written: reports read, and laid out in columns as the tables have them.

This is most of the work and needs no store, so that it can be done in other processes. A report of
a million rows takes some 100 MB here; the usual one, nothing to speak of.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache
from hashlib import blake2b
from operator import attrgetter
from typing import Any

from maildns.errors import ReportError
from maildns.reports.aggregate import AggregateReader, Columns
from maildns.reports.cleaning import MAX_TEXT, clean
from maildns.reports.failure import read_failure
from maildns.reports.keeping import Arrival
from maildns.reports.limits import LIMITS
from maildns.reports.model import (
    AggregateReport,
    DkimAuth,
    FailureReport,
    PublishedPolicy,
    ReportHead,
    ReportKind,
    Row,
    TlsFailure,
    TlsReport,
)
from maildns.reports.reading import Meaning
from maildns.reports.small import Small, read_small
from maildns.reports.tls import read_tls
from maildns.reports.unwrapping import Payload, open_payloads

MOST_MESSAGES = 10**12  # of one row; sums of millions of such still fit 64 bits
_DIGEST = 16
_MOST_FAULTS = 10  # that are told of one arrival
_FEW_RESULTS = 10  # of what is worth remembering
_DAY = 86400
# What a parser may raise for text that nobody foresaw: one bad report never ends a batch.
_BROKEN = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
_encode = json.JSONEncoder(separators=(",", ":")).encode
_POLICY = attrgetter(*(one.name for one in fields(PublishedPolicy)))
EvaluationColumns = tuple[str, int, int, str, str, str, str, str, str]


@dataclass(slots=True)
class PreparedReport:
    """
    A report, ready to be written.

    Of an aggregate report the columns `addresses`, `messages` and `numbers` belong together, and a
    number names one of `evaluations`; of a TLS report there are `policies`.
    """

    kind: str
    domain: str
    day: int
    begins: int
    ends: int
    reporter: str
    report_id: str
    head: str
    published: str
    identity: bytes
    content: bytes = b""
    addresses: list[str] = field(default_factory=list)
    messages: array[int] = field(default_factory=lambda: array("q"))
    numbers: array[int] = field(default_factory=lambda: array("L"))
    evaluations: list[EvaluationColumns] = field(default_factory=list)
    total: int = 0
    # by what became of them: passed, DKIM aligned, SPF aligned, quarantined, rejected
    counts: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
    selectors: dict[tuple[str, str, str], int] = field(default_factory=dict)
    policies: list[tuple[str, str, str, str, int, int]] = field(default_factory=list)
    failures: list[tuple[int, TlsFailure]] = field(default_factory=list)

    @property
    def row_count(self) -> int:
        """How many rows or policies it has."""
        return len(self.addresses) + len(self.policies)


@dataclass(frozen=True, slots=True)
class PreparedFailure:
    """A failure report, ready to be written."""

    domain: str
    arrived: int | None
    content: bytes
    texts: tuple[str, ...]  # from source_ip to header_fields, in the order of the table
    redacted: bool


@dataclass(slots=True)
class Prepared:
    """What an arrival holds: reports, and the reasons why others could not be read."""

    arrival: Arrival
    digest: bytes
    reports: list[PreparedReport] = field(default_factory=list)
    failures: list[PreparedFailure] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def reason(self) -> str:
        """Why some of it could not be read: the first faults, and how many more there are."""
        told = "; ".join(self.faults[:_MOST_FAULTS])
        more = len(self.faults) - _MOST_FAULTS
        return f"{told}; and {more} more like these" if more > 0 else told

    def __reduce__(self) -> tuple[Any, ...]:
        arrival = self.arrival
        came = (arrival.octets, arrival.source, arrival.sender, arrival.ip, arrival.authentication)
        reports = [_REPORT(one) for one in self.reports]
        return _restored, (came, self.digest, reports, self.failures, self.faults)

    @property
    def weight(self) -> int:
        """How much memory it takes, about: one for a row."""
        return sum(one.row_count for one in self.reports) + len(self.arrival.octets) // 200


_REPORT = attrgetter(*(one.name for one in fields(PreparedReport)))


def _restored(
    came: tuple[bytes, str, str, str, str],
    digest: bytes,
    reports: list[tuple[Any, ...]],
    failures: list[PreparedFailure],
    faults: list[str],
) -> Prepared:
    """Make what a worker sent, at half the cost of what pickle does for each object by itself."""
    made = [PreparedReport(*one) for one in reports]
    return Prepared(Arrival(*came), digest, made, failures, faults)


def prepare(arrival: Arrival) -> Prepared:
    """Read what *arrival* holds; never raises for what is in it."""
    prepared = Prepared(_tidy(arrival), _digest(arrival.octets))
    try:
        small = read_small(arrival.octets)
        if small is not None:
            prepared.reports.append(_small_columns(small))
            return prepared
        for payload in open_payloads(arrival.octets):
            _add(prepared, payload)
    except ReportError as error:
        prepared.faults.append(error.problem)
    except _BROKEN as error:
        prepared.faults.append(f"it cannot be read ({type(error).__name__})")
    return prepared


def _tidy(arrival: Arrival) -> Arrival:
    said = (arrival.source, arrival.sender, arrival.ip, arrival.authentication)
    if "".join(said).isprintable() and not any(
        len(one) > MAX_TEXT or one != one.strip() for one in said
    ):
        return arrival
    return Arrival(
        arrival.octets,
        clean(arrival.source, 1024),
        clean(arrival.sender),
        clean(arrival.ip),
        clean(arrival.authentication),
    )


def _add(prepared: Prepared, payload: Payload) -> None:
    try:
        if payload.kind is ReportKind.FAILURE:
            prepared.failures.append(failure_columns(read_failure(payload)))
        elif payload.kind is ReportKind.TLS:
            prepared.reports.append(tls_columns(read_tls(payload)))
        else:
            prepared.reports.append(aggregate_columns(AggregateReader(payload)))
    except ReportError as error:
        prepared.faults.append(_placed(payload, error.problem))
    except _BROKEN as error:
        prepared.faults.append(_placed(payload, f"it cannot be read ({type(error).__name__})"))


def _placed(payload: Payload, problem: str) -> str:
    return f"{clean(payload.name, 200)}: {problem}" if payload.name else problem


def aggregate_columns(report: AggregateReport | AggregateReader) -> PreparedReport:
    """Lay out an aggregate report; raises ReportError for a count beyond belief."""
    columns = report.columns() if isinstance(report, AggregateReader) else _columns(report.rows)
    made = _laid_out(report, columns)
    oddities = report.oddities if isinstance(report, AggregateReader) else report.head.oddities
    made.head = _head(report.head, oddities, report.schema)
    return made


def _small_columns(small: Small) -> PreparedReport:
    made = _laid_out(small, [(small.addresses, small.messages, small.meanings)])
    made.head = _head(small.head, (), small.schema)
    return made


def _laid_out(
    report: AggregateReport | AggregateReader | Small, columns: Iterable[Columns]
) -> PreparedReport:
    made = _begun(ReportKind.AGGREGATE, report.head, report.published.domain)
    made.published = _policy(report.published)
    made.content = _content(made, _sum(made, _rows(made, columns)))
    return made


def _columns(rows: Sequence[Row]) -> Iterator[Columns]:
    yield [row[0] for row in rows], [row[1] for row in rows], [Meaning(*row[2:]) for row in rows]


@lru_cache(1024)
def _policy(published: PublishedPolicy) -> str:
    return _encode(_POLICY(published)[1:])


def _rows(made: PreparedReport, columns: Iterable[Columns]) -> list[Meaning]:
    """Lay out the rows in columns; give each meaning once, in the order of its number."""
    known: dict[Meaning, int] = {}
    # By identity, of those in `known`: rows of one text share one object.
    numbers: dict[int, int] = {}
    results = 0
    number_of, add = numbers.get, made.numbers.append
    for addresses, messages, meanings in columns:
        made.addresses += addresses
        made.messages.extend(messages)
        for meaning in meanings:
            number = number_of(id(meaning))
            if number is None:
                number = known.setdefault(meaning, len(known))
            if number == len(numbers):  # a new one, which stays where it is
                numbers[id(meaning)] = number
                results += len(meaning.dkim) + len(meaning.spf) + len(meaning.overrides)
            add(number)
        if len(known) > LIMITS.kinds or results > LIMITS.results:
            raise ReportError("it has more different records than any report")
    if made.messages and not 0 <= min(made.messages) <= max(made.messages) <= MOST_MESSAGES:
        raise ReportError(f"a row is about fewer than 0 or more than {MOST_MESSAGES} messages")
    return list(known)


def _sum(made: PreparedReport, kinds: list[Meaning]) -> list[str]:
    """Lay out and count what the rows share; give it as one text for each meaning."""
    told = []
    totals = [0] * len(kinds)
    for number, messages in zip(made.numbers, made.messages, strict=True):
        totals[number] += messages
    passed = dkim = spf = quarantined = rejected = 0
    selectors = made.selectors
    for kind, messages in zip(kinds, totals, strict=True):
        evaluation, auths, text = _evaluation(kind)
        made.evaluations.append(evaluation)
        told.append(text)
        disposition, dkim_aligned, spf_aligned = evaluation[:3]
        passed += messages * (dkim_aligned | spf_aligned)
        dkim += messages * dkim_aligned
        spf += messages * spf_aligned
        quarantined += messages * (disposition == "quarantine")
        rejected += messages * (disposition == "reject")
        for auth in auths:
            selectors[auth] = selectors.get(auth, 0) + messages
    made.total = sum(totals)
    made.counts = (passed, dkim, spf, quarantined, rejected)
    return told


def _evaluation(meaning: Meaning) -> tuple[EvaluationColumns, tuple[DkimAuth, ...], str]:
    few = len(meaning.dkim) + len(meaning.spf) + len(meaning.overrides) <= _FEW_RESULTS
    return _remembered_evaluation(meaning) if few else _evaluated(meaning)


def _evaluated(meaning: Meaning) -> tuple[EvaluationColumns, tuple[DkimAuth, ...], str]:
    """Lay out what a row says beside address and count; give its DKIM results, each once, and all as text."""
    columns = (
        meaning.disposition,
        int(meaning.dkim_aligned == "pass"),
        int(meaning.spf_aligned == "pass"),
        *meaning[3:6],
        _json(meaning.dkim),
        _json(meaning.spf),
        _json(meaning.overrides),
    )
    return columns, tuple(dict.fromkeys(meaning.dkim)), _encode(columns)


_remembered_evaluation = lru_cache(2048)(_evaluated)


def _json(value: Sequence[object]) -> str:
    return _encode(value) if value else ""


def tls_columns(report: TlsReport) -> PreparedReport:
    """Lay out a TLS report; raises ReportError for a count beyond belief."""
    names = sorted({policy.domain for policy in report.policies})
    made = _begun(ReportKind.TLS, report.head, names[0] if names else "")
    for number, policy in enumerate(report.policies):
        counts = [policy.successful, policy.failed, *(one.sessions for one in policy.failures)]
        if not 0 <= min(counts) <= max(counts) <= MOST_MESSAGES:
            raise ReportError(
                f"a policy is about fewer than 0 or more than {MOST_MESSAGES} sessions"
            )
        strings, hosts = _json(policy.strings), _json(policy.hosts)
        made.policies.append(
            (policy.domain, policy.type, strings, hosts, policy.successful, policy.failed)
        )
        made.failures.extend((number, TlsFailure(*_cleaned(one))) for one in policy.failures)
        made.total += policy.successful + policy.failed
    made.head = _head(report.head, report.head.oddities, "")
    made.content = _content(made, [_encode(made.policies), _encode(made.failures)])
    return made


def _cleaned(failure: TlsFailure) -> tuple[str, int, str, str, str, str, str, str]:
    type, sessions, *texts = failure
    ip, host, helo, receiving, information, code = map(clean, texts)
    return clean(type), sessions, ip, host, helo, receiving, information, code


def _begun(kind: ReportKind, head: ReportHead, domain: str) -> PreparedReport:
    begins, ends = int(head.begin.timestamp()), int(head.end.timestamp())
    said = (kind.value, head.reporter.lower(), head.report_id, domain)
    return PreparedReport(
        kind.value,
        domain,
        # A day as the reporter's clock has it begins before midnight here, or after: its middle
        # is in the day that is meant.
        (begins + ends) // 2 // _DAY,
        begins,
        ends,
        head.reporter,
        head.report_id,
        "",
        "",
        _digest("\0".join(said).encode("utf-8", "replace")),
    )


def _head(head: ReportHead, oddities: tuple[str, ...], schema: str) -> str:
    said = (schema, head.contact, head.extra_contact, head.generator, head.errors, oddities)
    return _encode_head(said)


@lru_cache(1024)
def _encode_head(said: tuple[object, ...]) -> str:
    return _encode(said)


def _content(made: PreparedReport, told: Sequence[str]) -> bytes:
    """Digest what it says, without who wrapped it how, and without what was odd."""
    return _digest(
        f"{made.begins} {made.ends} {made.published}".encode(),
        "\n".join(told).encode(),
        ",".join(made.addresses).encode("utf-8", "replace"),
        ",".join(map(str, made.messages)).encode(),
        ",".join(map(str, made.numbers)).encode(),
    )


def failure_columns(report: FailureReport) -> PreparedFailure:
    """Lay out a failure report."""
    texts = (
        report.source_ip,
        report.auth_failure,
        report.delivery_result,
        report.identity_alignment,
        report.dkim_domain,
        report.dkim_selector,
        report.spf_dns,
        report.original_from,
        report.original_to,
        report.subject,
        report.message_id,
    )
    columns = (
        *map(clean, texts),
        _encode(report.feedback),
        _encode(report.header_fields),
    )
    arrived = None if report.arrived is None else int(report.arrived.timestamp())
    domain = clean(report.reported_domain)
    said = _encode([domain, arrived, columns]).encode()
    return PreparedFailure(domain, arrived, _digest(said), columns, report.redacted)


def _digest(*octets: bytes) -> bytes:
    made = blake2b(digest_size=_DIGEST)
    for part in octets:
        made.update(len(part).to_bytes(8, "big"))
        made.update(part)
    return made.digest()
