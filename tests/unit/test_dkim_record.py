"""DKIM key records: the grammar, what is advised, and what a key looks like when it stands in the DNS."""

import time
from base64 import b64encode

import pytest

from maildns.ask import Outcome, Question
from maildns.dnsdata import Txt
from maildns.errors import RecordSyntaxError
from maildns.finding import registered_rules
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import dkim
from maildns.protocols.dkim import KeyRecord

RSA = dkim.generate()
OTHER = dkim.generate()
EDWARDS = dkim.generate("ed25519")
GOOD = str(dkim.key_record(RSA))
P = GOOD.partition("p=")[2]


def test_every_tag_has_its_attribute():
    text = "v=DKIM1; k=ed25519; h=sha256:x; s=email:tlsrpt; t=y:s; n=a=20note; g=*; z=1; p=AQID"
    record = dkim.parse_key(text)
    assert record == KeyRecord(
        public_key=b"\x01\x02\x03",
        key_type="ed25519",
        hashes=("sha256", "x"),
        services=("email", "tlsrpt"),
        flags=("y", "s"),
        notes="a=20note",
        unknown=(("g", "*"), ("z", "1")),
    )
    assert str(record) == text


ACCEPTED = [
    # text, octets of the key
    ("p=AQID", b"\x01\x02\x03"),  # v and k may be left out
    ("v=DKIM1;p=AQID;", b"\x01\x02\x03"),
    ("v=DKIM1; p= AQ\r\n ID ; t=y", b"\x01\x02\x03"),  # folding white space
    ("v=DKIM1; p=AQ\tI D", b"\x01\x02\x03"),
    ("v = DKIM1 ; p = AQ==", b"\x01"),
    ("v=DKIM1; p=", b""),  # revoked
    ("v=DKIM1; p=   ;", b""),
    ("v=DKIM1; s=*; p=AQ= =", b"\x01"),
]


@pytest.mark.parametrize("text, octets", ACCEPTED)
def test_the_grammar_allows(text, octets):
    assert dkim.parse_key(text).public_key == octets


REFUSED = [
    # text, a part of the problem, what the caret points at
    ("", "no tag here", ""),
    ("v=DKIM1", "needs a tag p", "v=DKIM1"),
    ("v=DKIM1.0; p=AQID", "written DKIM1", "DKIM1.0"),
    ("v=dkim1; p=AQID", "written DKIM1", "dkim1"),
    ("k=rsa; v=DKIM1; p=AQID", "first", "v=DKIM1"),
    ("v=DKIM1; p=AQID; p=AQID", "twice", "p=AQID"),
    ("v=DKIM1; k=; p=AQID", "words", "k="),
    ("v=DKIM1; k=rsa:ed25519; p=AQID", "one type", "rsa:ed25519"),
    ("v=DKIM1; h=sha256:; p=AQID", "words", ";"),
    ("v=DKIM1; t=y n; p=AQID", "words", "y n"),
    ('v=DKIM1; p=AQ"ID', "quotes", '"'),
    ("v=DKIM1; p=AQ\u201cID", "quotes", "\u201c"),
    ("v=DKIM1; p=AQ*D", "not base64", "*"),
    ("v=DKIM1; p=AQI", "cut off", "=AQI"),
    ("v=DKIM1; p=AQIDA", "cut off", "QIDA"),
    ("v=DKIM1; p=AQ==AQID", "first =", "==AQID"),
    ("v=DKIM1; p=====", "this is not base64", "===="),
    ('"v=DKIM1; p=AQID"', "published too", '"'),
    ("v=DKIM1\\; p=AQID", "published too", "\\;"),
    ("-----BEGIN PUBLIC KEY-----", "name=value", "-----BEGIN PUBLIC KEY-----"),
]


@pytest.mark.parametrize("text, problem, at", REFUSED)
def test_the_owner_is_shown_the_place_of_the_fault(text, problem, at):
    with pytest.raises(RecordSyntaxError, match=problem) as caught:
        dkim.parse_key(text)
    start, end = caught.value.span
    if at not in {";", "====", "=AQI"}:
        assert text[start:end] == at


