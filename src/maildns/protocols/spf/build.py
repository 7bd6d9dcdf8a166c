"""
SPF records made of what the owner wants, and two records made one (RFC 7208).

`merge` exists because a name may have only one SPF record (section 3.2): a new
sender is merged into what stands there, never published beside it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import TypeAlias, TypeVar

from maildns import dnsdata
from maildns.errors import UsageError
from maildns.protocols.spf.macro import DomainSpec
from maildns.protocols.spf.record import (
    A,
    All,
    Directive,
    Explanation,
    Include,
    Ip4,
    Ip6,
    Mechanism,
    Mx,
    Qualifier,
    Redirect,
    SpfRecord,
    Term,
    UnknownModifier,
    parse_term,
)

Network: TypeAlias = (
    str
    | ipaddress.IPv4Address
    | ipaddress.IPv6Address
    | ipaddress.IPv4Network
    | ipaddress.IPv6Network
)

AnyTerm = TypeVar("AnyTerm", bound=Term)

DEFAULT_ALL = "-all"


def build(  # noqa: PLR0913  # one keyword for each kind of term
    *,
    ip4: Iterable[Network] = (),
    ip6: Iterable[Network] = (),
    include: Iterable[str] = (),
    a: bool | Iterable[str] = False,
    mx: bool | Iterable[str] = False,
    terms: Iterable[str | Term] = (),
    all: str | None = DEFAULT_ALL,
    redirect: str | None = None,
) -> SpfRecord:
    """
    Make the record that lets these hosts send.

    What needs no lookup comes first, so that receivers ask the least. *a* and
    *mx* are True for the domain's own, or the names to look at; *terms* are any
    further terms, in order; *all* is None for none. With *redirect* there is no
    `all`, which would make it idle (RFC 7208 section 6.1). Doubles are dropped.

    Raises `UsageError` for a network of the wrong family, an *all* that is none,
    or both a *redirect* and an *all*; `RecordSyntaxError` for a name that is none.

    >>> str(build(ip4=["192.0.2.1/32"], include=["_spf.example.net"], mx=True, all="~all"))
    'v=spf1 ip4:192.0.2.1 mx include:_spf.example.net ~all'
    """
    mechanisms: list[Mechanism] = [_ip4(network) for network in ip4]
    mechanisms += [_ip6(network) for network in ip6]
    mechanisms += [A(domain) for domain in _own_or_named(a)]
    mechanisms += [Mx(domain) for domain in _own_or_named(mx)]
    mechanisms += [Include(domain_spec(domain)) for domain in include]
    made: list[Term] = [Directive(Qualifier.PASS, mechanism) for mechanism in mechanisms]
    made += [parse_term(term) if isinstance(term, str) else term for term in terms]
    if redirect is not None:
        if all not in {None, DEFAULT_ALL}:
            raise UsageError(f"a redirect is idle beside {all!r}; leave one of the two out")
        made.append(Redirect(domain_spec(redirect)))
    elif all is not None:
        made.append(_all(all))
    return SpfRecord(_without_doubles(made))


def domain_spec(text: str) -> DomainSpec:
    """Make the name of a term of what a person wrote; U-labels become A-labels (RFC 8616)."""
    return DomainSpec(text if text.isascii() else dnsdata.name(text))


def _own_or_named(wanted: bool | Iterable[str]) -> list[DomainSpec | None]:
    if isinstance(wanted, bool):
        return [None] if wanted else []
    return [domain_spec(text) for text in ([wanted] if isinstance(wanted, str) else wanted)]


def _all(text: str) -> Directive:
    if text not in {"+all", "-all", "~all", "?all", "all"}:
        raise UsageError(f"{text!r} is none of -all, ~all, ?all and +all")
    return Directive(Qualifier(text[:-3] or "+"), All())


def _ip4(network: Network) -> Ip4:
    made = _network(network)
    if not isinstance(made, ipaddress.IPv4Network):
        raise UsageError(f"{network} is an IPv6 network; give it as ip6")
    return Ip4(made.network_address, made.prefixlen)


def _ip6(network: Network) -> Ip6:
    made = _network(network)
    if not isinstance(made, ipaddress.IPv6Network):
        raise UsageError(f"{network} is an IPv4 network; give it as ip4")
    return Ip6(made.network_address, made.prefixlen)


def _network(network: Network) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(network, strict=False)
    except ValueError:
        raise UsageError(f"{network!r} is not an IP network") from None


def term_key(term: Term) -> tuple[str, ...]:
    """What two terms share that say something of the same senders, whatever their qualifiers."""
    if isinstance(term, Redirect | Explanation):
        return (f"{term.name}=",)
    if isinstance(term, UnknownModifier):
        return (f"{term.name.lower()}=", term.value)
    mechanism = term.mechanism
    if isinstance(mechanism, Ip4 | Ip6):
        return (mechanism.name, str(mechanism.network))
    if isinstance(mechanism, All):
        return ("all",)
    domain = mechanism.domain.key if mechanism.domain else ""
    if isinstance(mechanism, A | Mx):
        return (mechanism.name, domain, str(mechanism.prefix4), str(mechanism.prefix6))
    return (mechanism.name, domain)


def _first_of_each(terms: Iterable[AnyTerm]) -> dict[tuple[str, ...], AnyTerm]:
    """*terms* by key, in order; of several with one key, the first, which decides."""
    kept: dict[tuple[str, ...], AnyTerm] = {}
    for term in terms:
        kept.setdefault(term_key(term), term)
    return kept


def _without_doubles(terms: Iterable[Term]) -> tuple[Term, ...]:
    return tuple(_first_of_each(terms).values())


def merge(existing: SpfRecord, wanted: SpfRecord) -> SpfRecord:
    """
    Make one record that lets all senders of both send, in a stable order.

    The terms of *existing* come first; new ones of *wanted* follow the last of
    its terms that say pass, so that nothing they allow is refused before. Where
    both speak of the same senders, *wanted* says with what qualifier; its `all`,
    redirect and exp hold too. A redirect beside an `all` would be idle: it
    becomes an include. Terms behind an `all` were never reached and are dropped.

    >>> from maildns.protocols.spf.record import parse
    >>> str(merge(parse("v=spf1 a ~all"), parse("v=spf1 ip4:192.0.2.1 -all")))
    'v=spf1 a ip4:192.0.2.1 -all'
    """
    last = wanted.all or existing.all
    ours, theirs = _mechanisms(existing), _mechanisms(wanted)
    redirect = wanted.redirect or existing.redirect
    if last is not None or _differ(existing.redirect, wanted.redirect):
        kept = None if last is not None else wanted.redirect
        ours += _as_includes([existing], unless=kept)
        theirs += _as_includes([wanted], unless=kept)
        redirect = kept
    says = _first_of_each(theirs)
    known = _first_of_each(ours)
    merged: list[Term] = [says.get(key, directive) for key, directive in known.items()]
    place = _after_passes(merged)
    merged[place:place] = [d for key, d in says.items() if key not in known]
    merged += [last] if last is not None else []
    merged += [redirect] if redirect is not None else []
    explanation = wanted.explanation or existing.explanation
    merged += [explanation] if explanation is not None else []
    merged += [t for r in (existing, wanted) for t in r.terms if isinstance(t, UnknownModifier)]
    return SpfRecord(_without_doubles(merged))


def _mechanisms(record: SpfRecord) -> list[Directive]:
    return [d for d in record.effective if not isinstance(d.mechanism, All)]


def _differ(one: Redirect | None, other: Redirect | None) -> bool:
    return one is not None and other is not None and one.domain.key != other.domain.key


def _as_includes(records: Sequence[SpfRecord], unless: Redirect | None) -> list[Directive]:
    """The redirects of *records* that counted, as includes; not that which is kept as it is."""
    return [
        Directive(Qualifier.PASS, Include(record.redirect.domain))
        for record in records
        if record.redirect is not None
        and record.all is None
        and (unless is None or record.redirect.domain.key != unless.domain.key)
    ]


def _after_passes(terms: Sequence[Term]) -> int:
    """The place of the first term that does not say pass."""
    for place, term in enumerate(terms):
        if not (isinstance(term, Directive) and term.qualifier is Qualifier.PASS):
            return place
    return len(terms)
