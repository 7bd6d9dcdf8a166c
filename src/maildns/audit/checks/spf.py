"""SPF: the record, the tree below it, and the hosts that it is for (RFC 7208)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from maildns.ask import Answer
from maildns.audit.checks import spf_rules as own
from maildns.audit.checks.places import cannot_know, near_misses, resembles, texts_of
from maildns.audit.facts import DnsFacts, Facts
from maildns.audit.registry import check
from maildns.audit.result import (
    Result,
    Status,
    broken,
    not_applicable,
    of_findings,
    ok,
    unknown,
)
from maildns.dnsdata import Txt, is_within
from maildns.errors import RecordSyntaxError
from maildns.finding import Finding, Fix, Severity
from maildns.protocols.addresses.record import IpAddress
from maildns.protocols.mx import MxResult
from maildns.protocols.spf import rules
from maildns.protocols.spf.build import merge
from maildns.protocols.spf.lint import LARGE_PREFIX4, LONG_OCTETS
from maildns.protocols.spf.mistakes import lint_text
from maildns.protocols.spf.record import (
    Ip4,
    Qualifier,
    SpfRecord,
    SpfResult,
    is_spf,
    parse,
)
from maildns.protocols.spf.tree import LookupNode
from maildns.protocols.spf.verdict import MAX_LOOKUPS, MAX_MX, MAX_VOIDS, SpfVerdict
from maildns.zonelint.rules import SEVERAL, SPF_TYPE

_VERSION = "v=spf1"
MANY_ADDRESSES = 1 << 21  # more than any two large services use together
LARGE_OCTETS = 1232  # what goes through every network without TCP (RFC 9715 appendix A)
OLD_OCTETS = 512  # RFC 1035 section 4.2.1
_HEADER_OCTETS = 12 + 11  # message header; type, class and OPT
_RECORD_OCTETS = 12  # pointer, type, class, TTL, length
_DOES_NOT_PASS = frozenset({SpfResult.FAIL, SpfResult.SOFTFAIL, SpfResult.NEUTRAL})


@lru_cache(maxsize=8192)
def _linted(text: str) -> tuple[Finding, ...]:
    # The tree counts the lookups, and knows what leads back to the domain.
    return tuple(one for one in lint_text(text) if one.rule != rules.TOO_MANY_LOOKUPS.id)


@check("spf")
def record(facts: Facts) -> Iterator[Result]:
    """There is one SPF record, and it is well made."""
    dns = facts.dns
    answer = dns.answer(dns.domain, "TXT")
    if dns.exists is False:
        yield not_applicable(own.RECORD, dns.domain, "the domain does not exist", answer)
        return
    if answer.failed:
        yield cannot_know(own.RECORD, dns.domain, answer)
        return
    texts = texts_of(answer)
    found = list(dict.fromkeys(_policies(answer)))
    if len(found) > 1:
        says = f"there are {len(found)} SPF records; receivers answer permerror"
        yield broken(SEVERAL["spf"], dns.domain, says, answer, fix=_merged(tuple(found)))
    elif found:
        faults = _linted(found[0])
        yield from of_findings(faults, answer, subject=dns.domain)
        if all(one.severity is not Severity.ERROR for one in faults):
            yield ok(own.RECORD, dns.domain, found[0][:500], answer)
        # Of old tries beside it only those are told that were never meant for SPF.
        others = near_misses(_VERSION, _tries(texts), answer, _linted)
        yield from (one for one in others if one.rule == rules.SENDER_ID.id)
    else:
        yield from _without_record(dns, texts, answer)
    yield from _of_old_type(dns, bool(found))


def _tries(texts: list[str]) -> list[str]:
    return [text for text in texts if resembles(text, _VERSION) and not is_spf(text)]


def _without_record(dns: DnsFacts, texts: list[str], answer: Answer) -> Iterator[Result]:
    results = list(near_misses(_VERSION, _tries(texts), answer, _linted))
    yield from results
    of_old_type = dns.answer(dns.domain, "SPF").found
    if not of_old_type and all(one.status is not Status.BAD for one in results):
        yield broken(own.RECORD, dns.domain, "", answer, fix=_proposal(dns))


def _proposal(dns: DnsFacts) -> Fix:
    if dns.receives:
        says = "publish, when the mail hosts are also those that send; name all others too"
        return Fix(says, "v=spf1 mx ~all", dns.domain, "TXT")
    if dns.mail.result is MxResult.TEMPERROR:
        return Fix("publish one that names the hosts that send")
    return Fix("publish, as the domain has no mail", "v=spf1 -all", dns.domain, "TXT")


@lru_cache(maxsize=512)
def _merged(texts: tuple[str, ...]) -> Fix:
    try:
        made = parse(texts[0])
        for text in texts[1:]:
            made = merge(made, parse(text))
    except RecordSyntaxError:
        return Fix("keep one, remove the others")
    return Fix("publish one record in place of all", str(made))


def _of_old_type(dns: DnsFacts, beside: bool) -> Iterator[Result]:
    """A record of type 99 (RFC 7208 section 3.1)."""
    answer = dns.answer(dns.domain, "SPF")
    if not answer.found or answer.aliases:
        return
    if beside:
        finding = SPF_TYPE.finding(
            dns.domain, fix=Fix("remove it; the TXT record stays"), severity=Severity.INFO
        )
    else:
        says = "the SPF policy is in a record of type SPF, read by nobody"
        text = str(answer.records[0])
        fix = Fix("publish it as TXT", text, dns.domain, "TXT")
        finding = SPF_TYPE.finding(dns.domain, says, fix=fix, severity=Severity.ERROR)
    yield from of_findings([finding], answer)


# --- the tree -----------------------------------------------------------------------------


@check("spf")
def tree(facts: Facts) -> Iterator[Result]:
    """Every policy below the record can be read, within the limits."""
    dns = facts.dns
    root = dns.spf.root
    if root.record is None:
        return
    answer = dns.answer(dns.domain, "TXT")
    clean = True
    for parent, child, path in _branches(root, (root.domain,)):
        for result in _of_branch(dns, parent, child, path):
            clean = False
            yield result
    total = dns.spf.total
    if total > MAX_LOOKUPS:
        costs = sorted(dns.spf.costs(), key=lambda one: -one[1])[:3]
        most = ", ".join(f"{term} costs {cost}" for term, cost in costs)
        says = f"{total} lookups; receivers stop at {MAX_LOOKUPS}: {most}"
        fix = Fix("remove what is no longer used, or write its networks by ip4 and ip6")
        yield broken(rules.TOO_MANY_LOOKUPS, dns.domain, says, answer, fix=fix)
    elif clean:
        says = f"{total} of {MAX_LOOKUPS} lookups, all policies below can be read"
        yield ok(rules.TOO_MANY_LOOKUPS, dns.domain, says, answer)
    yield from _voids(dns, answer)


def _branches(
    node: LookupNode, path: tuple[str, ...]
) -> Iterator[tuple[LookupNode, LookupNode, tuple[str, ...]]]:
    """Each policy below *node* with that which leads to it, and the way there."""
    for child in node.children:
        yield node, child, path
        yield from _branches(child, (*path, child.domain))


def _of_branch(
    dns: DnsFacts, parent: LookupNode, child: LookupNode, path: tuple[str, ...]
) -> Iterator[Result]:
    answer = dns.answer(child.domain, "TXT")
    if child.temporary:
        yield unknown(own.INCLUDE_FAULTY, dns.domain, child.problem, answer)
    elif child.domain in path:
        rule = rules.INCLUDE_SELF if child.domain == parent.domain == dns.domain else own.LOOP
        says = f"{child.via} of {parent.domain} leads back to {child.domain}"
        yield broken(rule, dns.domain, says, answer, fix=_without(dns, path, child))
    elif child.record is None and answer.void:
        yield _missing(dns, parent, child, path)
    elif child.record is None:
        if answer.found and not _policies(answer):
            yield _missing(dns, parent, child, path)
        elif parent.domain != dns.domain or answer.found:  # of a name that is none, lint tells
            says = f"{child.via} of {parent.domain}: {child.problem}"
            yield broken(
                own.INCLUDE_FAULTY, dns.domain, says, answer, fix=_without(dns, path, child)
            )
    elif _passes_all(child):
        says = f"{child.via} of {parent.domain}: {child.domain} says +all"
        yield broken(
            own.INCLUDE_PASSES_ALL, dns.domain, says, answer, fix=_without(dns, path, child)
        )


def _missing(dns: DnsFacts, parent: LookupNode, child: LookupNode, path: tuple[str, ...]) -> Result:
    answer = dns.answer(child.domain, "TXT")
    redirected = child.via.startswith("redirect=")
    rule = own.REDIRECT_MISSING if redirected else own.INCLUDE_MISSING
    says = f"{child.via} of {parent.domain}: {child.domain} has no SPF record"
    return broken(rule, dns.domain, says, answer, fix=_without(dns, path, child))


def _without(dns: DnsFacts, path: tuple[str, ...], child: LookupNode) -> Fix | None:
    """The domain's own record without the term that leads to *child*, where it has that term."""
    mine = dns.spf.root.record
    if len(path) > 1 or mine is None:
        return None
    terms = tuple(one for one in mine.terms if str(one) != child.via)
    text = str(SpfRecord(terms))
    if child.via.startswith("redirect="):
        return Fix("end it with -all instead", f"{text} -all", dns.domain, "TXT")
    return Fix(f"remove {child.via}", text, dns.domain, "TXT")


