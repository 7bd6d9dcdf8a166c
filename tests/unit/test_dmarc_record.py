"""DMARC records: the two readers, what is built, and what is advised."""

import time

import pytest

from maildns.errors import RecordSyntaxError, UsageError
from maildns.finding import registered_rules
from maildns.protocols import dkim, dmarc
from maildns.protocols.dmarc import Alignment, DmarcRecord, Policy, Psd, ReportUri

FULL = (
    "v=DMARC1; p=quarantine; sp=none; np=reject; t=y; psd=n; adkim=s; aspf=s; fo=1:d; "
    "rua=mailto:a@example.com!10m,https://example.com/in; ruf=mailto:b@example.com; "
    "pct=50; rf=afrf; ri=3600; x=later"
)


def test_every_tag_has_its_attribute():
    record = dmarc.parse(FULL)
    assert record == DmarcRecord(
        policy=Policy.QUARANTINE,
        subdomain_policy=Policy.NONE,
        nonexistent_policy=Policy.REJECT,
        testing=True,
        psd=Psd.NO,
        dkim_alignment=Alignment.STRICT,
        spf_alignment=Alignment.STRICT,
        failure_options=("1", "d"),
        aggregate_reports_to=(
            ReportUri("mailto:a@example.com", 10 << 20),
            ReportUri("https://example.com/in"),
        ),
        failure_reports_to=(ReportUri("mailto:b@example.com"),),
        percent=50,
        report_interval=3600,
        report_format=("afrf",),
        unknown=(("x", "later"),),
    )
    assert str(record) == FULL


REFUSED = [
    # text, what the caret points at
    ("", ""),
    ("v=spf1 -all", "v=spf1 -all"),
    ("v=DMARC1 p=none", "v=DMARC1 p=none"),  # no semicolon
    ("v=dmarc1; p=none", "v=dmarc1"),
    (" v=DMARC1; p=none", " "),
    ("p=none; v=DMARC1", "p=none"),
    ("v=DMARC1; p", "p"),
    ("v=DMARC1; p=rejct", "rejct"),
    ("v=DMARC1; p=", "p="),
    ("v=DMARC1; p=none; p=none", "p=none"),
    ("v=DMARC1;; p=none", ";"),
    ("v=DMARC1; p=none; pct=101", "101"),
    ("v=DMARC1; p=none; pct=-1", "-1"),
    ("v=DMARC1; p=none; adkim=strict", "strict"),
    ("v=DMARC1; p=none; fo=0:x", "x"),
    ("v=DMARC1; p=none; rua=a@example.com", "a@example.com"),
    ("v=DMARC1; p=none; rua=mailto:a@example.com, b@example.com", "b@example.com"),
    ("v=DMARC1; p=none; rua=mailto:a@example.com,", ","),
    ("v=DMARC1; p=none; rua=mailto:", "mailto:"),
    ("v=DMARC1; p=none; rua=mailto:a@example.com!10x", "!10x"),
    ("v=DMARC1; p=none; rua=mailto:a b@example.com", " "),
    ("v=DMARC1; p=none; rua=mailto:a%zz@example.com", "%"),
    ("v=DMARC1; p=nöne", "ö"),
    ("v=DMARC1; p=none; x9=1", "x9"),
    ('"v=DMARC1; p=none"', '"v=DMARC1'),
]


@pytest.mark.parametrize("text, at", REFUSED)
def test_the_owner_is_shown_the_place_of_the_fault(text, at):
    with pytest.raises(RecordSyntaxError) as caught:
        dmarc.parse(text)
    start, end = caught.value.span
    if at not in {",", ";", "p="}:
        assert text[start:end] == at
    assert 0 <= start <= end <= len(text)


