"""
The exact networks that a domain's policy permits, refuses or leaves open (RFC 7208).

The whole tree of includes, addresses and redirects is read and evaluated for every
address at once, in the order in which receivers try the terms. What depends on the mail
(macros, `exists`, `ptr`) is kept as a condition. The limits of section 4.6.4 are not
applied here, so that a record which breaks them can be compared with one that does not;
`lookup_tree` measures them.

An IPv6 address that is IPv4-mapped is an IPv4 client to receivers (section 5), so what
stands here of ::ffff:0:0/96 is never asked for.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from maildns import dnsdata
from maildns.ask import Answer, Inquiry, Question
from maildns.protocols.spf.decision import (
    ERRORS,
    NOT_PASSING,
    Decision,
    Elsewhere,
    Including,
    conditions,
    fork,
)
from maildns.protocols.spf.decision import results as results_of
from maildns.protocols.spf.ranges import (
    IPNetwork,
    Range,
    combined,
    everything,
    first_decides,
    networks_of,
)
from maildns.protocols.spf.reading import (
    Reading,
    SpfSource,
    exchangers,
    followed,
    own_target,
    problem_of,
    read,
)
from maildns.protocols.spf.record import (
    A,
    All,
    Directive,
    Include,
    Ip4,
    Ip6,
    Mx,
    Redirect,
    SpfRecord,
    SpfResult,
    Term,
)
from maildns.protocols.spf.verdict import MAX_MX

_PLAIN = NOT_PASSING | {SpfResult.PASS}
MAX_VISITS = 1_000  # policies evaluated, those reached by several ways counted again
MAX_FORKS = 100  # terms that depend on the mail; evaluations stop at ten

Whole = list[Range[Decision]]
# The addresses that a term matches, and how it ends for all others where that is an error.
Matched = tuple[list[tuple[int, int]], tuple[SpfResult, str] | None]
IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class SpfNetworks:
    """
    What a policy decides for every address, without gaps: `ip4` and `ip6` in order.

    `conditions` are the terms that depend on the mail; `problems` what makes an evaluation
    end in an error for some address, `temporary` whether one is a DNS failure; `lookups`
    is the cost of the whole tree, `sources` every name that was read.
    """

    domain: str
    ip4: tuple[Range[Decision], ...]
    ip6: tuple[Range[Decision], ...]
    conditions: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    temporary: bool = False
    lookups: int = 0
    sources: tuple[SpfSource, ...] = ()

    def ranges(self, version: int) -> tuple[Range[Decision], ...]:
        """The pieces of one family of addresses."""
        return self.ip4 if version == 4 else self.ip6

    def decision(self, ip: IPAddress | str) -> Decision:
        """What the policy decides for a client at *ip*. Raises `ValueError` for no address."""
        address = ipaddress.ip_address(ip)
        mapped = address.ipv4_mapped if address.version == 6 else None
        address = mapped or address
        point = int(address)
        pieces = self.ranges(address.version)
        return next(piece.result for piece in pieces if piece.last >= point)

    def networks(self, result: SpfResult = SpfResult.PASS) -> tuple[IPNetwork, ...]:
        """The networks that have *result* whatever the mail is, IPv4 first."""
        return self._where(result, 4) + self._where(result, 6)

    def _where(self, decision: Decision, version: int) -> tuple[IPNetwork, ...]:
        found = [(r.first, r.last) for r in self.ranges(version) if r.result == decision]
        return networks_of(found, version)

    @property
    def others(self) -> tuple[Decision, Decision]:
        """What holds for most of IPv4 and of IPv6: that of the greatest part of each."""
        return _most(self.ip4), _most(self.ip6)

    @property
    def ends(self) -> frozenset[SpfResult]:
        """All results that some address can have."""
        return frozenset(r for piece in (*self.ip4, *self.ip6) for r in results_of(piece.result))


def _most(pieces: Sequence[Range[Decision]]) -> Decision:
    sizes: dict[Decision, int] = {}
    for piece in pieces:
        sizes[piece.result] = sizes.get(piece.result, 0) + piece.last - piece.first
    return max(sizes, key=lambda decision: sizes[decision])


def networks(
    domain: str,
    record: SpfRecord | str | None = None,
    *,
    given: Mapping[str, SpfRecord] | None = None,
) -> Inquiry[SpfNetworks]:
    """
    Tell for every address what the policy of *domain* decides.

    *record* stands in for the domain's own, and *given*, by name, for those of others. A
    domain without a record has the result `none` everywhere. Nothing is raised for what
    DNS says; `RecordSyntaxError` for a *record* that is none.

    >>> from maildns.net.drivers import run
    >>> from maildns.net.world import World
    >>> world = World.from_zone('_spf.example.net. TXT "v=spf1 ip4:192.0.2.0/24 ~all"')
    >>> found = run(networks("example.com", "v=spf1 include:_spf.example.net -all"), world)
    >>> found.networks(), found.others[0].value
    ((IPv4Network('192.0.2.0/24'),), 'fail')
    """
    reading = yield from read(domain, record, given=given)
    return evaluate(reading)


def evaluate(reading: Reading) -> SpfNetworks:
    """Make the networks of what was read; nothing is asked."""
    four, six = _Family(reading, 4), _Family(reading, 6)
    pieces = tuple(four.policy(reading.domain)), tuple(six.policy(reading.domain))
    terms = [term for piece in (*pieces[0], *pieces[1]) for term in conditions(piece.result)]
    faults = {**four.problems, **six.problems} if _fails(*pieces) else {}
    record = reading.record(reading.domain)
    return SpfNetworks(
        reading.domain,
        pieces[0],
        pieces[1],
        tuple(dict.fromkeys(terms)),
        tuple(faults),
        SpfResult.TEMPERROR in faults.values() and not reading.too_large,
        reading.total(record) if record else 0,
        reading.sources(reading.questions()),
    )


def _fails(*families: Sequence[Range[Decision]]) -> bool:
    """Whether some address ends in an error; what no address comes to is no problem."""
    return any(results_of(piece.result) & ERRORS for family in families for piece in family)


def no_policy(domain: str) -> SpfNetworks:
    """What holds where there is no record: `none`, for everybody."""
    return SpfNetworks(
        domain, tuple(everything(4, SpfResult.NONE)), tuple(everything(6, SpfResult.NONE))
    )


def pieces_of(reading: Reading, term: Term, version: int) -> Whole:
    """What *term* alone would decide in the policy of the reading's domain, `neutral` elsewhere."""
    return _Family(reading, version).terms(SpfRecord((term,)), reading.domain)


