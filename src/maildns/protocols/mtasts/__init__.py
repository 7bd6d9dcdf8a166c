"""
MTA-STS: a domain's word that its mail hosts speak TLS, told over HTTPS (RFC 8461).

Two texts belong together: the TXT record says that there is a policy, and by its `id` that
it changed; the policy itself is a file on `mta-sts.<domain>`. Fetching it is not done here but
by `maildns.net.https.fetch_policy`.
"""

from maildns.protocols.mtasts.build import build, build_policy
from maildns.protocols.mtasts.evaluate import (
    StsAction,
    StsLookup,
    StsResult,
    StsVerdict,
    policy_allows,
    record_lookup,
    verdict,
)
from maildns.protocols.mtasts.explain import explain, explain_policy
from maildns.protocols.mtasts.lint import lint, lint_coverage, lint_policy
from maildns.protocols.mtasts.policy import Mode, StsPolicy, parse_policy, policy_url
from maildns.protocols.mtasts.record import StsRecord, owner_name, parse

__all__ = [
    "Mode",
    "StsAction",
    "StsLookup",
    "StsPolicy",
    "StsRecord",
    "StsResult",
    "StsVerdict",
    "build",
    "build_policy",
    "explain",
    "explain_policy",
    "lint",
    "lint_coverage",
    "lint_policy",
    "owner_name",
    "parse",
    "parse_policy",
    "policy_allows",
    "policy_url",
    "record_lookup",
    "verdict",
]