ACCEPTED = [
    "v=DMARC1",
    "v=DMARC1;",
    "v = DMARC1 ; p = none ;",
    "v=DMARC1;p=none",
    "V=DMARC1; P=None",
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_white_space_and_case_are_free_where_the_grammar_says_so(text):
    assert dmarc.parse(text).policy in {None, Policy.NONE}


READ = [
    # text, policy, sp, tags dropped
    ("v=DMARC1; p=reject", "reject", None, ()),
    ("v=DMARC1; p=reject; adkim=x", "reject", None, ("adkim",)),
    ("v=DMARC1; p=reject; rua=nonsense", "reject", None, ("rua",)),
    ("v=DMARC1; p=reject; rubbish", "reject", None, ("rubbish",)),
    ("v=DMARC1; p=reject; p=none", None, None, ("p",)),  # twice
    ("v=DMARC1; p=reject; sp=x; rua=mailto:a@example.com", "none", None, ("sp",)),
    ("v=DMARC1; p=reject; np=x", None, None, ("np",)),
    ("v=DMARC1; sp=reject", None, None, ()),
    ("v=DMARC1; sp=reject; rua=x,mailto:a@example.com", "none", None, ()),  # one good URI does
    ("v=DMARC1; p=reject; pct=150", "reject", None, ("pct",)),
    ("v=DMARC1; p=reject; sp=QUARANTINE", "reject", "quarantine", ()),
    ("v=DMARC1; p=reject; unknown=tag", "reject", None, ()),
]


@pytest.mark.parametrize("text, policy, below, dropped", READ)
def test_receivers_drop_what_is_faulty(text, policy, below, dropped):
    reading = dmarc.read_leniently(text)
    assert reading is not None
    assert (reading.record.policy, reading.record.subdomain_policy) == (policy, below)
    assert reading.dropped == dropped


@pytest.mark.parametrize(
    "text", ["", "v=DMARC", "v=DMARC10; p=none", "v=dmarc1; p=none", " v=DMARC1", "p=none;v=DMARC1"]
)
def test_receivers_pass_over_what_does_not_begin_as_a_record(text):
    assert dmarc.read(text) is None


URIS = [
    ("mailto:a%2Cb@Example.COM?subject=x", "mailto", "a,b@Example.COM", "example.com"),
    (
        "MAILTO:a@bücher.example".replace("ü", "xn"),
        "mailto",
        "a@bxncher.example",
        "bxncher.example",
    ),
    ("https://user@reports.example.com:8443/x", "https", "", "reports.example.com"),
    ("urn:x", "urn", "", ""),
]


@pytest.mark.parametrize("uri, scheme, address, host", URIS)
def test_report_uri_tells_where_reports_go(uri, scheme, address, host):
    made = ReportUri(uri)
    assert (made.scheme, made.address, made.host) == (scheme, address, host)


@pytest.mark.parametrize(
    "size, written", [(0, "0"), (1000, "1000"), (1024, "1k"), (10 << 20, "10m"), (1 << 40, "1t")]
)
def test_size_is_written_in_the_greatest_unit(size, written):
    assert str(ReportUri("mailto:a@example.com", size)) == f"mailto:a@example.com!{written}"


HOSTILE = [
    "v=DMARC1" + ";" * 60000,
    "v=DMARC1; rua=" + "mailto:a@b.example," * 3000,
    "v=DMARC1; rua=" + "," * 60000,
    "v=DMARC1; fo=" + "0:" * 30000,
    "v=DMARC1; rf=" + "a-" * 30000,
    "v=DMARC1; ri=" + "9" * 60000,
    "v=DMARC1; rua=mailto:a@b.example!" + "9" * 60000,
    "v=DMARC1; p=" + " " * 60000 + "x",
    "v=DMARC1" + "".join(f"; {chr(97 + n % 26)}{'x' * (n % 700)}=y" for n in range(170)),
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_takes_no_time(text):
    start = time.process_time()
    findings = dmarc.lint_text(text)
    dmarc.read(text)
    assert time.process_time() - start < 1
    assert findings


# --- building ---------------------------------------------------------------------------

BUILT = [
    ({}, "v=DMARC1; p=none"),
    ({"reports_to": ["postmaster@b.example"]}, "v=DMARC1; p=none; rua=mailto:postmaster@b.example"),
    ({"policy": "REJECT", "reports_to": []}, "v=DMARC1; p=reject"),
    (
        {"policy": "quarantine", "subdomain_policy": "reject", "nonexistent_policy": "reject", "reports_to": ["a@b.example"]},
        "v=DMARC1; p=quarantine; sp=reject; np=reject; rua=mailto:a@b.example",
    ),
    ({"reports_to": ["mailto:a@b.example", "a@b.example"]}, "v=DMARC1; p=none; rua=mailto:a@b.example"),
    ({"reports_to": ["a,b!c;d@b.example"]}, "v=DMARC1; p=none; rua=mailto:a%2Cb%21c%3Bd@b.example"),
    ({"reports_to": ["a@bücher.example"]}, "v=DMARC1; p=none; rua=mailto:a@xn--bcher-kva.example"),
    ({"reports_to": ["https://b.example/x;y"]}, "v=DMARC1; p=none; rua=https://b.example/x%3By"),
    (
        {"testing": True, "dkim_alignment": "s", "spf_alignment": "s", "psd": "n", "percent": 0, "policy": "reject", "reports_to": ["a@b.example"]},
        "v=DMARC1; p=reject; t=y; psd=n; adkim=s; aspf=s; rua=mailto:a@b.example; pct=0",
    ),
    (
        {"failure_reports_to": ["f@b.example"], "failure_options": ["1"], "reports_to": []},
        "v=DMARC1; p=none; fo=1; ruf=mailto:f@b.example",
    ),
]  # fmt: skip


@pytest.mark.parametrize("arguments, text", BUILT)
def test_what_is_built_is_what_was_asked_for(arguments, text):
    assert str(dmarc.build(**arguments)) == text


@pytest.mark.parametrize(
    "arguments",
    [
        {"policy": "block"},
        {"reports_to": ["nobody"]},
        {"reports_to": ["a@b..example"]},
        {"reports_to": "a@b.example"},  # a string is a list of letters
        {"failure_options": ["0", "1"]},
        {"failure_options": ["x"]},
        {"percent": 101},
        {"dkim_alignment": "strict"},
        {"reports_to": ["https:nowhere"]},
    ],
)
def test_nonsense_is_not_built(arguments):
    with pytest.raises(UsageError):
        dmarc.build(**arguments)


LADDERS = [
    ({"policy": "none"}, ["p=none"]),
    ({"policy": "quarantine"}, ["p=none", "p=quarantine"]),
    ({"policy": "reject"}, ["p=none", "p=quarantine", "p=reject; t=y", "p=reject"]),
    ({"policy": "reject", "testing": True}, ["p=none", "p=quarantine", "p=reject; t=y"]),
    ({"policy": "quarantine", "testing": True}, ["p=none", "p=quarantine; t=y"]),
    (
        {"policy": "reject", "subdomain_policy": "quarantine", "nonexistent_policy": "reject"},
        [
            "p=none; sp=none; np=reject",
            "p=quarantine; sp=quarantine; np=reject",
            "p=reject; sp=quarantine; np=reject; t=y",
            "p=reject; sp=quarantine; np=reject",
        ],
    ),
]


@pytest.mark.parametrize("goal, steps", LADDERS)
def test_ladder_climbs_to_the_goal_and_no_further(goal, steps):
    record = dmarc.build(**goal, reports_to=[])
    assert [str(step) for step in dmarc.ladder(record)] == [f"v=DMARC1; {step}" for step in steps]


# --- advice -----------------------------------------------------------------------------

RULES = {
    id: rule
    for id, rule in registered_rules().items()
    if id.startswith("dmarc-") and not id.endswith("-syntax")
}


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if rule.bad], ids=str)
def test_each_offered_fix_is_a_record_that_keeps_the_rule(rule):
    for finding in dmarc.lint(dmarc.parse(rule.bad)):
        if finding.rule == rule.id and finding.fix and finding.fix.record:
            again = {found.rule for found in dmarc.lint(dmarc.parse(finding.fix.record))}
            assert rule.id not in again


