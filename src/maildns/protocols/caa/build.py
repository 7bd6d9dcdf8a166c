"""From the authorities that shall issue to CAA records."""

from __future__ import annotations

import re
from collections.abc import Iterable

from maildns.dnsdata import Caa, name
from maildns.errors import UsageError

_MAIL = re.compile(r"[!-~]+@[A-Za-z0-9._-]+")
_VALUE = re.compile(r"[!-:<-~]*")


def build(
    issuers: Iterable[str],
    *,
    wildcard: Iterable[str] | None = None,
    mail: Iterable[str] | None = None,
    mark: Iterable[str] | None = None,
    iodef: Iterable[str] = (),
    account_uri: str = "",
) -> list[Caa]:
    """
    Make the CAA records that let *issuers* issue, and nobody else.

    Issuers are the authorities' domain names, such as `letsencrypt.org`; none at all means
    nobody. *wildcard*, *mail* (S/MIME) and *mark* (BIMI) say who may issue such certificates,
    where that differs; left out, nothing is said of them. *iodef* are addresses to tell of
    refused requests; *account_uri* binds issuers to one account (RFC 8657 section 3). Raises
    `UsageError` for an address that is none, `RecordSyntaxError` for an issuer that is no name.

    >>> [str(record) for record in build(["letsencrypt.org"], wildcard=[])]
    ['0 issue "letsencrypt.org"', '0 issuewild ";"']
    """
    if not _VALUE.fullmatch(account_uri):
        raise UsageError(f"{account_uri!r} is not a URI", "copy the account URI of the ACME client")
    parameters = f"; accounturi={account_uri}" if account_uri else ""
    records = _records("issue", issuers, parameters)
    for tag, allowed in (("issuewild", wildcard), ("issuemail", mail), ("issuevmc", mark)):
        if allowed is not None:
            records += _records(tag, allowed, parameters if tag == "issuewild" else "")
    records += [Caa(0, "iodef", _address(address).encode()) for address in iodef]
    return list(dict.fromkeys(records))


def _records(tag: str, issuers: Iterable[str], parameters: str) -> list[Caa]:
    values = [name(issuer) + parameters for issuer in issuers]
    # RFC 8659 section 4.2: a lone semicolon permits nobody.
    return [Caa(0, tag, value.encode()) for value in values or [";"]]


def _address(address: str) -> str:
    if address.startswith(("https://", "http://", "mailto:")) and _VALUE.fullmatch(address):
        return address
    if _MAIL.fullmatch(address):
        return f"mailto:{address}"
    raise UsageError(f"{address!r} cannot be told", "give a mail address or a web address")
