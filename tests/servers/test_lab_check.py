"""`maildns check` as a person runs it, inside the pretend internet and where there is none."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from programs import needed

from maildns.lab.internet import GOOD

pytestmark = pytest.mark.server

CHECK = [sys.executable, "-m", "maildns.cli.main", "check"]


def test_the_good_domain_has_nothing_bad_nothing_to_warn_of_and_grade_a(internet):
    result = internet.run([*CHECK, GOOD, "--json"])
    assert result.returncode == 0, result.stdout + result.stderr
    (domain,) = json.loads(result.stdout)["domains"]
    assert (domain["grade"], domain["deductions"]) == ("A", [])
    counts = domain["counts"]
    assert (counts["bad"], counts["warn"], counts["unknown"]) == (0, 0, 0)
    assert counts["ok"] > 100
    shown = [one for each in domain["results"] for one in each["evidence"]]
    assert {"rcode", "server", "dnssec", "ttl_seconds", "at"} <= set(shown[0])
    assert any(one["dnssec"] == "secure" and one["rcode"] == "NOERROR" for one in shown)


def test_a_mark_certificate_is_trusted_by_the_authorities_for_marks_and_those_that_are_given(
    internet,
):
    def found(*more):
        without = ["env", "-u", "MAILDNS_MARK_CA_FILE", *CHECK, GOOD, "--json", *more]
        (domain,) = json.loads(internet.run(without).stdout)["domains"]
        rule = "bimi-certificate-untrusted"
        return [one["status"] for one in domain["results"] if one["rule"] == rule]

    assert found() == ["bad"]
    assert found("--mark-ca-file", str(internet.mark_authorities)) == ["ok"]


def test_a_wrong_record_is_told_with_the_right_one(internet):
    result = internet.run([*CHECK, "wrong-tlsa.lab", "--json"])
    assert result.returncode == 1
    (domain,) = json.loads(result.stdout)["domains"]
    assert {mend["type"] for mend in domain["mends"]} == {"TLSA"}
    asked = internet.run(["kdig", "+short", domain["mends"][0]["name"], "TLSA"]).stdout
    assert domain["mends"][0]["value"].split()[-1] not in asked.lower().replace(" ", "")


def test_many_domains_share_one_call_and_one_bad_one_spoils_no_other(internet):
    result = internet.run([*CHECK, GOOD, "spf-11-lookups.lab", "nothere.lab", "--json"])
    found = {one["domain"]: one["grade"] for one in json.loads(result.stdout)["domains"]}
    assert found == {GOOD: "A", "spf-11-lookups.lab": "C", "nothere.lab": "F"}


def test_what_was_seen_is_remembered(internet, tmp_path):
    memory = tmp_path / "seen.json"
    internet.run([*CHECK, GOOD, "--memory", str(memory)])
    kept = json.loads(memory.read_text())["domains"][GOOD]
    assert kept["sts_id"]
    assert "mode: enforce" in kept["policy_text"]


def test_where_there_is_no_network_all_is_unknown_and_nothing_called_missing():
    alone = [needed("unshare"), "--net", *CHECK, "example.org", "--json"]
    result = subprocess.run(alone, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 3, result.stderr
    (domain,) = json.loads(result.stdout)["domains"]
    assert domain["grade"] == ""
    assert {one["status"] for one in domain["results"]} <= {"unknown", "not applicable"}
    assert "missing" not in " ".join(one["says"] for one in domain["results"])
