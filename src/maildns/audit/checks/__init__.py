"""The rules of the audit, a module for each topic; importing this registers them all."""

from __future__ import annotations

from maildns.audit.checks import addresses as addresses
from maildns.audit.checks import dane as dane
from maildns.audit.checks import mail as mail
from maildns.audit.checks import mtasts_live as mtasts_live
from maildns.audit.checks import smtp as smtp
from maildns.audit.checks import tls as tls
from maildns.audit.checks import tls_certificates as tls_certificates
