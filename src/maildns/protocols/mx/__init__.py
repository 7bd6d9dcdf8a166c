"""
MX records: which hosts take a domain's mail (RFC 5321 section 5.1, RFC 7505).

A domain without MX records is its own mail host; one with the null MX, `0 .`, takes no mail.
"""

from maildns.protocols.mx.build import NULL_MX, build
from maildns.protocols.mx.evaluate import MailHost, MailHosts, MxResult, mail_hosts
from maildns.protocols.mx.explain import explain
from maildns.protocols.mx.lint import lint, lint_hosts, lint_rrset
from maildns.protocols.mx.record import MxRecord, is_null, parse

__all__ = [
    "NULL_MX",
    "MailHost",
    "MailHosts",
    "MxRecord",
    "MxResult",
    "build",
    "explain",
    "is_null",
    "lint",
    "lint_hosts",
    "lint_rrset",
    "mail_hosts",
    "parse",
]
