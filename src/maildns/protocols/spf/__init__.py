"""
SPF: which hosts may send a domain's mail (RFC 7208, RFC 8616).

`check_host` is the receivers' algorithm; `parse`, `build` and `merge` make
records; `lint` and `lint_text` complain about them; `explain`, `permitted` and
`meaning_of_change` say what they mean; `lookup_tree` tells what they cost.
`networks` tells what is decided for every address, `difference` compares that,
`flatten` and `optimise` save lookups, `drift` watches what `flatten` replaced.
What not every evaluation needs is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from maildns.protocols.spf.build import build, merge
from maildns.protocols.spf.evaluate import check_host
from maildns.protocols.spf.explain import explain
from maildns.protocols.spf.lint import lint
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
from maildns.protocols.spf.verdict import SpfVerdict, Step

if TYPE_CHECKING:
    from maildns.protocols.spf.compare import Shift, SpfDifference, difference
    from maildns.protocols.spf.coverage import SpfNetworks, networks, no_policy
    from maildns.protocols.spf.decision import Decision, Elsewhere, Fork
    from maildns.protocols.spf.drifting import Drift, drift
    from maildns.protocols.spf.expansion import Expanded
    from maildns.protocols.spf.flattening import SpfFlat, flatten, optimise
    from maildns.protocols.spf.mistakes import lint_text, mend
    from maildns.protocols.spf.permits import (
        PermitChange,
        SpfPermits,
        changes,
        meaning_of_change,
        permitted,
    )
    from maildns.protocols.spf.reading import SpfSource
    from maildns.protocols.spf.tree import LookupNode, LookupTree, lookup_tree

__all__ = [
    "A",
    "All",
    "Decision",
    "Directive",
    "Drift",
    "Elsewhere",
    "Exists",
    "Expanded",
    "Explanation",
    "Fork",
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
    "Shift",
    "SpfDifference",
    "SpfFlat",
    "SpfNetworks",
    "SpfPermits",
    "SpfRecord",
    "SpfResult",
    "SpfSource",
    "SpfVerdict",
    "Step",
    "Term",
    "UnknownModifier",
    "build",
    "changes",
    "check_host",
    "difference",
    "drift",
    "explain",
    "flatten",
    "is_spf",
    "lint",
    "lint_text",
    "lookup_tree",
    "meaning_of_change",
    "mend",
    "merge",
    "networks",
    "no_policy",
    "optimise",
    "parse",
    "parse_term",
    "permitted",
]

_HOMES = {
    "Decision": "decision",
    "Drift": "drifting",
    "Elsewhere": "decision",
    "Expanded": "expansion",
    "Fork": "decision",
    "LookupNode": "tree",
    "LookupTree": "tree",
    "PermitChange": "permits",
    "Shift": "compare",
    "SpfDifference": "compare",
    "SpfFlat": "flattening",
    "SpfNetworks": "coverage",
    "SpfPermits": "permits",
    "SpfSource": "reading",
    "changes": "permits",
    "difference": "compare",
    "drift": "drifting",
    "flatten": "flattening",
    "lint_text": "mistakes",
    "lookup_tree": "tree",
    "meaning_of_change": "permits",
    "mend": "mistakes",
    "networks": "coverage",
    "no_policy": "coverage",
    "optimise": "flattening",
    "permitted": "permits",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = made
    return made
