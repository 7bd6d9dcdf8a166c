"""
What every publisher must be able to do: zone states, walked one after another.

`walk` carries a zone from state to state through any `Publisher` and reads each
back. It is a test that ships with the library, for those who write a publisher;
give it a zone that nobody needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from maildns.dnsdata import AAAA, RRset, Txt
from maildns.errors import StalePlan
from maildns.publish.contract import Key, Publisher, RRsetChange
from maildns.zonefile import parse_rdata

_DKIM_4096 = "v=DKIM1; k=rsa; p=" + "MIICIjANBgkqhkiG9w0BAQEFAAOCAg8A" * 23


class Departure(AssertionError):
    """The publisher did not do what the contract promises."""


@dataclass(frozen=True, slots=True)
class State:
    """What shall stand at some names: their RRsets, or None for nothing."""

    title: str
    wanted: Mapping[Key, RRset | None]


def states(zone: str) -> list[State]:
    """The states that `walk` goes through, for the zone *zone*."""
    return [
        _state("one TXT", zone, "TXT", ['"v=spf1 mx -all"']),
        _state("a foreign TXT beside it", zone, "TXT", ['"v=spf1 mx -all"', '"proof=1f;2"']),
        _state("our TXT changed, the foreign one not", zone, "TXT", ['"v=spf1 -all"', '"proof=1f;2"']),
        _state("another TTL", zone, "TXT", ['"v=spf1 -all"', '"proof=1f;2"'], 300),
        _state("our TXT removed", zone, "TXT", ['"proof=1f;2"'], 300),
        _state(
            "a DKIM key in several strings", f"s1._domainkey.{zone}", "TXT", [str(Txt.of(_DKIM_4096))]
        ),
        _state("quotes, backslashes, octets", f"odd.{zone}", "TXT", [r'"a\"b\\c" "" "\000\200;("']),
        _state("addresses", f"mail.{zone}", "A", ["192.0.2.25", "192.0.2.26"]),
        State("two sets at once", _wanted(f"mail.{zone}", "A", ["192.0.2.25"]) | _ipv6(zone)),
        _state("MX", zone, "MX", [f"10 mail.{zone}.", f"20 mail2.{zone}."]),
        _state("TLSA", f"_25._tcp.mail.{zone}", "TLSA", ["3 1 1 " + "ab" * 32, "3 1 1 " + "0f" * 32]),
        _state("SRV", f"_imaps._tcp.{zone}", "SRV", [f"0 1 993 mail.{zone}."]),
        _state("CAA", zone, "CAA", ['0 issue "ca.example; validationmethods=dns-01"']),
        _state("an alias", f"autoconfig.{zone}", "CNAME", [f"mail.{zone}."]),
        State(
            "data in place of an alias",
            _wanted(f"autoconfig.{zone}", "CNAME", []) | _wanted(f"autoconfig.{zone}", "A", ["192.0.2.1"]),
        ),
    ]  # fmt: skip


def walk(publisher: Publisher, zone: str) -> None:
    """
    Carry *zone* through all `states` and back to where it was.

    In each state: what was published is read back, publishing it once more is
    fine, and a change whose `before` does not hold is refused together with all
    changes beside it. Raises `Departure` at the first promise that is not kept.
    """
    _expect(publisher.zone_of(f"mail.{zone}") == zone, "the zone is the publisher's")
    _expect(publisher.zone_of("elsewhere.invalid") is None, "another zone is not")
    keys = {key for state in states(zone) for key in state.wanted}
    first = _standing(publisher, keys)
    for state in states(zone):
        _step(publisher, state)
    _stale(publisher, zone)
    _step(publisher, State("all as it was", first))


def _step(publisher: Publisher, state: State) -> None:
    standing = _standing(publisher, state.wanted)
    changes = [RRsetChange(*key, standing[key], after) for key, after in state.wanted.items()]
    for time in ("once", "twice"):
        publisher.publish(changes)
        found = _standing(publisher, state.wanted)
        _expect(found == dict(state.wanted), f"{state.title}, published {time}: found {found}")


def _stale(publisher: Publisher, zone: str) -> None:
    """A `before` that does not hold: nothing is there, something is, or something else."""
    fine = RRsetChange(f"fine.{zone}", "A", None, _rrset(f"fine.{zone}", "A", ["192.0.2.9"]))
    other = _rrset(zone, "TXT", ['"nobody published this"'])
    there = _standing(publisher, {(zone, "TXT"), (f"none.{zone}", "TXT")})
    new = _rrset(zone, "TXT", ['"new"'])
    for claim, change in (
        ("it is not what was expected", RRsetChange(zone, "TXT", other, new)),
        ("it was expected to be absent", RRsetChange(zone, "TXT", None, new)),
        (
            "it was expected to be there",
            RRsetChange(f"none.{zone}", "TXT", _rrset(f"none.{zone}", "TXT", ['"x"']),
                        _rrset(f"none.{zone}", "TXT", ['"y"'])),
        ),
    ):  # fmt: skip
        try:
            publisher.publish([fine, change])
        except StalePlan as error:
            _expect(change.name in str(error), f"a stale plan is named: {error}")
        else:
            raise Departure(f"published although {claim}")
        after = _standing(publisher, {*there, fine.key})
        _expect(after == {**there, fine.key: None}, f"nothing of a stale plan is done: {claim}")


def _standing(
    publisher: Publisher, keys: set[Key] | Mapping[Key, object]
) -> dict[Key, RRset | None]:
    contents = publisher.read(set(keys))
    _expect(not contents.unknown, f"all keys are known: {contents.unknown}")
    return {key: contents.get(*key) for key in keys}


def _expect(kept: bool, promise: str) -> None:
    if not kept:
        raise Departure(promise)


def _state(title: str, owner: str, rrtype: str, texts: list[str], ttl_seconds: int = 3600) -> State:
    return State(title, _wanted(owner, rrtype, texts, ttl_seconds))


def _wanted(
    owner: str, rrtype: str, texts: list[str], ttl_seconds: int = 3600
) -> dict[Key, RRset | None]:
    return {(owner, rrtype): _rrset(owner, rrtype, texts, ttl_seconds) if texts else None}


def _rrset(owner: str, rrtype: str, texts: list[str], ttl_seconds: int = 3600) -> RRset:
    return RRset.of(owner, ttl_seconds, [parse_rdata(rrtype, text) for text in texts])


def _ipv6(zone: str) -> dict[Key, RRset | None]:
    return _wanted(f"mail.{zone}", AAAA.rrtype, ["2001:db8::25"])
