"""
What DMARC says of a message, given what SPF and DKIM said (RFC 9989 section 5.3).

The receivers of the coming years are of two kinds: those of RFC 9989, which
find organizational domains by walking the DNS, and those of RFC 7489, which look
them up in the public suffix list. `evaluate` can be either reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from maildns.ask import Answer, Inquiry, Outcome, Question
from maildns.dnsdata import is_within, name
from maildns.errors import RecordSyntaxError, UsageError
from maildns.protocols.dmarc.older import evaluate_rfc7489, registered_domain
from maildns.protocols.dmarc.record import DmarcRecord, Policy, Psd
from maildns.protocols.dmarc.treewalk import (
    Walk,
    follow_walk,
    policy_question,
    reading_of,
    tree_walk,
    walk_names,
)
from maildns.protocols.dmarc.verdict import (
    READERS,
    DmarcResult,
    DmarcVerdict,
    Found,
    Identifier,
    Reader,
    Sorted,
    first_verdict,
    is_relaxed,
    not_passed,
    passed,
    usable_identifiers,
    with_policy,
)


def evaluate(
    *,
    header_from: str,
    spf: tuple[str, str] | None = None,
    dkim: Iterable[tuple[str, str]] | None = (),
    reader: Reader = "rfc9989",
) -> Inquiry[DmarcVerdict]:
    """
    Judge a message whose `From:` has the domain *header_from*.

    *spf* is the domain of the envelope sender and its SPF result, *dkim* the
    `d=` and result of each signature. An identifier without a valid domain
    counts as not aligned. Local policy and the message's content are not looked at.

    Raises `UsageError` for an unknown *reader*, `RecordSyntaxError` when
    *header_from* is not a domain name, such as an address.
    """
    _check_reader(reader)
    author = _mail_domain(header_from)
    identifiers = usable_identifiers(spf, dkim)
    if reader == "rfc7489":
        return (yield from evaluate_rfc7489(author, identifiers))
    return (yield from _evaluate_rfc9989(author, identifiers))


def organizational_domain(domain: str, reader: Reader = "rfc9989") -> Inquiry[str]:
    """
    Find the organizational domain of *domain*, the way *reader* does.

    Where the DNS does not answer, what the walk had found until then decides;
    who must tell that apart asks `tree_walk`. The reader of RFC 7489 asks nothing.

    Raises `UsageError` for an unknown *reader*, `RecordSyntaxError` when *domain* is not a
    domain name, such as an address.
    """
    _check_reader(reader)
    start = _mail_domain(domain)
    if reader == "rfc7489":
        return registered_domain(start)
    return (yield from tree_walk(start)).organizational_domain


def _mail_domain(text: str) -> str:
    """*text* as a name; an address is none, though the DNS could hold such a label."""
    for sign, what in (("@", "an address"), ("[", "an address literal")):
        if sign in text:
            raise RecordSyntaxError(f"this is {what}, not a domain", text, (0, len(text)))
    return name(text)


def _check_reader(reader: str) -> None:
    if reader not in READERS:
        raise UsageError(f"there is no reader {reader!r}", hint=f"one of {', '.join(READERS)}")


class _Notebook:
    """What has been answered, so that nothing is asked twice."""

    def __init__(self) -> None:
        self.answers: dict[Question, Answer] = {}

    def ask(self, questions: Iterable[Question]) -> Inquiry[None]:
        new = tuple(asked for asked in dict.fromkeys(questions) if asked not in self.answers)
        if new:
            self.answers.update(zip(new, (yield new), strict=True))

    def walks(self, starts: Sequence[str]) -> Inquiry[list[Walk]]:
        """The walks from *starts*, asked together."""
        routes = [[policy_question(owner) for owner in walk_names(start)] for start in starts]
        yield from self.ask(question for route in routes for question in route)
        return [
            follow_walk(start, [self.answers[question] for question in route])
            for start, route in zip(starts, routes, strict=True)
        ]


def _evaluate_rfc9989(author: str, identifiers: Sequence[Identifier]) -> Inquiry[DmarcVerdict]:
    notebook = _Notebook()
    found = yield from _discover(author, identifiers, notebook)
    if isinstance(found, DmarcVerdict):
        return found
    verdict = first_verdict(found)
    if verdict.result is not DmarcResult.FAIL:
        return verdict
    good = [identifier for identifier in identifiers if identifier.result == "pass"]
    aligned, unsure = yield from _sort(good, author, found, notebook)
    if aligned:
        verdict = passed(verdict, aligned)
    else:
        # One that could not be judged matters only if it is aligned.
        doubtful = [identifier for identifier in identifiers if identifier.result != "pass"]
        near, far = yield from _sort(doubtful, author, found, notebook)
        verdict = not_passed(verdict, (*unsure, *near, *far))
    record = found.reading.record
    if author == found.domain:
        policy = record.policy
    else:
        needed = verdict.result is DmarcResult.FAIL
        policy = yield from _policy_below(record, author, notebook, needed=needed)
    return with_policy(verdict, policy, "t=y" if record.testing else "")


def _discover(
    author: str, identifiers: Sequence[Identifier], notebook: _Notebook
) -> Inquiry[Found | DmarcVerdict]:
    """Find the record that applies (RFC 9989 section 4.10.1)."""
    # RFC 9989 section 4.10.2: no walk where all domains are the same and that one has a record.
    # Of a name further down it is made all the same, for the verdict to name its organization.
    same = bool(identifiers) and all(one.domain == author for one in identifiers)
    if same and author.count(".") < 2:
        question = policy_question(author)
        yield from notebook.ask((question,))
        answer = notebook.answers[question]
        reading = None if answer.failed else reading_of(answer)
        if reading:
            return Found(reading, author, author)
    (walk,) = yield from notebook.walks([author])
    organizational = None if walk.failed_at else walk.organizational_domain
    reading = walk.reading_at(author)
    if reading:
        return Found(reading, author, organizational)
    if walk.failed_at:
        reason = f"the DNS did not answer for _dmarc.{walk.failed_at}"
        return DmarcVerdict(DmarcResult.TEMPERROR, reasons=(reason,))
    # A public suffix's record counts only where the organizational domain has none.
    for owner, reading in walk.found:
        if owner == organizational or reading.record.psd is Psd.YES:
            return Found(reading, owner, organizational)
    return DmarcVerdict(
        DmarcResult.NONE,
        organizational_domain=organizational,
        reasons=(f"no DMARC record applies to {author}",),
    )


def _sort(
    identifiers: Sequence[Identifier], author: str, found: Found, notebook: _Notebook
) -> Inquiry[Sorted]:
    """Tell which *identifiers* are aligned (RFC 9989 section 4.4), at most one walk for each."""
    aligned = [identifier for identifier in identifiers if identifier.domain == author]
    settled = {identifier.mechanism for identifier in aligned}
    relaxed = [
        identifier
        for identifier in identifiers
        if identifier.mechanism not in settled
        and is_relaxed(found.reading.record, identifier.mechanism)
    ]
    organizational = found.organizational_domain
    if organizational is None:
        top = author.rpartition(".")[2]
        return Sorted(aligned, [one for one in relaxed if is_within(one.domain, top)])
    # An organizational domain is the name itself or stands above it: others need no walk.
    near = [one for one in relaxed if is_within(one.domain, organizational)]
    starts = list(dict.fromkeys(one.domain for one in near))
    if not starts:
        return Sorted(aligned, [])
    # RFC 9989 section 4.10.2: a walk of its own for each identifier, never that of the author
    walks = dict(zip(starts, (yield from notebook.walks(starts)), strict=True))
    unsure = [one for one in near if walks[one.domain].failed_at]
    aligned += [
        one
        for one in near
        if one not in unsure and walks[one.domain].organizational_domain == organizational
    ]
    return Sorted(aligned, unsure)


def _policy_below(
    record: DmarcRecord, author: str, notebook: _Notebook, *, needed: bool
) -> Inquiry[Policy | None]:
    """What applies to *author*, which stands below the domain of *record* (RFC 9989 section 4.10.1)."""
    if record.for_nonexistent == record.for_subdomains:
        return record.for_subdomains
    if not needed:
        return None
    question = Question(author, "A")
    yield from notebook.ask((question,))
    # RFC 9989 appendix A.4: only NXDOMAIN says that a name does not exist.
    exists = notebook.answers[question].outcome is not Outcome.NO_NAME
    return record.for_subdomains if exists else record.for_nonexistent
