"""OpenDKIM verifies what we sign, and we verify what it signs."""

import subprocess

import pytest
from programs import needed

from maildns import World, run
from maildns.protocols import dkim

pytestmark = pytest.mark.server

RSA = dkim.generate()
EDWARDS = dkim.generate("ed25519")
MAIL = (
    b"From: Joe <joe@example.com>\r\nTo: b@example.org\r\nSubject: a subject\r\n that is folded\r\n"
    b"Date: Mon, 23 Nov 2026 14:31:43 +0000\r\nMessage-ID: <1@example.com>\r\n\r\n"
    b"Hi  there \t\r\n.\r\n\r\n  indented\r\n\r\n\r\n"
)
FORMS = ["relaxed/relaxed", "relaxed/simple", "simple/relaxed", "simple/simple"]
KEYS = {"rsa": RSA, "ed25519": EDWARDS}


def opendkim(folder, settings, message, *words):
    """What `opendkim` says in its test mode about *message*."""
    program = needed("opendkim")
    (folder / "conf").write_text(f"RequireSafeKeys no\nSocket local:{folder}/socket\n{settings}")
    (folder / "mail").write_bytes(message)
    command = [program, "-x", str(folder / "conf"), *words, "-t", str(folder / "mail")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def verified_by_opendkim(folder, message, key):
    (folder / "dns").write_text(f"s._domainkey.example.com {dkim.key_record(key)}\n")
    return opendkim(folder, f"Mode v\nTestDNSData file:{folder}/dns\n", message, "-vv")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KEYS)
def test_opendkim_verifies_what_we_sign(tmp_path, kind, form):
    key = KEYS[kind]
    field = dkim.sign(MAIL, key, domain="example.com", selector="s", canonicalization=form)
    assert "dkim=pass" in verified_by_opendkim(tmp_path, field + MAIL, key)
    changed = MAIL.replace(b"indented", b"intended")
    assert "dkim=fail" in verified_by_opendkim(tmp_path, field + changed, key)


def signed_by_opendkim(folder, kind, form):
    path = folder / "key.pem"
    path.write_bytes(dkim.to_pem(KEYS[kind]))
    path.chmod(0o600)
    said = opendkim(
        folder,
        f"Mode s\nDomain example.com\nSelector s\nKeyFile {path}\nCanonicalization {form}\n"
        f"SignatureAlgorithm {kind}-sha256\nOversignHeaders From\nInternalHosts 0.0.0.0/0\n",
        MAIL,
    )
    return said[said.index("DKIM-Signature:") :].encode().replace(b"\n", b"\r\n")


def verdict_of(message, kind):
    world = World()
    world.add("s._domainkey.example.com", "TXT", str(dkim.key_record(KEYS[kind])).encode())
    (verdict,) = run(dkim.verify(message), world)
    return verdict


@pytest.mark.parametrize(
    "kind, form",
    [*(("rsa", form) for form in FORMS), *(("ed25519", form) for form in FORMS[:2])],
)
def test_we_verify_what_opendkim_signs(tmp_path, kind, form):
    field = signed_by_opendkim(tmp_path, kind, form)
    verdict = verdict_of(field + MAIL, kind)
    assert (verdict.result, verdict.reason) == ("pass", "")
    assert verdict_of(field + MAIL.replace(b"subject", b"sujet"), kind).result == "fail"


def test_what_opendkim_itself_refuses_of_its_own_we_refuse_too(tmp_path):
    # OpenDKIM 2.11 signs a simple header with Ed25519 so that no one can verify it.
    field = signed_by_opendkim(tmp_path, "ed25519", "simple/simple")
    assert verdict_of(field + MAIL, "ed25519").result == "fail"
    assert "dkim=fail" in verified_by_opendkim(tmp_path, field + MAIL, EDWARDS)


def test_sha1_of_opendkim_testmsg_is_policy_here(tmp_path):
    # RFC 8301 section 3.1; without more words that tool signs with SHA-1
    path = tmp_path / "key.pem"
    path.write_bytes(dkim.to_pem(RSA))
    command = [needed("opendkim-testmsg"), "-C", "-d", "example.com", "-s", "s", "-k", str(path)]
    done = subprocess.run(command, input=MAIL, capture_output=True, timeout=30, check=True)
    (verdict,) = run(dkim.verify(done.stdout), World())
    assert (verdict.algorithm, verdict.result) == ("rsa-sha1", "policy")
