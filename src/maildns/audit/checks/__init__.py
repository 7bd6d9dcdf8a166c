"""The rules of the audit, a module for each topic; importing this registers them all."""

from __future__ import annotations

from maildns.audit.checks import bimi as bimi
from maildns.audit.checks import caa as caa
from maildns.audit.checks import clients as clients
from maildns.audit.checks import dkim as dkim
from maildns.audit.checks import dmarc as dmarc
from maildns.audit.checks import mail as mail
from maildns.audit.checks import mtasts as mtasts
from maildns.audit.checks import spf as spf
from maildns.audit.checks import tlsrpt as tlsrpt
from maildns.audit.checks import traps as traps
from maildns.audit.checks import views as views
from maildns.audit.checks import zone as zone
