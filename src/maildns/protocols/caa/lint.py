"""Advice on CAA records."""

from __future__ import annotations

from collections.abc import Sequence

from maildns.dnsdata import Caa
from maildns.finding import Finding, Fix, Severity, rule
from maildns.protocols.caa.record import CRITICAL, ISSUER_TAGS, KNOWN_TAGS, issuer_of

_GOOD = '0 issue "letsencrypt.org"'

MALFORMED = rule(
    "caa-malformed-issuer",
    Severity.ERROR,
    "the issuer is malformed",
    help="""The value is the authority's own domain name, such as letsencrypt.org, perhaps with
    parameters behind a semicolon. A malformed value permits nobody, so the next renewal fails, and
    TLS to the mail server with it. Look the name up in the authority's manual.""",
    reference="RFC 8659 section 4.2",
    bad='0 issue "https://letsencrypt.org/"',
    good=_GOOD,
)
UNKNOWN_CRITICAL = rule(
    "caa-unknown-critical",
    Severity.ERROR,
    "a critical record has a tag that is not known",
    help="""The critical flag forbids every authority that does not know the tag to issue at all. With
    a tag nobody knows, no certificate is issued any more. Correct the tag, or set the flags
    to 0.""",
    reference="RFC 8659 section 4.1",
    bad='128 isue "letsencrypt.org"',
    good=_GOOD,
)
UNKNOWN_TAG = rule(
    "caa-unknown-tag",
    Severity.WARN,
    "the tag is not known",
    help="""Authorities pass over records with a tag that they do not know; what the record was to
    forbid is not forbidden. Look for a slip of the pen: issue, issuewild, issuemail, issuevmc,
    iodef.""",
    reference="RFC 8659 section 4.1",
    bad='0 isue "letsencrypt.org"',
    good=_GOOD,
)
FLAGS = rule(
    "caa-reserved-flags",
    Severity.WARN,
    "a reserved flag is set",
    help="""Of the flags only critical (128) has a meaning; the others must be 0 and are passed over.
    The number 1 for critical is a common slip. Publish 0, or 128.""",
    reference="RFC 8659 section 4.1",
    bad='1 issue "letsencrypt.org"',
    good=_GOOD,
)
NOBODY = rule(
    "caa-nobody",
    Severity.INFO,
    "nobody may issue",
    help="""The lone semicolon forbids all authorities to issue, which is right for names without
    servers. For a mail server its certificate cannot be renewed. Publish the authority's name.""",
    reference="RFC 8659 section 4.2",
    bad='0 issue ";"',
    good=_GOOD,
)
IODEF = rule(
    "caa-bad-iodef",
    Severity.WARN,
    "the address to tell is malformed",
    help="""The value of iodef is a URI: mailto: with a mail address, or a web address. An authority
    that cannot make sense of it tells nobody. Write mailto: before a mail address.""",
    reference="RFC 8659 section 4.4",
    bad='0 iodef "security@example.com"',
    good='0 iodef "mailto:security@example.com"',
)
NOBODY_BESIDE = rule(
    "caa-nobody-with-others",
    Severity.WARN,
    "nobody, and somebody, may issue",
    help="""A lone semicolon beside a record that permits an authority has no effect: permissions add
    up. Remove one or the other, whichever was not meant.""",
    reference="RFC 8659 section 4.2",
)


def lint(record: Caa, subject: str = "") -> list[Finding]:
    """Say what is wrong or risky in one CAA record; *subject* is its owner's name."""
    tag = record.tag.lower()
    value = record.value.decode("utf-8", "replace")
    found = []
    if record.flags & ~CRITICAL:
        found.append(FLAGS.finding(subject, f"the flags are {record.flags}"))
    if tag not in KNOWN_TAGS:
        unknown = UNKNOWN_CRITICAL if record.flags & CRITICAL else UNKNOWN_TAG
        return [*found, unknown.finding(subject, f"the tag {record.tag} is not known")]
    if tag == "iodef" and not value.startswith(("mailto:", "http://", "https://")):
        fix = Fix("publish", f'0 iodef "mailto:{value}"') if "@" in value else None
        found.append(IODEF.finding(subject, f"{value} is not a URI", fix=fix))
    if tag in ISSUER_TAGS:
        issuer = issuer_of(record)
        if issuer is None:
            found.append(MALFORMED.finding(subject, f"{value} is not an authority's domain name"))
        elif not issuer.domain:
            found.append(NOBODY.finding(subject, f"{tag}: nobody may issue"))
    return found


def lint_rrset(records: Sequence[Caa], subject: str = "") -> list[Finding]:
    """Say what is wrong with the CAA records of one name, each and together."""
    found = [finding for record in records for finding in lint(record, subject)]
    for tag in sorted(ISSUER_TAGS):
        issuers = [issuer_of(record) for record in records if record.tag.lower() == tag]
        known = {issuer.domain for issuer in issuers if issuer is not None}
        if "" in known and len(known) > 1:
            found.append(NOBODY_BESIDE.finding(subject, f"{tag}: nobody, and somebody, may issue"))
    return found
