"""`maildns tlsa`: records made of certificates and keys, and compared with what is published."""

from __future__ import annotations

import json

import pytest
from cli import run_cli
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from maildns.lab.certificate import self_signed
from maildns.protocols import dane

HOST = "mail.example.com"
PEM = serialization.Encoding.PEM


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Certificates and keys: good, expired, of another, a chain, a key alone."""
    path = tmp_path_factory.mktemp("tls")
    good, expired, other = self_signed(HOST), self_signed(HOST, days=-3), self_signed("b.example")
    (path / "good.pem").write_bytes(good.certificate_pem)
    (path / "good.key").write_bytes(good.key_pem)
    (path / "expired.pem").write_bytes(expired.certificate_pem)
    (path / "other.pem").write_bytes(other.certificate_pem)
    # The chain's order in the file is the wrong one, as people paste it.
    (path / "chain.pem").write_bytes(issuer_of(good) + _issued(good))
    (path / "many.pem").write_bytes(_named(["a.example", "b.example"]))
    key = ec.generate_private_key(ec.SECP256R1())
    (path / "locked.key").write_bytes(
        key.private_bytes(
            PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"sesame")
        )
    )
    (path / "pass").write_text("sesame\n")
    return path


CA_KEY = ec.generate_private_key(ec.SECP256R1())


def issuer_of(_):
    return _sign("Test CA", "Test CA", CA_KEY, ["ca.example"])


def _issued(made):
    key = serialization.load_pem_private_key(made.key_pem, None)
    return _sign(HOST, "Test CA", key, [HOST])


def _named(names):
    return _sign("x", "Test CA", ec.generate_private_key(ec.SECP256R1()), names)


def _sign(subject, issuer, key, names):
    model = x509.load_pem_x509_certificate(self_signed("model.example").certificate_pem)
    common = [
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])
        for text in (subject, issuer)
    ]
    return (
        x509.CertificateBuilder()
        .subject_name(common[0])
        .issuer_name(common[1])
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(model.not_valid_before_utc)
        .not_valid_after(model.not_valid_after_utc)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=subject == issuer, path_length=None), critical=True)
        .sign(CA_KEY, hashes.SHA256())
        .public_bytes(PEM)
    )


def digest(folder, file="good.pem", **parameters):
    return str(dane.from_certificate((folder / file).read_bytes(), **parameters))


# --- make -----------------------------------------------------------------------------


def test_a_certificate_makes_the_record_of_its_one_name(folder):
    result = run_cli("tlsa", "make", "--certificate", folder / "good.pem")
    assert result.out.splitlines()[0] == f"_25._tcp.{HOST}. IN TLSA {digest(folder)}"
    assert "only when the zone is signed with DNSSEC" in result.out
    assert (result.code, result.err) == (0, "")


def test_a_key_makes_the_same_record_as_its_certificate(folder):
    certificate = run_cli("tlsa", "make", "--certificate", folder / "good.pem")
    key = run_cli("tlsa", "make", "--key", folder / "good.key", "--host", HOST)
    assert key.out == certificate.out
    assert "PRIVATE" not in key.out


def test_parameters_and_port_are_as_asked(folder):
    result = run_cli(
        "tlsa", "make", "--certificate", folder / "good.pem", "--port", "465", "--json",
        "--parameters", "3 0 1", "--parameters", "DANE-EE SPKI SHA2-512", "--parameters", "3 0 1",
    )  # fmt: skip
    document = json.loads(result.out)
    assert [one["value"] for one in document["records"]] == [
        digest(folder, selector=0),
        digest(folder, matching_type=2),
    ]
    assert {one["name"] for one in document["records"]} == {f"_465._tcp.{HOST}"}


def test_an_issuer_s_record_is_of_the_issuer_in_the_file(folder):
    made = ["tlsa", "make", "--host", HOST, "--parameters", "2 1 1"]
    result = run_cli(*made, "--certificate", folder / "chain.pem")
    issuer = dane.load_certificates(issuer_of(None))[0]
    assert str(dane.from_certificate(issuer, usage=2)) in result.out
    alone = run_cli(*made, "--certificate", folder / "good.pem")
    assert (alone.code, "fullchain.pem" in alone.err) == (2, True)


FAULTY = [
    (["--certificate", "expired.pem"], "dane-certificate-expired"),
    (["--certificate", "other.pem", "--host", HOST], "dane-certificate-wrong-name"),
    (["--certificate", "expired.pem", "--key", "good.key"], "dane-certificate-wrong-key"),
]


def placed(arguments, folder):
    return [folder / one if one.endswith((".pem", ".key", "pass")) else one for one in arguments]


@pytest.mark.parametrize("arguments, rule", FAULTY)
def test_a_certificate_that_will_not_do_is_told_beside_its_record(folder, arguments, rule):
    result = run_cli("tlsa", "make", *placed(arguments, folder))
    assert result.out.startswith("_25._tcp.")
    assert f"[{rule}]" in result.out
    assert result.code == 1


def test_an_encrypted_key_is_opened_by_its_passphrase(folder):
    arguments = ["tlsa", "make", "--key", folder / "locked.key", "--host", HOST]
    assert "encrypted" in run_cli(*arguments).err
    assert run_cli(*arguments, "--passphrase-file", folder / "pass").code == 0


MISUSE = [
    ([], "of what?"),
    (["--certificate", "many.pem"], "for which server?"),
    (["--key", "good.key"], "for which server?"),
    (["--certificate", "good.key"], "a private key, not a certificate"),
    (["--certificate", "nowhere.pem"], "cannot read"),
    (["--certificate", "good.pem", "--connect", HOST], "one of"),
    (["--certificate", "good.pem", "--parameters", "3 1"], "three parameters"),
    (["--certificate", "good.pem", "--parameters", "4 1 1"], "none of"),
    (["--certificate", "good.pem", "--host", "a b"], "cannot stand in a name"),
    (["--key", "good.key", "--host", HOST, "--parameters", "3 0 1"], "needs the certificate"),
    (["--certificate", "good.pem", "--port", "99999"], "65535"),
    (["--connect", f"{HOST}:0"], "is not a server"),
    (["--connect", f"{HOST}:smtp"], "is not a server"),
    (["--connect", "[::1"], "is not a server"),
    (["--connect", "[mail]:25"], "is not a server"),
    (["--connect", "\udcff"], "error:"),
]


@pytest.mark.parametrize("arguments, says", MISUSE)
def test_misuse_is_one_clear_message(folder, arguments, says):
    result = run_cli("tlsa", "make", *placed(arguments, folder))
    assert result.code == 2
    assert says in result.err
    assert "Traceback" not in result.err


# --- check ----------------------------------------------------------------------------

SIGNED = "example.com. DNSKEY 257 3 8 AwEAAcw=\n"
ADDRESS = f"{HOST}. A 192.0.2.25\n"


def zone(tmp_path, text):
    path = tmp_path / "world.zone"
    path.write_text(text)
    return path


def published(folder, file="good.pem"):
    return f"_25._tcp.{HOST}. TLSA {digest(folder, file)}\n"


def test_a_signed_record_of_the_certificate_counts_and_matches(folder, tmp_path):
    world = zone(tmp_path, SIGNED + ADDRESS + published(folder))
    for shown in (["--certificate", folder / "good.pem"], ["--key", folder / "good.key"], []):
        result = run_cli("tlsa", "check", HOST, *shown, "--world", world)
        assert result.code == 0, result.out
        assert "signed with DNSSEC: they count" in result.out
        assert ("match: " in result.out) is bool(shown)


NOT_GOOD = [
    # zone, records, certificate; exit code; what is said
    ("signed other good.pem", 1, "no match"),
    ("unsigned good good.pem", 1, "not signed"),
    ("signed none good.pem", 1, "there are no TLSA records"),
    ("signed none -", 1, "there are no TLSA records"),
    ("signed good expired.pem", 1, "dane-certificate-expired"),
    ("signed no-host good.pem", 1, "the host has no address"),
    ("signed loop good.pem", 3, "cannot be had"),  # aliases without end: cannot know
]


@pytest.mark.parametrize("state, code, says", NOT_GOOD)
def test_what_does_not_count_or_match_is_told(folder, tmp_path, state, code, says):
    signed, records, certificate = state.split()
    text = SIGNED if signed == "signed" else ""
    text += "" if records == "no-host" else ADDRESS
    text += {
        "good": published(folder),
        "other": published(folder, "other.pem"),
        "loop": f"_25._tcp.{HOST}. CNAME l.example.com.\nl.example.com. CNAME _25._tcp.{HOST}.\n",
    }.get(records, "")
    shown = ["--certificate", folder / certificate] if certificate != "-" else []
    result = run_cli("tlsa", "check", HOST, *shown, "--world", zone(tmp_path, text))
    assert result.code == code
    assert says in result.out


def test_the_json_of_a_check_tells_lookup_and_match_apart(folder, tmp_path):
    world = zone(tmp_path, ADDRESS + published(folder))
    result = run_cli(
        "tlsa", "check", HOST, "--certificate", folder / "good.pem", "--world", world, "--json"
    )
    document = json.loads(result.out)
    assert (document["lookup"], document["match"], document["dnssec"]) == (
        "no-dane",
        "match",
        "insecure",
    )


# --- match ----------------------------------------------------------------------------


def test_given_records_are_compared_without_asking_anybody(folder):
    good = ["tlsa", "match", "--certificate", folder / "good.pem", "--host", HOST]
    ours, other = digest(folder), digest(folder, "other.pem")
    assert run_cli(*good, ours).code == 0
    assert run_cli(*good, other, ours).code == 0  # one is enough
    assert run_cli(*good, other).code == 1
    assert run_cli(*good, *ours.split()).code == 0  # without quotes
    assert run_cli(*good, f"_25._tcp.{HOST}. 300 IN TLSA {ours}").code == 0  # a zone's line
    assert run_cli("tlsa", "match", "--key", folder / "good.key", ours).code == 0


def test_each_record_is_told_why_it_does_not_match(folder):
    other = digest(folder, "other.pem")
    result = run_cli(
        "tlsa", "match", other, f"1{other[1:]}", "--certificate", folder / "good.pem", "--json"
    )
    says = [one["says"] for one in json.loads(result.out)["records"]]
    assert says == [
        "it is of another certificate or key",
        "usage 1 (PKIX-EE) does not count for mail",
    ]


@pytest.mark.parametrize(
    "text", ["3 1 1", "3 1 1 xyz", "hello", "", "3 1 1 ab\udcff", "999 1 1 ab"]
)
def test_what_is_no_record_is_refused(folder, text):
    result = run_cli("tlsa", "match", text, "--certificate", folder / "good.pem")
    assert result.code == 2
    assert result.err.startswith("error:")
