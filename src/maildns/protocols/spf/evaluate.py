"""
check_host(): may this host send mail for this domain? (RFC 7208 sections 4 to 7)

The evaluation is an inquiry. It asks only what can still matter: nothing after
the first match, no address of a name that cannot match, and the addresses of
all mail exchangers together. Every term tried leaves a `Step` in the trace.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache, partial
from operator import attrgetter
from typing import TypeAlias

from maildns import dnsdata
from maildns.ask import Answer, Inquiry, Outcome, Question, question_of
from maildns.errors import RecordSyntaxError, UsageError
from maildns.protocols.spf import macro
from maildns.protocols.spf.macro import DomainSpec, target_name
from maildns.protocols.spf.plain import Ask, Modifier, key
from maildns.protocols.spf.program import Block, Program, first_match, program
from maildns.protocols.spf.record import SpfResult
from maildns.protocols.spf.trace import Found, Trace, Tried
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

Matched: TypeAlias = tuple[bool, Found]  # whether a term matched, and what it found
_Mail: TypeAlias = tuple[str, str, str, str, int | None]
"""What macros tell of the mail: the sender's local part and domain, the HELO name, receiver, time."""
IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_FOUND = Outcome.FOUND
_NONE, _PASS, _FAIL = SpfResult.NONE, SpfResult.PASS, SpfResult.FAIL
_ADDRESS_RECORDS = (dnsdata.A, dnsdata.AAAA)
_UNDER_WAY = (0, "", "", "", 1, False)
_SAYS = {result: f"says {result.value}" for result in SpfResult}

# As `SpfVerdict(...)`, from a tuple of its fields.
_verdict: Callable[[tuple[SpfResult, str, str, Sequence[Step], int, int, str, str]], SpfVerdict] = (
    partial(tuple.__new__, SpfVerdict)
)
_preference = attrgetter("preference", "host")


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
    client = _client(ip)
    if sender.startswith("<") and sender.endswith(">"):
        sender = sender[1:-1]  # RFC 5321 section 4.1.2: a path, as the client gave it
    if not sender:
        sender = f"postmaster@{helo}"  # RFC 7208 section 2.4
    local, _, sender_domain = sender.rpartition("@")
    asked_for = sender_domain if domain is None else domain
    start = _checkable(asked_for)
    if start is None:
        # RFC 7208 section 4.3: malformed, or not a multi-label name
        problem = f"{asked_for!r} cannot be a mail domain" if asked_for else "no domain is known"
        return SpfVerdict(_NONE, asked_for, problem=problem)
    (answer,) = yield (question_of((start, "TXT")),)
    try:
        ready = _ready(answer)
    except Stop as stop:
        return SpfVerdict(stop.result, start, problem=stop.problem)
    if ready is None:
        return _verdict((_NONE, start, "", (), 0, 0, "there is no SPF record", ""))
    at_once = _at_once(ready, client, start)
    if at_once is not None:
        return at_once
    check = _Check(client, (local, sender_domain, helo, receiver, timestamp))
    problem = explanation = ""
    try:
        result = yield from check.policy(ready, start, depth=0, included=False)
        if result is _FAIL and check.exp is not None:
            explanation = yield from check.explanation(*check.exp)
    except Stop as stop:
        result, problem = stop.result, stop.problem
    trace, lookups, voids = Trace(check.trace), check.lookups, check.voids
    return _verdict((result, start, explanation, trace, lookups, voids, problem, check.decided_by))


def _at_once(ready: Program, client: _Client, domain: str) -> SpfVerdict | None:
    """The verdict, where a term matches before all that ask, and nothing is to be explained."""
    block = ready.parts[0] if ready.parts else None
    if not isinstance(block, list):
        return None
    place = first_match(block, client.key)
    if place < 0:
        return None
    _, _, text, result = block[place]
    if result is _FAIL and ready.exp is not None:
        return None
    tried = (0, domain, block, place), (0, domain, text, "matches at once", 0, True)
    return _verdict((result, domain, "", Trace(tried), 0, 0, "", text))


