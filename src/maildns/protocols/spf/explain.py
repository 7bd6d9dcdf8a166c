"""SPF records in plain words, term by term."""

from __future__ import annotations

from maildns.protocols.spf.macro import DomainSpec
from maildns.protocols.spf.record import (
    VERSION,
    A,
    All,
    Directive,
    Exists,
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
)

_MAY = {
    Qualifier.PASS: "may send",
    Qualifier.FAIL: "may not send",
    Qualifier.SOFTFAIL: "probably may not send (softfail: suspicious, but not to be refused)",
    Qualifier.NEUTRAL: "are left open (neutral: as if nothing were said)",
}
_REST = {
    Qualifier.PASS: "every other host in the world may send: the record protects nothing",
    Qualifier.FAIL: "no other host may send; receivers may refuse it",
    Qualifier.SOFTFAIL: "no other host should send; receivers take it with suspicion",
    Qualifier.NEUTRAL: "nothing is said of other hosts",
}


def explain(record: SpfRecord) -> list[tuple[str, str]]:
    """
    Say what each term of *record* means: pairs of the term and the words, in order.

    >>> from maildns.protocols.spf.record import parse
    >>> explain(parse("v=spf1 ip4:192.0.2.1 -all"))[1]
    ('ip4:192.0.2.1', 'the host 192.0.2.1 may send')
    """
    told = [(VERSION, "this is an SPF record: it says which hosts may send mail for the domain")]
    ended = False
    for term in record.terms:
        words = _term(term)
        idle = isinstance(term, Redirect) and record.all is not None
        if (isinstance(term, Directive) and ended) or idle:
            words += " - but it is never reached, because 'all' matches first"
        ended = ended or (isinstance(term, Directive) and isinstance(term.mechanism, All))
        told.append((str(term), words))
    if record.all is None and record.redirect is None:
        told.append(("", "nothing is said of other hosts (neutral), because there is no 'all'"))
    return told


def _term(term: Term) -> str:
    if isinstance(term, Directive):
        if isinstance(term.mechanism, All):
            return _REST[term.qualifier]
        may = _MAY[term.qualifier]
        who, several = _who(term.mechanism)
        return f"{who} {may if several else may.replace('are left', 'is left')}"
    if isinstance(term, Redirect):
        return f"where nothing above matches, the policy of {_name(term.domain)} holds"
    if isinstance(term, Explanation):
        return f"a refused sender is shown the text that stands at {_name(term.domain)}"
    return f"{term.name!r} is no modifier of the standard; receivers ignore it"


def _who(mechanism: Mechanism) -> tuple[str, bool]:
    """The hosts that *mechanism* stands for, and whether they are several."""
    if isinstance(mechanism, Ip4 | Ip6):
        if mechanism.prefix == mechanism.address.max_prefixlen:
            return f"the host {mechanism.address}", False
        network = mechanism.network
        return f"the {_count(network.num_addresses)} addresses of {network}", True
    if isinstance(mechanism, Include):
        return f"hosts that the policy of {_name(mechanism.domain)} lets send", True
    if isinstance(mechanism, Exists):
        return f"hosts for which the name {_name(mechanism.domain)} has an address", True
    if isinstance(mechanism, A):
        return f"{_around(mechanism)}the addresses of {_name(mechanism.domain)}", True
    if isinstance(mechanism, Mx):
        return f"{_around(mechanism)}the mail exchangers of {_name(mechanism.domain)}", True
    return f"hosts whose reverse name lies within {_domain_of(mechanism)}", True


def _domain_of(mechanism: Mechanism) -> str:
    return _name(getattr(mechanism, "domain", None))


def _around(mechanism: A | Mx) -> str:
    prefixes = []
    if mechanism.prefix4 != 32:
        prefixes.append(f"/{mechanism.prefix4} (IPv4)")
    if mechanism.prefix6 != 128:
        prefixes.append(f"/{mechanism.prefix6} (IPv6)")
    return f"all addresses in the same {' and '.join(prefixes)} as " if prefixes else ""


def _name(spec: DomainSpec | None) -> str:
    if spec is None:
        return "the domain itself"
    if spec.letters:
        return f"{spec} (filled in from the mail at hand)"
    return spec.key


def _count(number: int) -> str:
    return f"{number:,}" if number < 2**32 else f"2^{number.bit_length() - 1}"
