"""Evidence, put into words when somebody wants to see it: which server said what, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from maildns.ask import Answer, DnssecStatus
from maildns.audit.result import Evidence, Observation

MAX_RECORDS: Final = 8  # of an answer that are shown
MAX_CHARACTERS: Final = 300  # of one record


@dataclass(frozen=True, slots=True)
class Shown:
    """
    One piece of evidence.

    `what` was asked or looked at, `shows` what came back, a line for each record. `server` is the
    one asked, `rcode` its code, `dnssec` the state of the answer, `ttl_seconds` its TTL; empty or
    None where nobody said. `at` is a time in UTC.
    """

    what: str
    shows: tuple[str, ...]
    server: str = ""
    rcode: str = ""
    dnssec: str = ""
    ttl_seconds: int | None = None
    milliseconds: float | None = None
    at: datetime | None = None

    def line(self) -> str:
        """All of it on one line."""
        return f"{self.what}: {', '.join(self.shows)}" + "".join(f"; {one}" for one in self.facts())

    def facts(self) -> Iterator[str]:
        """What is known of the answer beside its records, for people."""
        if self.server:
            took = "" if self.milliseconds is None else f" in {self.milliseconds:.0f} ms"
            yield f"{self.rcode or 'answered'} by {self.server}{took}"
        if self.ttl_seconds is not None:
            yield f"TTL {self.ttl_seconds}"
        if self.dnssec:
            yield self.dnssec


def shown(evidence: Evidence) -> Shown:
    """Put one piece of evidence into words."""
    if isinstance(evidence, Observation):
        return Shown(
            evidence.what,
            (_cut(evidence.shows),),
            milliseconds=evidence.milliseconds or None,
            at=_time(evidence.at),
        )
    seen = evidence.seen
    status = "" if evidence.dnssec is DnssecStatus.UNKNOWN else str(evidence.dnssec)
    return Shown(
        str(evidence.question),
        tuple(_records(evidence)),
        server=seen.server if seen else "",
        rcode=seen.rcode if seen else "",
        dnssec=status,
        ttl_seconds=evidence.ttl_seconds,
        milliseconds=seen.milliseconds if seen else None,
        at=_time(seen.at) if seen else None,
    )


def all_shown(evidence: Iterable[Evidence]) -> list[Shown]:
    """Each piece once, in the order in which a check named them."""
    return list(dict.fromkeys(shown(one) for one in evidence))


def _records(answer: Answer) -> Iterator[str]:
    if not answer.records:
        why = f" ({_cut(answer.detail)})" if answer.failed and answer.detail else ""
        yield f"{answer.outcome}{why}"
        return
    for record in answer.records[:MAX_RECORDS]:
        yield _cut(str(record))
    if len(answer.records) > MAX_RECORDS:
        yield f"and {len(answer.records) - MAX_RECORDS} more"


def _cut(text: str) -> str:
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 1] + "…"


def _time(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None
