"""
Split DNS: what a further view, such as that of a LAN, shows otherwise than the public DNS.

Addresses may differ, that is what views are for. What decides whether mail passes must not: a
server in the LAN verifies, and signs, by what it sees.
"""

from __future__ import annotations

from collections.abc import Iterator

from maildns.ask import Answer, Question
from maildns.audit.facts import DnsFacts, Facts
from maildns.audit.registry import check
from maildns.audit.result import Result, broken, ok, unknown
from maildns.finding import Fix, Severity, rule

LACKS = rule(
    "view-lacks-record",
    Severity.ERROR,
    "a view lacks a record that the world sees",
    help="""Mail between hosts that see this view is judged without the record: a signature whose key
    is not there fails, a policy that is not there does not protect. Publish the same record in the
    view.""",
    reference="RFC 9499 section 6",
)
DIFFERS = rule(
    "view-differs",
    Severity.WARN,
    "a view shows another record than the world sees",
    help="""Hosts that see this view judge mail by another record than the rest of the world, so what
    passes here fails there. Make them the same, unless it is meant to be so.""",
    reference="RFC 9499 section 6",
)
_COMPARED = frozenset({"MX", "TXT", "TLSA", "SRV", "CAA"})


@check("views")
def parity(facts: Facts) -> Iterator[Result]:
    """Every record that decides about mail is the same in each view."""
    for view, seen in facts.views.items():
        results = list(_compared(view, facts.dns, seen))
        yield from results
        if not results:
            says = f"view {view} shows the same mail records as the public DNS"
            yield ok(DIFFERS, facts.domain, says)


def _compared(view: str, public: DnsFacts, seen: DnsFacts) -> Iterator[Result]:
    for question, answer in public.answers.items():
        if type(question) is not Question or question.rrtype not in _COMPARED or answer.failed:
            continue
        other = seen.answers.get(question)
        if other is None or question.name.startswith("*."):
            continue
        yield from _difference(view, answer, other)


def _difference(view: str, public: Answer, other: Answer) -> Iterator[Result]:
    owner, rrtype = public.question.name, public.question.rrtype
    if set(public.records) == set(other.records) and not other.failed:
        return
    if other.failed:
        if public.found:
            says = f"view {view} does not say: {other.detail or other.outcome}"
            yield unknown(LACKS, owner, f"{rrtype}: {says}", other)
    elif public.found and not other.found:
        fix = Fix(f"publish it in view {view}", str(public.records[0]), owner, rrtype)
        yield broken(LACKS, owner, f"view {view} has no {rrtype} record", public, other, fix=fix)
    else:
        shown = "; ".join(map(str, other.records))[:200] or "none"
        yield broken(DIFFERS, owner, f"{rrtype} in view {view}: {shown}", public, other)
