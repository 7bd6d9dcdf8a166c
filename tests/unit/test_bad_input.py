"""Bad input of every kind: one clear message with its place and mend, the right exit code."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli import run_cli
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
OPEN = serialization.NoEncryption()

SERVER = '[server."mail.example.com"]\nipv4 = "93.184.216.34"\n'
DOMAIN = '[domain."example.com"]\n'
REPORTS = 'dmarc = { reports_to = ["postmaster@example.com"] }\n'
WHOLE = SERVER + DOMAIN + REPORTS


def key_config(file: str, more: str = "") -> str:
    return WHOLE + f'dkim = [{{ selector = "abc", key = "{file}"{more} }}]\n'


def tls_config(lines: str) -> str:
    return SERVER + lines + DOMAIN + REPORTS


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """A folder of keys and certificates, good and bad."""
    folder = tmp_path_factory.mktemp("files")
    key, other = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    small = rsa.generate_private_key(65537, 1024)
    locked = serialization.BestAvailableEncryption(b"right")
    for name, one, way in (
        ("key.pem", key, OPEN),
        ("other.pem", other, OPEN),
        ("locked.pem", other, locked),
        ("1024.pem", small, OPEN),
        ("ec.pem", ec.generate_private_key(ec.SECP256R1()), OPEN),
    ):
        (folder / name).write_bytes(one.private_bytes(PEM, PKCS8, way))
    (folder / "512.pem").write_text(KEY_OF_512_BITS)
    now = datetime.now(UTC)
    (folder / "cert.pem").write_bytes(certificate(key, now, days=90))
    (folder / "expired.pem").write_bytes(certificate(key, now - timedelta(days=100), days=90))
    (folder / "garbage").write_bytes(os.urandom(4000))
    (folder / "empty").write_text("")
    (folder / "folder").mkdir()
    (folder / "passphrase").write_text("wrong\n")
    (folder / "world").write_text('example.com. TXT "foreign"\n')
    return folder


# Made once by openssl: libraries of today do not make keys as weak as this.
KEY_OF_512_BITS = """\
-----BEGIN RSA PRIVATE KEY-----
MIIBOQIBAAJBALm8PebUO/xzSqu1QeobFC+P+W7SozkXsleFmmIJFOkWgJV0kAco
MUHtbVeABE5CW0DbWvbtVoELJZWi/dj4C9UCAwEAAQJAD4iPwMNVNPrLburc1WBo
YsXuvXb+UaMKtkklLTfHOOsVYl485fKOFZB0R3y5Vf05+JHly9jWyrMY3aL6EYe+
zQIhANvsDg6g1w0IHOEj9WRO0Lfn2SDJ9zATNvucfAWx/T9PAiEA2DR21yUL37ON
248WMXTKtbaFmKzok0cFReqWSRJMGZsCIGXnADB5CIyKSM9tmQQMnRvJ+0r9KmOF
U8HMpY8CBUVzAiB9U/xHvtvhMw5aZdlxlcgkCcfrtt+i8BpoaxHvDcI7XQIgdRVn
W5JoNWzB8P9deLLn7JssR2SKq7ivLrPcDYqx+3E=
-----END RSA PRIVATE KEY-----
"""


def certificate(key: rsa.RSAPrivateKey, start: datetime, days: int) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.com")])
    names = x509.SubjectAlternativeName([x509.DNSName("mail.example.com")])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 7)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(PEM)


@pytest.fixture
def run(files, tmp_path, monkeypatch):
    """Run a command in a fresh folder with all the files; the config is the first argument."""
    for file in files.iterdir():
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)

    def ran(config: str | bytes, *arguments: str):
        octets = config.encode() if isinstance(config, str) else config
        Path("maildns.toml").write_bytes(octets)
        result = run_cli(*(arguments or ("plan", "--world", "world")))
        assert "Traceback" not in result.err + result.out
        return result

    return ran


REFUSED = [
    # --- keys of the config
    (SERVER + "foo = 1\n" + DOMAIN, 3, "no such key", "known here: ipv4"),
    (SERVER.replace("ipv4", "ivp4"), 2, "no such key", "did you mean 'ipv4'"),
    ("\n\n[domain.", 3, "not TOML", ""),
    ("domain = 3\n", 1, "a table belongs here", '[domain."NAME"]'),
    (WHOLE + 'ttl = "1h"\n', 5, "integer", ""),
    (WHOLE + "ttl = 2020-01-01\n", 5, "integer", ""),
    (WHOLE + "ttl = nan\n", 5, "finite", ""),
    ("", None, "no server and no domain", "maildns init"),
    ("# all of it is commented out\n", None, "no server and no domain", "maildns init"),
    ("a = " + "[" * 20_000 + "]" * 20_000, None, "nested too deeply", ""),
    ("a = " + "{a = " * 5_000 + "1" + "}" * 5_000, None, "nested too deeply", ""),
    ("[" + ".".join("a" * 3_000) + "]", 1, "no such key", "known here: server"),
    # --- names
    (SERVER + f'[domain."{"a." * 150}com"]\n', 3, "at most 253 octets", ""),
    (SERVER + f'[domain."{"a" * 64}.com"]\n', 3, "at most 63 octets", ""),
    (SERVER + '[domain."exa mple.com"]\n', 3, "cannot stand in a name", ""),
    (SERVER + '[domain."a..example"]\n', 3, "empty label", ""),
    (SERVER + '[domain."a\\u0000b.example"]\n', 3, "cannot stand in a name", ""),
    (WHOLE + '[domain."EXAMPLE.com"]\n', 5, "same name as 'example.com'", "keep one"),
    (WHOLE + '[domain."example.com."]\n', 5, "same name as 'example.com'", "keep one"),
    (WHOLE + '[server."Mail.Example.com"]\n', 5, "same name as 'mail.example.com'", "keep one"),
    (
        '[domain."bücher.example"]\n[domain."xn--bcher-kva.example"]\n',
        2,
        "same name as 'bücher.example'",
        "keep one",
    ),
    (SERVER + '[server."192.0.2.1"]\n' + DOMAIN, 3, "is an address, not a name", ""),
    (WHOLE + 'servers = ["192.0.2.1"]\n', 5, "is an address, not a name", ""),
    (WHOLE + 'servers = ["mial.example.com"]\n', 5, "there is no", "'mail.example.com'"),
    (SERVER.replace("93.184.216.34", "93.184.216.340"), 2, "IPv4", ""),
    # --- DKIM keys
    (key_config("nowhere.pem"), 5, "No such file", "maildns dkim new"),
    (key_config("folder"), 5, "Is a directory", "maildns dkim new"),
    (key_config("garbage"), 5, "not a key", "BEGIN PRIVATE KEY"),
    (key_config("empty"), 5, "not a key", "BEGIN PRIVATE KEY"),
    (key_config("cert.pem"), 5, "a certificate, not a key", "private key"),
    (key_config("ec.pem"), 5, "cannot sign mail", "RSA and Ed25519"),
    (key_config("512.pem"), 5, "512 bits", "2048"),
    (key_config("locked.pem"), 5, "encrypted", "passphrase ="),
    (key_config("locked.pem", ', passphrase = { file = "passphrase" }'), 5, "not open", "passphrase"),
    (key_config("locked.pem", ', passphrase = { env = "MAILDNS_NONE" }'), 5, "MAILDNS_NONE", "export"),
    (key_config("locked.pem", ', passphrase = { file = "nowhere" }'), 5, "No such file", ""),
    (key_config("locked.pem", ', passphrase = { file = "empty" }'), 5, "is empty", "first line"),
    (key_config("locked.pem", ', passphrase = "right"'), 5, "do not stand in this file", "file ="),
    (key_config("a\\u0000b"), 5, "not the path of a file", ""),
    (key_config("~nobody-of-that-name/x"), 5, "not the path of a file", ""),
    (
        WHOLE + 'dkim = [{selector = "a", key = "key.pem"}, {selector = "A", key = "other.pem"}]\n',
        5,
        "two DKIM keys have the selector 'a'",
        "of its own",
    ),
    (WHOLE + 'dkim = [{selector = "a b", key = "key.pem"}]\n', 5, "cannot stand in a name", ""),
    # --- certificates
    (tls_config('certificate = "cert.pem"\nkey = "other.pem"\n'), 3, "does not belong to", "really uses"),
    (tls_config('certificate = "garbage"\n'), 3, "no certificate", "PEM"),
    (tls_config('certificate = "folder"\n'), 3, "Is a directory", ""),
    (tls_config('certificate = "key.pem"\n'), 3, "private key, not a certificate", "PEM"),
    (tls_config('certificate = "cert.pem"\ntlsa = "3 1 9"\n'), 4, "SHA2-256", ""),
    (tls_config('certificate = "cert.pem"\ntlsa = "2 0 1"\n'), 4, "issuer", "fullchain"),
    (tls_config('key = "key.pem"\ntlsa = "3 0 1"\n'), 4, "needs the certificate", ""),
    # --- what makes no record
    (SERVER + DOMAIN + 'dmarc = { reports_to = ["not a mail"] }\n', 3, "not a mail address", ""),
    (WHOLE + 'spf = { ip4 = ["1.2.3.4/99"] }\n', 3, "not an IP network", ""),
    (WHOLE + 'senders = ["googel-workspace"]\n', 5, "googel", "google-workspace"),
    (WHOLE + 'senders = ["-all"]\n', 5, "does not permit", ""),
    (WHOLE + 'caa = ["a b;;"]\n', 3, "example.com", ""),
    (WHOLE + 'bimi = { logo = "http://x" }\n', 3, "https", ""),
    (WHOLE + 'mta_sts = "enforced"\n', 5, "enforce", ""),
    # --- views and publishers
    (WHOLE + '[view.lan]\npublisher = "bind"\n', 6, "no [publisher.bind]", ""),
    (WHOLE + '[publisher.x]\ntype = "ftp"\n', 5, '"zonefile" or "rfc2136"', ""),
    (WHOLE + '[publisher.x]\nserver = "192.0.2.1"\n', 5, '"zonefile" or "rfc2136"', ""),
    (WHOLE + '[publisher]\nx = "y"\n', 6, "a table belongs here", "[publisher.x]"),
    (WHOLE + '[publisher.x]\ntype = "zonefile"\n', 5, "must be given", ""),
    (
        WHOLE + '[domain."b.example"]\n[publisher.x]\ntype = "zonefile"\npath = "one.zone"\n',
        8,
        "one file cannot hold 2 zones",
        "{zone}",
    ),
    (
        WHOLE + '[publisher.x]\ntype = "rfc2136"\nserver = "192.0.2.1"\nkey_file = "nowhere"\n',
        None,
        "No such file",
        "",
    ),
    (
        WHOLE + '[publisher.x]\ntype = "rfc2136"\nserver = "192.0.2.1"\nkey_file = "garbage"\n',
        None,
        "TSIG key",
        "tsig-keygen",
    ),
    (
        WHOLE + '[publisher.x]\ntype = "rfc2136"\nserver = "192.0.2.1"\nsecret = "abc"\n',
        None,
        "no such key",
        "",
    ),
]  # fmt: skip


@pytest.mark.parametrize("config, line, problem, mend", REFUSED)
def test_a_config_that_cannot_be_used_is_told_with_its_line_and_mend(
    run, config, line, problem, mend
):
    result = run(config, "apply", "--yes", "--world", "world")
    assert result.code == 2
    assert result.out == ""
    assert result.err.count("error:") == 1
    place = "maildns.toml" if line is None else f"maildns.toml:{line}: "
    assert place in result.err
    assert problem in result.err
    assert mend in result.err
    assert "right" not in result.err.replace("wright", "")


def test_bytes_that_are_no_text_are_told_with_their_line(run):
    result = run(b'[server."a.example"]\n\xff\xfe\n')
    assert (result.code, "maildns.toml:2: this is not UTF-8" in result.err) == (2, True)


@pytest.mark.parametrize("size", [10_000_000, 70_000_000])
def test_a_huge_config_is_read_or_refused_and_never_hangs(run, size):
    result = run(WHOLE.encode() + b"#" + b"x" * size)
    assert result.code == (0 if size < 64_000_000 else 2)
    assert result.code == 0 or "too large" in result.err


def test_a_mark_at_the_beginning_of_the_file_does_no_harm(run):
    assert run(b"\xef\xbb\xbf" + WHOLE.encode()).code == 0


JUDGED = [
    # config, exit code of plan, what stands in the output
    (tls_config('certificate = "expired.pem"\n'), 1, ["error: mail.example.com", "expired on"]),
    (tls_config('certificate = "cert.pem"\nkey = "key.pem"\n'), 0, ["_25._tcp.mail.example.com TLSA"]),
    (key_config("1024.pem"), 0, ["warn: ", "1024 bits"]),
    ('[server."mail.example.com"]\n' + DOMAIN + REPORTS, 1, ["has no address"]),
    (DOMAIN + REPORTS, 1, ["error: example.com", "has no server"]),
    (SERVER + 'helo = "out.example.com"\n' + DOMAIN + REPORTS, 0, ["out.example.com A", "HELO out.example.com"]),
    (
        '[server."mail.example.com"]\nipv6 = "2a01:4f8::1"\n' + DOMAIN + REPORTS,
        0,
        ['"v=spf1 ip6:2a01:4f8::1 -all"', "mail.example.com AAAA"],
    ),
    (WHOLE + 'senders = ["exists:%{i}._spf.%{d2}"]\n', 0, ["exists:%{i}._spf.%{d2}"]),
    (WHOLE + "receives = false\n", 0, ["+ 0 ."]),
    (DOMAIN + "parked = true\n", 0, ["+ 0 .", '"v=spf1 -all"', "p=reject"]),
    (SERVER + DOMAIN + 'dmarc = { reports_to = ["r@foreign.example"] }\n', 0, ["warn ", "example.com._report._dmarc.foreign.example"]),
    (WHOLE + "mta_sts = 'enforce'\nservers = ['mail.example.com', 'b.example.net']\n[server.'b.example.net']\nmanaged = false\n", 1, ["MTA-STS allows MX b.example.net", "FAIL"]),
    (SERVER.replace("93.184.216.34", "192.168.1.10") + DOMAIN + REPORTS, 0, ["warn: ", "192.168.1.10"]),
]  # fmt: skip


@pytest.mark.parametrize("config, code, words", JUDGED)
def test_what_is_unwise_is_shown_and_what_fails_is_a_finding(run, config, code, words):
    result = run(config)
    assert (result.code, result.err) == (code, "")
    for word in words:
        assert word in result.out


def test_more_than_ten_lookups_fail_the_proof_and_are_not_published(run, tmp_path):
    names = [f"s{number}.example.net" for number in range(30)]
    senders = ", ".join(f'"include:{name}"' for name in names)
    world = "".join(f'{name}. TXT "v=spf1 ip4:192.0.2.1 -all"\n' for name in names)
    Path("many").write_text(world)
    Path("example.com.zone").write_text("@ 300 IN SOA ns hostmaster 1 1 1 1 1\n@ NS ns\n")
    publisher = '[publisher.x]\ntype = "zonefile"\npath = "{zone}.zone"\n'
    config = WHOLE + f"senders = [{senders}]\n" + publisher
    refused = run(config, "apply", "--yes", "--world", "many")
    assert refused.code == 1
    assert "10" in refused.err
    assert "--force" in refused.err
    assert "spf1" not in Path("example.com.zone").read_text()
    assert run(config, "apply", "--yes", "--force", "--world", "many").code == 0
    assert "spf1" in Path("example.com.zone").read_text()


# --- files given on the command line --------------------------------------------------

WORLDS = [
    # text of the file, the line, the problem
    ("$ORIGIN example.com.\n@ SOA ns hostmaster (1 2 3\n", 2, "never closed"),
    ('$ORIGIN example.com.\n@ TXT "cut off\n', 2, "never closed"),
    ('example.com. TXT "' + "a" * 300 + '"\n', 1, "255 octets"),
    ("$INCLUDE /etc/passwd\n", 1, "$INCLUDE"),
    ("example.com. A 192.0.2.300\n", 1, "192.0.2.300"),
    ("example.com. NOPE x\n", 1, "NOPE"),
]  # fmt: skip


@pytest.mark.parametrize("text, line, problem", WORLDS)
@pytest.mark.parametrize("command", [["plan", "--world"], ["prove", "--world"], ["init", "--yes", "--config", "new.toml", "--zone"]])  # fmt: skip
def test_a_zone_text_that_cannot_be_read_is_told_with_its_line(run, command, text, line, problem):
    Path("example.com.zone").write_text(text)
    result = run(WHOLE, *command, "example.com.zone")
    assert result.code == 2
    assert f"example.com.zone:{line}: " in result.err
    assert problem in result.err
    assert not Path("new.toml").exists()


UNREADABLE = [("garbage", ""), ("folder", "Is a directory"), ("nowhere", "No such file")]


@pytest.mark.parametrize("file, problem", UNREADABLE)
@pytest.mark.parametrize("command", [["plan", "--world"], ["apply", "--yes"], ["plan", "--config"], ["init", "--yes", "--config", "n.toml", "--zone"]])  # fmt: skip
def test_a_file_that_is_none_is_one_message(run, command, file, problem):
    result = run(WHOLE, *command, file)
    assert result.code == 2
    assert result.err.count("error:") == 1
    assert file in result.err
    assert problem in result.err
    assert not re.search(r"[\x00-\x08\x0b-\x1f]", result.err)


def spoilt(plan: dict[str, object], *way: object) -> str:
    """The plan with the value at the end of *way* replaced by the last of it."""
    copy = json.loads(json.dumps(plan))
    node = copy
    for key in way[:-2]:
        node = node[key]
    node[way[-2]] = way[-1]
    return json.dumps(copy)


SPOILT = [
    (("version", 2), "another version"),
    (("kind", "proof"), "not a plan"),
    (("changes", 0, "name", "a..b"), "empty label"),
    (("changes", 0, "type", "NOPE"), "NOPE"),
    (("changes", 0, "after", "records", []), "damaged"),
    (("changes", 0, "after", "records", ["10 a b c"]), "too much data"),
    (("changes", 0, "after", "ttl", 10**30), "2147483647"),
    (("changes", 0, "more", 1), "more"),
    (("changes", "all"), "not a plan"),
]


@pytest.mark.parametrize("way, problem", SPOILT)
def test_a_plan_that_was_tampered_with_is_refused(run, way, problem):
    assert run(WHOLE, "plan", "--world", "world", "--out", "plan").code == 0
    Path("bad").write_text(spoilt(json.loads(Path("plan").read_text()), *way))
    result = run(WHOLE, "apply", "bad", "--yes")
    assert result.code == 2
    assert result.err.startswith("error: bad: ")
    assert problem in result.err
    assert "maildns plan --out" in result.err


@pytest.mark.parametrize(
    "octets", [b"", b"{}", b"[" * 100_000, b'{"a":' * 100_000, b"null", b"\xff"]
)
def test_what_is_no_plan_is_refused(run, octets):
    Path("bad").write_bytes(octets)
    result = run(WHOLE, "apply", "bad", "--yes")
    assert (result.code, "not a plan" in result.err) == (2, True)


def test_a_plan_that_is_cut_off_is_refused(run):
    run(WHOLE, "plan", "--world", "world", "--out", "plan")
    text = Path("plan").read_text()
    for length in range(0, len(text) - 2, 97):
        Path("bad").write_text(text[:length])
        assert run(WHOLE, "apply", "bad", "--yes").code == 2


def test_a_plan_cannot_be_written_where_there_is_a_folder(run):
    result = run(WHOLE, "plan", "--world", "world", "--out", "folder")
    assert (result.code, "cannot write it" in result.err) == (2, True)


@pytest.mark.parametrize("server", ["not a server", "127.0.0.1:99999", "name.example", "tls://"])
def test_a_server_that_cannot_be_asked_is_misuse(run, server):
    result = run(WHOLE, "plan", "--server", server)
    assert (result.code, "mend:" in result.err) == (2, True)


def test_a_further_view_that_nobody_shows_is_told(run):
    result = run(WHOLE + "[view.lan]\n", "plan")
    assert result.code == 2
    assert "maildns.toml:5: nothing shows what stands in view lan" in result.err
    assert "give it a publisher, or a resolver" in result.err


# --- hostile records ------------------------------------------------------------------

CURSOR = "\\027[2J"  # clears the screen of whoever prints it
HOSTILE = f"""
$ORIGIN example.com.
@ TXT "v=spf1 {CURSOR} -all"
@ MX 10 {CURSOR}.example.
@ CAA 0 issue "{CURSOR}"
_dmarc TXT "v=DMARC1; p=none; rua=mailto:{CURSOR}@example.com; x{CURSOR}=1"
_mta-sts TXT "v=STSv1; id={CURSOR}"
_smtp._tls TXT "v=TLSRPTv1; rua={CURSOR}"
mail CNAME {CURSOR}.example.
abc._domainkey TXT "v=DKIM1; k={CURSOR}; p={CURSOR}"
evil.example. TXT "v=spf1 include:{CURSOR} ip4:{CURSOR} -all"
34.216.184.93.in-addr.arpa. PTR {CURSOR}.example.
"""


@pytest.mark.parametrize(
    "command",
    [["plan"], ["plan", "--json"], ["prove"], ["prove", "--json"], ["apply", "--yes"]],
)
def test_records_of_others_cannot_move_the_cursor(run, command):
    Path("hostile").write_text(HOSTILE)
    config = key_config("key.pem", "") + (
        'senders = ["include:evil.example"]\nmta_sts = "testing"\ntls_rpt = "a@example.com"\n'
    )
    result = run(config, *command, "--world", "hostile")
    assert result.code == 1
    assert "\x1b" not in result.out + result.err


# --- names in other scripts -----------------------------------------------------------


def test_an_international_domain_is_shown_as_written_and_published_as_a_labels(run):
    Path("xn--bcher-kva.example.zone").write_text("@ 300 IN SOA ns hostmaster 1 1 1 1 1\n@ NS ns\n")
    config = (
        '[server."mail.Bücher.example"]\nipv4 = "93.184.216.34"\n[domain."bücher.example"]\n'
        'dmarc = { reports_to = ["postmaster@bücher.example"] }\nclients = true\n'
        '[publisher.x]\ntype = "zonefile"\npath = "{zone}.zone"\n'
    )
    done = run(config, "apply", "--yes", "--world", "world")
    assert (done.code, done.err) == (0, "")
    assert "bücher.example MX" in done.out
    text = Path("xn--bcher-kva.example.zone").read_text()
    assert text.isascii()
    assert "10 mail.xn--bcher-kva.example." in text
    assert "mailto:postmaster@xn--bcher-kva.example" in text
