"""
The mark certificate: whether it vouches for the picture and the domain (draft-fetch-validation-vmc-wchuang).

A file of certificates in PEM, the mark certificate first. What its authority has to put into it
stands in the requirements of the BIMI Group ("MCR", Minimum Security Requirements for Issuance of
Mark Certificates). Not looked at are revocation and the proofs of Certificate Transparency, which
take more than the file, and whether the mark is registered.

This module loads `cryptography`; import it only where a certificate is at hand.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from cryptography import x509
from cryptography.x509 import Certificate
from cryptography.x509.oid import ExtensionOID, NameOID

from maildns.errors import InputError
from maildns.finding import Finding, Fix
from maildns.protocols.bimi import logotype
from maildns.protocols.bimi.authorities import known_authorities, known_on
from maildns.protocols.bimi.mark_rules import (
    EXPIRED,
    EXPIRES_SOON,
    NAMES,
    NOT_A_MARK,
    OTHER_PICTURE,
    PROFILE,
    SOON,
    UNREADABLE,
    UNTRUSTED,
)
from maildns.protocols.bimi.picture import unpacked
from maildns.protocols.dane.certificate import (
    certificate_names,
    der_of,
    extension,
    load_certificates,
)
from maildns.protocols.dane.chain import issued

PURPOSE: Final = "1.3.6.1.5.5.7.3.31"  # id-kp-BrandIndicatorforMessageIdentification
PILOT: Final = "1.3.6.1.4.1.53087.4.1"
MARK_TYPE: Final = "1.3.6.1.4.1.53087.1.13"
PRIOR_USE_SOURCE: Final = "1.3.6.1.4.1.53087.5.1"
MAX_OCTETS: Final = 256 * 1024
MAX_CHAIN: Final = 8
NO_PILOT_SINCE: Final = datetime(2025, 3, 15, tzinfo=UTC)  # MCR section 7.1.2.3
PRIOR_USE_SOURCE_SINCE: Final = datetime(2025, 4, 15, tzinfo=UTC)  # MCR section 7.1.4.2.2
_SHOWN: Final = 80
_BLOCK: Final = re.compile(rb"-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----")

_TRADE_MARK: Final = {
    "1.3.6.1.4.1.53087.1.3": "trademarkCountryOrRegionName",
    "1.3.6.1.4.1.53087.1.4": "trademarkIdentifier",
}
_STATUTE: Final = {
    "1.3.6.1.4.1.53087.3.2": "statuteCountryName",
    "1.3.6.1.4.1.53087.3.5": "statuteCitation",
}
# MCR section 7.1.4.2.2: what the subject must have, by mark type; the kind of certificate.
_OF_TYPE: Final = {
    "Registered Mark": ("VMC", _TRADE_MARK),
    "Government Mark": ("VMC", _STATUTE),
    "Modified Registered Mark": ("CMC", _TRADE_MARK),
    "Prior Use Mark": ("CMC", {}),
}
_OF_ANY: Final = {
    "2.5.4.10": "organizationName",
    "2.5.4.9": "streetAddress",
    "2.5.4.6": "countryName",
    "2.5.4.15": "businessCategory",
    "2.5.4.5": "serialNumber",
    "1.3.6.1.4.1.311.60.2.1.3": "jurisdictionCountryName",
}
# A place within a state or province names that too; the key is the locality's.
_STATE_OF: Final = {
    "1.3.6.1.4.1.311.60.2.1.1": ("1.3.6.1.4.1.311.60.2.1.2", "jurisdictionStateOrProvinceName"),
    "1.3.6.1.4.1.53087.3.4": ("1.3.6.1.4.1.53087.3.3", "statuteStateOrProvinceName"),
}
_FORBIDDEN_TO_OTHERS: Final = {
    **_TRADE_MARK,
    **_STATUTE,
    "1.3.6.1.4.1.53087.1.2": "trademarkOfficeName",
    "1.3.6.1.4.1.53087.3.3": "statuteStateOrProvinceName",
    "1.3.6.1.4.1.53087.3.4": "statuteLocalityName",
    "1.3.6.1.4.1.53087.3.6": "statuteURL",
    PRIOR_USE_SOURCE: "priorUseMarkSourceURL",
}
_OPTIONAL: Final = {
    "Registered Mark": {"trademarkOfficeName"},
    "Modified Registered Mark": {"trademarkOfficeName"},
    "Government Mark": {"statuteURL", "statuteStateOrProvinceName", "statuteLocalityName"},
    "Prior Use Mark": {"priorUseMarkSourceURL"},
}


class Trust(StrEnum):
    """Where the chain of issuers ends."""

    KNOWN = "known"  # at an authority whose root is at hand
    UNKNOWN = "unknown"  # at one that is known by name alone: it cannot be told
    NONE = "none"  # nowhere, or at nobody who is known


@dataclass(frozen=True, slots=True)
class Expected:
    """
    What the certificate is held against.

    `owner` is the name of the BIMI record, `domains` the author's and the organizational domain.
    `picture` are the octets at `l`, unpacked, None where nobody has them. `roots` are the
    authorities, see `trusted_roots`.
    """

    owner: str
    domains: tuple[str, ...]
    now: datetime
    roots: tuple[Certificate, ...]
    picture: bytes | None = None


@dataclass(frozen=True, slots=True)
class Mark:
    """
    What a mark certificate turned out to be.

    `kind` is VMC or CMC, and `mark_type` the mark's, empty where it does not say; `organization` is
    its subject's, `names` its DNS names, `until` its last moment. `picture` are the octets of the
    picture within, unpacked. `trust` is where its chain ends, with `trust_says` in words. `findings`
    say what is wrong with it, one that nobody trusts included.
    """

    kind: str = ""
    mark_type: str = ""
    organization: str = ""
    names: tuple[str, ...] = ()
    until: datetime | None = None
    picture: bytes = b""
    trust: Trust = Trust.NONE
    trust_says: str = ""
    findings: tuple[Finding, ...] = field(default=())


def judge_mark(octets: bytes, expected: Expected, subject: str = "") -> Mark:
    """
    Judge the file of certificates *octets* by what is *expected*; *subject* is its address.

    Anything at all may be given: what cannot be read is a finding.
    """
    try:
        chain, order = _chain(octets)
    except InputError as error:
        return Mark(findings=(UNREADABLE.finding(subject, error.problem),))
    leaf = chain[0]
    missing = list(_not_a_mark(leaf))
    if missing:
        return Mark(findings=(NOT_A_MARK.finding(subject, "; ".join(missing)),))
    path, trust, says = _trust(chain, expected.roots)
    fields = _subject(leaf)
    mark_type = fields.get(MARK_TYPE, "")
    names = tuple(certificate_names(leaf))
    picture, unfit = _picture(leaf)
    poor = [*order, *([unfit] if unfit else []), *_profile(leaf, fields)]
    found = [*_dates(path, expected.now, subject), *_names(names, expected, subject)]
    if trust is Trust.NONE:
        found.append(UNTRUSTED.finding(subject, says))
    if poor:
        found.append(PROFILE.finding(subject, "; ".join(poor[:6])))
    found += _same_picture(picture, expected.picture, subject)
    return Mark(
        _OF_TYPE[mark_type][0] if mark_type in _OF_TYPE else "",
        _printable(mark_type),
        _printable(fields.get("2.5.4.10", "")),
        tuple(map(_printable, names)),
        leaf.not_valid_after_utc,
        picture,
        trust,
        says,
        tuple(found),
    )


# --- reading --------------------------------------------------------------------------


def _chain(octets: bytes) -> tuple[list[Certificate], list[str]]:
    """The certificates, the mark certificate first, and what is wrong with their order."""
    if len(octets) > MAX_OCTETS:
        raise InputError(f"it is larger than {MAX_OCTETS} octets, and not read")
    if b"-----BEGIN" not in octets:  # section 3.3
        raise InputError("there is no certificate in PEM")
    chain = load_certificates(octets)
    if len(chain) > MAX_CHAIN:
        raise InputError(f"there are {len(chain)} certificates in it, more than any chain has")
    given = [b"".join(block.split()) for block in _BLOCK.findall(octets)]
    ordered = [base64.b64encode(der_of(one)) for one in chain]
    # Section 3.3: receivers may refuse another order, duplicates, and more than one mark.
    poor = []
    if len(given) != len(ordered):
        poor.append("a certificate stands in the file twice")
    elif given != ordered:
        poor.append("the certificates are not in order, the mark's first, then its issuer's")
    if sum(not _is_authority(one) for one in chain) > 1:
        poor.append("there is more than one certificate of a mark")
    return chain, poor


def _is_authority(certificate: Certificate) -> bool:
    constraints = extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _purposes(certificate: Certificate) -> list[str] | None:
    usage = extension(certificate, x509.ExtendedKeyUsage)
    return None if usage is None else [one.dotted_string for one in usage]


def _extensions(certificate: Certificate) -> dict[str, object]:
    try:
        return {one.oid.dotted_string: one.value for one in certificate.extensions}
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return {}


def _subject(certificate: Certificate) -> dict[str, str]:
    return {one.oid.dotted_string: str(one.value) for one in certificate.subject}


def _printable(text: str) -> str:
    return "".join(char for char in text if char.isprintable())[:_SHOWN]


def _picture(leaf: Certificate) -> tuple[bytes, str]:
    """The picture within, unpacked, or why there is none."""
    value = _extensions(leaf).get(logotype.OID)
    octets = value.value if isinstance(value, x509.UnrecognizedExtension) else b""
    try:
        return unpacked(logotype.embedded_picture(octets)), ""
    except InputError as error:
        return b"", f"its picture cannot be read: {error.problem}"


# --- the rules ------------------------------------------------------------------------


def _not_a_mark(leaf: Certificate) -> Iterator[str]:
    """Why *leaf* is no mark certificate at all (section 5.1, step 5)."""
    if PURPOSE not in (_purposes(leaf) or ()):
        yield f"its extended key usage does not name BIMI ({PURPOSE})"
    if logotype.OID not in _extensions(leaf):
        yield f"it has no logotype ({logotype.OID})"


def _profile(leaf: Certificate, fields: dict[str, str]) -> Iterator[str]:
    """What its authority should have made otherwise (section 4, MCR section 7.1)."""
    extensions = _extensions(leaf)
    issued = leaf.not_valid_before_utc
    if set(_purposes(leaf) or ()) != {PURPOSE}:
        yield "its extended key usage names more than BIMI"
    if _is_authority(leaf):
        yield "it is the certificate of an authority"
    if ExtensionOID.NAME_CONSTRAINTS.dotted_string in extensions:
        yield "it has name constraints"
    if ExtensionOID.CRL_DISTRIBUTION_POINTS.dotted_string not in extensions:  # section 4.5
        yield "it does not say where revocations are published"
    if PILOT in extensions and issued >= NO_PILOT_SINCE:
        yield f"it has the mark of the pilot, which none has since {NO_PILOT_SINCE:%Y-%m-%d}"
    yield from _fields(fields, issued)


def _fields(fields: dict[str, str], issued: datetime) -> Iterator[str]:
    """What is wrong with the subject (MCR section 7.1.4.2.2)."""
    mark_type = fields.get(MARK_TYPE)
    if mark_type is None:
        yield "its subject has no markType"
        return
    if mark_type not in _OF_TYPE:
        yield f"its markType {_printable(mark_type)!r} is none that there is"
        return
    wanted = {**_OF_ANY, **_OF_TYPE[mark_type][1]}
    if mark_type == "Prior Use Mark" and issued >= PRIOR_USE_SOURCE_SINCE:
        wanted[PRIOR_USE_SOURCE] = "priorUseMarkSourceURL"
    for oid, (state, title) in _STATE_OF.items():
        if fields.get(oid):
            wanted[state] = title
    missing = [title for oid, title in wanted.items() if not fields.get(oid)]
    if not fields.get("2.5.4.7") and not fields.get("2.5.4.8"):
        missing.append("localityName or stateOrProvinceName")
    if missing:
        yield f"its subject lacks {', '.join(missing)}"
    allowed = {*wanted.values(), *_OPTIONAL[mark_type]}
    foreign = [
        title
        for oid, title in _FORBIDDEN_TO_OTHERS.items()
        if oid in fields and title not in allowed
    ]
    if foreign:
        yield f"its subject has {', '.join(foreign)}, which a {mark_type} has not"


def _dates(path: Sequence[Certificate], now: datetime, subject: str) -> Iterator[Finding]:
    """Whether every certificate on the way up is in its time; the mark's own is told of first."""
    for number, one in enumerate(path):
        first, last = one.not_valid_before_utc, one.not_valid_after_utc
        which = "the certificate" if not number else "the certificate of its issuer"
        if now > last:
            yield EXPIRED.finding(subject, f"{which} expired on {last:%Y-%m-%d %H:%M} UTC")
            return
        if now < first:
            says = f"{which} is valid only from {first:%Y-%m-%d %H:%M} UTC"
            yield EXPIRED.finding(subject, says)
            return
    last = path[0].not_valid_after_utc
    if last - now <= SOON:
        days = (last - now).days
        yield EXPIRES_SOON.finding(subject, f"it expires in {days} days, on {last:%Y-%m-%d}")


