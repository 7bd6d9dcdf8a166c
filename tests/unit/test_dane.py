"""TLSA records: made from certificates, read, judged, matched and looked up."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from programs import needed

from maildns.ask import DnssecStatus, Outcome, Question
from maildns.dnsdata import Tlsa
from maildns.errors import InputError, RecordSyntaxError, UsageError
from maildns.net.drivers import run
from maildns.net.world import World
from maildns.protocols import dane
from maildns.protocols.dane.matching import drop_weaker_digests

NOW = datetime(2026, 6, 1, tzinfo=UTC)
HASH = "ab" * 32
LONG = "cd" * 64
HOST = "mx.example.com"


# --- certificates to speak of -----------------------------------------------------------


class Authority:
    """A name, a key, and the certificate of the two."""

    def __init__(self, title, signer=None, *, ca=True, names=(), key=None, **how):
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.title = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title)])
        self.certificate = self._make(signer or self, ca=ca, names=names, **how)

    def _make(self, signer, *, ca, names, first=None, last=None, purpose=None, path_length=None):
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.title)
            .issuer_name(signer.title)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(first or NOW - timedelta(days=30))
            .not_valid_after(last or NOW + timedelta(days=60))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        )
        if names:
            names = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
            builder = builder.add_extension(names, critical=False)
        if purpose:
            builder = builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        return builder.sign(signer.key, _hash_for(signer.key))

    @property
    def der(self):
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def pem(self):
        return self.certificate.public_bytes(Encoding.PEM)

    def tlsa(self, *numbers):
        usage, selector, matching_type = numbers
        return dane.from_certificate(
            self.certificate, usage=usage, selector=selector, matching_type=matching_type
        )


def _hash_for(key):
    return None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()


ROOT = Authority("root")
ISSUER = Authority("issuer", ROOT)
LEAF = Authority("leaf", ISSUER, ca=False, names=[HOST, "*.example.net"])
OTHER = Authority("other", ca=False, names=[HOST])
CHAIN = [LEAF.der, ISSUER.der]


# --- reading and writing ----------------------------------------------------------------


@pytest.mark.parametrize(
    "text, printed",
    [
        (f"3 1 1 {HASH}", f"3 1 1 {HASH}"),
        (f"3 1 1 {HASH.upper()}", f"3 1 1 {HASH}"),  # RFC 6698 section 2.2: either case
        (f"3 1 1 {HASH[:20]} {HASH[20:]}", f"3 1 1 {HASH}"),  # white space within the digits
        ("255 7 9 00", "255 7 9 00"),  # kept, to be complained about
    ],
)
def test_a_tlsa_record_is_read_as_zone_files_write_it(text, printed):
    assert str(dane.parse(text)) == printed


@pytest.mark.parametrize(
    "text, fault",
    [
        ("", ""),  # nothing
        ("3 1 1", ""),  # no data
        ("3 1 1 xy", "x"),  # not hexadecimal
        ("3 1 1 abc", "abc"),  # half an octet
        ("300 1 1 ab", "300"),  # not an octet
        ("x 1 1 ab", "x"),  # not a number
    ],
)
def test_a_fault_is_pointed_at(text, fault):
    with pytest.raises(RecordSyntaxError) as caught:
        dane.parse(text)
    start, end = caught.value.span
    assert 0 <= start <= end <= len(text)
    assert fault in text[start:end] or not fault


def test_the_owner_name_is_of_the_port_that_is_connected_to():
    assert dane.owner_name("MX.Example.com.") == "_25._tcp.mx.example.com"
    assert dane.owner_name("mx.example.com", 465) == "_465._tcp.mx.example.com"
    with pytest.raises(UsageError):
        dane.owner_name("mx.example.com", 0)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("3 1 1", (3, 1, 1)),
        ("DANE-TA Cert SHA2-512", (2, 0, 2)),  # RFC 7218
        (" dane-ee  spki full ", (3, 1, 0)),
    ],
)
def test_parameters_are_numbers_or_acronyms(text, expected):
    assert dane.parameters(text) == dane.Parameters(*expected)


@pytest.mark.parametrize(
    "text", ["", "3 1", "3 1 1 1", "4 1 1", "3 2 1", "3 1 3", "3 1 x", "255 1 1"]
)
def test_parameters_without_a_meaning_are_refused(text):
    with pytest.raises(RecordSyntaxError):
        dane.parameters(text)


# --- built from certificates ------------------------------------------------------------


def openssl(*arguments, data):
    return subprocess.run(
        [needed("openssl"), *arguments], input=data, capture_output=True, check=True
    ).stdout


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["ecdsa", "rsa", "ed25519"],
)
def test_the_record_is_what_openssl_computes(key):
    one = Authority("one", ca=False, names=[HOST], key=key)
    whole = openssl("x509", "-outform", "DER", data=one.pem)
    public = openssl("x509", "-noout", "-pubkey", data=one.pem)
    spki = openssl("pkey", "-pubin", "-outform", "DER", data=public)
    for selector, data in ((0, whole), (1, spki)):
        assert one.tlsa(3, selector, 0).association == data
        for matching_type, algorithm in ((1, "-sha256"), (2, "-sha512")):
            expected = openssl("dgst", algorithm, "-binary", data=data)
            assert one.tlsa(3, selector, matching_type).association == expected


def test_a_key_restricted_to_pss_keeps_its_own_octets(tmp_path):
    # Encoded anew it would lose the restriction, and the digest would be another.
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    openssl(
        "genpkey",
        "-algorithm",
        "RSA-PSS",
        "-pkeyopt",
        "rsa_keygen_bits:2048",
        "-out",
        str(key),
        data=b"",
    )
    openssl(
        "req",
        "-x509",
        "-key",
        str(key),
        "-subj",
        "/CN=x",
        "-days",
        "30",
        "-out",
        str(certificate),
        data=b"",
    )
    spki = openssl("pkey", "-pubout", "-outform", "DER", "-in", str(key), data=b"")
    record = dane.from_certificate(certificate.read_bytes(), matching_type=0)
    assert record.association == spki


def test_a_renewal_with_the_same_key_keeps_the_3_1_1_record():
    renewed = Authority("renewed", ISSUER, ca=False, names=[HOST], key=LEAF.key)
    assert renewed.tlsa(3, 1, 1) == LEAF.tlsa(3, 1, 1)
    assert renewed.tlsa(3, 0, 1) != LEAF.tlsa(3, 0, 1)


def test_the_record_of_a_key_is_that_of_its_certificate():
    spki = LEAF.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert dane.from_public_key(spki) == dane.from_certificate(LEAF.pem) == LEAF.tlsa(3, 1, 1)


def test_parameters_that_mean_nothing_make_no_record():
    for wrong in ({"usage": 4}, {"usage": 255}, {"selector": 2}, {"matching_type": 3}):
        with pytest.raises(UsageError):
            dane.from_certificate(LEAF.der, **wrong)
    with pytest.raises(InputError):
        dane.from_public_key(b"no key")


# --- files ------------------------------------------------------------------------------


def key_file(encryption=None, encoding=Encoding.PEM, form=PrivateFormat.PKCS8):
    return LEAF.key.private_bytes(encoding, form, encryption or NoEncryption())


def test_a_chain_comes_back_leaf_first_whatever_its_order():
    for data in (LEAF.pem + ISSUER.pem + ROOT.pem, ROOT.pem + ISSUER.pem + LEAF.pem):
        chain = dane.load_certificates(data)
        assert chain == [LEAF.certificate, ISSUER.certificate, ROOT.certificate]


def test_a_combined_file_a_doubled_one_and_der_are_read():
    assert dane.load_certificates(key_file() + LEAF.pem + LEAF.pem) == [LEAF.certificate]
    assert dane.load_certificates(LEAF.der) == [LEAF.certificate]
    assert dane.load_certificates(LEAF.pem.replace(b"\n", b"\r\n")) == [LEAF.certificate]
    assert dane.load_certificates(b"Bag Attributes: x\n" + LEAF.pem) == [LEAF.certificate]


@pytest.mark.parametrize(
    "data, says",
    [
        (b"", "empty"),
        (b"hello", "no certificate"),
        (key_file(), "private key"),
        (LEAF.pem[:200], "cut off"),
        (LEAF.pem.replace(b"M", b"N", 3), "cannot be read"),
        (b"\x30\x82\x01\x00\x02\x01\x03" + bytes(249), "not a certificate"),
        (
            b"-----BEGIN CERTIFICATE REQUEST-----\nAA==\n-----END CERTIFICATE REQUEST-----\n",
            "request",
        ),
        (b"-----BEGIN PKCS7-----\nAA==\n-----END PKCS7-----\n", "PKCS #7"),
        (b"x" * (2 << 20), "too large"),
    ],
)
def test_a_file_without_a_certificate_is_refused_with_the_mend(data, says):
    with pytest.raises(InputError) as caught:
        dane.load_certificates(data, path="cert.pem")
    assert says in str(caught.value)
    assert str(caught.value).startswith("cert.pem")
    assert caught.value.hint


@pytest.mark.parametrize(
    "data, passphrase",
    [
        (key_file(), None),
        (key_file(encoding=Encoding.DER), None),
        (key_file(form=PrivateFormat.TraditionalOpenSSL), None),
        (key_file(form=PrivateFormat.OpenSSH), None),
        (key_file(BestAvailableEncryption(b"secret")), b"secret"),
        (
            b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
            + key_file(),
            None,
        ),
        (LEAF.pem + key_file(), None),  # one file with both
        (LEAF.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), None),
        (LEAF.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), None),
        (
            x509.CertificateSigningRequestBuilder()
            .subject_name(LEAF.title)
            .sign(LEAF.key, hashes.SHA256())
            .public_bytes(Encoding.PEM),
            None,
        ),
    ],
    ids=[
        "pkcs8",
        "der",
        "traditional",
        "openssh",
        "encrypted",
        "parameters",
        "combined",
        "pub",
        "pubder",
        "csr",
    ],
)
def test_the_public_key_of_every_kind_of_key_file_is_found(data, passphrase):
    assert dane.from_public_key(dane.load_public_key_of_key_file(data, passphrase)) == LEAF.tlsa(
        3, 1, 1
    )


@pytest.mark.parametrize(
    "data, passphrase, says",
    [
        (key_file(BestAvailableEncryption(b"secret")), None, "encrypted"),
        (key_file(BestAvailableEncryption(b"secret")), b"wrong", "passphrase"),
        (key_file(), b"secret", "not encrypted"),
        (b"", None, "no key"),
        (LEAF.pem, None, "no key"),
        (b"\x30\x03\x02\x01\x00", None, "cannot be read"),
        (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", None, "cannot be read"),
    ],
)
def test_a_file_without_a_usable_key_is_refused_with_the_mend(data, passphrase, says):
    with pytest.raises(InputError) as caught:
        dane.load_public_key_of_key_file(data, passphrase, path="key.pem")
    assert says in str(caught.value)
    assert caught.value.hint


def rules_of(findings):
    return [finding.rule for finding in findings]


@pytest.mark.parametrize(
    "at, names, expected",
    [
        (NOW, [HOST], []),
        (NOW, ["mail.example.net"], []),  # by the wildcard
        (NOW, ["a.mail.example.net"], ["dane-certificate-wrong-name"]),  # it is one label
        (NOW, ["example.net"], ["dane-certificate-wrong-name"]),  # and not none
        (NOW, ["leaf"], ["dane-certificate-wrong-name"]),  # the common name does not count
        (NOW + timedelta(days=61), [HOST], ["dane-certificate-expired"]),
        (NOW - timedelta(days=31), [HOST], ["dane-certificate-not-yet-valid"]),
        (NOW + timedelta(days=55), [HOST], ["dane-certificate-expires-soon"]),
    ],
)
def test_what_is_wrong_with_a_certificate_is_told(at, names, expected):
    assert rules_of(dane.certificate_problems(LEAF.certificate, names=names, now=at)) == expected


def test_a_certificate_of_six_days_is_not_always_about_to_expire():
    brief = Authority("brief", ca=False, names=[HOST], first=NOW, last=NOW + timedelta(days=6))
    for days, expected in ((0, []), (5, ["dane-certificate-expires-soon"])):
        at = NOW + timedelta(days=days)
        assert (
            rules_of(dane.certificate_problems(brief.certificate, names=[HOST], now=at)) == expected
        )


def test_the_key_of_another_certificate_is_noticed():
    other = dane.load_public_key_of_key_file(key_file())
    for one, expected in ((LEAF, []), (OTHER, ["dane-certificate-wrong-key"])):
        found = dane.certificate_problems(one.certificate, names=[HOST], now=NOW, key_spki=other)
        assert rules_of(found) == expected


# --- advice -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "texts, expected",
    [
        ([f"3 1 1 {HASH}", f"3 1 1 {'cd' * 32}"], set()),  # current and next: nothing to say
        ([f"3 1 1 {HASH}"], {"dane-no-next-record"}),
        ([f"1 1 1 {HASH}"], {"dane-usage-not-for-mail", "dane-none-usable"}),
        # a spare that is not usable is none
        ([f"3 1 1 {HASH}", f"0 0 1 {HASH}"], {"dane-usage-not-for-mail", "dane-no-next-record"}),
        ([f"3 1 1 {HASH}", f"3 1 1 {'cd' * 32}", f"3 1 2 {LONG}"], {"dane-digest-agility"}),
        ([f"3 1 1 {HASH}", f"3 1 2 {LONG}"], set()),  # as many of each: perhaps the same key
        ([f"3 1 2 {LONG}", f"3 1 2 {'ef' * 64}"], {"dane-only-sha512"}),
        ([f"3 1 1 {number:064x}" for number in range(13)], {"dane-too-many-records"}),
        ([f"3 1 1 {HASH}", f"2 1 1 {HASH}"], {"dane-issuer-pinned"}),
        ([], set()),
    ],
)
def test_records_of_one_name_are_judged_together(texts, expected):
    found = dane.lint_rrset([dane.parse(text) for text in texts], "_25._tcp.mx.example.com")
    assert set(rules_of(found)) == expected


def test_an_explanation_says_each_part_as_published():
    parts = dane.explain(dane.parse(f"3 1 1 {HASH}"))
    assert [part for part, _ in parts] == ["3", "1", "1", HASH]
    assert all(meaning for _, meaning in dane.explain(dane.parse("9 9 9 00")))


# --- matching ---------------------------------------------------------------------------

MATCH, NO_MATCH, UNUSABLE = (
    dane.DaneResult.MATCH,
    dane.DaneResult.NO_MATCH,
    dane.DaneResult.UNUSABLE,
)


@pytest.mark.parametrize("numbers", [(3, s, m) for s in (0, 1) for m in (0, 1, 2)])
def test_every_selector_and_matching_type_matches_the_leaf(numbers):
    verdict = dane.match([OTHER.tlsa(*numbers), LEAF.tlsa(*numbers)], CHAIN, [HOST], now=NOW)
    assert (verdict.result, verdict.matched) == (MATCH, LEAF.tlsa(*numbers))


@pytest.mark.parametrize("numbers", [(2, s, m) for s in (0, 1) for m in (0, 1, 2)])
def test_every_selector_and_matching_type_matches_the_issuer(numbers):
    assert dane.match([ISSUER.tlsa(*numbers)], CHAIN, [HOST], now=NOW).result is MATCH


UNNAMED = Authority("unnamed", ISSUER, ca=False)
EXPIRED = Authority("expired", ISSUER, ca=False, names=[HOST], last=NOW - timedelta(days=1))
CLIENT = Authority(
    "client", ISSUER, ca=False, names=[HOST], purpose=ExtendedKeyUsageOID.CLIENT_AUTH
)
NO_CA = Authority("no authority", ROOT, ca=False)
BY_NO_CA = Authority("leaf", NO_CA, ca=False, names=[HOST])
SHORT = Authority("short", path_length=0)
BELOW_SHORT = Authority("below", SHORT)
TOO_DEEP = Authority("deep", BELOW_SHORT, ca=False, names=[HOST])
IMPOSTOR = Authority("issuer")  # the issuer's name, another key
BY_ROOT_KEY = Authority("leaf", ROOT, ca=False, names=[HOST])

VERDICTS = [
    (LEAF.tlsa(3, 1, 1), CHAIN, "elsewhere.example", MATCH),  # RFC 7671 section 5.1: no names
    (EXPIRED.tlsa(3, 1, 1), [EXPIRED.der], HOST, MATCH),  # nor dates
    (ISSUER.tlsa(3, 1, 1), CHAIN, HOST, NO_MATCH),  # the leaf alone
    (OTHER.tlsa(3, 1, 1), CHAIN, HOST, NO_MATCH),
    (ISSUER.tlsa(2, 1, 1), CHAIN, "smtp.example.net", MATCH),  # by the wildcard
    (ISSUER.tlsa(2, 1, 1), CHAIN, "MX.Example.com.", MATCH),
    (ISSUER.tlsa(2, 1, 1), CHAIN, "elsewhere.example", NO_MATCH),  # names count
    (ISSUER.tlsa(2, 1, 1), [EXPIRED.der, ISSUER.der], HOST, NO_MATCH),  # and dates
    (ISSUER.tlsa(2, 1, 1), [UNNAMED.der, ISSUER.der], HOST, NO_MATCH),
    (ISSUER.tlsa(2, 1, 1), [CLIENT.der, ISSUER.der], HOST, NO_MATCH),
    (ISSUER.tlsa(2, 1, 1), [LEAF.der], HOST, NO_MATCH),  # it must be sent along
    (ISSUER.tlsa(2, 0, 0), [LEAF.der], HOST, MATCH),  # unless it stands in the record
    (ISSUER.tlsa(2, 1, 0), [LEAF.der], HOST, MATCH),  # or its key does
    (OTHER.tlsa(2, 1, 0), [LEAF.der], HOST, NO_MATCH),
    (ROOT.tlsa(2, 1, 1), [*CHAIN, ROOT.der], HOST, MATCH),  # two steps up
    (ROOT.tlsa(2, 1, 1), [LEAF.der, ROOT.der, ISSUER.der], HOST, MATCH),  # sent in another order
    (ROOT.tlsa(2, 1, 1), [LEAF.der, ROOT.der], HOST, NO_MATCH),  # a gap
    (IMPOSTOR.tlsa(2, 1, 1), [LEAF.der, IMPOSTOR.der], HOST, NO_MATCH),  # the name, not the key
    (LEAF.tlsa(2, 1, 1), CHAIN, HOST, NO_MATCH),  # the leaf is not an issuer
    (NO_CA.tlsa(2, 1, 1), [BY_NO_CA.der, NO_CA.der], HOST, NO_MATCH),  # it may not issue
    (SHORT.tlsa(2, 1, 1), [TOO_DEEP.der, BELOW_SHORT.der, SHORT.der], HOST, NO_MATCH),
    (
        Tlsa(1, 1, 1, LEAF.tlsa(3, 1, 1).association),
        CHAIN,
        HOST,
        UNUSABLE,
    ),  # RFC 7672 section 3.1.3
    (Tlsa(3, 1, 1, bytes(31)), CHAIN, HOST, UNUSABLE),
    (Tlsa(3, 1, 3, bytes(32)), CHAIN, HOST, UNUSABLE),
    (Tlsa(3, 1, 0, b"\x01"), CHAIN, HOST, UNUSABLE),
    (LEAF.tlsa(3, 1, 1), [], HOST, NO_MATCH),
    (LEAF.tlsa(3, 1, 1), [b"garbage"], HOST, NO_MATCH),
    (ISSUER.tlsa(2, 1, 1), [LEAF.der, b"garbage", ISSUER.der], HOST, MATCH),
]


@pytest.mark.parametrize("record, chain, host, expected", VERDICTS)
def test_one_record_is_judged_as_a_sender_does(record, chain, host, expected):
    verdict = dane.match([record], chain, [host], now=NOW)
    assert verdict.result is expected
    assert verdict.reason
    assert verdict.matched == (record if expected is MATCH else None)
    assert [one for one, _ in verdict.per_record] == [record]


def test_no_records_are_not_an_unusable_record():
    assert dane.match([], CHAIN, [HOST]).result is dane.DaneResult.NONE


def test_one_unusable_record_does_not_spoil_the_others():
    records = [Tlsa(1, 1, 1, bytes(32)), LEAF.tlsa(3, 1, 1)]
    assert dane.match(records, CHAIN, [HOST], now=NOW).matched == records[1]


def test_a_stale_stronger_digest_hides_a_good_weaker_one():
    # RFC 7671 section 9: digest agility
    verdict = dane.match([LEAF.tlsa(3, 1, 1), OTHER.tlsa(3, 1, 2)], CHAIN, [HOST], now=NOW)
    assert verdict.result is NO_MATCH
    assert "hidden" in verdict.reason
    # but not one with other parameters
    assert dane.match([LEAF.tlsa(3, 1, 1), OTHER.tlsa(3, 0, 2)], CHAIN, [HOST], now=NOW).matched


def test_an_unusable_stronger_digest_hides_nothing():
    records = [LEAF.tlsa(3, 1, 1), Tlsa(3, 1, 2, bytes(10))]
    assert dane.match(records, CHAIN, [HOST], now=NOW).matched == records[0]


def test_full_data_is_never_hidden():
    full, weak, strong = (LEAF.tlsa(3, 1, number) for number in (0, 1, 2))
    assert drop_weaker_digests([full, weak, strong]) == [full, strong]


def test_a_key_alone_matches_only_records_of_keys():
    spki = dane.load_public_key_of_key_file(key_file())
    assert dane.match_key([LEAF.tlsa(3, 1, 1)], spki).result is MATCH
    assert dane.match_key([OTHER.tlsa(3, 1, 1)], spki).result is NO_MATCH
    assert dane.match_key([LEAF.tlsa(3, 0, 1)], spki).result is NO_MATCH
    assert dane.match_key([ISSUER.tlsa(2, 1, 1)], spki).result is NO_MATCH


# --- looking up -------------------------------------------------------------------------

ZONE = f"""
signed.example.     3600 IN DNSKEY 257 3 13 AAAA
mx.signed.example.  A 192.0.2.1
_25._tcp.mx.signed.example. TLSA 3 1 1 {HASH}
bare.signed.example. A 192.0.2.2
useless.signed.example. A 192.0.2.3
_25._tcp.useless.signed.example. TLSA 1 1 1 {HASH}
alias.signed.example. CNAME mx.signed.example.
_25._tcp.alias.signed.example. TLSA 3 1 1 {"cd" * 32}
halfway.signed.example. CNAME bare.signed.example.
_25._tcp.halfway.signed.example. TLSA 3 1 1 {"cd" * 32}
out.signed.example. CNAME mx.plain.example.
_25._tcp.out.signed.example. TLSA 3 1 1 {"cd" * 32}
shared.signed.example. A 192.0.2.4
_25._tcp.shared.signed.example. CNAME _dane.signed.example.
_dane.signed.example. TLSA 3 1 1 {HASH}
foreign.signed.example. A 192.0.2.5
_25._tcp.foreign.signed.example. CNAME _25._tcp.mx.plain.example.
mx.plain.example.   A 192.0.2.9
_25._tcp.mx.plain.example. TLSA 3 1 1 {HASH}
in.plain.example. CNAME mx.signed.example.
"""

LOOKUPS = [
    ("mx.signed.example", "dane", "mx.signed.example", "all is signed"),
    ("bare.signed.example", "no-dane", "bare.signed.example", "securely absent"),
    ("mx.plain.example", "no-dane", "mx.plain.example", "records in a zone without DNSSEC"),
    ("useless.signed.example", "dane", "useless.signed.example", "none usable: TLS is required"),
    ("alias.signed.example", "dane", "mx.signed.example", "RFC 7671 section 7: the end first"),
    ("halfway.signed.example", "dane", "halfway.signed.example", "then the beginning"),
    ("out.signed.example", "dane", "out.signed.example", "RFC 7672 section 2.2.2: secure alias"),
    ("shared.signed.example", "dane", "shared.signed.example", "the TLSA name may be an alias"),
    ("foreign.signed.example", "no-dane", "foreign.signed.example", "but a secure one to the end"),
    ("in.plain.example", "no-dane", "in.plain.example", "an insecure alias"),
    ("missing.signed.example", "no-host", "missing.signed.example", "no address"),
]


@pytest.mark.parametrize("host, result, base, reason", LOOKUPS)
def test_the_lookup_follows_dnssec(host, result, base, reason):
    found = run(dane.tlsa_lookup(host), World.from_zone(ZONE))
    assert (found.result, found.base_domain) == (result, base), reason


@pytest.mark.parametrize("outcome", [Outcome.UNREACHABLE, Outcome.BOGUS])
@pytest.mark.parametrize(
    "name, rrtype",
    [
        ("mx.signed.example", None),
        ("mx.signed.example", "A"),
        ("_25._tcp.mx.signed.example", "TLSA"),
    ],
)
def test_what_cannot_be_known_defers_and_never_downgrades(name, rrtype, outcome):
    world = World.from_zone(ZONE)
    world.fail(name, outcome, rrtype)
    found = run(dane.tlsa_lookup("mx.signed.example"), world)
    assert found.result is dane.LookupResult.DEFER
    assert not found.usable


def test_an_address_family_that_times_out_does_not_hide_the_other():
    world = World.from_zone(ZONE)
    world.fail("mx.signed.example", Outcome.UNREACHABLE, "AAAA")
    assert run(dane.tlsa_lookup("mx.signed.example"), world).result is dane.LookupResult.DANE


def test_no_tlsa_is_asked_where_the_addresses_are_not_signed():
    world = World.from_zone(ZONE)
    run(dane.tlsa_lookup("mx.plain.example"), world)
    assert world.asked == [Question("mx.plain.example", "A"), Question("mx.plain.example", "AAAA")]


class Unsure(World):
    """A world whose answers nobody vouches for."""

    def look(self, question):
        from dataclasses import replace

        return replace(super().look(question), dnssec=DnssecStatus.UNKNOWN)


def test_answers_that_nobody_vouches_for_are_neither_dane_nor_none():
    found = run(dane.tlsa_lookup("mx.signed.example"), Unsure.from_zone(ZONE))
    assert found.result is dane.LookupResult.UNKNOWN
    assert found.records


def test_the_names_for_an_issuer_record_are_those_of_the_lookup_and_the_next_hop():
    found = run(dane.tlsa_lookup("alias.signed.example"), World.from_zone(ZONE))
    assert found.names("example.com") == (
        "mx.signed.example",
        "alias.signed.example",
        "example.com",
    )


@pytest.mark.parametrize(
    "zone, record, proven, reason",
    [
        ("example.com. DNSKEY 257 3 13 AAAA\n", LEAF.tlsa(3, 1, 1), True, "it counts and matches"),
        ("", LEAF.tlsa(3, 1, 1), False, "it matches, but counts for nothing without DNSSEC"),
        ("example.com. DNSKEY 257 3 13 AAAA\n", OTHER.tlsa(3, 1, 1), False, "another key"),
        ("example.com. DNSKEY 257 3 13 AAAA\n", ISSUER.tlsa(2, 1, 1), True, "by its issuer"),
    ],
)
def test_a_planned_record_is_proven_against_the_certificate(zone, record, proven, reason):
    world = World.from_zone(zone + f"{HOST}. A 192.0.2.1\n_25._tcp.{HOST}. TLSA {record}")
    found = run(dane.planned_match(HOST, CHAIN, now=NOW), world)
    assert found.proven is proven, reason
    if not zone:
        assert found.verdict.result is MATCH
        assert found.lookup.result is dane.LookupResult.NO_DANE


def test_a_planned_key_is_proven_before_it_has_a_certificate():
    spki = dane.load_public_key_of_key_file(key_file())
    zone = f"{HOST}. A 192.0.2.1\n_25._tcp.{HOST}. TLSA {LEAF.tlsa(3, 1, 1)}\n_25._tcp.{HOST}. TLSA {OTHER.tlsa(3, 1, 1)}"
    world = World.from_zone(zone)
    world.sign("example.com")
    assert run(dane.planned_match(HOST, spki_der=spki), world).proven