TEXTS = [
    # text as published, rule, the mend
    ("v=DMARC1; p=none; rua=a@example.com", "dmarc-syntax", "v=DMARC1; p=none; rua=mailto:a@example.com"),
    ("v=DMARC1; p=none; rua=mailto:a@example.com, b@example.com", "dmarc-syntax", "v=DMARC1; p=none; rua=mailto:a@example.com,mailto:b@example.com"),
    ('"v=DMARC1; p=none"', "dmarc-not-a-record", "v=DMARC1; p=none"),
    ("v=DMARC1\\; p=none", "dmarc-not-a-record", "v=DMARC1; p=none"),
    ("v=dmarc1; p=none", "dmarc-not-a-record", "v=DMARC1; p=none"),
    ("v=DMARC1 p=none", "dmarc-not-a-record", "v=DMARC1; p=none"),
    ("v=DMARC1; p=none;; fo=1", "dmarc-syntax", "v=DMARC1; p=none; fo=1"),
    ("v=DMARC1; p=rejct", "dmarc-syntax", None),  # no guess at a policy
    ("hello", "dmarc-not-a-record", None),
]  # fmt: skip


@pytest.mark.parametrize("text, rule, mend", TEXTS)
def test_a_refused_text_is_a_finding_with_its_mend(text, rule, mend):
    first = dmarc.lint_text(text, "_dmarc.example.com")[0]
    assert (first.rule, first.subject) == (rule, "_dmarc.example.com")
    assert first.span is not None
    assert (first.fix.record if first.fix else None) == mend


def test_a_policy_for_names_that_do_not_exist_is_an_effect():
    found = {finding.rule for finding in dmarc.lint(dmarc.parse("v=DMARC1; p=none; np=reject"))}
    assert "dmarc-no-effect" not in found
    assert "dmarc-no-reports" in found


@pytest.mark.parametrize("package", [dmarc, dkim])
def test_all_that_is_promised_is_there(package):
    assert all(hasattr(package, promised) for promised in package.__all__)
    assert len(set(package.__all__)) == len(package.__all__)


def test_an_unknown_tag_is_named_with_the_nearest_known_one():
    (finding,) = dmarc.lint(dmarc.parse("v=DMARC1; p=reject; rau=x; rua=mailto:a@example.com"))
    assert finding.says == "rau is not a DMARC tag; rua is"


def test_each_tag_is_explained_as_it_is_published():
    rows = dmarc.explain(dmarc.parse(FULL))
    assert "; ".join(tag for tag, _ in rows) == FULL
    assert all(meaning for _, meaning in rows)


def test_a_default_that_is_spelled_out_is_explained_too():
    rows = dict(dmarc.explain(dmarc.parse("v=DMARC1; p=none; adkim=r")))
    assert rows["adkim=r"] == "the default"