class _Client:
    """The client's address, and what is often made of it."""

    def __init__(self, ip: IPAddress) -> None:
        self.ip = ip
        self.version = ip.version
        self.rrtype = "A" if self.version == 4 else "AAAA"
        self.point = int(ip)
        self.key = key(ip)

    @cached_property
    def text(self) -> str:
        """The value of ``%{c}``."""
        return str(self.ip)

    @cached_property
    def dotted(self) -> str:
        """The value of ``%{i}`` (RFC 7208 section 7.3)."""
        return self.text if self.version == 4 else ".".join(f"{self.point:032X}")


@lru_cache(maxsize=4096)
def _client(ip: IPAddress | str) -> _Client:
    if isinstance(ip, str):
        try:
            ip = ipaddress.ip_address(ip)
        except ValueError:
            raise UsageError(f"{ip!r} is not an IP address") from None
    # RFC 7208 section 5: an IPv4-mapped address is an IPv4 address
    mapped = ip.ipv4_mapped if ip.version == 6 else None
    return _Client(ip if mapped is None else mapped)


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
        "client",
        "decided_by",
        "exp",
        "lookups",
        "mail",
        "trace",
        "voids",
    )

    def __init__(self, client: _Client, mail: _Mail) -> None:
        self.client = client
        self.mail = mail
        self.lookups = 0
        self.voids = 0
        self.trace: list[Tried] = []
        self.exp: tuple[Modifier, str] | None = None
        self.decided_by = ""
        self._names: list[str] | None = None

    # --- policies -----------------------------------------------------------------

    def policy(
        self, ready: Program, domain: str, *, depth: int, included: bool
    ) -> Inquiry[SpfResult]:
        """The result of the policy of *domain* (RFC 7208 section 4)."""
        if not included:
            self.exp = None if ready.exp is None else (ready.exp, domain)
        for part in ready.parts:
            if isinstance(part, list):
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
        place = first_match(block, self.client.key)
        if place < 0:
            self.trace.append((depth, domain, block, len(block)))
            return None
        if place:
            self.trace.append((depth, domain, block, place))
        _, _, text, result = block[place]
        self.trace.append((depth, domain, text, "matches at once", 0, True))
        if depth == 0:
            self.decided_by = text
        return result

    def _alone(self, ready: Program, domain: str, depth: int) -> SpfResult | None:
        """The result of a policy that asks nothing, as most that are included; None of another."""
        if len(ready.parts) != 1 or ready.redirect is not None:
            return None
        block = ready.parts[0]
        if not isinstance(block, list):
            return None
        return self._block(block, domain, depth) or SpfResult.NEUTRAL

    def _try(self, ask: Ask, domain: str, depth: int) -> Inquiry[SpfResult | None]:
        """Try a term that asks; its step stands before those of what it includes."""
        self._spend(ask.text, domain)
        place = len(self.trace)
        self.trace.append(_UNDER_WAY)
        try:
            target = ask.fixed
            if target is None:
                target = domain if ask.spec is None else (yield from self._target(ask.spec, domain))
            if target is None or ask.kind == "ptr":
                matched, found = yield from self._seldom(ask, target)
            else:
                (answer,) = yield (question_of((target, ask.rrtype or self.client.rrtype)),)
                if ask.kind == "include":
                    ready = _included(ask, answer)
                    result = self._alone(ready, target, depth + 1) or (
                        yield from self.policy(ready, target, depth=depth + 1, included=True)
                    )
                    matched, found = result is _PASS, (target, _SAYS[result])
                elif ask.kind == "mx":
                    matched, found = yield from self._mx(ask, answer, target)
                else:
                    matched, found = self._host(ask, answer)
        except Stop as stop:
            self.trace[place] = (depth, domain, ask.text, stop.problem, 1, False)
            raise
        self.trace[place] = (depth, domain, ask.text, found, 1, matched)
        if not matched:
            return None
        if depth == 0:
            self.decided_by = ask.text
        return ask.result

    def _redirect(
        self, redirect: Modifier, domain: str, *, depth: int, included: bool
    ) -> Inquiry[SpfResult]:
        self._spend(redirect.text, domain)
        target = yield from self._name(redirect, domain)
        if target is not None:
            found = f"the policy of {target} holds"
            self.trace.append((depth, domain, redirect.text, found, 1, True))
            (answer,) = yield (Question(target, "TXT"),)
            ready = _ready(answer)
            if ready is not None:
                return (yield from self.policy(ready, target, depth=depth, included=included))
        # RFC 7208 section 6.1: no record, or a malformed name
        problem = f"{redirect.text} of {domain} leads to no SPF record"
        raise Stop(SpfResult.PERMERROR, problem)

    def _spend(self, term: str, domain: str) -> None:
        self.lookups += 1
        if self.lookups > MAX_LOOKUPS:  # RFC 7208 section 4.6.4
            problem = f"more than {MAX_LOOKUPS} terms that need DNS; {term} of {domain} is one more"
            raise Stop(SpfResult.PERMERROR, problem)

    def _settle(self, answer: Answer) -> None:
        """Stop at a failed lookup (RFC 7208 section 5); count a void one (section 4.6.4)."""
        if answer.outcome is _FOUND:
            return
        if answer.failed:
            why = answer.detail or answer.outcome
            raise Stop(SpfResult.TEMPERROR, f"{answer.question} cannot be known: {why}")
        self.voids += 1
        if self.voids > MAX_VOIDS:
            problem = f"more than {MAX_VOIDS} lookups found nothing; {answer.question} is one"
            raise Stop(SpfResult.PERMERROR, problem)

    # --- mechanisms ---------------------------------------------------------------

    def _host(self, ask: Ask, answer: Answer) -> Matched:
        """Whether an `a` or `exists` matches, by the *answer* to its only question."""
        self._settle(answer)
        if ask.kind == "a":
            return self._has_client(ask, answer), answer
        # RFC 7208 section 5.7: type A even for a client with an IPv6 address
        return answer.outcome is _FOUND, answer

    def _mx(self, ask: Ask, answer: Answer, target: str) -> Inquiry[Matched]:
        self._settle(answer)
        records = [record for record in answer.records if isinstance(record, dnsdata.Mx)]
        if len(records) > 1:
            records.sort(key=_preference)
        # The host "." is the null MX of RFC 7505: no mail exchanger.
        hosts = [record.host for record in records if record.host != "."]
        if not hosts:
            return False, f"{target} has no mail exchanger"
        first = hosts if len(hosts) == 1 else list(dict.fromkeys(hosts[:MAX_MX]))
        rrtype = self.client.rrtype
        answers = yield [question_of((host, rrtype)) for host in first]
        for host in answers:  # RFC 7208 section 5.4: in order of preference
            if host.outcome is not _FOUND and host.failed:
                self._settle(host)
            if self._has_client(ask, host):
                return True, host
        if len(hosts) > MAX_MX:  # RFC 7208 section 4.6.4
            problem = f"{target} has more than {MAX_MX} mail exchangers"
            raise Stop(SpfResult.PERMERROR, problem)
        return False, ("mail exchangers", ", ".join(first))

    def _seldom(self, ask: Ask, target: str | None) -> Inquiry[Matched]:
        """What becomes of `ptr`, and of a name that cannot exist."""
        if target is not None:
            return (yield from self._ptr(target))
        if ask.kind == "include":
            raise _leads_nowhere(ask)
        # RFC 7208 section 4.8 leaves a malformed target-name open; it matches nothing.
        return False, "the name cannot exist"

    def _ptr(self, target: str) -> Inquiry[Matched]:
        names = yield from self._client_names()
        # Only names within the target can match, so only they are validated.
        wanted = [name for name in names if dnsdata.is_within(name, target)]
        valid = yield from self._validated(wanted)
        if valid:
            return True, f"the client is {valid[0]}"
        return False, f"the client has no valid name within {target}"

    def _has_client(self, ask: Ask, answer: Answer) -> bool:
        client = self.client
        shift = ask.shift4 if client.version == 4 else ask.shift6
        ours = client.point >> shift
        for record in answer.records:
            if isinstance(record, _ADDRESS_RECORDS) and int(record.address) >> shift == ours:
                return True
        return False

    # --- the client's names ---------------------------------------------------------

    def _client_names(self) -> Inquiry[list[str]]:
        """At most ten names of the client, not validated (RFC 7208 section 5.5)."""
        if self._names is None:
            (answer,) = yield (Question(dnsdata.reverse_name(self.client.ip), "PTR"),)
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
        answers = yield tuple(Question(name, self.client.rrtype) for name in names)
        return [
            name
            for name, answer in zip(names, answers, strict=True)
            if self.client.ip in _addresses(answer)
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

    def _name(self, modifier: Modifier, domain: str) -> Inquiry[str | None]:
        """The name that *modifier* leads to; None where it cannot be one."""
        if modifier.fixed is not None:
            return modifier.fixed
        return None if modifier.spec is None else (yield from self._target(modifier.spec, domain))

    def _target(self, spec: DomainSpec, domain: str) -> Inquiry[str | None]:
        """The name that *spec* stands for; None where it cannot be one."""
        letters = spec.letters
        if not letters.isdisjoint("sl") and not self._local.isascii():
            return None  # RFC 8616 section 4: such a term does not match anything
        p = ""
        if "p" in letters:
            if self._names is None:
                self._spend("%{p}", domain)  # RFC 7208 section 4.6.4 counts its PTR lookup
            p = yield from self._p(domain)
        return target_name(macro.expand(spec.parts, self._values(letters, domain, p)))

    def _values(self, letters: Iterable[str], domain: str, p: str) -> dict[str, str]:
        """What the macros of *letters* stand for (RFC 7208 section 7.2)."""
        return {letter: self._value(letter, domain, p) for letter in letters}

    @property
    def _local(self) -> str:
        return self.mail[0] or "postmaster"  # RFC 7208 section 4.3

    def _value(self, letter: str, domain: str, p: str) -> str:  # one line a letter
        _, sender_domain, helo, receiver, timestamp = self.mail
        match letter:
            case "s":
                return f"{self._local}@{_ascii(sender_domain)}"
            case "l":
                return self._local
            case "o":
                return _ascii(sender_domain)
            case "d":
                return domain
            case "i":
                return self.client.dotted
            case "p":
                return p
            case "v":
                return "in-addr" if self.client.version == 4 else "ip6"
            case "h":
                return _ascii(helo)
            case "c":
                return self.client.text
            case "r":
                return receiver
        return "unknown" if timestamp is None else str(timestamp)

    def explanation(self, exp: Modifier, domain: str) -> Inquiry[str]:
        """
        The publisher's text for this refusal (RFC 7208 section 6.2).

        Empty where none is published, or its lookup or its text has any fault; it
        costs nothing of the limits.
        """
        spent = self.lookups, self.voids
        self.lookups = self.voids = -1_000  # what is asked now counts nowhere
        try:
            target = yield from self._name(exp, domain)
            if target is None:
                return ""
            (answer,) = yield (Question(target, "TXT"),)
            if len(answer.records) != 1 or not isinstance(answer.records[0], dnsdata.Txt):
                return ""
            text = answer.records[0].text
            parts = _parts_cached(text) if len(text) <= MAX_EXPLANATION else _parts(text)
            letters = {part.letter for part in parts if isinstance(part, macro.Macro)}
            p = (yield from self._p(domain)) if "p" in letters else ""
            return macro.expand(parts, self._values(letters, domain, p))[:MAX_EXPLANATION]
        except (RecordSyntaxError, Stop):
            return ""
        finally:
            self.lookups, self.voids = spent


def _parts(explanation: str) -> tuple[macro.Part, ...]:
    return macro.parse_parts(explanation, macro.TEXT_LETTERS, spaces=True)


_parts_cached = lru_cache(maxsize=256)(_parts)  # a refused sender comes again


def _ready(answer: Answer) -> Program | None:
    """The policy that *answer* publishes; None where there is none."""
    text = select_text(answer)
    if text is None:
        return None
    ready = program(text)
    if isinstance(ready, RecordSyntaxError):
        raise faulty(answer, ready)
    return ready


def _included(include: Ask, answer: Answer) -> Program:
    ready = _ready(answer)
    if ready is None:
        raise _leads_nowhere(include)
    return ready


def _leads_nowhere(include: Ask) -> Stop:
    """An include without a policy makes a permerror (RFC 7208 section 5.2)."""
    term = include.text.lstrip("-~?")
    return Stop(SpfResult.PERMERROR, f"{term} leads to no SPF record")


def _addresses(answer: Answer) -> list[IPAddress]:
    return [record.address for record in answer.records if isinstance(record, _ADDRESS_RECORDS)]


def _ascii(domain: str) -> str:
    """*domain* with A-labels (RFC 8616 section 4); what cannot be converted stays as it is."""
    if domain.isascii():
        return domain
    try:
        return dnsdata.name(domain)
    except RecordSyntaxError:
        return domain
