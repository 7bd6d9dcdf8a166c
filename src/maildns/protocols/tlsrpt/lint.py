"""Advice on TLS-RPT records."""

from __future__ import annotations

import re

from maildns.finding import Finding, Fix, Severity, rule
from maildns.protocols.tlsrpt.record import TlsRptRecord

_GOOD = "v=TLSRPTv1; rua=mailto:tls@example.com"
_MAIL = re.compile(r"[^@?]+@[A-Za-z0-9_%-][A-Za-z0-9._%-]*(?:\?.*)?")
_WEB = re.compile(r"//[^/?#]+.*")

NO_USABLE = rule(
    "tlsrpt-no-usable-address",
    Severity.ERROR,
    "reports can be sent nowhere",
    help="""Reporters know mailto: and https: addresses alone. None of those published can be used,
    so no report will come, and broken TLS stays unseen. Publish a mailto: address.""",
    reference="RFC 8460 section 3",
    bad="v=TLSRPTv1; rua=ftp://example.com/",
    good=_GOOD,
)
UNKNOWN_SCHEME = rule(
    "tlsrpt-unknown-scheme",
    Severity.WARN,
    "an address has a scheme that reporters do not know",
    help="""Reporters know mailto: and https: addresses alone and pass over others, http: among them.
    Change the address or remove it.""",
    reference="RFC 8460 section 3",
    bad="v=TLSRPTv1; rua=http://example.com/tls,mailto:tls@example.com",
    good=_GOOD,
)
BAD_ADDRESS = rule(
    "tlsrpt-bad-address",
    Severity.ERROR,
    "an address is malformed",
    help="""Behind mailto: stands a whole mail address, behind https: two slashes and a host. A
    reporter that cannot make sense of an address sends nothing to it. Correct the address.""",
    reference="RFC 8460 section 3",
    bad="v=TLSRPTv1; rua=mailto:example.com",
    good=_GOOD,
)
NOT_ENCODED = rule(
    "tlsrpt-not-encoded",
    Severity.WARN,
    "an exclamation mark stands unencoded in an address",
    help="""In a report address commas, semicolons and exclamation marks are percent-encoded, since
    they have a meaning of their own in such lists. Write %21 for the exclamation mark.""",
    reference="RFC 8460 section 3",
    bad="v=TLSRPTv1; rua=mailto:tls!x@example.com",
    good=_GOOD,
)
UNKNOWN_FIELD = rule(
    "tlsrpt-unknown-field",
    Severity.INFO,
    "a field is not known",
    help="""Reporters pass over fields that they do not know, such as ruf, which is of DMARC. What
    the field was to say is not said. Remove it.""",
    reference="RFC 8460 section 3",
    bad="v=TLSRPTv1; rua=mailto:tls@example.com; ruf=mailto:tls@example.com",
    good=_GOOD,
)


def lint(record: TlsRptRecord, subject: str = "") -> list[Finding]:
    """Say what is wrong or risky in a TLS-RPT record; *subject* is its owner's name."""
    found = []
    usable = 0
    for uri in record.rua:
        problems = _lint_uri(uri, subject)
        found += problems
        usable += not any(one.rule in {UNKNOWN_SCHEME.id, BAD_ADDRESS.id} for one in problems)
    if not usable:
        found.append(NO_USABLE.finding(subject))
    for key, _ in record.extensions:
        fix = Fix("publish", str(TlsRptRecord(record.rua)))
        found.append(UNKNOWN_FIELD.finding(subject, f"the field {key} is not known", fix=fix))
    return found


def _lint_uri(uri: str, subject: str) -> list[Finding]:
    found = []
    scheme, _, rest = uri.partition(":")
    form = {"mailto": _MAIL, "https": _WEB}.get(scheme.lower())
    if form is None:
        found.append(UNKNOWN_SCHEME.finding(subject, f"reporters do not know {scheme}: ({uri})"))
    elif not form.fullmatch(rest):
        found.append(BAD_ADDRESS.finding(subject, f"{uri} is malformed"))
    if "!" in uri:
        fix = Fix(f"write {uri.replace('!', '%21')}")
        found.append(NOT_ENCODED.finding(subject, f"{uri} has an exclamation mark", fix=fix))
    return found
