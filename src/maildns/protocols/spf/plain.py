"""
Terms of a record that are written plainly, read quickly.

Most terms in the world are spelled as `str` of their value spells them: lower case, no needless
``+`` before a name, no zeros in front. Of those what an evaluation needs is read here without
any value of `record` being made. Whatever is not so plain is None here, right or wrong: then
`record` reads it, which alone knows the whole grammar (RFC 7208 section 12) and tells of faults.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple, TypeAlias

from maildns.protocols.spf.macro import DomainSpec
from maildns.protocols.spf.record import Qualifier, SpfResult

Test: TypeAlias = tuple[int, int, str, SpfResult]
"""
A term that asks nothing: how far the `key` of an address is shifted right, what is left of one
that matches, the term's text, and its result.
"""


class Ask(NamedTuple):
    """
    A directive that asks.

    `kind` is the mechanism's name. `fixed` is the domain name to ask for; where there is none,
    `spec` is what makes it, and without both it is that of the policy. `rrtype` is the type of
    its first question, empty where it is that of the client's addresses; of those, the last bits
    do not count: `shift4` and `shift6` of them.
    """

    kind: str
    text: str
    fixed: str | None
    spec: DomainSpec | None
    rrtype: str
    result: SpfResult
    shift4: int = 0
    shift6: int = 0


class Modifier(NamedTuple):
    """A modifier that counts; `fixed` and `spec` as those of `Ask`."""

    kind: str
    text: str
    fixed: str | None
    spec: DomainSpec | None


SIX = 1 << 128
"""What keys of IPv6 have and keys of IPv4 have not, so that none matches the other's networks."""


def key(address: IPv4Address | IPv6Address) -> int:
    """The number to match *address* by (RFC 7208 section 5.6)."""
    return int(address) | SIX if address.version == 6 else int(address)


# The octets of an address, by their place; a leading zero makes no number (RFC 7208 section 12).
_O1, _O2, _O3, _O4 = (
    {str(octet): octet << left for octet in range(256)} for left in (24, 16, 8, 0)
)
_SHIFTS4 = {str(length): 32 - length for length in range(33)}
_SHIFTS6 = {str(length): 128 - length for length in range(129)}

# Groups before "::", none of them zeros, which is how RFC 5952 spells most networks; a host has
# some behind it, too.
_GROUP = "[1-9a-f][0-9a-f]{0,3}"
_IP6 = re.compile(rf"ip6:({_GROUP}):({_GROUP}):(?:({_GROUP}):(?:({_GROUP}):)?)?:(?:/([0-9]+))?")
_IP6_LONG = re.compile(rf"ip6:((?:{_GROUP}:)+):((?:{_GROUP}:)*{_GROUP})?(?:/([0-9]+))?")
_MAX_GROUPS = 6  # beside "::", which stands for two at least

_NAMED = re.compile(
    r"([-+~?]?(?:include:|a:|mx:|exists:|redirect=|exp=))"
    r"((?:[A-Za-z0-9_-]{1,63}\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)"
)
_MAX_NAME = 253
_PASS = SpfResult.PASS


def plain_ip4(word: str) -> Test | None:
    """
    Read *word*, which begins with ``ip4:``.

    >>> plain_ip4("ip4:192.0.2.0/24"), plain_ip4("ip4:192.0.2.01")
    ((8, 12582914, 'ip4:192.0.2.0/24', <SpfResult.PASS: 'pass'>), None)
    """
    address, slash, length = word[4:].partition("/")
    try:
        one, two, three, four = address.split(".")
        point = _O1[one] | _O2[two] | _O3[three] | _O4[four]
        shift = _SHIFTS4[length] if slash else 0
    except (KeyError, ValueError):
        return None
    return shift, point >> shift, word if shift or not slash else word[:-3], _PASS


def plain_ip6(word: str) -> Test | None:
    """
    Read *word*, which begins with ``ip6:``.

    >>> plain_ip6("ip6:2001:db8::/32")[2:], plain_ip6("ip6:2001:DB8::/32")
    (('ip6:2001:db8::/32', <SpfResult.PASS: 'pass'>), None)
    """
    match = _IP6.fullmatch(word)
    if match is None:
        return _ip6_long(word)
    one, two, three, four, length = match.groups()
    shift = _SHIFTS6.get(length, 0) if length else 0
    if not shift:
        return _ip6_long(word)
    point = 1 << 64 | int(one, 16) << 48 | int(two, 16) << 32
    if three:
        point |= int(three, 16) << 16
        if four:
            point |= int(four, 16)
    return shift, point << 64 >> shift, word, _PASS


def _ip6_long(word: str) -> Test | None:
    match = _IP6_LONG.fullmatch(word)
    if match is None:
        return None
    before, after, length = match.groups()
    shift = _SHIFTS6.get(length, -1) if length else 0
    groups = before[:-1].split(":")
    point = _joined(groups) << 16 * (8 - len(groups)) | SIX
    if after:
        groups += (ending := after.split(":"))
        point |= _joined(ending)
    if len(groups) > _MAX_GROUPS or shift < 0:
        return None
    return shift, point >> shift, word if shift or not length else word[:-4], _PASS


def _after_plus(word: str) -> Test | None:
    return READERS[word[1:5]](word[1:]) if word[4:5] == ":" else None


_RESULTS = {"": _PASS} | {sign.value: sign.result for sign in Qualifier}
_ALL = {
    f"{sign}all": (SIX.bit_length(), 0, f"{sign}all".removeprefix("+"), result)
    for sign, result in _RESULTS.items()
}
READERS: dict[str, Callable[[str], Test | None]] = {
    "ip4:": plain_ip4,
    "ip6:": plain_ip6,
    "+ip4": _after_plus,
    "+ip6": _after_plus,
} | {word[:4]: _ALL.get for word in _ALL}
"""How to read a term that asks nothing, by the four characters at its start."""


def _joined(groups: list[str]) -> int:
    value = 0
    for group in groups:
        value = value << 16 | int(group, 16)
    return value


FIRST = {"include": "TXT", "mx": "MX", "exists": "A"}
"""The first question of a mechanism, where it is not for the client's addresses."""

_MODIFIERS = {"redirect=": "redirect", "exp=": "exp"}
_ASKS = {
    f"{sign}{kind}:": (kind, FIRST.get(kind, ""), result)
    for sign, result in _RESULTS.items()
    for kind in ("include", "a", "mx", "exists")
}

# As `Ask(...)`, from a tuple of its fields.
_ask: Callable[[tuple[str, str, str, None, str, SpfResult, int, int]], Ask] = partial(
    tuple.__new__, Ask
)


def plain_name(word: str) -> Ask | Modifier | None:
    """
    Read a term with a name and without macros.

    >>> plain_name("~include:_spf.Example.com").fixed, plain_name("-redirect=example.com")
    ('_spf.example.com', None)
    """
    match = _NAMED.fullmatch(word)
    if match is None:
        return None
    start, name = match.groups()
    if len(name) > _MAX_NAME:
        return None
    if start in _ASKS:
        kind, rrtype, result = _ASKS[start]
        text = word if word[0] != "+" else word[1:]
        return _ask((kind, text, name.lower(), None, rrtype, result, 0, 0))
    modifier = _MODIFIERS.get(start)
    return Modifier(modifier, word, name.lower(), None) if modifier else None