class _Family:
    """
    The evaluation for all addresses of one family.

    Terms are laid upon each other from the last to the first, since the first that
    matches decides (RFC 7208 section 4.6.2).
    """

    def __init__(self, reading: Reading, version: int) -> None:
        self.problems: dict[str, SpfResult] = {}
        self._reading = reading
        self._version = version
        self._known: dict[str, Whole] = {}
        self._path: list[str] = []
        self._cut: set[str] = set()  # where loops lead to, of those on the path
        self._visits = 0
        self._forks = 0

    def policy(self, domain: str) -> Whole:
        """What the policy of *domain* decides, `none` where there is no record."""
        if domain in self._known:
            return self._known[domain]
        if domain in self._path:
            # It would be walked round and round until the limit (section 4.6.4).
            self._cut.add(domain)
            return self._error(SpfResult.PERMERROR, f"{domain} includes itself: a loop")
        problem = problem_of(self._reading, domain)
        self._visits += 1
        if problem is not None:
            return self._error(*problem)
        if self._visits > MAX_VISITS or len(self._path) > MAX_FORKS:
            return self._error(SpfResult.PERMERROR, "the tree is too large to be evaluated")
        self._path.append(domain)
        record = self._reading.record(domain)
        made = self.terms(record, domain) if record else self._whole(SpfResult.NONE)
        self._path.pop()
        self._cut.discard(domain)
        if not self._cut:  # else it is true only for who comes here by this path
            self._known[domain] = made
        return made

    def _whole(self, decision: Decision) -> Whole:
        return everything(self._version, decision)

    def _error(self, result: SpfResult, problem: str) -> Whole:
        if result is not SpfResult.NONE or self._path:
            self.problems[problem] = SpfResult.PERMERROR if result is SpfResult.NONE else result
        return self._whole(result)

    def terms(self, record: SpfRecord, domain: str) -> Whole:
        """What the terms of *record* decide in the policy of *domain*."""
        rest = self._rest(record, domain)
        pending: list[tuple[int, int, int, Decision]] = []  # networks not laid upon it yet
        directives = record.effective
        for place in range(len(directives) - 1, -1, -1):
            directive = directives[place]
            pieces = self._included(directive, domain)
            here = self._networks(directive, domain) if pieces is None else _simple(pieces)
            if here is None:
                rest = self._laid(pending, rest)
                pending = []
                if pieces is None:
                    rest = self._forked(directive, domain, rest)
                else:
                    rest = combined(pieces, rest, Including(directive))
                continue
            ranges, error = here
            if error is not None:
                rest, pending = self._error(*error), []
            result = directive.qualifier.result
            pending += [(first, place, last, result) for first, last in ranges]
        return self._laid(pending, rest)

    def _included(self, directive: Directive, domain: str) -> Whole | None:
        """What the policy says that an include leads to; None for all other terms."""
        mechanism = directive.mechanism
        if not isinstance(mechanism, Include) or mechanism.domain.letters:
            return None
        target = followed(directive)
        if target is None:
            problem = f"{mechanism} of {domain} cannot be a name"
            return self._error(SpfResult.PERMERROR, problem)
        return self.policy(target)

    def _rest(self, record: SpfRecord, domain: str) -> Whole:
        """What holds where no mechanism matches."""
        if record.all is not None:
            return self._whole(record.all.qualifier.result)
        if record.redirect is not None:
            return self._redirect(record.redirect, domain)
        return self._whole(SpfResult.NEUTRAL)  # RFC 7208 section 4.7

    def _redirect(self, redirect: Redirect, domain: str) -> Whole:
        if redirect.domain.letters:
            return self._whole(Elsewhere(redirect, domain))
        target = followed(redirect)
        if target is None:
            return self._error(SpfResult.PERMERROR, f"{redirect} of {domain} cannot be a name")
        pieces = self.policy(target)
        # RFC 7208 section 6.1: no record there is a permerror
        if pieces[0].result is SpfResult.NONE:
            return self._whole(SpfResult.PERMERROR)
        return pieces

    @staticmethod
    def _laid(pending: list[tuple[int, int, int, Decision]], rest: Whole) -> Whole:
        if not pending:
            return rest
        pending.sort(key=lambda network: network[:3])
        return combined(list(first_decides(pending)), rest, lambda above, _: above)

    def _networks(self, directive: Directive, domain: str) -> Matched | None:
        """What a term matches whatever the mail is; None where it depends on the mail."""
        mechanism = directive.mechanism
        if isinstance(mechanism, All):
            return [], None  # what holds for the rest already
        if isinstance(mechanism, Ip4 | Ip6):
            if mechanism.address.version != self._version:
                return [], None
            network = mechanism.network
            return [(int(network.network_address), int(network.broadcast_address))], None
        if not isinstance(mechanism, A | Mx) or _with_macros(mechanism):
            return None
        target = own_target(mechanism, domain)
        if target is None:
            return [], None  # as in `check_host`: a name that cannot be matches nothing
        hosts: list[Answer] = []
        if isinstance(mechanism, A):
            names, problem = [target], None
        else:
            names, problem = self._exchangers(directive, target)
        for host in names:
            answer = self._reading.answer(Question(host, "A" if self._version == 4 else "AAAA"))
            if answer.failed:
                problem = SpfResult.TEMPERROR, f"{answer.question} cannot be known"
                break
            hosts.append(answer)
        return self._around(mechanism, hosts), problem

    def _exchangers(
        self, directive: Directive, target: str
    ) -> tuple[list[str], tuple[SpfResult, str] | None]:
        answer = self._reading.answer(Question(target, "MX"))
        if answer.failed:
            return [], (SpfResult.TEMPERROR, f"{answer.question} cannot be known")
        hosts = exchangers(answer)
        problem = None
        if len(hosts) > MAX_MX:  # RFC 7208 section 4.6.4
            problem = (
                SpfResult.PERMERROR,
                f"{directive}: {target} has more than {MAX_MX} mail exchangers",
            )
        return list(dict.fromkeys(hosts[:MAX_MX])), problem

    def _around(self, mechanism: A | Mx, answers: list[Answer]) -> list[tuple[int, int]]:
        """The networks of the mechanism's prefix length around the addresses of *answers*."""
        shift = 32 - mechanism.prefix4 if self._version == 4 else 128 - mechanism.prefix6
        found = {
            int(record.address) >> shift
            for answer in answers
            for record in answer.records
            if isinstance(record, dnsdata.A | dnsdata.AAAA)
        }
        return [(one << shift, ((one + 1) << shift) - 1) for one in sorted(found)]

    def _forked(self, directive: Directive, domain: str, rest: Whole) -> Whole:
        """Lay a term that depends on the mail over the *rest*."""
        self._forks += 1
        if self._forks > MAX_FORKS:
            return self._error(SpfResult.PERMERROR, f"more than {MAX_FORKS} terms with macros")
        result = directive.qualifier.result
        return [
            Range(first, last, fork(directive.mechanism, domain, result, decision))
            for first, last, decision in rest
        ]


def _simple(pieces: Whole) -> Matched | None:
    """The addresses that an included policy lets pass; None where that is not all that it says."""
    if not all(piece.result in _PLAIN for piece in pieces):
        return None
    return [(p.first, p.last) for p in pieces if p.result is SpfResult.PASS], None


def _with_macros(mechanism: A | Mx) -> bool:
    return mechanism.domain is not None and bool(mechanism.domain.letters)
