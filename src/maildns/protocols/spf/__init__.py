"""
SPF: which hosts may send a domain's mail (RFC 7208, RFC 8616).

`check_host` is the receivers' algorithm; `parse`, `build` and `merge` make
records; `lint` and `lint_text` complain about them; `explain`, `permitted` and
`meaning_of_change` say what they mean; `lookup_tree` tells what they cost.
"""

from maildns.protocols.spf.build import build, merge
from maildns.protocols.spf.evaluate import check_host
from maildns.protocols.spf.explain import explain
from maildns.protocols.spf.lint import lint
from maildns.protocols.spf.mistakes import lint_text, mend
from maildns.protocols.spf.permits import (
    PermitChange,
    SpfPermits,
    changes,
    meaning_of_change,
    permitted,
)
from maildns.protocols.spf.record import (
    A,
    All,
    Directive,
    Exists,
    Explanation,
    Include,
    Ip4,
    Ip6,
    Mechanism,
    Modifier,
    Mx,
    Ptr,
    Qualifier,
    Redirect,
    SpfRecord,
    SpfResult,
    Term,
    UnknownModifier,
    is_spf,
    parse,
    parse_term,
)
from maildns.protocols.spf.tree import LookupNode, LookupTree, lookup_tree
from maildns.protocols.spf.verdict import SpfVerdict, Step

__all__ = [
    "A",
    "All",
    "Directive",
    "Exists",
    "Explanation",
    "Include",
    "Ip4",
    "Ip6",
    "LookupNode",
    "LookupTree",
    "Mechanism",
    "Modifier",
    "Mx",
    "PermitChange",
    "Ptr",
    "Qualifier",
    "Redirect",
    "SpfPermits",
    "SpfRecord",
    "SpfResult",
    "SpfVerdict",
    "Step",
    "Term",
    "UnknownModifier",
    "build",
    "changes",
    "check_host",
    "explain",
    "is_spf",
    "lint",
    "lint_text",
    "lookup_tree",
    "meaning_of_change",
    "mend",
    "merge",
    "parse",
    "parse_term",
    "permitted",
]
