"""Real name servers on loopback, started for the tests and stopped with them."""

from __future__ import annotations

import base64
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import pytest
from programs import needed, needed_for_lab

from maildns.lab.internet import Internet

SECRETS = {
    "mail": b"the secret that may do all......",
    "limited": b"the secret for one name.........",
    "lan": b"the secret that chooses the view",
}
ZONE = """
@ 300 IN SOA ns hostmaster 2026010101 3600 900 604800 300
@ 300 NS ns
ns 300 A 127.0.0.1
@ 300 TXT "v=spf1 mx -all"
@ 300 TXT "foreign-verification=1f"
@ 300 MX 10 mail
mail 300 A 192.0.2.25
www 300 CNAME mail
*.wild 300 TXT "lent by a wildcard"
own.wild 300 A 192.0.2.9
outside 300 CNAME mail.other.example.
dangling 300 CNAME nothing
child 300 NS ns.child
ns.child 300 A 127.0.0.1
"""
CONFIG = """
options {{
  directory "{folder}"; pid-file "{folder}/pid"; session-keyfile "{folder}/session.key";
  managed-keys-directory "{folder}"; lock-file none;
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; notify no; allow-transfer {{ none; }};
  minimal-responses yes;
}};
controls {{ }};
{keys}
view "lan" {{ match-clients {{ key "lan"; }};
  zone "example.com" {{ type primary; file "lan.zone"; allow-update {{ key "lan"; }}; }};
}};
view "public" {{ match-clients {{ any; }};
  zone "example.com" {{ type primary; file "public.zone";
    update-policy {{ grant mail zonesub ANY; grant limited name only.example.com. TXT; }}; }};
  zone "walk.example" {{ type primary; file "walk.zone"; check-integrity no;
    allow-update {{ key "mail"; }}; }};
  zone "static.example" {{ type primary; file "static.zone"; }};
}};
"""


@dataclass
class Bind:
    """A running BIND 9."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    secrets: dict[str, bytes] = field(default_factory=lambda: dict(SECRETS))

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.port}"


@pytest.fixture(scope="session")
def bind(tmp_path_factory) -> Iterator[Bind]:
    """BIND with the zones example.com (and another in the view `lan`), walk.example, static.example."""
    program = needed("named")
    for _ in range(5):
        running = _start(program, tmp_path_factory.mktemp("bind"))
        if running is not None:
            break
    else:
        pytest.fail("BIND did not start five times; the last log is in its temporary folder")
    try:
        yield running
    finally:
        running.process.terminate()
        try:
            running.process.wait(10)
        except subprocess.TimeoutExpired:
            running.process.kill()
            running.process.wait(10)


def _start(program: str, folder: Path) -> Bind | None:
    (folder / "public.zone").write_text(ZONE)
    (folder / "lan.zone").write_text(ZONE.replace("192.0.2.25", "10.0.0.25"))
    (folder / "walk.zone").write_text(ZONE)
    (folder / "static.zone").write_text(ZONE)
    keys = "\n".join(
        f'key "{name}" {{ algorithm hmac-sha256; secret "{base64.b64encode(secret).decode()}"; }};'
        for name, secret in SECRETS.items()
    )
    port = free_port()
    config = folder / "named.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, keys=keys))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-g", "-n", "1", "-c", str(config)], stdout=log, stderr=log
        )
    until = time.monotonic() + 15
    while time.monotonic() < until and process.poll() is None:
        if _answers(port):
            return Bind(port, folder, process)
        time.sleep(0.05)
    process.kill()
    process.wait(10)
    return None


def _answers(port: int) -> bool:
    query = dns.message.make_query("example.com", "SOA")
    try:
        reply = dns.query.tcp(query, "127.0.0.1", timeout=1, port=port)
    except (OSError, EOFError, dns.exception.DNSException):
        return False
    return bool(reply.answer)


def free_port() -> int:
    """A port that was free for TCP and UDP a moment ago."""
    udp, tcp = _both()
    with udp, tcp:
        return udp.getsockname()[1]


def _both() -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on one port; what is free for one may be taken for the other."""
    while True:
        udp, tcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket()
        try:
            udp.bind(("127.0.0.1", 0))
            tcp.bind(("127.0.0.1", udp.getsockname()[1]))
        except OSError:
            udp.close()
            tcp.close()
        else:
            return udp, tcp


@pytest.fixture(scope="session")
def program():
    """Find a program's path, or skip the test that needs it."""
    return needed


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes what comes, by UDP and TCP, and never answers."""
    udp, tcp = _both()
    with udp, tcp:
        tcp.listen(16)
        yield udp.getsockname()[1]


@pytest.fixture(scope="session")
def internet() -> Iterator[Internet]:
    """The pretend internet with every fault, for reading only: other tests use it as well."""
    needed_for_lab()
    with Internet(["all"]) as lab:
        yield lab
