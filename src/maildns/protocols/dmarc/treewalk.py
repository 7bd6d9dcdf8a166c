"""
The DNS tree walk: from a name upwards, looking for DMARC records (RFC 9989 section 4.10).

A walk asks at most eight questions, however long the name is. They do not
depend on each other, so all are asked together; where a walk would have
stopped, what stands above is not looked at, not even when it failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

from maildns.ask import Answer, Inquiry, Question
from maildns.dnsdata import Txt, labels
from maildns.protocols.dmarc.record import DmarcRecord, Psd, Reading, is_dmarc, read_leniently

MAX_QUERIES = 8  # RFC 9989 section 4.10


@dataclass(frozen=True, slots=True)
class Walk:
    """
    What a walk from `start` found, longest name first.

    `failed_at` is the name at which it had to stop because the DNS did not
    answer; then all above is unknown.
    """

    start: str
    found: tuple[tuple[str, Reading], ...]
    failed_at: str | None = None

    @property
    def organizational_domain(self) -> str:
        """
        The organizational domain of `start` (RFC 9989 section 4.10.2).

        It means nothing while `failed_at` is set.
        """
        for owner, reading in self.found:
            psd = reading.record.psd
            if psd is Psd.NO:  # rule 1
                return owner
            if psd is Psd.YES and owner != self.start:  # rule 2
                return _one_below(owner, self.start)
        # Rule 3, the name with the fewest labels; without any, the start.
        return self.found[-1][0] if self.found else self.start

    def reading_at(self, owner: str) -> Reading | None:
        """What was found at just *owner*."""
        return next((reading for name, reading in self.found if name == owner), None)

    def record_at(self, owner: str) -> DmarcRecord | None:
        """The record found at just *owner*."""
        reading = self.reading_at(owner)
        return reading.record if reading else None


def _one_below(suffix: str, start: str) -> str:
    depth = len(labels(suffix)) + 1
    return ".".join(labels(start)[-depth:])


@lru_cache(maxsize=65536)
def walk_names(start: str) -> tuple[str, ...]:
    """
    The names that a walk from *start* visits, in order (RFC 9989 section 4.10).

    >>> walk_names("a.b.c.d.e.f.g.h.i.j.mail.example.com")[:2]
    ('a.b.c.d.e.f.g.h.i.j.mail.example.com', 'g.h.i.j.mail.example.com')
    >>> walk_names("mail.example.com")
    ('mail.example.com', 'example.com', 'com')
    """
    parts = labels(start)
    # Steps 3 and 4: from eight labels on, the first step leaves seven.
    rest = parts[1:] if len(parts) < MAX_QUERIES else parts[-(MAX_QUERIES - 1) :]
    # Step 7: one label less each time, down to and including the last one.
    return (start, *(".".join(rest[at:]) for at in range(len(rest))))


@lru_cache(maxsize=65536)
def policy_question(domain: str) -> Question:
    """Where the DMARC record of *domain* stands."""
    return Question("_dmarc" if domain == "." else f"_dmarc.{domain}", "TXT")


def record_texts(answer: Answer) -> list[str]:
    """The texts of an answer that begin with a good `v` tag."""
    texts = [record.text for record in answer.records if isinstance(record, Txt)]
    return [text for text in texts if is_dmarc(text)]


def reading_of(
    answer: Answer, read: Callable[[str], Reading | None] = read_leniently
) -> Reading | None:
    """The one record of an answer; several count as none (RFC 9989 section 4.10, steps 2 and 6)."""
    if not answer.records:
        return None
    texts = record_texts(answer)
    return read(texts[0]) if len(texts) == 1 else None


def follow_walk(start: str, answers: Iterable[Answer]) -> Walk:
    """Read the *answers* to the questions of `walk_names`, and stop where a walk stops."""
    found: list[tuple[str, Reading]] = []
    for owner, answer in zip(walk_names(start), answers, strict=True):
        if answer.failed:
            return Walk(start, tuple(found), failed_at=owner)
        reading = reading_of(answer)
        if reading is not None:
            found.append((owner, reading))
            if reading.record.psd is not Psd.UNKNOWN:  # steps 2 and 6: stop
                break
    return Walk(start, tuple(found))


def tree_walk(start: str) -> Inquiry[Walk]:
    """Walk from *start* upwards; a name as `maildns.dnsdata.name` makes it."""
    answers = yield tuple(policy_question(owner) for owner in walk_names(start))
    return follow_walk(start, answers)
