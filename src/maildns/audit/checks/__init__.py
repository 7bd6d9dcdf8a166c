"""The rules of the audit, a module for each topic; importing this registers them all."""

from __future__ import annotations

from maildns.audit.checks import addresses as addresses
from maildns.audit.checks import bimi as bimi
from maildns.audit.checks import bimi_live as bimi_live
from maildns.audit.checks import caa as caa
from maildns.audit.checks import clients as clients
from maildns.audit.checks import dane as dane
from maildns.audit.checks import dkim as dkim
from maildns.audit.checks import dmarc as dmarc
from maildns.audit.checks import dnssec as dnssec
from maildns.audit.checks import dnssec_signatures as dnssec_signatures
from maildns.audit.checks import mail as mail
from maildns.audit.checks import mtasts as mtasts
from maildns.audit.checks import mtasts_live as mtasts_live
from maildns.audit.checks import smtp as smtp
from maildns.audit.checks import spf as spf
from maildns.audit.checks import tls as tls
from maildns.audit.checks import tls_certificates as tls_certificates
from maildns.audit.checks import tlsrpt as tlsrpt
from maildns.audit.checks import traps as traps
from maildns.audit.checks import views as views
from maildns.audit.checks import zone as zone
