"""Advice on one SPF record, from its terms alone; nothing is asked."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import replace

from maildns.finding import Finding, Fix, Severity
from maildns.protocols.spf import rules
from maildns.protocols.spf.build import term_key
from maildns.protocols.spf.macro import DomainSpec, target_name
from maildns.protocols.spf.record import (
    VERSION,
    A,
    All,
    Directive,
    Exists,
    Include,
    Ip4,
    Ip6,
    Mx,
    Ptr,
    Qualifier,
    Redirect,
    SpfRecord,
    Term,
    UnknownModifier,
    parse_term,
)
from maildns.protocols.spf.verdict import MAX_LOOKUPS

HUGE_PREFIX4 = 8  # a term that reaches further is an error
LARGE_PREFIX4 = 15  # a term that reaches further deserves a look
HUGE_PREFIX6 = 19
LARGE_PREFIX6 = 28
LONG_OCTETS = 450  # RFC 7208 section 3.4
MENDED_TERMS = 200  # a record with more is mended by hand
_DOCUMENTATION = tuple(
    ipaddress.ip_network(text)
    for text in (
        "192.0.2.0/24",  # RFC 5737 section 3
        "198.51.100.0/24",
        "203.0.113.0/24",
        "2001:db8::/32",  # RFC 3849
        "3fff::/20",  # RFC 9637
    )
)
_MECHANISM_NAMES = frozenset({"a", "mx", "ptr", "ip4", "ip6", "include", "exists"})

Span = tuple[int, int]


def lint(record: SpfRecord, subject: str = "") -> list[Finding]:
    """
    Complain about *record*; *subject* is its domain, where that is known.

    Spans point into `str(record)`. What only DNS can tell, such as what the
    includes cost, is for `lookup_tree`.

    >>> from maildns.protocols.spf.record import parse
    >>> [finding.rule for finding in lint(parse("v=spf1 ptr ?all"))]
    ['spf-neutral-all', 'spf-ptr']
    """
    spans = term_spans(record)
    found = [*_on_the_whole(record, subject, spans), *_on_covered(record, subject, spans)]
    for term, span in zip(record.terms, spans, strict=True):
        found += (replace(finding, span=span) for finding in _on_term(record, term, subject))
    return found


def term_spans(record: SpfRecord) -> list[Span]:
    """Where each term of *record* stands in its text."""
    spans = []
    at = len(VERSION)
    for term in record.terms:
        end = at + 1 + len(str(term))
        spans.append((at + 1, end))
        at = end
    return spans


def _on_the_whole(record: SpfRecord, subject: str, spans: list[Span]) -> Iterator[Finding]:
    if len(record.lookup_terms) > MAX_LOOKUPS:  # RFC 7208 section 4.6.4
        says = f"{len(record.lookup_terms)} terms need DNS; receivers stop at {MAX_LOOKUPS}"
        yield rules.TOO_MANY_LOOKUPS.finding(subject, says)
    last = record.all
    if last is None and record.redirect is None:
        yield rules.NO_ALL.finding(subject, fix=Fix("end it with -all", f"{record} -all"))
    elif last is not None:
        span = spans[record.terms.index(last)]
        rule = {Qualifier.PASS: rules.PASS_ALL, Qualifier.NEUTRAL: rules.NEUTRAL_ALL}
        if last.qualifier in rule:
            better = "-all" if last.qualifier is Qualifier.PASS else "~all"
            fix = Fix(f"write {better}", str(_swapped(record, last, parse_term(better))))
            yield rule[last.qualifier].finding(subject, fix=fix, span=span)
        yield from _behind_all(record, last, subject, spans)
    octets = len(str(record))
    if octets > LONG_OCTETS:  # RFC 7208 section 3.4
        over = "; over 512, an answer may need TCP" if octets > 512 else ""
        yield rules.LONG.finding(subject, f"the record has {octets} octets{over}")
    if record.explanation is not None and not _may_fail(record):
        span = spans[record.terms.index(record.explanation)]
        fix = Fix("remove exp", str(_without(record, record.explanation)))
        yield rules.EXP_UNUSED.finding(subject, fix=fix, span=span)


def _may_fail(record: SpfRecord) -> bool:
    # With a redirect that counts, the other record's exp holds (RFC 7208 section 6.2).
    return any(d.qualifier is Qualifier.FAIL for d in record.effective)


def _behind_all(
    record: SpfRecord, last: Directive, subject: str, spans: list[Span]
) -> Iterator[Finding]:
    place = record.terms.index(last)
    behind = [t for t in record.terms[place + 1 :] if isinstance(t, Directive)]
    if behind:
        ordered = [t for t in record.terms if t is not last and not _is_all(t)]
        fix = Fix("move 'all' to the end", str(SpfRecord((*ordered, last))))
        first = next(n for n, t in enumerate(record.terms) if n > place and t is behind[0])
        says = f"{behind[0]} stands behind {last} and is never reached"
        yield rules.AFTER_ALL.finding(subject, says, fix=fix, span=spans[first])
    if record.redirect is not None:
        fix = Fix("remove the redirect", str(_without(record, record.redirect)))
        says = f"{record.redirect} is ignored beside {last}"
        span = spans[record.terms.index(record.redirect)]
        yield rules.REDIRECT_IGNORED.finding(subject, says, fix=fix, span=span)


def _is_all(term: Term) -> bool:
    return isinstance(term, Directive) and isinstance(term.mechanism, All)


def _swapped(record: SpfRecord, old: Term, new: Term) -> SpfRecord:
    return SpfRecord(tuple(new if term is old else term for term in record.terms))


def _without(record: SpfRecord, *terms: Term) -> SpfRecord:
    gone = {id(term) for term in terms}
    return SpfRecord(tuple(term for term in record.terms if id(term) not in gone))


def _on_covered(record: SpfRecord, subject: str, spans: list[Span]) -> Iterator[Finding]:
    """Terms that an equal one, or a wider network, has already decided for."""
    seen: dict[tuple[str, ...], Term] = {}
    wider: dict[tuple[int, int, int], Term] = {}
    for place, term in enumerate(record.terms):
        if _is_all(term) or isinstance(term, UnknownModifier):
            continue
        key = term_key(term)
        if key in seen:
            says = f"{term} stands behind {seen[key]}, which says it already"
            yield rules.DUPLICATE.finding(
                subject, says, fix=_removal(record, place), span=spans[place]
            )
            continue
        seen[key] = term
        if isinstance(term, Directive) and isinstance(term.mechanism, Ip4 | Ip6):
            cover = _cover(term.mechanism, wider)
            if cover is not None:
                says = f"{term} lies within {cover}"
                yield rules.COVERED.finding(
                    subject, says, fix=_removal(record, place), span=spans[place]
                )
            wider.setdefault(_network_key(term.mechanism, term.mechanism.prefix), term)


def _whole(record: SpfRecord) -> str | None:
    """The text of *record* as a fix; of an endless one, every fix alone would fill a page."""
    return str(record) if len(record.terms) <= MENDED_TERMS else None


def _removal(record: SpfRecord, place: int) -> Fix:
    says = f"remove {record.terms[place]}"
    if len(record.terms) > MENDED_TERMS:
        return Fix(says)
    return Fix(says, str(SpfRecord((*record.terms[:place], *record.terms[place + 1 :]))))


def _network_key(mechanism: Ip4 | Ip6, prefix: int) -> tuple[int, int, int]:
    shift = mechanism.address.max_prefixlen - prefix
    return (mechanism.address.version, prefix, int(mechanism.address) >> shift)


def _cover(mechanism: Ip4 | Ip6, wider: dict[tuple[int, int, int], Term]) -> Term | None:
    keys = (_network_key(mechanism, prefix) for prefix in range(mechanism.prefix))
    return next((wider[key] for key in keys if key in wider), None)


# --- one term ---------------------------------------------------------------------------


def _on_term(record: SpfRecord, term: Term, subject: str) -> Iterator[Finding]:
    if isinstance(term, UnknownModifier):
        yield from _on_modifier(record, term, subject)
        return
    spec = term.mechanism if isinstance(term, Directive) else term
    domain = getattr(spec, "domain", None)
    if isinstance(domain, DomainSpec):
        yield from _on_name(term, domain, subject)
    if not isinstance(term, Directive):
        return
    mechanism = term.mechanism
    if isinstance(mechanism, Ptr):
        yield rules.PTR.finding(subject, f"{term} is slow, and many receivers do not evaluate it")
    elif isinstance(mechanism, Ip4 | Ip6):
        yield from _on_network(record, term, mechanism, subject)
    elif isinstance(mechanism, A | Mx):
        yield from _on_size(term, mechanism.prefix4, mechanism.prefix6, subject)
    elif isinstance(mechanism, Include) and term.qualifier is not Qualifier.PASS:
        result = term.qualifier.result.value
        says = f"{term} turns a pass of {mechanism.domain} into {result}"
        yield rules.QUALIFIED_INCLUDE.finding(subject, says)
    elif isinstance(mechanism, Exists) and not mechanism.domain.letters:
        yield rules.FIXED_EXISTS.finding(subject, f"{term} says the same of every host")


def _on_modifier(record: SpfRecord, term: UnknownModifier, subject: str) -> Iterator[Finding]:
    name = term.name.lower()
    mended = None
    if name in _MECHANISM_NAMES:
        mended = _term_or_none(f"{name}:{term.value}")
    elif name == "all":
        mended = _term_or_none("-all")
    if mended is None:
        yield rules.UNKNOWN_MODIFIER.finding(subject, f"{term} is ignored by receivers")
        return
    fix = Fix(f"write {mended}", _whole(_swapped(record, term, mended)))
    says = f"{term} is ignored by receivers; {mended} is meant"
    yield rules.MECHANISM_AS_MODIFIER.finding(subject, says, fix=fix)


def _term_or_none(text: str) -> Term | None:
    try:
        return parse_term(text)
    except ValueError:  # RecordSyntaxError is one
        return None


def _on_name(term: Term, domain: DomainSpec, subject: str) -> Iterator[Finding]:
    if "p" in domain.letters:
        yield rules.P_MACRO.finding(subject, f"{term} uses %{{p}}")
    if domain.letters & {"l", "s"}:
        yield rules.LOCAL_PART_MACRO.finding(subject, f"{term} shows the sender to DNS")
    if domain.letters:
        return
    if target_name(domain.text) is None:
        yield rules.BAD_NAME.finding(subject, f"{domain} cannot be a name")
    follows = isinstance(term, Redirect) or (
        isinstance(term, Directive) and isinstance(term.mechanism, Include)
    )
    if follows and subject and domain.key == subject.rstrip(".").lower():
        yield rules.INCLUDE_SELF.finding(subject, f"{term} leads back to {subject}")


def _on_network(
    record: SpfRecord, term: Directive, mechanism: Ip4 | Ip6, subject: str
) -> Iterator[Finding]:
    network = mechanism.network
    if isinstance(mechanism, Ip6) and mechanism.address.ipv4_mapped is not None:
        prefix = max(0, mechanism.prefix - 96)
        mended = replace(term, mechanism=Ip4(mechanism.address.ipv4_mapped, prefix))
        fix = Fix(f"write {mended}", _whole(_swapped(record, term, mended)))
        yield rules.MAPPED.finding(subject, f"{term} never matches", fix=fix)
        return
    if any(network.version == d.version and network.subnet_of(d) for d in _DOCUMENTATION):  # type: ignore[arg-type]  # the versions are equal
        yield rules.DOCUMENTATION.finding(subject, f"{network} is set aside for examples")
    elif _is_special(network):
        yield rules.PRIVATE.finding(subject, f"no receiver ever sees mail from {network}")
    if network.network_address != mechanism.address:
        fix = Fix(f"write {mechanism.name}:{mechanism.address} for the one host")
        says = f"{term} lets all of {network} send"
        yield rules.HOST_BITS.finding(subject, says, fix=fix)
    sizes = (mechanism.prefix, 128) if isinstance(mechanism, Ip4) else (32, mechanism.prefix)
    yield from _on_size(term, *sizes, subject)


def _is_special(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> bool:
    if network.prefixlen <= (HUGE_PREFIX4 - 1 if network.version == 4 else 2):
        return False  # so wide that it holds public addresses, too
    return (
        network.is_private
        or network.is_multicast
        or network.is_link_local
        or (isinstance(network, ipaddress.IPv4Network) and network.subnet_of(_SHARED))
    )


_SHARED = ipaddress.IPv4Network("100.64.0.0/10")  # RFC 6598: carriers' own


def _on_size(term: Directive, prefix4: int, prefix6: int, subject: str) -> Iterator[Finding]:
    if term.qualifier is not Qualifier.PASS:
        return
    if prefix4 <= HUGE_PREFIX4 or prefix6 <= HUGE_PREFIX6:
        yield rules.HUGE_NETWORK.finding(subject, f"{term} lets a vast part of the internet send")
    elif prefix4 <= LARGE_PREFIX4 or prefix6 <= LARGE_PREFIX6:
        says = f"{term} lets a very large network send"
        yield rules.HUGE_NETWORK.finding(subject, says, severity=Severity.WARN)
