"""Verifying: the examples of the RFCs, and each way in which a signature can be refused."""

import base64
import io

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from maildns import Outcome, World, run
from maildns.errors import RecordSyntaxError
from maildns.finding import registered_rules
from maildns.protocols import dkim
from maildns.protocols.dkim.canonical import body_hashes, signed_header, without_signature
from maildns.protocols.dkim.message import Field, read_message

MAIL = b"""\
From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game. Are you hungry yet?

Joe.
""".replace(b"\n", b"\r\n")

# --- the examples of the RFCs -----------------------------------------------------------

# RFC 6376 appendix A.2 and C
RFC6376_SIGNED = (
    b"""\
DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
      4bmp/YzhwvcubU4=;
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
""".replace(b"\n", b"\r\n")
    + MAIL
)
# RFC 8463 appendix A
ED25519_SEED = "nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="
RFC8463_SIGNATURES = (
    b"""\
DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
""".replace(b"\n", b"\r\n"),
    b"""\
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
""".replace(b"\n", b"\r\n"),
)
RFC_WORLD = World.from_zone("""
brisbane._domainkey.example.com. TXT ( "v=DKIM1; p="
  "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1"
  "fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+"
  "Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB" )
brisbane._domainkey.football.example.com. TXT (
  "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=" )
test._domainkey.football.example.com. TXT ( "v=DKIM1; k=rsa; p="
  "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bd"
  "OKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4h"
  "stT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB" )
""")


def test_the_example_of_rfc_6376_verifies():
    (verdict,) = run(dkim.verify(RFC6376_SIGNED), RFC_WORLD)
    assert (verdict.result, verdict.reason) == ("pass", "")
    assert (verdict.domain, verdict.selector) == ("example.com", "brisbane")
    assert verdict.identity == "joe@football.example.com"
    assert verdict.signature_start == "AuUoFEfD"


def test_both_signatures_of_rfc_8463_verify():
    verdicts = run(dkim.verify(b"".join(RFC8463_SIGNATURES) + MAIL), RFC_WORLD)
    assert [(one.result, one.algorithm, one.bits) for one in verdicts] == [
        ("pass", "ed25519-sha256", 256),
        ("pass", "rsa-sha256", 1024),
    ]


def test_the_ed25519_signature_of_rfc_8463_is_reproduced_to_the_octet():
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from maildns.protocols.dkim.signing import make_signature

    key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(ED25519_SEED))
    mail = read_message(RFC8463_SIGNATURES[0] + MAIL)
    (field,) = mail.named(b"dkim-signature")
    signature = dkim.parse_signature(field.value.decode())
    assert body_hashes(mail.body, [("relaxed", None)])["relaxed", None].digest == (
        signature.body_hash
    )
    names = [header.encode() for header in signature.headers]
    data = signed_header(mail, names, without_signature(field), "relaxed")
    assert make_signature(key, data) == signature.signature


# --- our own messages, broken one way at a time -----------------------------------------

KEY = dkim.generate()
OTHER = dkim.generate()
EDWARDS = dkim.generate("ed25519")
NOW = 1_800_000_000
RECORD = str(dkim.key_record(KEY))
P = RECORD.partition("p=")[2]
SHORT = registered_rules()["dkim-key-too-short"].bad
LONG = str(dkim.key_record(rsa.RSAPublicNumbers(65537, (1 << 8200) - 1).public_key()))


def world_of(*texts, name="s._domainkey.example.com"):
    world = World()
    for text in texts:
        world.add(name, "TXT", text.encode())
    return world


def signed(mail=MAIL, key=KEY, **options):
    options = {"domain": "example.com", "selector": "s", "timestamp": NOW - 60} | options
    return dkim.sign(mail, key, **options) + mail


def verdict_of(message, *texts, now=NOW):
    (verdict,) = run(dkim.verify(message, now=now), world_of(*(texts or (RECORD,))))
    return verdict


GOOD = signed()

