"""SARIF 2.1.0, the form that code hosts and scanners exchange findings in (OASIS, 2020)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from maildns._version import __version__
from maildns.audit.assessment import Assessment
from maildns.audit.evidence import all_shown
from maildns.audit.mend import mend_of
from maildns.audit.result import Result, Status
from maildns.finding import Rule, Severity, registered_rules

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {Status.BAD: "error", Status.WARN: "warning"}
_KINDS: Final = {
    Status.OK: "pass",
    Status.UNKNOWN: "open",  # SARIF 2.1.0 section 3.27.9: an evaluation that is not settled
    Status.NOT_APPLICABLE: "notApplicable",
    Status.BAD: "fail",
    Status.WARN: "fail",
}
_SEVERITIES: Final = {Severity.ERROR: "error", Severity.WARN: "warning", Severity.INFO: "note"}


def sarif(assessments: Iterable[Assessment]) -> dict[str, Any]:
    """One run with all results; the domain is the logical location of each."""
    pairs = [(one, result) for one in assessments for _, result in one.all()]
    known = registered_rules()
    used = sorted({result.rule for _, result in pairs if result.rule in known})
    places = {rule: at for at, rule in enumerate(used)}
    driver = {
        "name": "maildns",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(known[rule]) for rule in used],
    }
    results = [_result(one, result, places) for one, result in pairs]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.help},
        "help": {"text": f"{rule.help} ({rule.reference})"},
        "defaultConfiguration": {"level": _SEVERITIES[rule.severity]},
        "properties": {"reference": rule.reference},
    }


def _result(one: Assessment, result: Result, places: Mapping[str, int]) -> dict[str, Any]:
    text = f"{result.subject}: {result.says}"
    if result.fix is not None:
        text += f". Mend: {result.fix.says}"
    broken = result.status in _LEVELS
    kind = "informational" if result.note and not broken else _KINDS[result.status]
    made: dict[str, Any] = {
        "ruleId": result.rule,
        "kind": kind,
        "level": _LEVELS.get(result.status, "none"),  # section 3.27.10: none unless it fails
        "message": {"text": text},
        "locations": [
            {
                "logicalLocations": [
                    {"name": result.subject, "fullyQualifiedName": one.domain, "kind": "resource"}
                ]
            }
        ],
        "partialFingerprints": {
            "rule/domain/subject": f"{result.rule}/{one.domain}/{result.subject}"
        },
        "properties": {"evidence": [shown.line() for shown in all_shown(result.evidence)]},
    }
    if result.rule in places:
        made["ruleIndex"] = places[result.rule]
    mend = mend_of(result)
    if mend is not None:
        made["properties"]["publish"] = f"{mend.name}. {mend.rdata.rrtype} {mend.rdata}"
    return made