def _passes_all(child: LookupNode) -> bool:
    last = child.record.all if child.record is not None else None
    return last is not None and last.qualifier is Qualifier.PASS


def _voids(dns: DnsFacts, answer: Answer) -> Iterator[Result]:
    voids = dns.spf.voids
    if len(voids) > MAX_VOIDS:
        says = f"{len(voids)} lookups find nothing; receivers stop after {MAX_VOIDS}: "
        shown = ", ".join(voids[:5])
        yield broken(own.TOO_MANY_VOIDS, dns.domain, says + shown, answer)
        return
    for void in voids:
        yield broken(own.VOID, dns.domain, f"{void} finds nothing", answer)


@check("spf")
def exchangers(facts: Facts) -> Iterator[Result]:
    """No `mx` term looks up a domain with more than ten mail hosts (RFC 7208 section 4.6.4)."""
    root = facts.dns.spf.root
    # Of too many mail hosts of the domain itself the MX rules complain.
    told = root if len(facts.dns.mail.records) > MAX_MX else None
    for node in root.walk():
        if node.record is not None and node.problem and node is not told:
            evidence = facts.dns.answer(node.domain, "TXT")
            yield broken(own.TOO_MANY_EXCHANGERS, facts.domain, node.problem, evidence)


@check("spf")
def ending(facts: Facts) -> Iterator[Result]:
    """Hosts that are not listed are refused, or marked; a redirect is followed."""
    dns = facts.dns
    node = dns.spf.root
    while node.record is not None and node.record.all is None and node.record.redirect is not None:
        via = str(node.record.redirect)
        onward = next((one for one in node.children if one.via == via), None)
        if onward is None or onward.domain == node.domain:
            return
        node = onward
    if node.record is None:
        return
    answer = dns.answer(node.domain, "TXT")
    last = node.record.all
    where = "" if node is dns.spf.root else f"{node.domain} "
    if last is not None and last.qualifier in {Qualifier.FAIL, Qualifier.SOFTFAIL}:
        says = f"{where}ends in {last}: hosts that are not listed get {last.qualifier.result}"
        yield ok(rules.NO_ALL, dns.domain, says, answer)
    elif where and last is None:
        says = f"{node.domain}, where the redirect leads, does not end in 'all'"
        yield broken(rules.NO_ALL, dns.domain, says, answer)
    elif where and last is not None and last.qualifier is Qualifier.NEUTRAL:
        says = f"{node.domain}, where the redirect leads, ends in {last}"
        yield broken(rules.NEUTRAL_ALL, dns.domain, says, answer)