KEY_RECORDS = [
    ((RECORD,), "pass", ""),
    ((RECORD.replace("v=DKIM1; ", ""),), "pass", ""),  # v may be left out
    ((RECORD + "; x=unknown",), "pass", ""),  # RFC 6376 section 3.2: unknown tags are ignored
    ((f"v=DKIM1; h=sha1:sha256; p={P}",), "pass", ""),
    ((f"v=DKIM1; s=email; t=s; n=note; p={P}",), "pass", ""),
    ((RECORD, "some other text at this name"), "pass", ""),  # a wildcard TXT beside it
    ((str(dkim.key_record(OTHER)),), "fail", "another key signed"),
    (("v=DKIM1; p=",), "permerror", "revoked"),
    ((RECORD, str(dkim.key_record(OTHER))), "permerror", "2 key records"),
    (("no key record",), "permerror", "wrongly written"),
    ((f"v=DKIM2; p={P}",), "permerror", "wrongly written"),
    ((f"v=DKIM1; p={P[:100]}",), "permerror", "wrongly written"),
    ((f"v=DKIM1; k=dsa; p={P}",), "permerror", "type dsa"),
    ((str(dkim.key_record(EDWARDS)),), "permerror", "type ed25519"),
    ((f"v=DKIM1; h=sha1; p={P}",), "permerror", "does not allow sha256"),
    ((f"v=DKIM1; s=tlsrpt; p={P}",), "permerror", "not for mail"),
    ((SHORT,), "policy", "512 bits"),  # RFC 8301 section 3.2
    ((LONG,), "policy", "longer than is verified"),
]


@pytest.mark.parametrize("texts, result, reason", KEY_RECORDS)
def test_every_tag_of_the_key_record_is_honoured(texts, result, reason):
    verdict = verdict_of(GOOD, *texts)
    assert verdict.result == result
    assert reason in verdict.reason
    assert verdict.domain == "example.com"


def test_a_key_that_is_not_there_is_permanent_and_one_that_cannot_be_asked_for_is_not():
    (missing,) = run(dkim.verify(GOOD, now=NOW), World())
    assert (missing.result, missing.reason) == ("permerror", "there is no key record")
    for outcome in (Outcome.UNREACHABLE, Outcome.BOGUS):
        world = world_of(RECORD)
        world.fail("s._domainkey.example.com", outcome)
        (unknown,) = run(dkim.verify(GOOD, now=NOW), world)
        assert unknown.result == "temperror"


def test_a_key_in_test_mode_is_told_and_does_not_change_the_result():
    testing = f"v=DKIM1; t=y; p={P}"
    assert (verdict_of(GOOD, testing).result, verdict_of(GOOD, testing).testing) == ("pass", True)
    broken = verdict_of(GOOD.replace(b"hungry", b"thirsty"), testing)
    assert (broken.result, broken.testing) == ("fail", True)
    assert not verdict_of(GOOD).testing


def test_a_strict_key_wants_the_identity_in_the_domain_itself():
    below = signed(identity="joe@mail.example.com")
    assert verdict_of(below).result == "pass"
    verdict = verdict_of(below, f"v=DKIM1; t=s; p={P}")
    assert (verdict.result, "t=s" in verdict.reason) == ("permerror", True)


CHANGES = [
    # what is changed on the way, what relaxed and what simple make of it
    (b"hungry", b"thirsty", "fail", "fail"),
    (b"Is dinner", b"Was dinner", "fail", "fail"),
    (b"Subject: Is", b"SUBJECT:   Is", "pass", "fail"),  # RFC 6376 section 3.4.2
    (b"Is dinner ready?", b"Is\r\n\tdinner ready?  ", "pass", "fail"),
    (b"game. Are", b"game.  Are", "pass", "fail"),  # section 3.4.4
    (b"game.", b"ga me.", "fail", "fail"),
    (b"yet?\r\n", b"yet? \t\r\n", "pass", "fail"),
    (b"Joe.\r\n", b"Joe.\r\n\r\n\r\n", "pass", "pass"),  # sections 3.4.3 and 3.4.4
    (b"Joe.\r\n", b"Joe.", "pass", "pass"),
    (b"To: Suzie", b"X-Added: yes\r\nTo: Suzie", "pass", "pass"),  # not signed
    (b"To: Suzie", b"From: Mallory <m@x.example>\r\nTo: Suzie", "fail", "fail"),  # oversigned
    (b"Date: Fri", b"Received: by x\r\nDate: Fri", "pass", "pass"),
]


@pytest.mark.parametrize("old, new, relaxed, simple", CHANGES)
def test_relaxed_forgives_white_space_and_simple_next_to_nothing(old, new, relaxed, simple):
    for form, result in (("relaxed/relaxed", relaxed), ("simple/simple", simple)):
        message = signed(canonicalization=form)
        assert message.count(old) == 1
        assert verdict_of(message.replace(old, new)).result == result


