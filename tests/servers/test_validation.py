"""Own DNSSEC validation beside `delv`, over zones that `dnssec-signzone` signed and BIND serves."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from programs import needed

from maildns.ask import Outcome, Question
from maildns.net.resolver import Resolver

pytestmark = pytest.mark.server

CONFIG = """
options {{
  directory "{folder}"; pid-file "{folder}/pid"; session-keyfile "{folder}/session.key";
  managed-keys-directory "{folder}"; lock-file none;
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion yes; allow-recursion {{ any; }}; dnssec-validation no; notify no; empty-zones-enable no;
}};
controls {{ }};
{zones}
"""
SOA = "$TTL 300\n@ SOA ns hostmaster 1 3600 900 604800 300\n@ NS ns\nns A 127.0.0.1\n"
MAIL = (
    SOA
    + """
@ MX 10 mail
mail A 192.0.2.25
www CNAME mail
away CNAME x.plain.example.
broken CNAME mail.badsig.example.
lost CNAME nothing
old DNAME new
x.new A 192.0.2.7
*.wild TXT "w"
*.lend CNAME mail
a.b.c A 192.0.2.9
_25._tcp.mail TLSA 3 1 1 0000000000000000000000000000000000000000000000000000000000000000
sub NS ns.sub
ns.sub A 127.0.0.1
"""
)


@dataclass(frozen=True)
class Case:
    """How one zone is signed, and what is done to it afterwards."""

    algorithm: str = "ECDSAP256SHA256"
    options: tuple[str, ...] = ()
    spoil: tuple[str, str] | None = None  # a pattern in the signed text, and what to put there
    ds: tuple[str, str] | None = None  # likewise in the DS records


ZONES = {
    "nsec": Case(),
    "nsec3": Case(options=("-3", "-")),
    "salted": Case(options=("-3", "aabbcc", "-H", "10")),
    "limit": Case(options=("-3", "-", "-H", "150")),
    "optout": Case(options=("-3", "-", "-A")),
    "rsa": Case("RSASHA256"),
    "rsa512": Case("RSASHA512"),
    "p384": Case("ECDSAP384SHA384"),
    "ed25519": Case("ED25519"),
    "ed448": Case("ED448"),
    "expired": Case(options=("-s", "20240101000000", "-e", "20240201000000", "-P")),
    "early": Case(options=("-s", "now+864000", "-e", "now+8640000", "-P")),
    "badsig": Case(spoil=(r"192\.0\.2\.25", "192.0.2.66")),
    "stripped": Case(spoil=(r"(?s)\tMX\t10 mail[^\n]*\n(\s+300\s+RRSIG\s+MX[^)]*\)\n)", "\tMX\t10 mail.stripped.example.\n")),
    "mismatch": Case(ds=(r" ([0-9A-F]{56})[0-9A-F ]{8,9}$", r" \g<1>00000000")),
    "unknown": Case(ds=(r"DS (\d+) 13 ", r"DS \1 200 ")),
}  # fmt: skip
OWNERS = (
    ("", "MX"), ("", "SOA"), ("", "DNSKEY"), ("", "DS"), ("mail.", "A"), ("mail.", "AAAA"), ("www.", "A"),
    ("away.", "A"), ("broken.", "A"), ("lost.", "A"), ("x.old.", "A"), ("x.wild.", "TXT"), ("x.y.wild.", "TXT"),
    ("x.wild.", "A"), ("x.lend.", "A"), ("b.c.", "A"), ("nope.", "A"), ("q.nope.", "TXT"), ("_25._tcp.mail.", "TLSA"),
    ("_25._tcp.www.", "TLSA"), ("sub.", "DS"),
)  # fmt: skip
QUESTIONS = [f"{owner}{zone}.example {rrtype}" for zone in ZONES for owner, rrtype in OWNERS] + [
    "plain.example MX", "plain.example DS", "x.plain.example A", "nope.plain.example A", "nope.example A",
    "island.plain.example MX", "example SOA", ". SOA", ". DNSKEY", "nope A",
]  # fmt: skip
# RFC 5155 section 9.2: where opt-out leaves room for an unsigned delegation AD may not be set; delv
# calls such proofs validated all the same.
LEFT_OPEN = {
    f"{owner}optout.example {rrtype}"
    for owner, rrtype in (
        ("lost.", "A"), ("x.wild.", "A"), ("nope.", "A"), ("q.nope.", "TXT"), ("_25._tcp.www.", "TLSA"), ("sub.", "DS"),
    )
}  # fmt: skip


def run(*words, cwd):
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def signed(folder: Path, origin: str, text: str, case: Case) -> str:
    """Sign one zone; returns its DS records. Its text is then in the file of its name."""
    path = folder / f"{origin.rstrip('.') or 'root'}.zone"
    keys = [
        run(needed("dnssec-keygen"), "-q", "-a", case.algorithm, *flag, origin, cwd=folder).strip()
        for flag in (("-f", "KSK"), ())
    ]
    path.write_text(text + "".join((folder / f"{key}.key").read_text() for key in keys))
    run(needed("dnssec-signzone"), "-q", "-o", origin, "-f", str(path), *case.options, "-k", keys[0],
        str(path), keys[1], cwd=folder)  # fmt: skip
    if case.spoil is not None:
        before = path.read_text()
        path.write_text(re.sub(*case.spoil, before))
        assert path.read_text() != before
    ds = (folder / f"dsset-{origin}").read_text()
    if case.ds is not None:
        assert re.search(case.ds[0], ds, re.MULTILINE)
        ds = re.sub(*case.ds, ds, flags=re.MULTILINE)
    return ds


@dataclass
class SignedInternet:
    """A running BIND with a root, a TLD and what is below it."""

    server: str
    anchors: list[str]
    anchor_file: Path

    def delv(self, question: str) -> str:
        """What delv says: secure, insecure or bogus."""
        owner, rrtype = question.split()
        host, port = self.server.split(":")
        done = subprocess.run(
            [needed("delv"), f"@{host}", "-p", port, "-a", str(self.anchor_file), "+root=.", owner, rrtype],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        failed = re.search(r"resolution failed: (?!ncache)(.*)", said)
        if failed is not None:
            assert re.search(r"no valid|broken trust chain|insecurity proof|RRSIG", failed[1]), said
            return "bogus"
        assert "unsigned answer" in said or "fully validated" in said, said
        return "insecure" if "unsigned answer" in said else "secure"


@pytest.fixture(scope="module")
def internet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("signed")
    with ThreadPoolExecutor(2) as pool:
        anchors = list(
            pool.map(lambda one: signed(folder, f"{one[0]}.example.", MAIL, one[1]), ZONES.items())
        )
    for origin in ("plain.example.", "island.plain.example."):
        text = MAIL + "island NS ns\nx A 192.0.2.8\n"
        (folder / f"{origin.rstrip('.')}.zone").write_text(text)
    signed(folder, "island.plain.example.", MAIL, Case())
    delegations = "".join(
        f"{zone} NS ns.{zone}\nns.{zone} A 127.0.0.1\n" for zone in (*ZONES, "plain")
    )
    above = signed(folder, "example.", SOA + delegations + "".join(anchors), Case())
    signed(folder, ".", SOA + "example. NS ns.example.\nns.example. A 127.0.0.1\n" + above, Case())
    root = (folder / "root.zone").read_text()
    keys = [key.read_text() for key in folder.glob("K.+*.key") if " 257 " in key.read_text()]
    assert "DNSKEY" in root
    line = next(one for one in keys[0].splitlines() if not one.startswith(";"))
    trusted = re.sub(r"^\. IN DNSKEY (\d+ \d+ \d+) (.*)$", r'. static-key \1 "\2";', line)
    anchor_file = folder / "anchors"
    anchor_file.write_text(f"trust-anchors {{ {trusted} }};\n")
    yield from _serving(folder, [line], anchor_file)


def _free_port():
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        return tcp.getsockname()[1]


def _serving(folder, anchors, anchor_file):
    port = _free_port()
    zones = "\n".join(
        f'zone "{"." if path.stem == "root" else path.stem}" {{ type primary; file "{path}"; check-integrity no; }};'
        for path in folder.glob("*.zone")
    )
    config = folder / "named.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, zones=zones))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [needed("named"), "-g", "-n", "1", "-c", str(config)], stdout=log, stderr=log
        )
    try:
        server = f"127.0.0.1:{port}"
        probe = Resolver(servers=[server], timeout_seconds=0.5)
        until = time.monotonic() + 20
        while not probe.answer([Question("example", "SOA")])[0].found:
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < until
            probe.forget()
        yield SignedInternet(server, anchors, anchor_file)
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def own(internet):
    return Resolver(servers=[internet.server], validate=True, anchors=internet.anchors)


@pytest.fixture(scope="module")
def verdicts(internet):
    with ThreadPoolExecutor(4) as pool:
        return dict(zip(QUESTIONS, pool.map(internet.delv, QUESTIONS), strict=True))


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_verdict_is_that_of_delv(question, own, verdicts):
    (answer,) = own.answer([Question(*question.split())])
    expected = verdicts[question]
    if question in LEFT_OPEN:
        assert expected == "secure"
        expected = "insecure"
    assert answer.dnssec.value == expected, answer.detail


def test_all_verdicts_are_met(verdicts):
    assert set(verdicts.values()) == {"secure", "insecure", "bogus"}


def test_asyncio_comes_to_the_same(internet, own):
    asked = [Question(*question.split()) for question in QUESTIONS[::7]]
    other = Resolver(servers=[internet.server], validate=True, anchors=internet.anchors)

    def said(answers):
        return [(one.outcome, one.records, one.aliases, one.dnssec, one.detail) for one in answers]

    assert said(asyncio.run(other.answer_async(asked))) == said(own.answer(asked))


def test_with_the_internets_own_anchors_a_lab_is_bogus(internet):
    (answer,) = Resolver(servers=[internet.server], validate=True).answer(
        [Question("example", "SOA")]
    )
    assert answer.outcome is Outcome.BOGUS
    assert answer.detail == "no DNSKEY of . matches the trust anchor"
