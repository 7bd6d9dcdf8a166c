"""
BIMI: the picture shown beside a domain's mail (draft-brand-indicators-for-message-identification-14).

Still a draft. A picture is shown only where DMARC passed under an enforcing policy, and by
most mailbox providers only with a mark certificate. Picture and certificate are judged here
(`maildns.protocols.bimi.picture`, `.mark`), and fetched elsewhere.
"""

from maildns.protocols.bimi.build import build
from maildns.protocols.bimi.evaluate import BimiLookup, BimiResult, record_lookup
from maildns.protocols.bimi.explain import explain
from maildns.protocols.bimi.lint import lint, lint_dmarc
from maildns.protocols.bimi.record import BimiRecord, owner_name, parse

__all__ = [
    "BimiLookup",
    "BimiRecord",
    "BimiResult",
    "build",
    "explain",
    "lint",
    "lint_dmarc",
    "owner_name",
    "parse",
    "record_lookup",
]