# --- sizes --------------------------------------------------------------------------------


@check("spf")
def sizes(facts: Facts) -> Iterator[Result]:
    """Not millions of addresses are permitted, and the answer fits into a packet."""
    dns = facts.dns
    root = dns.spf.root
    if root.record is None:
        return
    answer = dns.answer(dns.domain, "TXT")
    texts = [text for node in root.walk() for text in _policies(dns.answer(node.domain, "TXT"))]
    count = sum(_addresses(text, own=at == 0) for at, text in enumerate(texts))
    if count > MANY_ADDRESSES:
        says = f"up to {count:,} IPv4 addresses may send in the domain's name"
        yield broken(own.PERMITS_MANY, dns.domain, says, answer)
    elif root.record.permits_somebody:
        says = f"up to {count:,} IPv4 addresses are permitted by number"
        yield ok(own.PERMITS_MANY, dns.domain, says, answer)
    octets = _octets(answer)
    if any(len(text) > LONG_OCTETS for text in texts[:1]) or octets <= OLD_OCTETS:
        return
    severity = Severity.INFO if octets <= LARGE_OCTETS else None
    says = f"{len(answer.records)} TXT records make an answer of about {octets} octets"
    yield from of_findings([own.LARGE_ANSWER.finding(dns.domain, says, severity=severity)], answer)


