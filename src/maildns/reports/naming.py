"""
All that can be known of who sends, gathered: the description, the DNS, a geography file, memory.

Names of addresses count only where they are confirmed, for anyone can claim a name for an address
of his own (RFC 8601 section 3). They are remembered in the store, so that a day's reports ask for
the new addresses alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address, ip_network

from maildns.ask import Inquiry, in_step
from maildns.intent.load import settings
from maildns.intent.model import Intent
from maildns.intent.senders import sender_named
from maildns.net.drivers import BlockingWorld, run
from maildns.net.world import GivingUp
from maildns.protocols.addresses.evaluate import IprevResult, forward_confirmed
from maildns.reports.cleaning import domain_name
from maildns.reports.geography import Geography
from maildns.reports.published import look_up
from maildns.reports.views import Memory
from maildns.reports.who import Naming, Network

PTR = "ptr"  # the kind of memo that holds the confirmed name of an address; empty for none
KNOWN_FOR = timedelta(days=30)
NAMELESS_FOR = timedelta(days=7)
MOST_ADDRESSES = 2_000
AT_ONCE = 64
DEADLINE_SECONDS = 30.0

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Reach:
    """
    What may be asked: the DNS, the memory of a store, a geography file; what is None is not.

    Asking for names ends after *seconds*; *progress* is told how many addresses are done, of how many.
    """

    world: BlockingWorld | None = None
    memory: Memory | None = None
    geography: Geography | None = None
    seconds: float = DEADLINE_SECONDS
    clock: Callable[[], float] = time.monotonic
    progress: Progress | None = None


def naming_for(
    domains: Iterable[str],
    addresses: Sequence[str],
    *,
    now: datetime,
    intent: Intent | None = None,
    reach: Reach | None = None,
) -> Naming:
    """
    Gather what is known of who sends as *domains* from *addresses*, those that matter most first.

    Without a world in *reach* nothing is asked; names that are remembered count all the same.
    """
    reach = reach or Reach()
    known = Naming() if intent is None else naming_of(intent)
    includes = {domain: tuple(pairs) for domain, pairs in known.includes.items()}
    if reach.world is not None:
        live = GivingUp(reach.world)
        for domain in dict.fromkeys(domains):
            found = run(look_up(domain), live).terms
            pairs = [(network, term) for term, some in found for network in some]
            includes[domain] = (*pairs, *includes.get(domain, ()))
    geography = reach.geography
    places = {ip: geography.place(ip) for ip in addresses} if geography else {}
    return Naming(
        known.operator,
        known.strangers,
        known.own,
        includes,
        known.wanted,
        names_of(addresses, reach, now),
        places,
    )


def naming_of(intent: Intent) -> Naming:
    """What the description alone tells: its servers, senders and networks, and `[reports]`."""
    own = {
        str(address): host
        for host, server in intent.server.items()
        for address in (*server.ipv4, *server.ipv6)
    }
    wanted: dict[str, frozenset[str]] = {}
    includes: dict[str, tuple[tuple[Network, str], ...]] = {}
    for domain in intent.domain:
        wish = settings(intent, domain)
        wanted[domain] = frozenset(sender_named(text).key for text in wish.senders)
        terms = [*(f"ip4:{one}" for one in wish.spf.ip4), *(f"ip6:{one}" for one in wish.spf.ip6)]
        includes[domain] = tuple(_networks_in([*wish.senders, *terms]))
    named = intent.reports.networks.items()
    operator = tuple((network, title) for title, some in named for network in some)
    return Naming(operator, tuple(intent.reports.strangers), own, includes, wanted)


def _networks_in(terms: Iterable[str]) -> Iterable[tuple[Network, str]]:
    """The networks that stand in *terms* as they are."""
    for term in terms:
        kind, _, value = term.strip().removeprefix("+").partition(":")
        if kind.lower() in {"ip4", "ip6"}:
            try:
                yield ip_network(value, strict=False), term
            except ValueError:  # whoever makes the record says so
                continue


def names_of(addresses: Sequence[str], reach: Reach, now: datetime) -> dict[str, str]:
    """
    The confirmed names of *addresses*, from memory, else from the DNS; what has none is left out.

    At most `MOST_ADDRESSES` are asked for, the first ones, and no longer than `reach.seconds`. What
    the DNS did not answer is asked again the next time.
    """
    wanted = [ip for ip in dict.fromkeys(addresses) if _is_address(ip)]
    found = _remembered(wanted, reach.memory, now)
    if reach.world is not None:
        missing = [ip for ip in wanted if ip not in found][:MOST_ADDRESSES]
        found.update(_asked(missing, reach.world, reach, now))
    return {ip: host for ip, host in found.items() if host}


def _is_address(text: str) -> bool:
    try:
        return not ip_address(text).is_unspecified
    except ValueError:
        return False


def _remembered(wanted: Sequence[str], memory: Memory | None, now: datetime) -> dict[str, str]:
    if memory is None:
        return {}
    memos = memory.recall(PTR, wanted)
    return {
        ip: memo.text
        for ip, memo in memos.items()
        if now - memo.at < (KNOWN_FOR if memo.text else NAMELESS_FOR)
    }


def _asked(
    missing: Sequence[str], world: BlockingWorld, reach: Reach, now: datetime
) -> dict[str, str]:
    until = reach.clock() + reach.seconds
    live = GivingUp(world)
    found: dict[str, str] = {}
    for start in range(0, len(missing), AT_ONCE):
        if reach.clock() >= until:
            break
        some = run(confirmed_names(missing[start : start + AT_ONCE]), live)
        found.update(some)
        if reach.memory is not None and some:
            reach.memory.remember(PTR, some, now)
        if reach.progress is not None:
            reach.progress(min(start + AT_ONCE, len(missing)), len(missing))
    return found


def confirmed_names(addresses: Sequence[str]) -> Inquiry[Mapping[str, str]]:
    """
    Look up *addresses* in step: the confirmed name of each, empty for one that has none.

    One of which it cannot be known now is left out.
    """
    told = yield from in_step([forward_confirmed(ip) for ip in addresses])
    return {
        ip: domain_name(next(iter(one.confirmed), ""))
        for ip, one in zip(addresses, told, strict=True)
        if one.result is not IprevResult.TEMPERROR
    }
