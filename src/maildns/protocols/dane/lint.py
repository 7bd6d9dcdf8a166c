"""Advice on TLSA records: on one by itself, and on all of one name (RFC 7671, RFC 7672)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from maildns.dnsdata import Tlsa
from maildns.finding import Finding, Fix, Severity, rule
from maildns.protocols.dane.record import (
    DANE_EE,
    DANE_TA,
    DIGEST_OCTETS,
    MAIL_USAGES,
    why_data_broken,
    why_unusable,
)

MAX_RECORDS = 12  # more are a sign of records never cleared away, and make answers large

_HASH = "ab" * 32
_GOOD = f"3 1 1 {_HASH}"

USAGE = rule(
    "dane-usage-not-for-mail",
    Severity.WARN,
    "this usage does not count for mail",
    help="""Sending mail servers pass over TLSA records with usage 0 or 1, since they share no
    list of trusted authorities. When no other record is left they encrypt without knowing to
    whom. Publish 3 1 1 of the same certificate instead.""",
    reference="RFC 7672 section 3.1.3",
    bad=f"1 1 1 {_HASH}",
    good=_GOOD,
)
UNKNOWN = rule(
    "dane-unknown-parameter",
    Severity.ERROR,
    "a parameter has no meaning",
    help="""The usage is one of 0 to 3, the selector 0 or 1, the matching type 0 to 2. A record with
    another number is passed over by everyone. Make the record anew from the certificate.""",
    reference="RFC 6698 section 2.1",
    bad=f"3 2 1 {_HASH}",
    good=_GOOD,
)
DIGEST = rule(
    "dane-digest-length",
    Severity.ERROR,
    "the digest has the wrong length",
    help="""A SHA-256 digest has 32 octets (64 hexadecimal digits), a SHA-512 digest 64. A record
    with another length can match nothing and is passed over. Often a digit was lost on the way
    through a web form; make the record anew from the certificate.""",
    reference="RFC 6698 section 2.1.3",
    bad=f"3 1 1 {_HASH[2:]}",
    good=_GOOD,
)
BROKEN_DATA = rule(
    "dane-data-broken",
    Severity.ERROR,
    "the data is not a certificate or key",
    help="""With matching type 0 the record holds a whole certificate or public key in DER. This
    data is not one, so the record can match nothing. Publish a digest instead, such as 3 1 1.""",
    reference="RFC 6698 section 2.1.3",
    bad="3 1 0 0102",
    good=_GOOD,
)
FULL_DATA = rule(
    "dane-full-data",
    Severity.WARN,
    "the record holds the whole data, not its digest",
    help="""Matching type 0 puts a whole certificate or key into the DNS. The answers grow beyond
    what fits a UDP packet, and some resolvers and firewalls lose them; mail is then deferred.
    Publish the SHA-256 digest (matching type 1).""",
    reference="RFC 7671 section 10.1.2",
    bad="3 1 0 30020500",
    good=_GOOD,
)
WHOLE_CERTIFICATE = rule(
    "dane-changes-at-renewal",
    Severity.WARN,
    "the record changes with every renewal",
    help="""With selector 0 the record is of the whole certificate, so it must be replaced, two TTLs
    ahead, each time the certificate is renewed; if it is forgotten once, mail is deferred.
    Publish 3 1 1 and renew with the same key.""",
    reference="RFC 7671 section 5.1",
    bad=f"3 0 1 {_HASH}",
    good=_GOOD,
)
ISSUER = rule(
    "dane-issuer-pinned",
    Severity.INFO,
    "the record is of an issuer",
    help="""A usage 2 record holds as long as the certificates come from this issuer and the server
    sends the issuer's certificate along. Public authorities change their intermediates without
    asking; a renewal can then come from another one and mail is deferred. Keep a 3 1 1 record
    beside it, or list every intermediate that may issue.""",
    reference="RFC 7671 section 5.2",
    bad=f"2 1 1 {_HASH}",
    good=_GOOD,
)
NONE_USABLE = rule(
    "dane-none-usable",
    Severity.ERROR,
    "no record can be used",
    help="""There are TLSA records, but senders can use none of them. They then insist on TLS, yet
    accept any certificate: all of the trouble and none of the safety. Publish a 3 1 1 record.""",
    reference="RFC 7672 section 2.2",
)
NO_NEXT = rule(
    "dane-no-next-record",
    Severity.INFO,
    "there is no record for the next key",
    help="""With a single record, the day the key changes is the day mail is deferred, unless the new
    record was published two TTLs before. Keep a second key ready and its 3 1 1 record published,
    or a 2 x x record of the issuer, so that a change in haste breaks nothing.""",
    reference="RFC 7671 section 8.1",
)
TOO_MANY = rule(
    "dane-too-many-records",
    Severity.WARN,
    "there are very many TLSA records",
    help="""Records of keys long gone make answers large, and each of them still lets its key speak
    for the server. Remove all but those of the current and the next key.""",
    reference="RFC 7671 section 8.1",
)
AGILITY = rule(
    "dane-digest-agility",
    Severity.WARN,
    "a stronger digest hides records with a weaker one",
    help="""Of records that differ only in their digest, a sender looks at the strongest alone. A key
    that has a SHA-256 record but no SHA-512 record is then not seen, as long as any SHA-512 record
    of the same kind stands there. Publish each key with the same digests, or 3 1 1 alone.""",
    reference="RFC 7671 section 9",
)
ONLY_SHA512 = rule(
    "dane-only-sha512",
    Severity.INFO,
    "there are only SHA-512 digests",
    help="""Support for matching type 2 is optional; a sender without it has no record that it can
    use and accepts any certificate. SHA-256 is understood by all. Publish 3 1 1.""",
    reference="RFC 7671 section 10.1.1",
)


def lint(record: Tlsa, subject: str = "") -> list[Finding]:
    """Say what is wrong or risky with one TLSA record, for mail; *subject* is its owner's name."""
    fix = Fix("publish a 3 1 1 record of the server's certificate")
    if record.usage > DANE_EE or record.selector > 1 or record.matching_type > 2:
        problem = why_unusable(record)
        return [UNKNOWN.finding(subject, problem or "", fix=fix)]
    found = []
    if record.usage not in MAIL_USAGES:
        found.append(USAGE.finding(subject, why_unusable(record) or "", fix=fix))
    problem = why_data_broken(record)
    if problem is not None:
        broken = DIGEST if record.matching_type in DIGEST_OCTETS else BROKEN_DATA
        found.append(broken.finding(subject, problem, fix=fix))
    elif record.matching_type == 0:
        says = f"the record holds {len(record.association)} octets of data, not a digest"
        found.append(FULL_DATA.finding(subject, says, fix=fix))
    if record.usage == DANE_TA:
        found.append(ISSUER.finding(subject))
    if record.usage == DANE_EE and record.selector == 0:
        found.append(WHOLE_CERTIFICATE.finding(subject, fix=fix))
    return found