def test_a_failure_says_which_hash_differed():
    body = verdict_of(GOOD.replace(b"hungry", b"thirsty"))
    assert "the body was changed" in body.reason
    header = verdict_of(GOOD.replace(b"dinner", b"supper"))
    assert "the body's hash is right, b= is not" in header.reason


def test_lines_that_end_in_lf_alone_count_as_crlf():
    # RFC 6376 section 5.3: what is signed is the message as it travels
    assert verdict_of(GOOD.replace(b"\r\n", b"\n")).result == "pass"
    from_unix = dkim.sign(MAIL.replace(b"\r\n", b"\n"), KEY, domain="example.com", selector="s")
    assert verdict_of(from_unix + MAIL).result == "pass"


def tagged(**tags):
    """A signature field with *tags* on top of good ones; None leaves one out."""
    good = {
        "v": "1",
        "a": "rsa-sha256",
        "d": "example.com",
        "s": "s",
        "h": "From:To",
        "bh": base64.b64encode(bytes(32)).decode(),
        "b": base64.b64encode(bytes(256)).decode(),
    }
    kept = {tag: value for tag, value in (good | tags).items() if value is not None}
    return "; ".join(f"{tag}={value}" for tag, value in kept.items())


FORMS = [
    (tagged(), "fail", "the body was changed"),  # well formed, and not made with the key
    (tagged(v=None), "permerror", "no tag 'v'"),
    (tagged(v="2"), "permerror", "the version is 1"),
    (tagged(v="01"), "permerror", "the version is 1"),
    (tagged(a=None), "permerror", "no tag 'a'"),
    (tagged(a="rsa-md5"), "permerror", "algorithm"),
    (tagged(a="rsa-sha1"), "policy", "SHA-1"),  # RFC 8301 section 3.1
    (tagged(d=None), "permerror", "no tag 'd'"),
    (tagged(d="exa mple.com"), "permerror", "name"),
    (tagged(d="."), "permerror", "name"),
    (tagged(s=""), "permerror", "label"),
    (tagged(s="x" * 64), "permerror", "63"),
    (tagged(s=".".join(["x" * 60] * 4)), "permerror", "253"),  # only with the domain too long
    (tagged(h=None), "permerror", "no tag 'h'"),
    (tagged(h="To:Subject"), "permerror", "From field is not signed"),  # section 5.4
    (tagged(h="From::To"), "permerror", "list of header fields"),
    (tagged(h="From:Tö"), "permerror", "list of header fields"),
    (tagged(bh=None), "permerror", "no tag 'bh'"),
    (tagged(bh="AAA"), "permerror", "base64"),
    (tagged(b=""), "permerror", "base64"),
    (tagged(b="*"), "permerror", "base64"),
    (tagged(b="ÄÄÄÄ"), "permerror", "base64"),
    (tagged(c="nice"), "permerror", "canonical"),
    (tagged(c="relaxed/nice"), "permerror", "canonical"),
    (tagged(c="relaxed/"), "permerror", "canonical"),
    (tagged(c="relaxed"), "fail", "the body was changed"),  # the body's form is simple then
    (tagged(i="@example.com"), "fail", "the body was changed"),
    (tagged(i="joe@mail.EXAMPLE.com"), "fail", "the body was changed"),
    (tagged(i="joe@example.org"), "permerror", "identity"),
    (tagged(i="joe@badexample.com"), "permerror", "identity"),
    (tagged(i="joe"), "permerror", "identity"),
    (tagged(i=""), "permerror", "identity"),
    (tagged(l="x"), "permerror", "number"),
    (tagged(l="-1"), "permerror", "number"),
    (tagged(l="9" * 77), "permerror", "number"),
    (tagged(l="9" * 76), "permerror", "more than the body's"),  # section 3.5, tag l
    (tagged(q="dns/txt:http"), "fail", "the body was changed"),
    (tagged(q="http"), "permerror", "fetched"),
    (tagged(t="yesterday"), "permerror", "number"),
    (tagged(t=str(NOW + 10**6)), "fail", "the body was changed"),  # section 3.5: t may be ahead
    (tagged(x=str(NOW - 3600)), "permerror", "expired"),
    (tagged(x=str(NOW - 10)), "fail", "the body was changed"),  # within the clocks' difference
    (tagged(x=str(NOW + 3600)), "fail", "the body was changed"),
    (tagged(t="200", x="100"), "permerror", "before it was made"),
    (tagged(unknown="tag", z="From:a|To:b"), "fail", "the body was changed"),
    (tagged() + "; d=example.com", "permerror", "twice"),
    (tagged() + ";; x=1", "permerror", "no tag here"),
    (tagged() + "; x", "permerror", "name=value"),
    (tagged() + "; 1=2", "permerror", "not a tag name"),
    (tagged() + "; ", "fail", "the body was changed"),
    ("", "permerror", "no tag"),
]


