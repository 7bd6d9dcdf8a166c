"""Advice on BIMI records, and on the DMARC policy that they need."""

from __future__ import annotations

from urllib.parse import urlsplit

from maildns.finding import Finding, Fix, Severity, rule
from maildns.protocols.bimi.record import BimiRecord

_DRAFT = "draft-brand-indicators-for-message-identification-14"
_EVIDENCE = "a=https://example.com/mark.pem"
_GOOD = f"v=BIMI1; l=https://example.com/logo.svg; {_EVIDENCE};"

NOT_HTTPS = rule(
    "bimi-not-https",
    Severity.ERROR,
    "the address is not https",
    help="""Picture and certificate are fetched over HTTPS alone; with any other address no picture is
    shown. Put the file on a web server with a certificate, and publish its https address.""",
    reference=f"{_DRAFT} section 4.3",
    bad=f"v=BIMI1; l=http://example.com/logo.svg; {_EVIDENCE};",
    good=_GOOD,
)
NOT_SVG = rule(
    "bimi-not-svg",
    Severity.WARN,
    "the picture is perhaps not SVG",
    help="""The picture must be SVG in the profile Tiny PS; PNG and JPEG are not shown. Its address
    normally ends in .svg or .svgz; some receivers look at that. Convert the picture.""",
    reference=f"{_DRAFT} section 4.3.2",
    bad=f"v=BIMI1; l=https://example.com/logo.png; {_EVIDENCE};",
    good=_GOOD,
)
NO_EVIDENCE = rule(
    "bimi-no-evidence",
    Severity.INFO,
    "there is no mark certificate",
    help="""Gmail and Apple show a picture only with a mark certificate, and Gmail the check mark only
    with one for a registered trade mark. Others, such as Yahoo, do without. Order one and publish
    its address in the tag a, if those matter.""",
    reference=f"{_DRAFT} section 4.3",
    bad="v=BIMI1; l=https://example.com/logo.svg; a=;",
    good=_GOOD,
)
NO_PICTURE = rule(
    "bimi-no-picture",
    Severity.ERROR,
    "there is a certificate but no picture",
    help="""A record with a but an empty l is neither a declination nor an assertion, and no picture is
    shown. Publish the picture's address, or empty both.""",
    reference=f"{_DRAFT} section 4.3",
    bad=f"v=BIMI1; l=; {_EVIDENCE};",
    good=_GOOD,
)
DECLINED = rule(
    "bimi-declined",
    Severity.INFO,
    "the domain declines a picture",
    help="""With l and a empty the domain says that no picture is to be shown beside its mail. Nothing
    is wrong with that.""",
    reference=f"{_DRAFT} section 4.3",
    bad="v=BIMI1; l=; a=;",
    good=_GOOD,
)
UNKNOWN_TAG = rule(
    "bimi-unknown-tag",
    Severity.INFO,
    "a tag is not known",
    help="""Receivers pass over tags that they do not know. There is no tag s: the selector stands in
    the record's name. Remove the tag.""",
    reference=f"{_DRAFT} section 4.3",
    bad=f"{_GOOD} s=default;",
    good=_GOOD,
)
DMARC = rule(
    "bimi-dmarc-too-weak",
    Severity.ERROR,
    "the DMARC policy is too weak for BIMI",
    help="""A picture is shown only for a domain whose DMARC policy is quarantine or reject, for all
    mail and for subdomains too. With p=none, sp=none, a pct below 100 or t=y there is none.
    Finish the way to p=quarantine first.""",
    reference=f"{_DRAFT} section 7.1",
)


def lint(record: BimiRecord, subject: str = "") -> list[Finding]:
    """Say what is wrong or risky in a BIMI record; *subject* is its owner's name."""
    found = [
        UNKNOWN_TAG.finding(subject, f"the tag {key} is not known") for key, _ in record.unknown
    ]
    if record.declines:
        return [*found, DECLINED.finding(subject)]
    found += [
        NOT_HTTPS.finding(subject, f"{uri} is not an https address")
        for uri in (record.location, record.authority_evidence)
        if uri and not uri.lower().startswith("https://")
    ]
    if not record.location:
        found.append(NO_PICTURE.finding(subject))
    elif not _path(record.location).endswith((".svg", ".svgz", ".svg.gz")):
        fix = Fix("convert the picture to SVG Tiny PS")
        found.append(NOT_SVG.finding(subject, f"{record.location} is perhaps not SVG", fix=fix))
    if not record.authority_evidence:
        found.append(NO_EVIDENCE.finding(subject))
    return found


def _path(uri: str) -> str:
    try:
        return urlsplit(uri).path.lower()
    except ValueError:
        return ""


def lint_dmarc(
    *,
    policy: str,
    subdomain_policy: str | None = None,
    percentage: int | None = None,
    testing: bool = False,
    subject: str = "",
) -> list[Finding]:
    """
    Say why a DMARC policy keeps the picture from being shown.

    *policy* is that of the organizational domain (`p`), *subdomain_policy* is `sp`,
    *percentage* the old `pct`, *testing* whether there is `t=y`.
    """
    weak = []
    if policy == "none":
        weak.append("p=none")
    if subdomain_policy == "none":
        weak.append("sp=none")
    # Draft section 7.1: a quarantine of some of the mail only does not suffice.
    if percentage is not None and percentage < 100 and policy == "quarantine":
        weak.append(f"pct={percentage}")
    if testing:
        weak.append("t=y")
    says = f"DMARC says {', '.join(weak)}, so no picture is shown"
    return [DMARC.finding(subject, says)] if weak else []