def lint_rrset(records: Sequence[Tlsa], subject: str = "") -> list[Finding]:
    """Say what is wrong with the TLSA records of one name, each and together."""
    found = [finding for record in records for finding in lint(record, subject)]
    usable = [record for record in records if why_unusable(record) is None]
    if records and not usable:
        found.append(NONE_USABLE.finding(subject))
    if len(usable) == 1:
        found.append(NO_NEXT.finding(subject))
    if len(records) > MAX_RECORDS:
        found.append(TOO_MANY.finding(subject, f"there are {len(records)} TLSA records"))
    found += _lint_digests(usable, subject)
    return found


def _lint_digests(usable: Sequence[Tlsa], subject: str) -> list[Finding]:
    count = Counter((one.usage, one.selector, one.matching_type) for one in usable)
    found = []
    for usage, selector, matching_type in sorted(count):
        weaker, stronger = count[usage, selector, 1], count[usage, selector, 2]
        if matching_type == 1 and 0 < stronger < weaker:
            says = (
                f"{usage} {selector} 2 stands beside {usage} {selector} 1 with fewer records:"
                " senders that know SHA-512 do not see the rest"
            )
            fix = Fix(f"remove the {usage} {selector} 2 records")
            found.append(AGILITY.finding(subject, says, fix=fix))
    if usable and all(one.matching_type == 2 for one in usable):
        found.append(
            ONLY_SHA512.finding(subject, fix=Fix("publish 3 1 1 as well, then remove these"))
        )
    return found