def _policies(answer: Answer) -> list[str]:
    return [text for text in texts_of(answer) if is_spf(text)]


@lru_cache(maxsize=8192)
def _addresses(text: str, *, own: bool) -> int:
    """IPv4 addresses permitted by number; in the *own* record not what lint calls too many."""
    try:
        policy = parse(text)
    except RecordSyntaxError:
        return 0
    return sum(
        1 << (32 - one.mechanism.prefix)
        for one in policy.effective
        if isinstance(one.mechanism, Ip4) and one.qualifier is Qualifier.PASS
        if not own or one.mechanism.prefix > LARGE_PREFIX4
    )


def _octets(answer: Answer) -> int:
    """The size of the answer with all TXT records, as seen, or else as computed."""
    if answer.seen is not None and answer.seen.octets:
        return answer.seen.octets
    texts = (record for record in answer.records if isinstance(record, Txt))
    data = sum(len(one) + 1 for record in texts for one in record.strings)
    return (
        _HEADER_OCTETS + len(answer.question.name) + 6 + _RECORD_OCTETS * len(answer.records) + data
    )


# --- the hosts ----------------------------------------------------------------------------


@check("spf")
def hosts(facts: Facts) -> Iterator[Result]:
    """The domain's own mail hosts pass, by the name that they call themselves and as the domain."""
    dns = facts.dns
    home = dns.dmarc["rfc7489"].organizational_domain or dns.domain
    of_host: dict[str, list[tuple[IpAddress, SpfVerdict]]] = {}
    for (host, ip), verdict in dns.helo_spf.items():
        # Of hosts that a service runs, the service's postmaster decides.
        if host != dns.domain and is_within(host, home):
            of_host.setdefault(host, []).append((ip, verdict))
    for host, verdicts in of_host.items():
        yield _as_itself(dns.answer(host, "TXT"), host, verdicts)
    if dns.sends:
        yield from _as_the_domain(dns, home)


def _as_itself(
    answer: Answer, host: str, verdicts: Sequence[tuple[IpAddress, SpfVerdict]]
) -> Result:
    worst = [one for one in verdicts if one[1].result is not SpfResult.PASS]
    if not worst:
        return ok(own.HELO_FAILS, host, f"passes by its own name: {verdicts[0][1].term}", answer)
    ip, verdict = min(worst, key=lambda one: one[1].result is SpfResult.TEMPERROR)
    fix = Fix("publish", "v=spf1 a -all", host, "TXT")
    if verdict.result is SpfResult.NONE:
        return broken(own.HELO_MISSING, host, "", answer, fix=fix)
    if verdict.result is SpfResult.TEMPERROR:
        return unknown(own.HELO_FAILS, host, verdict.problem, answer)
    says = f"{ip} gets {verdict.result} as {host} {verdict.problem}".rstrip()
    return broken(own.HELO_FAILS, host, says, answer, fix=fix)


def _as_the_domain(dns: DnsFacts, home: str) -> Iterator[Result]:
    answer = dns.answer(dns.domain, "TXT")
    mine = [(place, one.result) for place, one in dns.own_spf.items() if is_within(place[0], home)]
    refused = [(place, result) for place, result in mine if result in _DOES_NOT_PASS]
    for (host, ip), result in refused:
        says = f"mail from {host}, {ip}, gets {result}"
        yield broken(own.HOST_NOT_PERMITTED, dns.domain, says, answer)
    if mine and all(result is SpfResult.PASS for _, result in mine):
        says = f"all {len(mine)} addresses of its own mail hosts may send"
        yield ok(own.HOST_NOT_PERMITTED, dns.domain, says, answer)


@check("spf")
def parked(facts: Facts) -> Iterator[Result]:
    """A domain without mail says so (RFC 7208 section 10.1.2)."""
    dns = facts.dns
    mine = dns.spf.root.record
    if mine is None or dns.mail.result not in {MxResult.NULL, MxResult.NONE} or dns.sends:
        return
    answer = dns.answer(dns.domain, "TXT")
    last = mine.all
    if last is not None and last.qualifier is Qualifier.FAIL and len(mine.effective) == 1:
        yield ok(
            own.NOT_PARKED, dns.domain, "nobody may send, and the domain takes no mail", answer
        )
    elif last is not None and last.qualifier is Qualifier.SOFTFAIL:
        fix = Fix("publish", "v=spf1 -all", dns.domain, "TXT")
        yield broken(own.NOT_PARKED, dns.domain, "", answer, fix=fix)
