"""JUnit XML, the form in which test runners report to CI servers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from maildns.audit.assessment import Assessment
from maildns.audit.evidence import all_shown
from maildns.audit.registry import TOPICS
from maildns.audit.result import Result, Status

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(assessments: Iterable[Assessment]) -> str:
    """
    A suite for each domain and topic, a case for each result.

    What is bad is a failure, what could not be known an error, what does not count or does not
    apply is skipped; a warning passes and says so in its output.
    """
    root = Element("testsuites", name="maildns check")
    for one in assessments:
        for topic, results in one.results.items():
            if results:
                _suite(root, one, topic, results)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, one: Assessment, topic: str, results: tuple[Result, ...]) -> None:
    suite = SubElement(
        root,
        "testsuite",
        name=f"{one.domain}: {TOPICS[topic]}",
        timestamp=one.at.strftime("%Y-%m-%dT%H:%M:%S"),
        tests=str(len(results)),
        failures=str(sum(_is(result, Status.BAD) for result in results)),
        errors=str(sum(_is(result, Status.UNKNOWN) for result in results)),
        skipped=str(sum(_skipped(result) for result in results)),
    )
    for result in results:
        _case(suite, one, topic, result)


def _is(result: Result, status: Status) -> bool:
    return result.status is status and not result.note


def _skipped(result: Result) -> bool:
    return result.note or result.status is Status.NOT_APPLICABLE


def _case(suite: Element, one: Assessment, topic: str, result: Result) -> None:
    name = f"{result.rule}: {result.subject}"
    case = SubElement(suite, "testcase", classname=f"{one.domain}.{topic}", name=_clean(name))
    says = _clean(result.says)
    if _skipped(result):
        SubElement(case, "skipped", message=says)
    elif result.status in {Status.BAD, Status.UNKNOWN}:
        tag = "failure" if result.status is Status.BAD else "error"
        child = SubElement(case, tag, message=says, type=result.rule)
        child.text = _clean("\n".join(_details(result)))
    elif result.status is Status.WARN:
        SubElement(case, "system-out").text = _clean(
            "\n".join([f"warning: {says}", *_details(result)])
        )


def _details(result: Result) -> list[str]:
    mend = [f"mend: {result.fix}"] if result.fix else []
    return [*mend, *(shown.line() for shown in all_shown(result.evidence))]


def _clean(text: str) -> str:
    """*text* without the characters that XML 1.0 section 2.2 does not know."""
    return _NOT_XML.sub("·", text)