def _names(names: Sequence[str], expected: Expected, subject: str) -> Iterator[Finding]:
    """Whether a name is the record's own, or that of one of the domains (section 5.2)."""
    selector = expected.owner.partition("._bimi.")[0]
    with_selector = {expected.owner, *(f"{selector}._bimi.{one}" for one in expected.domains)}
    if with_selector.isdisjoint(names) and set(expected.domains).isdisjoint(names):
        has = _printable(", ".join(names[:8])) or "no name at all"
        mend = Fix(f"order a certificate that names {expected.domains[0]}")
        yield NAMES.finding(subject, f"the certificate is for {has}", fix=mend)


def _same_picture(within: bytes, served: bytes | None, subject: str) -> Iterator[Finding]:
    if served is None or not within or within == served:
        return
    if b"".join(within.split()) == b"".join(served.split()):
        yield OTHER_PICTURE.finding(subject, "the two pictures differ in spaces and line ends")
    else:
        says = f"the picture in it has {len(within)} octets, the one that is served {len(served)}"
        yield OTHER_PICTURE.finding(subject, f"the two pictures differ: {says}")


# --- who vouches for it ---------------------------------------------------------------


def _trust(
    chain: Sequence[Certificate], roots: Sequence[Certificate]
) -> tuple[list[Certificate], Trust, str]:
    """The way up from the mark certificate, where it ends, and that in words (section 5.1, step 1)."""
    path, others = [chain[0]], list(chain[1:])
    while True:
        at = path[-1]
        depth = len(path) - 1
        root = next((one for one in roots if one == at or issued(at, one, depth=depth)), None)
        if root is not None:
            return path, Trust.KNOWN, f"it was issued under {_called(root)}"
        above = next((one for one in others if one != at and issued(at, one, depth=depth)), None)
        if above is None:
            return path, *_end(at)
        if _purposes(above) is not None and PURPOSE not in (_purposes(above) or ()):
            says = f"{_called(above)} may not issue mark certificates, by its extended key usage"
            return path, Trust.NONE, says
        others.remove(above)
        path.append(above)


def _end(at: Certificate) -> tuple[Trust, str]:
    """What it means that nothing at hand has issued *at*."""
    if at.issuer == at.subject:
        says = f"it ends at {_called(at)}, which is none of the mark verifying authorities"
        return Trust.NONE, f"{says} known on {known_on()}"
    issuer = _common_name(at.issuer)
    if any(one.name == issuer and not one.pem for one in known_authorities()):
        return Trust.UNKNOWN, f"{issuer} is an authority for marks, but its root is not at hand"
    says = f"nothing in the file, and no authority known on {known_on()}, has issued it as"
    return Trust.NONE, f"{says} {_printable(issuer) or 'a nameless issuer'}"


def _called(certificate: Certificate) -> str:
    return _printable(_common_name(certificate.subject)) or "a nameless certificate"


def _common_name(whose: x509.Name) -> str:
    found = whose.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""
