"""What can be wrong with a mark certificate."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from maildns.finding import Severity, rule

FETCH_DRAFT: Final = "draft-fetch-validation-vmc-wchuang-11"
SOON: Final = timedelta(days=14)

UNREADABLE = rule(
    "bimi-certificate-unreadable",
    Severity.ERROR,
    "what is served is no mark certificate",
    help="""What stands at the address is no file of certificates in PEM, or one of them is broken.
    Providers that want a certificate show no picture. Serve the file as the authority sent it: the
    mark certificate, then that of its issuer.""",
    reference=f"{FETCH_DRAFT} section 3.3",
)
NOT_A_MARK = rule(
    "bimi-certificate-not-mark",
    Severity.ERROR,
    "the certificate is not one for a mark",
    help="""A mark certificate says by its extended key usage that it is for BIMI, and has the picture
    within, in its logotype. The certificate of a web server, say, will not do. Serve the one that the
    mark verifying authority sent.""",
    reference=f"{FETCH_DRAFT} section 5.1",
)
EXPIRED = rule(
    "bimi-certificate-expired",
    Severity.ERROR,
    "the mark certificate is out of its time",
    help="""It has expired or is not valid yet, or that of its issuer is. Providers that want a
    certificate show no picture any more. Renew it at the authority, and serve the new file.""",
    reference=f"{FETCH_DRAFT} section 5.1",
)
EXPIRES_SOON = rule(
    "bimi-certificate-expires-soon",
    Severity.WARN,
    "the mark certificate expires soon",
    help="""Fourteen days or less are left. An authority checks the company and the mark again before it
    renews, which takes days. Order the new one now.""",
    reference=f"{FETCH_DRAFT} section 4.5",
)
NAMES = rule(
    "bimi-certificate-names",
    Severity.ERROR,
    "the mark certificate is for another domain",
    help="""One of its names must be the domain of the mail, its organizational domain, or the name of
    the BIMI record with its selector. Otherwise no provider that wants a certificate shows the picture.
    Have the authority add the domain.""",
    reference=f"{FETCH_DRAFT} section 5.2",
)
UNTRUSTED = rule(
    "bimi-certificate-untrusted",
    Severity.ERROR,
    "no authority for marks vouches for the certificate",
    help="""The way up from it ends at no authority that providers take mark certificates from, or a
    certificate between is missing from the file. Serve the whole chain up to the root; a certificate
    made by oneself counts for nothing.""",
    reference=f"{FETCH_DRAFT} section 5.1",
)
PROFILE = rule(
    "bimi-certificate-profile",
    Severity.WARN,
    "the mark certificate is not as it should be",
    help="""Authorities have to put certain fields and extensions into a mark certificate, and to leave
    others out; the file has the chain in order and each certificate once. A provider may refuse one
    that is otherwise. Put the file in order; for the rest ask the authority.""",
    reference=f"{FETCH_DRAFT} section 4; bimigroup.org, MCR sections 7.1.2.3 and 7.1.4.2.2",
)
OTHER_PICTURE = rule(
    "bimi-certificate-picture",
    Severity.WARN,
    "the picture is not the one in the certificate",
    help="""A provider may compare the two and show neither; others show the one in the certificate,
    whatever stands at the address. Serve the very file that the authority was given.""",
    reference=f"{FETCH_DRAFT} section 5.3",
)
COMMON = rule(
    "bimi-certificate-common",
    Severity.INFO,
    "the mark is not a registered one",
    help="""The certificate is a common one (CMC): of a mark in use for a year, or a registered one that
    was changed. Gmail shows the picture with it, without the check mark, and Apple does not show it.""",
    reference=f"{FETCH_DRAFT}; bimigroup.org, MCR sections 3.2.16 and 3.2.17",
)
