"""The rules of the audit, a module for each topic; importing this registers them all."""

from __future__ import annotations

from maildns.audit.checks import dnssec as dnssec
from maildns.audit.checks import dnssec_signatures as dnssec_signatures
from maildns.audit.checks import mail as mail