@pytest.mark.parametrize("text, result, reason", FORMS)
def test_a_signature_field_is_read_strictly(text, result, reason):
    verdict = verdict_of(f"DKIM-Signature: {text}\r\n".encode() + MAIL)
    assert (verdict.result, reason in verdict.reason) == (result, True), verdict.reason


@pytest.mark.parametrize("text", [text for text, _, reason in FORMS if "the body" not in reason])
def test_what_is_refused_for_its_form_is_not_asked_for(text):
    world = World()
    run(dkim.verify(f"DKIM-Signature: {text}\r\n".encode() + MAIL, now=NOW), world)
    assert world.asked == []


def test_a_syntax_error_points_at_the_fault():
    with pytest.raises(RecordSyntaxError) as caught:
        dkim.parse_signature(tagged(c="nice"))
    assert caught.value.source[slice(*caught.value.span)] == "c=nice"


# --- several signatures, bodies cut short, hostile messages ------------------------------


def test_each_signature_has_its_verdict_and_all_keys_are_asked_for_at_once():
    fields = [
        dkim.sign(MAIL, KEY, domain="example.com", selector="s"),
        b"DKIM-Signature: garbage\r\n",
        dkim.sign(MAIL, EDWARDS, domain="example.org", selector="e"),
        dkim.sign(MAIL, KEY, domain="example.com", selector="s", canonicalization="simple/simple"),
    ]
    world = world_of(RECORD)
    world.add("e._domainkey.example.org", "TXT", str(dkim.key_record(EDWARDS)).encode())
    inquiry = dkim.verify(b"".join(fields) + MAIL, now=NOW)
    questions = next(inquiry)
    assert [str(one) for one in questions] == [
        "s._domainkey.example.com TXT",
        "e._domainkey.example.org TXT",
    ]
    with pytest.raises(StopIteration) as stop:
        inquiry.send(world.answer(questions))
    assert [(one.result, one.domain) for one in stop.value.value] == [
        ("pass", "example.com"),
        ("permerror", ""),
        ("pass", "example.org"),
        ("pass", "example.com"),
    ]


def test_mail_without_a_signature_has_no_verdict_and_asks_nothing():
    world = World()
    for message in (MAIL, b"", b"\r\n", b"no header at all", b"\x00\xff"):
        assert run(dkim.verify(message), world) == []
    assert world.asked == []


def signed_with_length(mail, length):
    """A signature over the first *length* octets of the body; `sign` itself never makes one."""
    from maildns.protocols.dkim.signing import make_signature

    octets = read_message(mail)
    digest = body_hashes(octets.body, [("simple", length)])["simple", length].digest
    bh = base64.b64encode(digest).decode()
    value = f" {tagged(h='From', l=str(length), bh=bh, b=None)}; b=".encode()
    raw = b"DKIM-Signature:" + value
    data = signed_header(octets, [b"from"], Field(b"", raw, value), "simple")
    return raw + base64.b64encode(make_signature(KEY, data)) + b"\r\n" + mail


def test_a_body_that_is_signed_in_part_passes_with_a_warning():
    message = signed_with_length(MAIL, 5)
    verdict = verdict_of(message + b"Buy now!\r\n")
    assert verdict.result == "pass"
    assert "l= covers 5 of the body's" in verdict.warnings[0]
    assert verdict_of(message.replace(b"Hi.", b"Ho.")).result == "fail"


def test_a_second_from_that_the_signature_leaves_open_is_warned_about():
    message = signed(oversign=(), headers=["From"])
    verdict = verdict_of(b"From: Mallory <m@x.example>\r\n" + message)
    assert (verdict.result, len(verdict.warnings)) == ("pass", 1)  # RFC 6376 section 5.4.2
    assert verdict.warnings[0].startswith("From stands 2 times")


