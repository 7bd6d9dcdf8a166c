"""
DMARC: who may use a domain in `From:`, and what to do with mail that does not prove it.

RFC 9989 (the policy), RFC 9990 (aggregate reports), and for receivers that have
not moved on, RFC 7489.
"""

from __future__ import annotations

from maildns.protocols.dmarc.build import build, ladder, record_name, report_uri
from maildns.protocols.dmarc.compare import Comparison, Difference, causes, compare, differences
from maildns.protocols.dmarc.evaluate import evaluate, organizational_domain
from maildns.protocols.dmarc.explain import explain
from maildns.protocols.dmarc.grants import (
    GRANT_TEXT,
    Destination,
    external_destinations,
    grant_name,
)
from maildns.protocols.dmarc.lint import lint, lint_text
from maildns.protocols.dmarc.older import registered_domain
from maildns.protocols.dmarc.record import (
    Alignment,
    DmarcRecord,
    Policy,
    Psd,
    Reading,
    ReportUri,
    parse,
    read,
    read_leniently,
)
from maildns.protocols.dmarc.treewalk import Walk, policy_question, tree_walk, walk_names
from maildns.protocols.dmarc.verdict import READERS, DmarcResult, DmarcVerdict, Reader

__all__ = [
    "GRANT_TEXT",
    "READERS",
    "Alignment",
    "Comparison",
    "Destination",
    "Difference",
    "DmarcRecord",
    "DmarcResult",
    "DmarcVerdict",
    "Policy",
    "Psd",
    "Reader",
    "Reading",
    "ReportUri",
    "Walk",
    "build",
    "causes",
    "compare",
    "differences",
    "evaluate",
    "explain",
    "external_destinations",
    "grant_name",
    "ladder",
    "lint",
    "lint_text",
    "organizational_domain",
    "parse",
    "policy_question",
    "read",
    "read_leniently",
    "record_name",
    "registered_domain",
    "report_uri",
    "tree_walk",
    "walk_names",
]
