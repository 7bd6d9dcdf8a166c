"""
check_host(): may this host send mail for this domain? (RFC 7208 sections 4 to 7)

The evaluation is an inquiry. It asks only what can still matter: nothing after
the first match, no address of a name that cannot match, and the addresses of
all mail exchangers together. Every term tried leaves a `Step` in the trace.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias

from maildns import dnsdata
from maildns.ask import Answer, Inquiry, Question
from maildns.errors import RecordSyntaxError, UsageError
from maildns.protocols.spf import macro
from maildns.protocols.spf.macro import DomainSpec, target_name
from maildns.protocols.spf.program import Ask, Block, program
from maildns.protocols.spf.record import (
    A,
    All,
    Exists,
    Explanation,
    Include,
    Ip4,
    Ip6,
    Mechanism,
    Mx,
    Redirect,
    SpfResult,
)
from maildns.protocols.spf.verdict import (
    MAX_LOOKUPS,
    MAX_MX,
    MAX_PTR,
    MAX_VOIDS,
    SpfVerdict,
    Step,
    Stop,
    faulty,
    select_text,
)

MAX_EXPLANATION = 1_000  # characters; a reply to a refused sender has room for no more

Found: TypeAlias = tuple[bool, str | Answer]  # whether a term matched, and what it found
IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def check_host(
    *,
    ip: IPAddress | str,
    sender: str,
    helo: str,
    domain: str | None = None,
    receiver: str = "unknown",
    timestamp: int | None = None,
) -> Inquiry[SpfVerdict]:
    """
    Evaluate the policy of *domain* for a client at *ip*.

    *domain* is that of *sender* where it is not given; a null *sender*, empty or
    ``<>``, stands for ``postmaster@helo`` (RFC 7208 section 2.4). *receiver* and
    *timestamp* fill the macros ``%{r}`` and ``%{t}`` of explanations. Names with
    U-labels are checked by their A-labels (RFC 8616 section 4).

    A DNS failure is the result `temperror`, a wrong record `permerror`, a domain
    that cannot have a record `none`. Raises `UsageError` for an *ip* that is no
    address, and nothing else.

    >>> from maildns.net.drivers import run
    >>> from maildns.net.world import World
    >>> world = World.from_zone('example.com. TXT "v=spf1 ip4:192.0.2.0/24 -all"')
    >>> run(check_host(ip="192.0.2.7", sender="a@example.com", helo="mx.example.com"), world).result
    <SpfResult.PASS: 'pass'>
    """
    check = _Check(_address(ip), sender, helo, receiver=receiver, timestamp=timestamp)
    asked_for = check.sender_domain if domain is None else domain
    start = _checkable(asked_for)
    if start is None:
        # RFC 7208 section 4.3: malformed, or not a multi-label name
        problem = f"{asked_for!r} cannot be a mail domain" if asked_for else "no domain is known"
        return SpfVerdict(SpfResult.NONE, asked_for, problem=problem)
    problem = explanation = ""
    try:
        result = yield from check.policy(start, depth=0, included=False)
        if result is SpfResult.NONE:
            problem = "there is no SPF record"
        elif result is SpfResult.FAIL:
            explanation = yield from check.explanation()
    except Stop as stop:
        result, problem = stop.result, stop.problem
    return SpfVerdict(
        result,
        start,
        explanation,
        tuple([step if step.found else step._replace(found=problem) for step in check.trace]),
        check.lookups,
        check.voids,
        problem,
        check.decided_by,
    )


@lru_cache(maxsize=4096)
def _address(ip: IPAddress | str) -> IPAddress:
    if isinstance(ip, str):
        try:
            ip = ipaddress.ip_address(ip)
        except ValueError:
            raise UsageError(f"{ip!r} is not an IP address") from None
    # RFC 7208 section 5: an IPv4-mapped address is an IPv4 address
    mapped = ip.ipv4_mapped if ip.version == 6 else None
    return ip if mapped is None else mapped


@lru_cache(maxsize=4096)
def _checkable(domain: str) -> str | None:
    if domain.startswith("["):
        return None  # an address literal
    try:
        made = dnsdata.name(domain)
    except RecordSyntaxError:
        return None
    return made if "." in made.strip(".") else None


class _Check:
    """One evaluation under way: what is known of the mail, and what has been spent."""

    __slots__ = (
        "_names",
        "decided_by",
        "exp",
        "helo",
        "ip",
        "local",
        "lookups",
        "point",
        "receiver",
        "rrtype",
        "sender_domain",
        "timestamp",
        "trace",
        "version",
        "voids",
    )

    def __init__(
        self, ip: IPAddress, sender: str, helo: str, *, receiver: str, timestamp: int | None
    ) -> None:
        self.ip = ip
        self.version = ip.version
        self.rrtype = "A" if self.version == 4 else "AAAA"
        self.point = int(ip)
        self.helo = helo
        if sender.startswith("<") and sender.endswith(">"):
            sender = sender[1:-1]  # RFC 5321 section 4.1.2: a path, as the client gave it
        if not sender:
            sender = f"postmaster@{helo}"  # RFC 7208 section 2.4
        local, _, self.sender_domain = sender.rpartition("@")
        self.local = local or "postmaster"  # RFC 7208 section 4.3
        self.receiver = receiver
        self.timestamp = timestamp
        self.lookups = 0
        self.voids = 0
        self.trace: list[Step] = []
        self.exp: tuple[Explanation | None, str] = (None, "")
        self.decided_by = ""
        self._names: list[str] | None = None

    # --- policies -----------------------------------------------------------------

    def policy(self, domain: str, *, depth: int, included: bool) -> Inquiry[SpfResult]:
        """The result of the policy of *domain* (RFC 7208 section 4)."""
        (answer,) = yield (Question(domain, "TXT"),)
        text = select_text(answer)
        if text is None:
            return SpfResult.NONE
        try:
            ready = program(text)
        except RecordSyntaxError as error:
            raise faulty(answer, error) from None
        if not included:
            self.exp = (ready.explanation, domain)
        for part in ready.parts:
            if isinstance(part, Block):
                result = self._block(part, domain, depth)
            else:
                result = yield from self._try(part, domain, depth)
            if result is not None:
                return result
        # An `all` would have matched, so a redirect that is reached counts (section 6.1).
        if ready.redirect is None:
            return SpfResult.NEUTRAL  # RFC 7208 section 4.7
        return (yield from self._redirect(ready.redirect, domain, depth=depth, included=included))

    def _block(self, block: Block, domain: str, depth: int) -> SpfResult | None:
        """Try what asks nothing."""
        place = block.match(self.version, self.point)
        missed = block.missed(depth, domain)
        if place < 0:
            self.trace += missed
            return None
        text = block.texts[place]
        self.trace += missed[:place]
        self.trace.append(Step(depth, domain, text, "matches at once", 0, matched=True))
        if depth == 0:
            self.decided_by = text
        return block.results[place]

    def _try(self, ask: Ask, domain: str, depth: int) -> Inquiry[SpfResult | None]:
        self._spend(ask.text, domain)
        place = len(self.trace)
        self.trace.append(Step(depth, domain, ask.text, "", 1, matched=False))
        matched, found = yield from self._ask(ask.mechanism, domain, depth)
        self.trace[place] = Step(depth, domain, ask.text, found, 1, matched)
        if not matched:
            return None
        if depth == 0:
            self.decided_by = ask.text
        return ask.result

    def _redirect(
        self, redirect: Redirect, domain: str, *, depth: int, included: bool
    ) -> Inquiry[SpfResult]:
        self._spend(str(redirect), domain)
        target = yield from self._target(redirect.domain, domain)
        if target is not None:
            step = Step(
                depth, domain, str(redirect), f"the policy of {target} holds", 1, matched=True
            )
            self.trace.append(step)
            result = yield from self.policy(target, depth=depth, included=included)
            if result is not SpfResult.NONE:
                return result
        # RFC 7208 section 6.1: no record, or a malformed name
        problem = f"{redirect} of {domain} leads to no SPF record"
        raise Stop(SpfResult.PERMERROR, problem)

    def _spend(self, term: str, domain: str) -> None:
        self.lookups += 1
        if self.lookups > MAX_LOOKUPS:  # RFC 7208 section 4.6.4
            problem = f"more than {MAX_LOOKUPS} terms that need DNS; {term} of {domain} is one more"
            raise Stop(SpfResult.PERMERROR, problem)

    def _settle(self, answer: Answer) -> None:
        """Stop at a failed lookup (RFC 7208 section 5); count a void one (section 4.6.4)."""
        if answer.failed:
            why = answer.detail or answer.outcome
            raise Stop(SpfResult.TEMPERROR, f"{answer.question} cannot be known: {why}")
        if answer.void:
            self.voids += 1
            if self.voids > MAX_VOIDS:
                problem = f"more than {MAX_VOIDS} lookups found nothing; {answer.question} is one"
                raise Stop(SpfResult.PERMERROR, problem)

    # --- mechanisms ---------------------------------------------------------------

    def _ask(self, mechanism: Mechanism, domain: str, depth: int) -> Inquiry[Found]:
        spec = mechanism.domain if not isinstance(mechanism, All | Ip4 | Ip6) else None
        target: str | None = domain
        if spec is not None:
            target = spec.fixed or (yield from self._target(spec, domain))
        if isinstance(mechanism, Include):
            return (yield from self._include(target, str(spec), depth))
        if target is None:
            # RFC 7208 section 4.8 leaves a malformed target-name open; it matches nothing.
            return False, "the name cannot exist"
        if isinstance(mechanism, A):
            (answer,) = yield (Question(target, self.rrtype),)
            self._settle(answer)
            return self._has_client(mechanism, answer), answer
        if isinstance(mechanism, Mx):
            return (yield from self._mx(mechanism, target))
        if isinstance(mechanism, Exists):
            # RFC 7208 section 5.7: type A even for a client with an IPv6 address
            (answer,) = yield (Question(target, "A"),)
            self._settle(answer)
            return answer.found, answer
        return (yield from self._ptr(target))

    def _include(self, target: str | None, spec: str, depth: int) -> Inquiry[Found]:
        result = SpfResult.NONE
        if target is not None:
            result = yield from self.policy(target, depth=depth + 1, included=True)
        if result is SpfResult.NONE:  # RFC 7208 section 5.2: none makes a permerror
            problem = f"include:{spec} leads to no SPF record"
            raise Stop(SpfResult.PERMERROR, problem)
        return result is SpfResult.PASS, f"{target} says {result.value}"

    def _mx(self, mechanism: Mx, target: str) -> Inquiry[Found]:
        (answer,) = yield (Question(target, "MX"),)
        self._settle(answer)
        records = [record for record in answer.records if isinstance(record, dnsdata.Mx)]
        records.sort(key=_preference)
        # The host "." is the null MX of RFC 7505: no mail exchanger.
        hosts = [record.host for record in records if record.host != "."]
        first = list(dict.fromkeys(hosts[:MAX_MX]))
        if not first:
            return False, f"{target} has no mail exchanger"
        answers = yield tuple(Question(host, self.rrtype) for host in first)
        for host in answers:  # RFC 7208 section 5.4: in order of preference
            if host.failed:
                self._settle(host)
            if self._has_client(mechanism, host):
                return True, host
        if len(hosts) > MAX_MX:  # RFC 7208 section 4.6.4
            problem = f"{target} has more than {MAX_MX} mail exchangers"
            raise Stop(SpfResult.PERMERROR, problem)
        return False, "mail exchangers " + ", ".join(first)

    def _ptr(self, target: str) -> Inquiry[Found]:
        names = yield from self._client_names()
        # Only names within the target can match, so only they are validated.
        wanted = [name for name in names if dnsdata.is_within(name, target)]
        valid = yield from self._validated(wanted)
        if valid:
            return True, f"the client is {valid[0]}"
        return False, f"the client has no valid name within {target}"

    def _has_client(self, mechanism: A | Mx, answer: Answer) -> bool:
        shift = 32 - mechanism.prefix4 if self.version == 4 else 128 - mechanism.prefix6
        ours = self.point >> shift
        return ours in [int(address) >> shift for address in _addresses(answer)]

    # --- the client's names ---------------------------------------------------------

    def _client_names(self) -> Inquiry[list[str]]:
        """At most ten names of the client, not validated (RFC 7208 section 5.5)."""
        if self._names is None:
            (answer,) = yield (Question(dnsdata.reverse_name(self.ip), "PTR"),)
            # A DNS error makes the mechanism fail to match, not the evaluation.
            if not answer.failed:
                self._settle(answer)
            targets = [r.target for r in answer.records if isinstance(r, dnsdata.Ptr)]
            self._names = targets[:MAX_PTR]  # RFC 7208 section 4.6.4
        return self._names

    def _validated(self, names: Sequence[str]) -> Inquiry[list[str]]:
        """Those of *names* that have the client's address; one that cannot be known is left out."""
        if not names:
            return []
        answers = yield tuple(Question(name, self.rrtype) for name in names)
        return [
            name
            for name, answer in zip(names, answers, strict=True)
            if self.ip in _addresses(answer)
        ]

    def _p(self, domain: str) -> Inquiry[str]:
        """The value of ``%{p}`` (RFC 7208 section 7.3): the domain, a name below it, any, or unknown."""
        names = yield from self._client_names()
        valid = yield from self._validated(names)
        near = [name for name in valid if dnsdata.is_within(name, domain)]
        if domain in near:
            return domain
        return (near or valid or ["unknown"])[0]

    # --- macros ---------------------------------------------------------------------

    def _target(self, spec: DomainSpec, domain: str) -> Inquiry[str | None]:
        """The name that *spec* stands for; None where it cannot be one."""
        letters = spec.letters
        if letters & {"s", "l"} and not self.local.isascii():
            return None  # RFC 8616 section 4: such a term does not match anything
        if "p" in letters and self._names is None:
            self._spend("%{p}", domain)  # RFC 7208 section 4.6.4 counts its PTR lookup
        p = (yield from self._p(domain)) if "p" in letters else ""
        return target_name(macro.expand(spec.parts, self._values(letters, domain, p)))

    def _values(self, letters: Iterable[str], domain: str, p: str) -> dict[str, str]:
        """What the macros of *letters* stand for (RFC 7208 section 7.2)."""
        return {letter: self._value(letter, domain, p) for letter in letters}

    def _value(self, letter: str, domain: str, p: str) -> str:  # one line a letter
        match letter:
            case "s":
                return f"{self.local}@{_ascii(self.sender_domain)}"
            case "l":
                return self.local
            case "o":
                return _ascii(self.sender_domain)
            case "d":
                return domain
            case "i":
                return str(self.ip) if self.version == 4 else ".".join(f"{self.point:032X}")
            case "p":
                return p
            case "v":
                return "in-addr" if self.version == 4 else "ip6"
            case "h":
                return _ascii(self.helo)
            case "c":
                return str(self.ip)
            case "r":
                return self.receiver
        return "unknown" if self.timestamp is None else str(self.timestamp)

    def explanation(self) -> Inquiry[str]:
        """
        The publisher's text for this refusal (RFC 7208 section 6.2).

        Empty where none is published, or its lookup or its text has any fault; it
        costs nothing of the limits.
        """
        exp, domain = self.exp
        if exp is None:
            return ""
        spent = self.lookups, self.voids
        self.lookups = self.voids = -1_000  # what is asked now counts nowhere
        try:
            target = yield from self._target(exp.domain, domain)
            if target is None:
                return ""
            (answer,) = yield (Question(target, "TXT"),)
            if len(answer.records) != 1 or not isinstance(answer.records[0], dnsdata.Txt):
                return ""
            text = answer.records[0].text
            parts = macro.parse_parts(text, macro.TEXT_LETTERS, spaces=True)
            wants_p = any(isinstance(part, macro.Macro) and part.letter == "p" for part in parts)
            p = (yield from self._p(domain)) if wants_p else ""
            return macro.expand(parts, self._values(macro.TEXT_LETTERS, domain, p))[
                :MAX_EXPLANATION
            ]
        except (RecordSyntaxError, Stop):
            return ""
        finally:
            self.lookups, self.voids = spent


def _preference(record: dnsdata.Mx) -> tuple[int, str]:
    return record.preference, record.host


def _addresses(answer: Answer) -> list[IPAddress]:
    return [
        record.address for record in answer.records if isinstance(record, dnsdata.A | dnsdata.AAAA)
    ]


def _ascii(domain: str) -> str:
    """*domain* with A-labels (RFC 8616 section 4); what cannot be converted stays as it is."""
    if domain.isascii():
        return domain
    try:
        return dnsdata.name(domain)
    except RecordSyntaxError:
        return domain
