"""DKIM keys, their records' names, and the files of signing servers."""

import traceback
from base64 import encodebytes
from datetime import date

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from maildns.errors import InputError, RecordSyntaxError, UsageError
from maildns.finding import registered_rules
from maildns.protocols import dkim
from maildns.protocols.dkim import SignerKey

RSA = dkim.generate()
EDWARDS = dkim.generate("ed25519")
SHORT = rsa.generate_private_key(65537, 1024)


@pytest.mark.parametrize(
    "key, algorithm, size", [(RSA, "rsa", 2048), (EDWARDS, "ed25519", 256), (SHORT, "rsa", 1024)]
)
def test_a_key_survives_its_file_and_its_record(key, algorithm, size):
    again = dkim.private_key_from_pem(dkim.to_pem(key))
    assert (dkim.algorithm_of(again), dkim.bits(again)) == (algorithm, size)
    octets = dkim.public_octets(key)
    assert dkim.public_octets(dkim.public_key_from_pem(dkim.to_pem(key))) == octets
    record = dkim.key_record(again)
    assert dkim.public_octets(dkim.public_key_from_record(record)) == octets
    public_pem = dkim.public_half(key).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    assert dkim.public_octets(dkim.public_key_from_pem(public_pem)) == octets


@pytest.mark.parametrize("algorithm", ["rsa1024", "rsa", "dsa", ""])
def test_weak_or_unknown_keys_are_not_made(algorithm):
    with pytest.raises(UsageError):
        dkim.generate(algorithm)


SECRET = b"correct horse"
LOCKED = RSA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(SECRET))
LOCKED_OLD = RSA.private_bytes(
    Encoding.PEM, PrivateFormat.TraditionalOpenSSL, BestAvailableEncryption(SECRET)
)
PLAIN_OLD = RSA.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
CURVE = ec.generate_private_key(ec.SECP256R1())
CURVE_PEM = CURVE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
CURVE_PUBLIC = CURVE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
TINY_OCTETS = dkim.parse_key(registered_rules()["dkim-key-too-short"].bad).public_key
TINY_PEM = b"-----BEGIN PUBLIC KEY-----\n%s-----END PUBLIC KEY-----\n" % encodebytes(TINY_OCTETS)


@pytest.mark.parametrize(
    "data, passphrase",
    [(LOCKED, SECRET), (LOCKED_OLD, SECRET), (PLAIN_OLD, None), (PLAIN_OLD, b"not needed")],
)
def test_keys_load_from_the_forms_that_openssl_writes(data, passphrase):
    key = dkim.private_key_from_pem(data, passphrase)
    assert dkim.public_octets(key) == dkim.public_octets(RSA)
    assert dkim.public_octets(dkim.public_key_from_pem(data, passphrase)) == dkim.public_octets(RSA)


