from __future__ import annotations

import json

import pytest
from cli import run_cli

from maildns.recognise import KINDS, meanings_of, recognise

RECORDS = [
    "v=spf1 mx -all",
    "v=DKIM1; k=rsa; p=",
    "v=DMARC1; p=reject; rua=mailto:a@example.com",
    "v=STSv1; id=1;",
    "version: STSv1\nmode: none\nmax_age: 86400\n",
    "v=TLSRPTv1; rua=mailto:a@example.com",
    "v=BIMI1; l=https://example.com/a.svg; a=",
    "3 1 1 " + "ab" * 32,
    "10 mail.example.com.",
    '0 issue "letsencrypt.org"',
    "0 1 993 mail.example.com.",
    "192.0.2.1",
]


@pytest.mark.parametrize("text", RECORDS)
def test_every_part_of_a_record_has_a_meaning(text):
    document = json.loads(run_cli("explain", text, "--json").out)
    assert document["error"] is None
    assert document["terms"]
    assert all(term["term"] and term["meaning"] for term in document["terms"])


def test_every_kind_can_be_explained():
    explained = {recognise(text).kind.id for text in RECORDS}
    assert explained | {"dmarc-grant"} == set(KINDS)
    assert all(meanings_of(recognise(text)) for text in RECORDS)


def test_words_without_quotes_are_joined():
    whole = run_cli("explain", "v=DMARC1; p=none")
    assert run_cli("explain", "v=DMARC1;", "p=none").out == whole.out
    assert run_cli("explain", "-", input="v=DMARC1; p=none\n").out == whole.out
    assert whole.code == 0


def test_a_qualifier_is_no_option():
    result = run_cli("explain", "v=spf1", "-all")
    assert result.code == 0
    assert "-all" in result.out


def test_findings_follow_in_a_line_each():
    out = run_cli("explain", "v=DMARC1; p=none; rua=mailto:a@example.com").out
    assert "  warn: only watches: p=none  [dmarc-policy-none]\n" in out


def test_what_does_not_parse_is_said_with_its_place():
    result = run_cli("explain", "v=STSv1; id=2026-06-01;")
    assert result.code == 1
    assert "^^^^^^^^^^" in result.out
    assert "mtasts-syntax" in result.out


def test_the_name_decides_what_it_is():
    assert "TLS-RPT" in run_cli("explain", "v=TLSRPTv1", "--name", "_smtp._tls.example.com").out


def test_rules_are_listed_and_told():
    listed = run_cli("rule")
    assert listed.code == 0
    assert "zone-several-spf" in listed.out
    told = run_cli("rule", "zone-several-spf").out
    assert "permerror" in told
    assert "bad:" in told
    assert "good:" in told
    assert "RFC 7208 section 4.5" in told


def test_an_unknown_rule_has_near_ones():
    assert "zone-several-spf" in run_cli("rule", "zone-severl-spf").err


def test_rules_as_json_follow_their_schema():
    document = json.loads(run_cli("rule", "zone-several-spf", "--json").out)
    assert (document["kind"], document["rule"]["id"]) == ("rule", "zone-several-spf")
    everything = json.loads(run_cli("rule", "--json").out)
    assert document["rule"] in everything["rules"]


def test_every_document_has_a_schema_with_descriptions():
    names = run_cli("schema").out.split()
    assert {"config", "lint", "explain", "rule", "rules"} <= set(names)
    for name in names:
        schema = json.loads(run_cli("schema", name).out)
        assert schema["$schema"].startswith("https://json-schema.org/")
        if name != "config":
            assert schema["properties"]["kind"]["const"] == name
            assert schema["properties"]["version"]["const"] == 1


def test_the_rules_of_one_protocol_are_listed():
    out = run_cli("rule", "zone").out
    assert "zone-several-spf" in out
    assert "dmarc-policy-none" not in out
