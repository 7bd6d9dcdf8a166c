"""The rules of the audit, a module for each topic; importing this registers them all."""

from __future__ import annotations

from maildns.audit.checks import caa as caa
from maildns.audit.checks import clients as clients
from maildns.audit.checks import mail as mail
from maildns.audit.checks import traps as traps
from maildns.audit.checks import views as views
from maildns.audit.checks import zone as zone
