"""`maildns dkim`: keys are made safely, named in the config, compared with what is published."""

from __future__ import annotations

import base64
import json
import os
import tomllib
from pathlib import Path

import pytest
from cli import run_cli
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from maildns.cli.config_keys import with_key
from maildns.intent.load import load, parse
from maildns.protocols import dkim

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()

CONFIG = """\
# my servers
[server."mail.example.com"]
ipv4 = "192.0.2.1"  # the address

[domain."example.com"]   # the first
dmarc = { policy = "none" }  # for now

[domain."bücher.example"]
dkim = [
  { selector = "old", key = "keys/old.pem" },  # since 2019
]

[domain."tables.example"]
[[domain."tables.example".dkim]]
selector = "old"   # also
key = "keys/old.pem"
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "maildns.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def key():
    return dkim.generate("ed25519")


def new(config, *options):
    quick = [] if "--algorithm" in options else ["--algorithm", "ed25519"]
    return run_cli("dkim", "new", "--config", config, *quick, *options)


def keys_of(config, domain):
    return [one.selector for one in load(config)[0].domain[domain].dkim]


# --- new ------------------------------------------------------------------------------


def test_a_new_key_is_for_its_owner_alone_and_its_record_is_shown(config):
    result = run_cli(
        "dkim", "new", "--config", config, "--domain", "example.com", "--selector", "s1"
    )
    path = config.parent / "keys/s1.example.com.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    record = dkim.key_record(dkim.private_key_from_pem(path.read_bytes()))
    assert f"value: {record}\n" in result.out
    assert 's1._domainkey.example.com. IN TXT "v=DKIM1; k=rsa; ' in result.out
    assert '{ selector = "s1", key = "keys/s1.example.com.pem" }' in result.out
    assert "PRIVATE" not in result.out
    assert (result.code, result.err) == (0, "")
    assert config.read_text(encoding="utf-8") == CONFIG  # not without --add


def test_the_strings_of_the_zone_line_have_at_most_255_octets(config):
    out = run_cli("dkim", "new", "--config", config, "--domain", "example.com", "--json").out
    record = json.loads(out)["key"]["record"]
    strings = record["zone"].split(" IN TXT ")[1].strip('"').split('" "')
    assert "".join(strings) == record["value"]
    assert [len(string) <= 255 for string in strings] == [True, True]


def test_a_key_that_is_there_is_never_written_over(config):
    path = config.parent / "keys/s1.example.com.pem"
    path.parent.mkdir()
    path.write_text("precious")
    result = new(config, "--domain", "example.com", "--selector", "s1", "--add")
    assert result.code == 2
    assert "there already" in result.err
    assert path.read_text() == "precious"
    assert config.read_text(encoding="utf-8") == CONFIG


def test_a_selector_of_the_month_is_taken_that_nobody_uses(config):
    first, second, third = (
        json.loads(new(config, "--domain", "example.com", *add, "--json").out)["key"]["selector"]
        for add in ([], ["--add"], [])
    )
    assert second == first + "b"  # a key file uses the first
    assert third == first + "c"  # the config uses the second


def test_ed25519_is_said_to_belong_beside_rsa(config):
    result = new(config, "--domain", "example.com")
    assert "[dkim-ed25519]" in result.out
    assert "belongs beside an RSA key" in result.out


def test_the_file_that_the_config_waits_for_is_the_one_made(config):
    result = new(config, "--domain", "bücher.example", "--selector", "old")
    assert (config.parent / "keys/old.pem").exists()
    assert "the config names this selector" in result.out


# --- --add ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "domain, before",
    [
        ("example.com", []),  # no list yet
        ("xn--bcher-kva.example", ["old"]),  # a list over several lines, the name in U-labels
        ("tables.example", ["old"]),  # an array of tables
    ],
)
def test_add_puts_the_key_in_and_keeps_every_line_that_was_there(config, domain, before):
    result = new(config, "--domain", domain, "--selector", "s1", "--add")
    assert result.code == 0, result.err
    assert keys_of(config, domain) == [*before, "s1"]
    text = config.read_text(encoding="utf-8")
    assert [line for line in CONFIG.splitlines() if line not in text.splitlines()] == []
    assert f"added to {config}" in result.out


def test_add_keeps_the_keys_that_hold_by_default(config):
    text = CONFIG + '[defaults]\ndkim = [{ selector = "all", key = "keys/{domain}.pem" }]\n'
    config.write_text(text, encoding="utf-8")
    new(config, "--domain", "example.com", "--selector", "s1", "--add")
    assert keys_of(config, "example.com") == ["all", "s1"]


def test_add_keeps_the_mode_and_the_link_of_the_config(config, tmp_path):
    config.chmod(0o640)
    link = tmp_path / "linked.toml"
    link.symlink_to(config)
    new(link, "--domain", "example.com", "--selector", "s1", "--add")
    assert link.is_symlink()
    assert config.stat().st_mode & 0o777 == 0o640
    assert keys_of(config, "example.com") == ["s1"]


NOT_ADDED = [
    ("other.example", "s1", "does not name the domain"),
    ("xn--bcher-kva.example", "old", "there already"),  # one selector is never two keys
    ("xn--bcher-kva.example", "OLD", "there already"),  # names have no case
]


@pytest.mark.parametrize("domain, selector, says", NOT_ADDED)
def test_what_cannot_be_added_leaves_neither_key_nor_change(config, domain, selector, says):
    result = new(config, "--domain", domain, "--selector", selector, "--add")
    assert result.code == 2
    assert says in result.err
    assert config.read_text(encoding="utf-8") == CONFIG
    assert not (config.parent / "keys").exists()


# --- import ---------------------------------------------------------------------------


def forms(key):
    """A key as people keep it."""
    public = dkim.public_half(key)
    record = str(dkim.key_record(public))
    der = public.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    split = f'old._domainkey IN TXT ( "{record[:30]}"\n\t"{record[30:]}" )  ; ----- DKIM key'
    return {
        "private PEM": key.private_bytes(PEM, PKCS8, PLAIN),
        "public PEM": public.public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        "base64": base64.b64encode(der) + b"\n",
        "base64 in lines": base64.encodebytes(der),
        "record": record.encode(),
        "quoted record": f'"{record}"\n'.encode(),
        "opendkim-genkey": split.encode(),
    }


KINDS = list(forms(dkim.generate("ed25519")))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("algorithm", ["ed25519", "rsa"])
def test_a_key_is_taken_over_from_any_form(tmp_path, algorithm, kind):
    key = ed25519.Ed25519PrivateKey.generate() if algorithm == "ed25519" else RSA1024
    file = tmp_path / "key"
    file.write_bytes(forms(key)[kind])
    result = run_cli(
        "dkim", "import", file, "--domain", "example.com", "--selector", "old", "--json",
        "--config", tmp_path / "none.toml",
    )  # fmt: skip
    assert result.code == 0, result.err
    document = json.loads(result.out)
    assert document["key"]["record"]["value"] == str(dkim.key_record(key))
    assert document["key"]["path"] == ("key" if "PEM" in kind else "")


RSA1024 = rsa.generate_private_key(65537, 1024)


def take_over(file, config, *options):
    return run_cli(
        "dkim", "import", file, "--domain", "example.com", "--selector", "old", "--config", config,
        *options,
    )  # fmt: skip


def test_a_key_of_1024_bits_is_warned_of(tmp_path, config):
    file = tmp_path / "key"
    file.write_bytes(RSA1024.private_bytes(PEM, PKCS8, PLAIN))
    result = take_over(file, config, "--add")
    assert "[dkim-key-weak]" in result.out
    assert keys_of(config, "example.com") == ["old"]


def test_an_encrypted_key_is_named_with_its_passphrase_s_place(tmp_path, config, key):
    file, secret = tmp_path / "key", tmp_path / "pass"
    file.write_bytes(
        key.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"sesame"))
    )
    secret.write_text("sesame\n")
    closed = take_over(file, config)
    assert (closed.code, "encrypted" in closed.err) == (2, True)
    result = take_over(file, config, "--passphrase-file", secret, "--add")
    assert result.code == 0, result.err
    assert "sesame" not in result.out + config.read_text(encoding="utf-8")
    shown = run_cli("dkim", "show", "--config", config, "--domain", "example.com")
    assert str(dkim.key_record(key)) in shown.out


def test_a_bare_key_is_put_into_a_file_before_the_config_can_name_it(tmp_path, config, key):
    file = tmp_path / "record.txt"
    file.write_text(str(dkim.key_record(key)))
    refused = take_over(file, config, "--add")
    assert (refused.code, "--out" in refused.err) == (2, True)
    out = tmp_path / "keys/old.pem"
    assert take_over(file, config, "--add", "--out", out).code == 0
    assert out.stat().st_mode & 0o777 == 0o600
    assert dkim.public_key_from_pem(out.read_bytes()) == key.public_key()
    assert keys_of(config, "example.com") == ["old"]


SHORT = rsa.RSAPublicNumbers(65537, (1 << 767) + 1).public_key()
HOSTILE = [
    (b"", "there is no key"),
    (b"hello", "there is no key"),
    (b"\0\xff" * 500, "there is no key"),
    (b"v=DKIM1; p=", "revoked"),
    (b"v=DKIM1; p=!!!", "there is no key"),
    (b"v=spf1 mx -all", "there is no key"),
    (b"A" * 43, "damaged"),
    (b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "not a key"),
    (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate"),
    (ec.generate_private_key(ec.SECP256R1()).private_bytes(PEM, PKCS8, PLAIN), "cannot sign mail"),
    (forms(RSA1024)["private PEM"][:300], "not a key"),  # cut off
    (SHORT.public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo), "768 bits"),
    (
        base64.b64encode(
            SHORT.public_bytes(
                serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        ),
        "768 bits",
    ),
]


@pytest.mark.parametrize("content, says", HOSTILE)
def test_what_is_no_usable_key_is_refused_with_one_message(tmp_path, content, says):
    file = tmp_path / "key"
    file.write_bytes(content)
    result = take_over(file, tmp_path / "none.toml")
    assert result.code == 2
    assert says in result.err
    assert str(file) in result.err


# --- show, check, files ---------------------------------------------------------------


@pytest.fixture
def project(config):
    """A config whose domain example.com has the key s1."""
    new(config, "--domain", "example.com", "--selector", "s1", "--add")
    return config


def test_show_gives_the_records_of_the_keys_on_file_and_reads_nothing_else(project):
    # The keys of the other domains are not there.
    result = run_cli("dkim", "show", "--config", project, "--domain", "example.com", "--json")
    document = json.loads(result.out)
    assert [one["record"]["name"] for one in document["keys"]] == ["s1._domainkey.example.com"]
    missing = run_cli("dkim", "show", "--config", project, "--domain", "bücher.example")
    assert (missing.code, "maildns dkim new" in missing.err) == (2, True)


@pytest.fixture
def published(project, tmp_path):
    """The config, and a world in which s1 is published, with others not as they should be."""
    out = run_cli("dkim", "show", "--config", project, "--domain", "example.com", "--json").out
    other = dkim.key_record(dkim.generate("ed25519"))
    path = tmp_path / "world.zone"
    path.write_text(
        json.loads(out)["keys"][0]["record"]["zone"]
        + f'\nother._domainkey.example.com. TXT "{other}"'
        + '\nrevoked._domainkey.example.com. TXT "v=DKIM1; p="'
        + '\nbroken._domainkey.example.com. TXT "v=DKIM1; p=%%%"'
        + f'\ntwo._domainkey.example.com. TXT "{other}"'
        + '\ntwo._domainkey.example.com. TXT "v=DKIM1; p="'
        + "\nloop._domainkey.example.com. CNAME loop2.example.com."
        + "\nloop2.example.com. CNAME loop._domainkey.example.com.\n"
    )
    return project, path


CHECKS = [
    ("s1", False, 0, "match"),  # the config has its key
    ("s1", True, 0, "match"),
    ("other", False, 0, "match"),  # no key on file: it is only usable
    ("other", True, 1, "mismatch"),
    ("revoked", False, 1, "revoked"),
    ("broken", False, 1, "invalid"),
    ("two", False, 1, "invalid"),
    ("nothing", False, 1, "missing"),
    ("loop", False, 3, "temperror"),  # aliases without end: cannot know
]


@pytest.mark.parametrize("selector, with_key, code, verdict", CHECKS)
def test_check_compares_what_is_published(published, selector, with_key, code, verdict):
    project, world = published
    key = ["--key", project.parent / "keys/s1.example.com.pem"] if with_key else []
    result = run_cli(
        "dkim", "check-key", "example.com", selector, *key, "--config", project, "--world", world
    )
    assert (result.out.split(":")[0], result.code) == (verdict, code)


def test_check_says_in_json_what_it_compared_with(published):
    project, world = published
    arguments = [
        "dkim",
        "check-key",
        "example.com",
        "--config",
        project,
        "--world",
        world,
        "--json",
    ]
    own, other = (json.loads(run_cli(*arguments, s).out) for s in ("s1", "two"))
    assert own["compared_with"].endswith("keys/s1.example.com.pem")
    assert [one["rule"] for one in other["findings"]] == ["zone-several-dkim"]


def test_another_key_under_the_selector_of_the_config_is_a_mismatch(project, tmp_path):
    world = tmp_path / "w.zone"
    other = dkim.key_record(dkim.generate("ed25519"))
    world.write_text(f's1._domainkey.example.com. TXT "{other}"\n')
    result = run_cli(
        "dkim", "check-key", "example.com", "s1", "--config", project, "--world", world
    )
    assert result.code == 1
    assert "publish its record" in result.out


@pytest.fixture
def signing(tmp_path):
    """A config all of whose keys are there, of two domains."""
    path = tmp_path / "sign.toml"
    path.write_text('[domain."a.example"]\n[domain."b.example"]\n')
    for domain in ("a.example", "b.example"):
        run_cli("dkim", "new", "--config", path, "--domain", domain, "--selector", "s1", "--add")
    return path


@pytest.mark.parametrize("signer", dkim.SIGNERS)
def test_a_signer_s_files_hold_all_domains(signing, signer):
    result = run_cli("dkim", "files", "--for", signer, "--config", signing)
    assert result.code == 0
    assert all(domain in result.out for domain in ("a.example", "b.example"))
    assert str(signing.parent / "keys/s1.a.example.pem") in result.out


def test_the_files_are_written_below_a_folder_and_over_nothing(signing, tmp_path):
    out = tmp_path / "signer"
    arguments = ["dkim", "files", "--for", "opendkim", "--config", signing, "--out", out]
    assert run_cli(*arguments, "--keys-in", "/etc/dkimkeys/").code == 0
    table = (out / "etc/opendkim/key.table").read_text()
    assert "a.example:s1:/etc/dkimkeys/s1.a.example.pem" in table
    again = run_cli(*arguments)
    assert (again.code, "there already" in again.err) == (2, True)
    assert (out / "etc/opendkim/key.table").read_text() == table


def test_a_key_that_a_signer_cannot_use_is_noted(signing):
    file = signing.parent / "keys/s1.a.example.pem"
    public = dkim.public_key_from_pem(file.read_bytes())
    file.write_bytes(public.public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    out = run_cli("dkim", "files", "--for", "rspamd", "--config", signing, "--json").out
    assert ["only the public key" in note for note in json.loads(out)["notes"]] == [True]


MISUSE = [
    (["new", "--domain", "example.com", "--algorithm", "rsa1024"], "too weak"),
    (["new", "--domain", "example.com", "--algorithm", "dsa"], "no algorithm"),
    (["new", "--domain", "exa mple.com"], "cannot stand in a name"),
    (["new", "--domain", "example.com", "--selector", "s" * 300], "63 octets"),
    (["new", "--domain", "example.com", "--add"], "cannot read"),  # there is no config
    (["new", "--domain", "example.com", "--out", "x" * 300], "cannot write"),
    (["new", "--domain", "example.com", "--config", "x" * 300, "--add"], "cannot read"),
    (["new", "--domain", "example.com", "--out", "."], "a folder"),
    (["new", "--domain", "example.com", "--out", ""], "a folder"),
    (["import", "nowhere.pem", "--domain", "example.com", "--selector", "s"], "cannot read"),
    (["import", "/", "--domain", "example.com", "--selector", "s"], "cannot read"),
    (["show"], "cannot read"),
    (["check-key", "example.com", "s", "--key", "nowhere.pem"], "cannot read"),
    (["check-key", "example.com", "a..b"], "empty label"),
    (["files", "--for", "sendmail"], "cannot read"),
]


@pytest.mark.parametrize("arguments, says", MISUSE)
def test_misuse_is_one_clear_message(tmp_path, arguments, says):
    before = os.getcwd()  # noqa: PTH109 - the shell's own notion is what is meant
    os.chdir(tmp_path)
    try:
        result = run_cli("dkim", *arguments)
    finally:
        os.chdir(before)
    assert result.code == 2
    assert says in result.err
    assert "Traceback" not in result.err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_signer_is_told_the_known_ones(signing):
    result = run_cli("dkim", "files", "--for", "sendmail", "--config", signing)
    assert (result.code, "opendkim" in result.err) == (2, True)


def test_a_name_with_a_slash_stays_one_file(config):
    new(config, "--domain", "a/b.example", "--selector", "s")
    assert (config.parent / "keys/s.a_b.example.pem").exists()


def test_the_config_line_is_toml(config):
    out = new(config, "--domain", "example.com", "--json").out
    line = json.loads(out)["config_line"]
    assert set(tomllib.loads(f"key = {line}")["key"]) == {"selector", "key"}


LINE = '{ selector = "s1", key = "keys/s1.pem" }'
SHAPES = [
    # dotted keys, no table at all
    ('domain."a.example".receives = true\n', 'domain."a.example".dkim = ['),
    # inline tables
    ('domain = { "a.example" = { receives = true } }\n', "receives = true, dkim = ["),
    # the table of the domain comes in two parts, with others between
    ('[domain."a.example".spf]\n[server."m.example"]\n[domain."a.example".dmarc]\n', "dkim = ["),
    # a list over lines, its last comma left out
    ('[domain."a.example"]\ndkim = [\n  { selector = "x", key = "k" } # x\n]\n', "# x\n"),
    # a comment at the end is about what follows
    (
        '[domain."a.example"]\n\n# of b\n[domain."b.example"]\n',
        '\n\n# of b\n[domain."b.example"]\n',
    ),
    # line ends of Windows
    ('[domain."a.example"]\r\nreceives = true # r\r\n', "receives = true # r\r\n"),
    # all on one line, without an end
    ('[domain."a.example"]\ndkim = []', "dkim = [{ selector"),
]


@pytest.mark.parametrize("text, kept", SHAPES)
def test_a_key_goes_into_any_shape_of_table(text, kept):
    after = with_key(text, Path("maildns.toml"), "a.example", LINE)
    assert kept in after
    domains = parse(after).domain
    assert domains["a.example"].dkim[-1].selector == "s1"
    assert sum(len(domain.dkim) for domain in domains.values()) == 1 + text.count("selector")
    assert after.count("#") == text.count("#")


def test_a_domain_that_is_written_in_another_case_is_the_same():
    after = with_key('[domain."A.Example"]\n', Path("maildns.toml"), "a.example", LINE)
    assert parse(after).domain["a.example"].dkim
