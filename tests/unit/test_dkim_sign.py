"""Signing: what is covered, what is refused, and that the field can travel."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from maildns import World, run
from maildns.errors import InputError, RecordSyntaxError, UsageError
from maildns.protocols import dkim

KEY = dkim.generate()
EDWARDS = dkim.generate("ed25519")
MAIL = (
    b"Received: by mx.example.com\r\nFrom: a@example.com\r\nTo: b@example.org\r\n"
    b"Subject: hello\r\nSubject: again\r\n\r\nbody\r\n"
)
NOW = 1_800_000_000


def sign(mail=MAIL, key=KEY, **options):
    options = {"domain": "example.com", "selector": "s", "timestamp": NOW} | options
    return dkim.sign(mail, key, **options)


def tags_of(field):
    return dkim.parse_signature(field.decode().partition(":")[2])


def world():
    made = World()
    made.add("s._domainkey.example.com", "TXT", str(dkim.key_record(KEY)).encode())
    return made


COVERED = [
    ({}, "From Subject Subject To From"),  # each that stands there, From once more
    ({"oversign": ()}, "From Subject Subject To"),
    ({"oversign": ("From", "Subject")}, "From Subject Subject To From Subject"),
    ({"oversign": ("From", "Cc")}, "From Subject Subject To From Cc"),  # none may be added
    ({"headers": ["from", "To"]}, "from To From"),
    ({"headers": ["from", "from"]}, "from from"),
    ({"headers": ["To"]}, "To From From"),  # oversigning covers From, too
    ({"headers": ["From", "Received"], "oversign": ()}, "From Received"),
]


@pytest.mark.parametrize("options, covered", COVERED)
def test_the_fields_asked_for_are_covered(options, covered):
    field = sign(**options)
    assert " ".join(tags_of(field).headers) == covered
    (verdict,) = run(dkim.verify(field + MAIL), world())
    assert verdict.result == "pass"


def test_what_is_said_is_what_was_asked_for():
    signature = tags_of(
        sign(canonicalization="simple/relaxed", expires=NOW + 60, identity="jo e;@m.example.com")
    )
    assert (signature.header_form, signature.body_form) == ("simple", "relaxed")
    assert (signature.timestamp, signature.expires) == (NOW, NOW + 60)
    assert signature.identity == "jo=20e=3B@m.example.com"  # RFC 6376 section 2.11
    assert (signature.domain, signature.selector) == ("example.com", "s")
    assert signature.body_length is None


def test_an_international_domain_is_signed_for_by_its_a_labels():
    assert tags_of(sign(domain="Bücher.Example")).domain == "xn--bcher-kva.example"


REFUSED = [
    ({"headers": ["To"], "oversign": ()}, UsageError),  # RFC 6376 section 5.4
    ({"headers": ["From", "No Name"]}, UsageError),
    ({"headers": ["From", "To:"]}, UsageError),
    ({"headers": ["From", "Tö"]}, UsageError),
    ({"canonicalization": "nice/simple"}, UsageError),
    ({"canonicalization": "relaxed"}, UsageError),
    ({"expires": NOW - 1}, UsageError),
    ({"timestamp": -1}, UsageError),
    ({"identity": "a@example.org"}, UsageError),
    ({"identity": "nobody"}, UsageError),
    ({"domain": "exam ple.com"}, RecordSyntaxError),
    ({"selector": ""}, RecordSyntaxError),
    ({"mail": b"To: b@example.org\r\n\r\n"}, InputError),
    ({"mail": b"From: a@example.com\r\nno field\r\n\r\n"}, InputError),
    ({"mail": b""}, InputError),
]


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP256R1()), KEY.public_key(), b"a key as PEM", None],
    ids=lambda key: type(key).__name__,
)
def test_only_private_keys_of_rsa_and_ed25519_sign(key):
    with pytest.raises(UsageError, match="does not sign with"):
        sign(key=key)


@pytest.mark.parametrize(
    "options",
    [
        {"domain": "example.com;l=1"},  # would begin a tag of its own
        {"selector": "s;x=1"},
        {"domain": "a@example.com"},
        {"selector": "*"},
        {"domain": "exa=mple.com"},
    ],
)
def test_a_name_cannot_bring_tags_of_its_own(options):
    with pytest.raises(RecordSyntaxError, match="cannot stand in a signature"):
        sign(**options)


@pytest.mark.parametrize("options, error", REFUSED)
def test_what_makes_no_sense_is_refused(options, error):
    with pytest.raises(error):
        sign(**options)


def test_lines_are_short_enough_to_travel():
    # RFC 5322 section 2.1.1
    many = b"".join(b"List-Unsubscribe: <mailto:%d@example.com>\r\n" % n for n in range(50))
    field = sign(many + MAIL, domain=".".join(["abcdefghij"] * 20))
    lines = field.split(b"\r\n")
    assert lines.pop() == b""
    assert all(len(line) <= 78 or b"d=" in line for line in lines)
    assert all(line.startswith(b"\t") for line in lines[1:])
    assert b"\n" not in field.replace(b"\r\n", b"")


def test_a_message_can_carry_two_signatures():
    made = world()
    made.add("e._domainkey.example.com", "TXT", str(dkim.key_record(EDWARDS)).encode())
    fields = sign() + sign(key=EDWARDS, selector="e")
    verdicts = run(dkim.verify(fields + MAIL), made)
    assert [(one.algorithm, one.result) for one in verdicts] == [
        ("rsa-sha256", "pass"),
        ("ed25519-sha256", "pass"),
    ]


@pytest.mark.parametrize("oversign", [(), ("From",)])
def test_what_python_alone_takes_for_white_space_is_signed_as_it_stands(oversign):
    # RFC 6376 section 2.8: vertical tab, form feed and a lone CR are no white space
    mail = MAIL.replace(b"Subject: hello\r\n", b"").replace(b"again", b"a\x0bb\x0c \rc")
    (verdict,) = run(dkim.verify(sign(mail, oversign=oversign) + mail), world())
    assert verdict.result == "pass"


def test_a_large_message_can_be_signed_from_a_stream():
    chunk = b"x" * 75 + b"\r\n"

    def chunks():
        yield MAIL
        for _ in range(1000):
            yield chunk

    assert sign(chunks()) == sign(MAIL + chunk * 1000)


def test_now_is_the_time_when_none_is_given():
    assert (
        dkim.parse_signature(
            dkim.sign(MAIL, KEY, domain="example.com", selector="s").decode().partition(":")[2]
        ).timestamp
        > NOW - 10**8
    )