UNUSABLE = [
    (LOCKED, None, "encrypted", "passphrase by file"),
    (LOCKED, b"wrong-secret", "does not open", "passphrase by file"),
    (LOCKED_OLD, b"wrong-secret", "does not open", "passphrase by file"),
    (b"", None, "not a key", "BEGIN"),
    (b"hello", None, "not a key", "BEGIN"),
    (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", None, "damaged", ""),
    (
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        None,
        "certificate",
        "private",
    ),
    (CURVE_PEM, None, "elliptic-curve", "RSA and Ed25519"),
]


@pytest.mark.parametrize("data, passphrase, problem, hint", UNUSABLE)
@pytest.mark.parametrize("load", [dkim.private_key_from_pem, dkim.public_key_from_pem])
def test_an_unusable_file_is_named_with_its_fault_and_hint(load, data, passphrase, problem, hint):
    with pytest.raises(InputError, match=problem) as caught:
        load(data, passphrase, path="/etc/dkim/s1.pem")
    assert str(caught.value).startswith("/etc/dkim/s1.pem: ")
    assert hint in caught.value.hint
    told = "".join(traceback.format_exception(caught.value))
    assert "wrong-secret" not in told


@pytest.mark.parametrize(
    "data, problem", [(CURVE_PUBLIC, "elliptic-curve"), (TINY_PEM, "512 bits")]
)
def test_an_unusable_public_key_is_refused(data, problem):
    with pytest.raises(InputError, match=problem):
        dkim.public_key_from_pem(data)


@pytest.mark.parametrize(
    "text, problem",
    [
        ("v=DKIM1; p=", "revoked"),
        ("v=DKIM1; k=dsa; p=AQID", "unknown key type"),
        ("v=DKIM1; k=ed25519; p=AQID", "32 octets, not 3"),
        ("v=DKIM1; k=rsa; p=AQID", "not an RSA key"),
        ("v=DKIM1; k=rsa; p=MIIBIjAN", "cut off"),
    ],
)
def test_octets_that_are_no_key_are_refused(text, problem):
    with pytest.raises(InputError, match=problem):
        dkim.public_key_from_record(dkim.parse_key(text))


def test_an_ed25519_key_published_in_its_wrapping_is_told_from_rubbish():
    wrapped = EDWARDS.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(InputError) as caught:
        dkim.public_key_from_record(dkim.KeyRecord(wrapped, key_type="ed25519"))
    assert "last 32 octets" in caught.value.hint


# --- records ------------------------------------------------------------------------------


def test_a_record_is_built_as_asked():
    record = dkim.key_record(
        RSA, testing=True, services=["email"], hashes=["sha256"], notes="made; by = hand é"
    )
    assert (record.flags, record.services, record.hashes) == (("y",), ("email",), ("sha256",))
    assert record.notes == "made=3B by =3D hand =C3=A9"
    assert dkim.parse_key(str(record)) == record
    assert str(dkim.key_record(RSA)).startswith("v=DKIM1; k=rsa; p=MIIBIjAN")
    assert str(dkim.revoked("ed25519")) == "v=DKIM1; k=ed25519; p="


@pytest.mark.parametrize("arguments", [{"services": ["e mail"]}, {"hashes": ["sha1;p="]}])
def test_nonsense_is_not_built(arguments):
    with pytest.raises(UsageError):
        dkim.key_record(EDWARDS, **arguments)


@pytest.mark.parametrize(
    "taken, selector",
    [
        ((), "s202611"),
        (("s202611",), "s202611b"),
        (("S202611", "s202611b"), "s202611c"),
        (("s202610", "mail"), "s202611"),
        (("s202611b",), "s202611"),
    ],
)
def test_a_selector_is_dated_and_never_used_again(taken, selector):
    assert dkim.selector_for(date(2026, 11, 23), taken) == selector


def test_a_month_has_26_selectors():
    taken: set[str] = set()
    for _ in range(26):
        taken.add(dkim.selector_for(date(2026, 11, 1), taken))
    assert min(taken) == "s202611"
    with pytest.raises(UsageError, match="taken"):
        dkim.selector_for(date(2026, 11, 30), taken)


def test_a_key_record_has_its_name():
    assert dkim.key_name("S1", "Bücher.example.") == "s1._domainkey.xn--bcher-kva.example"
    with pytest.raises(RecordSyntaxError):
        dkim.key_name("", "example.com")


# --- signing servers ----------------------------------------------------------------------

KEYS = [
    SignerKey("b.example", "s1", "/keys/b.pem"),
    SignerKey("a.example", "s2", "/keys/a2.pem", "ed25519"),
    SignerKey("a.example", "s1", "/keys/a1.pem"),
]
FILES = {
    "opendkim": {
        "/etc/opendkim/key.table": "s1._domainkey.a.example a.example:s1:/keys/a1.pem\n"
        "s1._domainkey.b.example b.example:s1:/keys/b.pem\n",
        "/etc/opendkim/signing.table": "*@a.example s1._domainkey.a.example\n"
        "*@b.example s1._domainkey.b.example\n",
        "/etc/opendkim.conf": "KeyTable file:/etc/opendkim/key.table\n"
        "SigningTable refile:/etc/opendkim/signing.table\n"
        "Canonicalization relaxed/simple\n",
    },
    "rspamd": {
        "/etc/rspamd/local.d/dkim_signing.conf": """\
use_esld = false;
try_fallback = false;
domain {
  "a.example" {
    selectors [
      { path = "/keys/a1.pem"; selector = "s1"; },
      { path = "/keys/a2.pem"; selector = "s2"; },
    ]
  }
  "b.example" {
    selectors [
      { path = "/keys/b.pem"; selector = "s1"; },
    ]
  }
}
""",
    },
    "exim": {
        "/etc/exim4/dkim/selectors": "a.example: s1 : s2\nb.example: s1\n",
        "/etc/exim4/dkim/keys": "s1._domainkey.a.example: /keys/a1.pem\n"
        "s2._domainkey.a.example: /keys/a2.pem\n"
        "s1._domainkey.b.example: /keys/b.pem\n",
    },
}


@pytest.mark.parametrize("kind", FILES)
def test_signing_servers_get_their_files(kind):
    made = {file.path: file.text for file in dkim.signer_files(kind, KEYS)}
    for path, text in FILES[kind].items():
        assert made[path] == text


@pytest.mark.parametrize("kind", dkim.SIGNERS)
def test_the_order_of_the_keys_does_not_matter(kind):
    assert dkim.signer_files(kind, KEYS) == dkim.signer_files(kind, KEYS[::-1])


def test_opendkim_signs_with_several_rsa_keys_and_with_no_other():
    keys = [*KEYS, SignerKey("a.example", "s3", "/keys/a3.pem")]
    table, signing, settings = dkim.signer_files("opendkim", keys)
    assert "s2" in table.note
    assert "/keys/a2.pem" not in table.text
    assert signing.text.count("*@a.example") == 2
    assert "MultipleSignatures yes\n" in settings.text
    with pytest.raises(UsageError, match="needs an RSA key"):
        dkim.signer_files("opendkim", [KEYS[1]])


def test_a_form_is_told_what_to_enter():
    (file,) = dkim.signer_files("mailplus", KEYS)
    assert (
        "Domain: a.example\n  Enable DKIM signing: yes\n  DKIM selector prefix: s1\n" in file.text
    )
    assert "/keys/a2.pem" not in file.text  # Ed25519


@pytest.mark.parametrize(
    "kind, keys, problem",
    [
        ("sendmail", KEYS, "no signer"),
        ("exim", [], "no keys"),
        ("rspamd", [*KEYS, KEYS[0]], "given twice"),
        ("rspamd", [SignerKey("a.example", "s1", '/k"; x')], "cannot be written"),
        ("opendkim", [SignerKey("a.example", "s1", "/a b")], "cannot be written"),
        ("exim", [SignerKey("a.example", "s1", "/${run{x}}")], "cannot be written"),
    ],
)
def test_what_the_files_would_misread_is_refused(kind, keys, problem):
    with pytest.raises(UsageError, match=problem):
        dkim.signer_files(kind, keys)
