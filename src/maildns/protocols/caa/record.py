"""The CAA record, and what its value says of an issuer (RFC 8659 section 4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from maildns.dnsdata import Caa
from maildns.errors import RecordSyntaxError
from maildns.zonefile import parse_rdata

CaaRecord: TypeAlias = Caa

CRITICAL: Final = 128  # RFC 8659 section 4.1: bit 0, the highest
# RFC 8659 section 4.2 and 4.3, RFC 9495 section 3, and the registry's for mark certificates
ISSUER_TAGS: Final = frozenset({"issue", "issuewild", "issuemail", "issuevmc"})
KNOWN_TAGS: Final = ISSUER_TAGS | {"iodef", "contactemail", "contactphone"}

# RFC 8659 section 4.2: issuer-domain-name, parameter
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_PARAMETER = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)[ \t]*=[ \t]*([!-:<-~]*)")


@dataclass(frozen=True, slots=True)
class Issuer:
    """
    Who may issue: the authority's own domain name, lower case, and what it is told besides.

    An empty `domain` means nobody.
    """

    domain: str
    parameters: tuple[tuple[str, str], ...] = ()


def parse(text: str) -> Caa:
    """
    Read the presentation form of a CAA record: flags, tag and value.

    Raises `RecordSyntaxError` for any other text. What the value means is not asked.

    >>> parse('0 issue "letsencrypt.org"').tag
    'issue'
    """
    record = parse_rdata("CAA", text)
    if not isinstance(record, Caa):
        raise RecordSyntaxError("this is not a CAA record", text, (0, len(text)))
    return record


@lru_cache(maxsize=8192)
def issuer_of(record: Caa) -> Issuer | None:
    """
    Read the value of an `issue`-like record; None when it is malformed.

    A malformed value permits nobody (RFC 8659 section 4.2).

    >>> issuer_of(parse('0 issue "ca.example; accounturi=https://ca.example/7"')).domain
    'ca.example'
    """
    text = record.value.decode("latin-1")
    domain, *rest = (part.strip(" \t") for part in text.split(";"))
    if domain and not _DOMAIN.fullmatch(domain):
        return None
    if rest and not rest[-1]:
        rest.pop()  # nothing need stand behind the last semicolon
    found = []
    for part in rest:
        parameter = _PARAMETER.fullmatch(part)
        if parameter is None:
            return None
        found.append((parameter[1].lower(), parameter[2]))
    return Issuer(domain.lower(), tuple(found))