HOSTILE = [
    "v=DKIM1; " + "x" * 60000,
    "p=" + "A " * 30000,
    "p=" + "=" * 60000,
    ";" * 60000,
    "n=" + "p=" * 30000 + "; p=",
    "t=" + "y:" * 30000 + "; p=",
    "p=A" + " " * 60000 + ";",
    "; ".join(f"x{number}=y" for number in range(9000)) + "; p=",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_takes_no_time(text):
    start = time.process_time()
    findings = dkim.lint_text(text)
    assert time.process_time() - start < 1
    assert len(findings) < 50


# --- advice -----------------------------------------------------------------------------

RULES = {
    id: rule for id, rule in registered_rules().items() if id.startswith("dkim-") and rule.bad
} | {id: registered_rules()[id] for id in ("dkim-syntax", "dkim-key-white-space")}
ABOUT_TEXTS = {"dkim-syntax", "dkim-key-white-space"}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_each_rule_is_broken_and_kept_by_its_examples(rule):
    if rule.id in ABOUT_TEXTS:
        assert not rule.bad
        return
    broken = {finding.rule: finding for finding in dkim.lint(dkim.parse_key(rule.bad))}
    kept = {finding.rule for finding in dkim.lint(dkim.parse_key(rule.good))}
    assert rule.id in broken
    assert rule.id not in kept
    fix = broken[rule.id].fix
    if fix and fix.record:
        assert rule.id not in {found.rule for found in dkim.lint(dkim.parse_key(fix.record))}


def test_a_good_record_has_no_findings():
    assert dkim.lint_text(GOOD) == []


TEXTS = [
    # as published, rule, whether the mend is the good record
    (f'"{GOOD[:200]}" "{GOOD[200:]}"', "dkim-syntax", True),
    (GOOD.replace(";", "\\;"), "dkim-syntax", True),
    (GOOD.replace("DKIM1", "dkim1"), "dkim-syntax", True),
    (f"v=DKIM1; k=rsa; p=-----BEGIN PUBLIC KEY-----{P}-----END PUBLIC KEY-----", "dkim-syntax", True),
    (GOOD[:-68], "dkim-key-unreadable", False),
    (GOOD[:-69], "dkim-syntax", False),
    (f"{GOOD[:100]} {GOOD[100:]}", "dkim-key-white-space", True),
    ("v=DKIM1; k=rsa; p=" + b64encode(dkim.public_octets(EDWARDS)).decode(), "dkim-key-unreadable", False),
]  # fmt: skip


@pytest.mark.parametrize("text, rule, mended", TEXTS, ids=range(len(TEXTS)))
def test_a_broken_text_is_a_finding_with_its_mend(text, rule, mended):
    first = dkim.lint_text(text, "s._domainkey.example.com")[0]
    assert (first.rule, first.subject) == (rule, "s._domainkey.example.com")
    assert (first.fix is not None and first.fix.record == GOOD) == mended


def test_how_much_is_cut_off_is_said():
    (finding,) = dkim.lint(dkim.parse_key(GOOD[:-68]))
    assert finding.says == "p is cut off: 51 octets are missing"


def test_a_wrong_key_type_is_mended():
    octets = b64encode(dkim.public_octets(EDWARDS)).decode()
    (finding,) = dkim.lint(dkim.parse_key(f"v=DKIM1; p={octets}"))
    assert finding.fix is not None
    assert finding.fix.record == str(dkim.key_record(EDWARDS))


def test_each_tag_is_explained():
    rows = dict(
        dkim.explain(
            dkim.parse_key(f"v=DKIM1; h=sha256; s=email; t=y:s:q; n=caf=C3=A9; g=*; z=1; p={P}")
        )
    )
    assert rows["n=caf=C3=A9"] == "a note: café"
    assert "2048 bits" in list(rows.values())[-1]
    assert len(rows) == 9


# --- what stands in the DNS ---------------------------------------------------------------

NAME = "s1._domainkey.example.com"


def published(*texts):
    world = World()
    for text in texts:
        world.add(NAME, "TXT", text.encode())
    return world


PKCS1 = "v=DKIM1; k=rsa; p=" + b64encode(dkim.public_octets(RSA)[24:]).decode()
PUBLISHED = [
    ([GOOD], "match"),
    ([GOOD.replace("v=DKIM1; k=rsa; ", "")], "match"),
    ([PKCS1], "match"),  # RSAPublicKey, as RFC 6376 has it
    ([f"{GOOD[:90]} {GOOD[90:]}"], "match"),
    ([GOOD.replace("k=rsa", "t=y; k=rsa")], "match"),  # advice, no fault
    ([str(dkim.key_record(OTHER))], "mismatch"),
    ([str(dkim.key_record(EDWARDS))], "mismatch"),
    ([], "missing"),
    (["v=DKIM1; p="], "revoked"),
    ([GOOD, str(dkim.key_record(OTHER))], "invalid"),  # RFC 6376 section 3.6.2.2
    ([GOOD, "something else"], "invalid"),
    (["something else"], "invalid"),
    ([GOOD[:-68]], "invalid"),
    ([GOOD.replace("k=rsa", "k=dsa")], "invalid"),
    ([GOOD.replace("k=rsa", "s=tlsrpt; k=rsa")], "invalid"),
    ([GOOD.replace("k=rsa", "h=sha1; k=rsa")], "invalid"),
    ([RULES["dkim-key-too-short"].bad], "invalid"),  # RFC 8301 section 3.2
]  # fmt: skip


@pytest.mark.parametrize("texts, result", PUBLISHED)
def test_the_published_key_is_compared_with_the_one_that_signs(texts, result):
    world = published(*texts)
    verdict = run(dkim.check_key("example.com", "s1", RSA), world)
    assert verdict.result == result, verdict.reason
    assert verdict.name == NAME
    assert world.asked == [Question(NAME, "TXT")]
    assert verdict.reason or result == "match"


@pytest.mark.parametrize("outcome", [Outcome.UNREACHABLE, Outcome.BOGUS])
def test_silence_of_the_dns_is_not_a_missing_key(outcome):
    world = published(GOOD)
    world.fail(NAME, outcome)
    assert run(dkim.check_key("example.com", "s1", RSA), world).result == "temperror"


def test_an_alias_to_the_provider_is_followed():
    world = World()
    world.add(NAME, "CNAME", "s1.provider.example.")
    world.add("s1.provider.example", "TXT", list(Txt.of(GOOD).strings))
    assert run(dkim.check_key("example.com", "s1", dkim.public_half(RSA)), world).result == "match"


def test_without_a_key_any_usable_one_is_a_match():
    assert run(dkim.check_key("example.com", "s1"), published(GOOD)).result == "match"
