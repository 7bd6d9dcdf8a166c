"""Record types by their numbers and mnemonics (IANA "Resource Record (RR) TYPEs"), and TTLs."""

from __future__ import annotations

import re
from functools import lru_cache

_FROM_NUMBER = {  # the number of the first, and those that follow it
    1: "A NS MD MF CNAME SOA MB MG MR NULL WKS PTR HINFO MINFO MX TXT RP AFSDB X25 ISDN RT NSAP",
    23: "NSAP-PTR SIG KEY PX GPOS AAAA LOC NXT EID NIMLOC SRV ATMA NAPTR KX CERT A6 DNAME SINK",
    42: "APL DS SSHFP IPSECKEY RRSIG NSEC DNSKEY DHCID NSEC3 NSEC3PARAM TLSA SMIMEA",
    55: "HIP NINFO RKEY TALINK CDS CDNSKEY OPENPGPKEY CSYNC ZONEMD SVCB HTTPS DSYNC HHIT BRID",
    99: "SPF UINFO UID GID UNSPEC NID L32 L64 LP EUI48 EUI64",
    256: "URI CAA AVC DOA AMTRELAY RESINFO WALLET CLA IPN",
    32768: "TA DLV",
}
_MNEMONICS = {
    number: mnemonic
    for first, mnemonics in _FROM_NUMBER.items()
    for number, mnemonic in enumerate(mnemonics.split(), first)
}
_KNOWN = frozenset(_MNEMONICS.values())
_OTHER_CLASSES = frozenset({"CH", "CHAOS", "HS", "HESIOD", "CS"})

MAX_TTL = 2**31 - 1  # RFC 2181 section 8
_TTL = re.compile(r"[0-9]{1,10}|(?:[0-9]{1,10}[wdhms])+", re.IGNORECASE)
_TTL_PART = re.compile(r"([0-9]+)([wdhms]?)", re.IGNORECASE)
_UNITS = {"w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1, "": 1}


@lru_cache(maxsize=4096)
def rrtype_of(word: str) -> str | None:
    """
    The record type that *word* names, by its mnemonic where it has one; None: no type at all.

    >>> rrtype_of("txt"), rrtype_of("TYPE52"), rrtype_of("TYPE65280"), rrtype_of("host")
    ('TXT', 'TLSA', 'TYPE65280', None)
    """
    upper = word.upper()
    if upper in _KNOWN:
        return upper
    digits = upper[4:]
    # RFC 3597 section 5
    if not (upper.startswith("TYPE") and digits.isascii() and digits.isdecimal()):
        return None
    number = int(digits) if len(digits) <= 5 else 0
    return _MNEMONICS.get(number, f"TYPE{number}") if 0 < number < 65536 else None


def ttl_of(word: str) -> int | None:
    """
    The seconds of a TTL such as ``3600`` or ``1h30m``; None when *word* is none.

    A number that is too great for a TTL is given as it is: see `MAX_TTL`.

    >>> ttl_of("1h30m"), ttl_of("1W"), ttl_of("mail")
    (5400, 604800, None)
    """
    if len(word) > 60:
        return None
    return _ttl_of(word)


@lru_cache(maxsize=4096)
def _ttl_of(word: str) -> int | None:
    if not _TTL.fullmatch(word):
        return None
    return sum(int(part[1]) * _UNITS[part[2].lower()] for part in _TTL_PART.finditer(word))


@lru_cache(maxsize=4096)
def head_word(word: str) -> tuple[str, str | int]:
    """
    What *word* is in front of a record's data.

    One of ``("ttl", seconds)``, ``("class", "IN")``, ``("class", another)``,
    ``("type", mnemonic)`` and ``("", "")`` for none of these. Words are remembered,
    so callers pass the first 64 characters at most.
    """
    if (seconds := ttl_of(word)) is not None:
        return ("ttl", seconds)
    upper = word.upper()
    if upper in {"IN", "CLASS1"}:
        return ("class", "IN")
    if upper in _OTHER_CLASSES or re.fullmatch(r"CLASS[0-9]{1,5}", upper):
        return ("class", upper)
    rrtype = rrtype_of(word)
    return ("", "") if rrtype is None else ("type", rrtype)