def test_fields_are_taken_from_the_bottom_up():
    # RFC 6376 section 5.4.2
    twice = b"Received: one\r\nReceived: two\r\n" + MAIL
    last = signed(twice, headers=["From", "Received"])
    assert verdict_of(last.replace(b"Received: one", b"Received: 1")).result == "pass"
    assert verdict_of(last.replace(b"Received: two", b"Received: 2")).result == "fail"


@pytest.mark.parametrize("bad", [b"no colon here", b"Bad Name: x", b": nothing", b" folded first"])
def test_a_header_that_others_may_read_otherwise_is_not_verified(bad):
    message = bad + b"\r\n" + GOOD
    verdict = verdict_of(message)
    assert (verdict.result, "is no field" in verdict.reason) == ("permerror", True)


def test_the_envelope_line_of_a_mailbox_file_is_passed_over():
    assert verdict_of(b"From joe@example.com Fri Jul 11 21:00:37 2003\r\n" + GOOD).result == "pass"


def test_a_message_may_come_in_chunks_of_any_size_or_as_a_file():
    for size in (1, 2, 3, 7, 64, 10_000):
        chunks = [GOOD[at : at + size] for at in range(0, len(GOOD), size)]
        (verdict,) = run(dkim.verify(iter(chunks), now=NOW), world_of(RECORD))
        assert verdict.result == "pass", size
    (verdict,) = run(dkim.verify(io.BytesIO(GOOD), now=NOW), world_of(RECORD))
    assert verdict.result == "pass"


def test_a_body_nobody_asks_about_is_not_read():
    def chunks():
        yield b"DKIM-Signature: garbage\r\nFrom: a@example.com\r\n\r\n"
        raise AssertionError("the body was read")

    (verdict,) = run(dkim.verify(chunks()), World())
    assert verdict.result == "permerror"


def test_ten_thousand_signatures_are_bounded_in_time_and_questions():
    fields = b"".join(
        f"DKIM-Signature: {tagged(s=f's{number}')}\r\n".encode() for number in range(10_000)
    )
    world = World()
    verdicts = run(dkim.verify(fields + MAIL), world)
    assert len(verdicts) == 10_000
    assert len(world.asked) == 20
    assert {one.result for one in verdicts[20:]} == {"policy"}


HOSTILE = [
    b"X: " + b"a" * 1_000_000 + b"\r\n",
    b"X: " + b" \t" * 500_000 + b"\r\n",
    b"X:" + b"\r\n " * 300_000 + b"\r\n",
    b"a" * 1_000_000 + b": x\r\n",
    b"X: y\r\n" * 99_000,
    b"X:\n" * 1_000_000,  # more fields than are read: refused
    f"DKIM-Signature: {tagged(h='From' + ':To' * 300_000)}\r\n".encode(),
    f"DKIM-Signature: {tagged()}{'; ' * 300_000}\r\n".encode(),
    f"DKIM-Signature: {tagged()}; {'x' * 500_000}\r\n".encode(),
    f"DKIM-Signature: {tagged(i='@' * 500_000)}\r\n".encode(),
    f"DKIM-Signature: {tagged(d='.' * 500_000)}\r\n".encode(),
]


@pytest.mark.parametrize("field", HOSTILE, ids=range(len(HOSTILE)))
def test_a_header_line_of_a_megabyte_is_harmless(field):
    run(dkim.verify(field + GOOD, now=NOW), world_of(RECORD))


def test_a_header_beyond_the_limit_is_refused_whether_whole_or_in_chunks():
    long = b"X: %s\r\n" % (b"y" * 9990) * 850
    for message in (signed().replace(b"To: ", long + b"To: "), long + GOOD):
        for source in (message, io.BytesIO(message)):
            verdicts = run(dkim.verify(source, now=NOW), world_of(RECORD))
            assert all("octets" in one.reason for one in verdicts)
            assert {one.result for one in verdicts} <= {dkim.DkimResult.PERMERROR}


def test_an_international_domain_is_reported_by_its_a_labels():
    # RFC 8616 section 5
    world = world_of(RECORD, name="s._domainkey.xn--bcher-kva.example")
    value = tagged(d="bücher.example", i="jürgen@bücher.example")
    (verdict,) = run(dkim.verify(f"DKIM-Signature: {value}\r\n".encode() + MAIL), world)
    assert (verdict.domain, verdict.result) == ("xn--bcher-kva.example", "fail")
    assert [one.name for one in world.asked] == ["s._domainkey.xn--bcher-kva.example"]
