"""ARC chains: whole, broken in each way that RFC 8617 section 5.2 names, and hostile."""

import base64

import dkim as peer
import pytest

from maildns import Outcome, World, run
from maildns.protocols import arc, dkim
from maildns.protocols.dkim.canonical import body_hashes, canonical_field, signed_header
from maildns.protocols.dkim.message import Field, read_message
from maildns.protocols.dkim.signing import make_signature

KEY = dkim.generate()
MAIL = (
    b"From: a@example.com\r\nTo: list@lists.example\r\nSubject: hello  you\r\n\r\n"
    b"The body \r\n of the mail\r\n\r\n"
)
RECORD = str(dkim.key_record(KEY))
DOMAINS = ["one.example", "two.example", "three.example"]


def world():
    made = World()
    for domain in DOMAINS:
        made.add(f"s._domainkey.{domain}", "TXT", RECORD.encode())
    return made


def made_of(name, value):
    return Field(name.lower().encode(), f"{name}:{value}".encode(), value.encode())


def seal(message, cv=None, key=KEY, **changes):
    """*message* with one more ARC set in front, as a forwarder would add it."""
    mail = read_message(message)
    number = len(mail.named(b"arc-seal")) + 1
    domain = changes.get("domain", DOMAINS[(number - 1) % 3])
    headers = changes.get("h", "from:to:subject")
    bh = body_hashes(mail.body, [("relaxed", None)])["relaxed", None].digest
    results = made_of(
        "ARC-Authentication-Results", f" i={changes.get('i', number)}; mx.{domain}; spf=pass"
    )
    value = (
        f" i={changes.get('ams_i', number)}; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s=s;\r\n"
        f" h={headers}; bh={base64.b64encode(bh).decode()}; b="
    )
    names = [name.encode() for name in headers.split(":")]
    unsigned = made_of("ARC-Message-Signature", value)
    b = make_signature(key, signed_header(mail, names, unsigned, "relaxed"))
    signature = made_of("ARC-Message-Signature", value + base64.b64encode(b).decode())
    cv = cv or ("none" if number == 1 else "pass")
    value = f" i={number}; a=rsa-sha256; t=12345; cv={cv}; d={domain}; s=s;{changes.get('extra', '')} b="
    before = []
    for old in range(1, number):
        for kind in (b"arc-authentication-results", b"arc-message-signature", b"arc-seal"):
            before += [f for f in mail.named(kind) if f" i={old};".encode() in f.raw]
    fields = [*before, results, signature, made_of("ARC-Seal", value)]
    b = make_signature(key, b"\r\n".join(canonical_field(f, "relaxed") for f in fields))
    sealed = made_of("ARC-Seal", value + base64.b64encode(b).decode())
    return b"".join(f.raw + b"\r\n" for f in (sealed, signature, results)) + message


ONE = seal(MAIL)
TWO = seal(ONE)
THREE = seal(TWO)


def verdict_of(message, made=None):
    return run(arc.verify(message, now=0), made or world())


def peer_says(message):
    records = {f"s._domainkey.{domain}.".encode(): RECORD.encode() for domain in DOMAINS}
    return peer.arc_verify(message, dnsfunc=lambda name, timeout=5: records.get(name, b""))[0]


@pytest.mark.parametrize("message, length", [(ONE, 1), (TWO, 2), (THREE, 3)])
def test_a_whole_chain_passes_here_and_at_dkimpy(message, length):
    verdict = verdict_of(message)
    assert (verdict.result, verdict.reason) == ("pass", "")
    assert verdict.instances == length
    assert verdict.sealers == tuple(DOMAINS[:length])
    assert verdict.oldest_pass == 0
    assert peer_says(message) == b"pass"


def test_mail_without_a_chain_has_none_and_asks_nothing():
    made = world()
    assert verdict_of(MAIL, made).result == "none"
    assert made.asked == []


def test_all_keys_are_asked_for_together():
    questions = next(arc.verify(THREE))
    assert [one.name for one in questions] == [f"s._domainkey.{domain}" for domain in DOMAINS]


BROKEN = [
    # what happened, what is said
    (TWO.replace(b"The body", b"A body"), "message signature of instance 2: the body"),
    (TWO.replace(b"hello", b"hallo"), "message signature of instance 2: the header"),
    (TWO.replace(b"mx.one.example", b"mx.won.example"), "seal of instance 1"),
    (TWO.replace(b"mx.two.example", b"mx.too.example"), "seal of instance 2"),
    (TWO.replace(b"i=1; mx", b"i=2; mx"), "not whole"),
    (TWO.replace(b"i=2; mx", b"i=3; mx"), "not whole"),
    (TWO.replace(b"i=2; mx", b"i=0; mx"), "not whole"),
    (TWO.replace(b" i=2; mx", b" mx"), "do not begin with their instance"),
    (TWO.replace(b"cv=pass", b"cv=maybe"), "cv is none, pass or fail"),
    (TWO.replace(b"cv=pass", b"cv=none"), "instance 2 says cv=none"),
    (ONE.replace(b"cv=none", b"cv=pass"), "instance 1 says cv=pass"),
    (seal(ONE, cv="fail"), "found the chain broken"),
    (b"\r\n".join(TWO.split(b"\r\n")[1:]), "not whole"),  # its seal was taken away
    (b"ARC-Seal: i=1; garbage\r\n" + MAIL, "not whole"),
    (ONE.replace(b"cv=none;", b""), "no tag 'cv'"),
    (seal(MAIL, h="to:subject"), "the From field is not signed"),
    (seal(ONE, h="from:arc-seal"), "a seal is never signed"),
    (seal(MAIL, extra=" h=from;"), "no list of header fields"),
    (seal(MAIL, ams_i=51), "a number from 1 to 50"),
    (seal(MAIL, key=dkim.generate()), "another key"),
    (seal(MAIL, domain="nowhere.example"), "no key record"),
    (ONE.replace(b"a=rsa-sha256; t=", b"a=rsa-sha1; t="), "SHA-1"),
]


@pytest.mark.parametrize("message, reason", BROKEN, ids=range(len(BROKEN)))
def test_a_broken_chain_fails_and_says_where(message, reason):
    verdict = verdict_of(message)
    assert verdict.result == "fail"
    assert reason in verdict.reason
    assert not verdict.temporary


def test_what_an_earlier_forwarder_changed_is_told_and_passes():
    # RFC 8617 section 5.2: a change after instance 1, which instance 2 has signed
    changed = seal(ONE.replace(b"hello", b"[list] hello"))
    verdict = verdict_of(changed)
    assert (verdict.result, verdict.oldest_pass) == ("pass", 2)
    assert peer_says(changed) == b"pass"


def test_a_key_that_cannot_be_fetched_is_a_failure_that_may_pass_later():
    made = world()
    made.fail("s._domainkey.one.example", Outcome.UNREACHABLE)
    verdict = verdict_of(TWO, made)
    assert (verdict.result, verdict.temporary) == ("fail", True)


def test_a_thousand_sets_are_refused_unread():
    made = world()
    verdict = verdict_of(ONE.partition(b"From:")[0] * 1000 + MAIL, made)
    assert (verdict.result, "at most 50" in verdict.reason) == ("fail", True)
    assert made.asked == []


@pytest.mark.parametrize(
    "octets", [b"", b"ARC-Seal:", b"ARC-Seal: \xff=\xff\r\n\r\n", b"no field\r\n" + ONE]
)
def test_any_octets_have_a_verdict(octets):
    assert verdict_of(octets).result in {"none", "fail"}
