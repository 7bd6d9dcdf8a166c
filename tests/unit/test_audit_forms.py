"""The forms in which an audit leaves the house: complete, valid, and safe with hostile text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from audits import BAD, IDLE, NOTE, OK, UNKNOWN, WARN, assessed

from maildns.audit.profiles import profile_named
from maildns.audit.render.document import CheckDocument
from maildns.audit.render.junit import junit
from maildns.audit.render.markdown import markdown
from maildns.audit.render.page import html
from maildns.audit.render.sarif import sarif

EVIL = 'x"><script>alert(1)</script>|`*_\x1b[31m\x00\ufffe'
HOSTILE = replace(BAD, subject=EVIL, says=EVIL)
ONE = assessed(mx=[OK, UNKNOWN], spf=[BAD, NOTE], dmarc=[WARN], mtasts=[IDLE])


def test_the_document_says_all_of_every_result():
    document = CheckDocument.of([ONE], profile_named("default"), failed=True)
    (domain,) = document.domains
    assert [result.rule for result in domain.results] == [
        "mx-records", "mx-records", "mtasts-testing", "spf-pass-all", "spf-upper-case",
        "dmarc-policy-none",
    ]  # fmt: skip
    bad = domain.results[3]
    assert (bad.topic, bad.status, bad.counts) == ("spf", "bad", True)
    (evidence,) = bad.evidence
    assert evidence.shows == ['"v=spf1 +all"']
    assert (evidence.server, evidence.rcode, evidence.dnssec, evidence.ttl_seconds) == (
        "192.0.2.53:53", "NOERROR", "secure", 300,
    )  # fmt: skip
    assert (bad.mend.name, bad.mend.type, bad.mend.value) == (
        "example.com", "TXT", '"v=spf1 mx ~all"',
    )  # fmt: skip
    assert domain.counts == {"ok": 1, "warn": 1, "bad": 1, "unknown": 1, "not applicable": 1}
    assert (domain.grade, domain.points) == ("C", 70)
    again = CheckDocument.model_validate_json(document.model_dump_json())
    assert again == document


def test_sarif_has_a_rule_for_every_result_and_a_level_only_where_it_fails():
    made = sarif([ONE])
    (run,) = made["runs"]
    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert ids == sorted(set(ids))
    for result in run["results"]:
        assert ids[result["ruleIndex"]] == result["ruleId"]
        # SARIF 2.1.0 section 3.27.10: a level other than none goes with the kind fail alone
        assert (result["level"] != "none") == (result["kind"] == "fail")
    kinds = {result["ruleId"]: result["kind"] for result in run["results"]}
    assert kinds["spf-pass-all"] == "fail"
    assert kinds["spf-upper-case"] == "informational"
    assert kinds["mtasts-testing"] == "notApplicable"
    assert "open" in [result["kind"] for result in run["results"]]
    json.dumps(made)


def test_junit_counts_what_it_holds():
    root = ET.fromstring(junit([ONE]))
    for suite in root:
        assert int(suite.get("tests")) == len(suite)
        assert int(suite.get("failures")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("errors")) == len(suite.findall("testcase/error"))
        assert int(suite.get("skipped")) == len(suite.findall("testcase/skipped"))
    assert root.find(".//failure").get("type") == "spf-pass-all"
    assert "mend: end with ~all" in root.find(".//failure").text


def test_markdown_shows_the_grade_the_mends_and_every_result():
    text = markdown([ONE])
    assert text.startswith("## example.com: grade C, 70 of 100")
    assert 'example.com. TXT "v=spf1 mx ~all"' in text
    assert text.count("\n| ") == 6 + 4, "a row for each result and a head for each topic"


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_page_is_one_file_that_loads_nothing():
    tags = Tags()
    tags.feed(html([ONE, assessed("example.net", mx=[OK])]))
    names = [name for name, _ in tags.found]
    assert not {"script", "link", "img", "iframe"} & set(names)
    targets = [attrs["href"] for name, attrs in tags.found if name == "a"]
    ids = {attrs["id"] for _, attrs in tags.found if "id" in attrs}
    assert targets
    assert all(target.removeprefix("#") in ids for target in targets), "no link leads nowhere"
    assert len([1 for _, attrs in tags.found if "id" in attrs]) == len(ids), "no id stands twice"


FORMS = {
    "html": lambda one: html([one]),
    "markdown": lambda one: markdown([one]),
    "junit": lambda one: junit([one]),
}


@pytest.mark.parametrize("form", FORMS)
def test_hostile_text_stays_text(form):
    text = FORMS[form](assessed(spf=[HOSTILE]))
    assert "<script" not in re.sub(r"\\<script", "", text)
    assert "\x1b" not in text or form == "html", "no terminal is moved"
    if form == "junit":
        ET.fromstring(text)


def test_a_domain_of_which_nothing_could_be_known_has_no_grade():
    one = assessed(mx=[UNKNOWN])
    assert "grade A" not in html([one]) + markdown([one])
    assert "cannot be known" in markdown([one])
    assert CheckDocument.of([one], one.profile, failed=False).domains[0].grade == ""
