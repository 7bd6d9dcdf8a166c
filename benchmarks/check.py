"""
How many domains are checked each second, against checkdmarc on the same name server in the same run.

    python benchmarks/check.py

One NSD on loopback serves a zone for each domain: two name servers, two MX hosts with their PTR
records, A, AAAA, SOA, CAA, SPF with an include, DMARC, a DKIM key, MTA-STS and TLS-RPT. We check a
thousand of them in one call. checkdmarc checks fresh ones, as many as a few seconds allow, in one
call of its own, told the same name server. Its domains have no MTA-STS record: it would fetch the
policy, which is no question of DNS, and there is no web server. Its TLS tests stay off, as ours are.
Each side has the whole machine to itself, with the name server beside it, in turn, for a machine is
now faster and now slower: what counts is the median of what each pair of runs gives. The limit is 20
times checkdmarc.

checkdmarc knows no DKIM and asks no name server of the zone by itself, so in the comparison nor do we;
what we look for beyond it otherwise (CAA, services of mail programs, SPF of the mail hosts' own names
and more) stays in. The last line is with all of it.
"""

from __future__ import annotations

import base64
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import checkdmarc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dns.nameserver import Do53Nameserver

from maildns.ask import Question
from maildns.audit.checking import check_domains
from maildns.audit.gathering import Scope
from maildns.audit.result import Status
from maildns.net.resolver import Resolver

RUNS, DOMAINS, SAMPLE = 7, 1000, 40
LIMIT = 20.0
LIKE_FOR_LIKE = Scope(common_selectors=False, servers=False)
CONFIG = """
server:
  ip-address: 127.0.0.1
  ip-address: 127.0.0.2
  port: {port}
  username: ""
  zonesdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  xfrdfile: ""
  zonelistfile: "{folder}/zone.list"
  database: ""
  server-count: 1
  verbosity: 0
  rrl-ratelimit: 0
  hide-version: yes
remote-control:
  control-enable: yes
  control-interface: "{folder}/control"
"""
SHARED = {
    ".": """
@ SOA ns1.lab.example. hostmaster.lab.example. 1 3600 900 604800 300
@ NS ns1.lab.example.
@ NS ns2.lab.example.
""",
    "lab.example": """
@ SOA ns1 hostmaster 1 3600 900 604800 300
@ NS ns1
@ NS ns2
ns1 A 127.0.0.1
ns2 A 127.0.0.2
_spf TXT "v=spf1 ip4:198.51.100.0/24 -all"
""",
}
DOMAIN = """
@ SOA ns1.lab.example. hostmaster 2026010101 3600 900 604800 300
@ NS ns1.lab.example.
@ NS ns2.lab.example.
@ A {web}
@ AAAA 2001:db8::{number:x}
@ MX 10 mail
@ MX 20 spare
@ TXT "v=spf1 mx include:_spf.lab.example -all"
@ CAA 0 issue "ca.example"
mail A {mail}
spare A {spare}
_dmarc TXT "v=DMARC1; p=reject; rua=mailto:dmarc@{domain}"
_smtp._tls TXT "v=TLSRPTv1; rua=mailto:tls@{domain}"
mail._domainkey TXT "v=DKIM1; k=ed25519; p={key}"
"""
STS = '_mta-sts TXT "v=STSv1; id=2026010101"\n'


@dataclass
class NameServer:
    """A running NSD."""

    port: int
    config: Path

    @property
    def queries(self) -> int:
        """How many it has answered."""
        said = control(self.config, "stats_noreset")
        return next(
            int(float(line[12:])) for line in said.splitlines() if line.startswith("num.queries=")
        )


def main() -> int:
    """Print both speeds and their ratio; 1 when it is below the limit."""
    ours = [f"d{number}.example" for number in range(DOMAINS)]
    theirs = [f"p{number}.example" for number in range(SAMPLE * RUNS)]
    runs = {
        "maildns": (maildns, ours),
        "checkdmarc": (peer, theirs),
        "all of it": (everything, ours),
    }
    speeds: dict[str, list[float]] = {name: [] for name in runs}
    queries: dict[str, list[float]] = {name: [] for name in runs}
    with name_server(zones(ours, STS) | zones(theirs)) as server:
        for run in range(RUNS):
            sample = theirs[run * SAMPLE : (run + 1) * SAMPLE]
            for name, (check, all_domains) in runs.items():
                domains = sample if check is peer else all_domains
                before, start = server.queries, time.perf_counter()
                check(domains, server.port)
                speeds[name].append(len(domains) / (time.perf_counter() - start))
                queries[name].append((server.queries - before) / len(domains))
    for name, found in speeds.items():
        print(
            f"{name:<11}{statistics.median(found):8,.0f} domains/s ({min(found):,.0f} to {max(found):,.0f}),"
            f" {statistics.median(queries[name]):.1f} queries a domain"
        )
    pairs = zip(speeds["maildns"], speeds["checkdmarc"], strict=True)
    ratios = [one / other for one, other in pairs]
    ratio = statistics.median(ratios)
    spread = f"{min(ratios):.1f} to {max(ratios):.1f}"
    print(f"{ratio:.1f} x checkdmarc ({spread}); the limit {LIMIT:.0f} x")
    return 0 if ratio >= LIMIT else 1


def maildns(domains: Sequence[str], port: int, scope: Scope = LIKE_FOR_LIKE) -> None:
    """Check *domains* and look at every result; a domain that could not be known is a fault of ours."""
    resolver = Resolver(servers=[f"127.0.0.1:{port}"], direct_port=port)
    # The name server is no resolver: of DNSSEC it can say nothing. Nor can it be known whether there
    # are DKIM keys where none was asked for.
    unsure = {"dnssec", "dane"} if scope.common_selectors else {"dnssec", "dane", "dkim"}
    seen = 0
    for audit in check_domains(domains, resolver, scope=scope):
        seen += 1
        for topic, results in audit.results.items():
            for result in results:
                sure = result.status is not Status.UNKNOWN or topic in unsure
                assert sure, (audit.domain, result)
    assert seen == len(domains)


def everything(domains: Sequence[str], port: int) -> None:
    """The same with all that checkdmarc does not look for."""
    maildns(domains, port, Scope())


def peer(domains: Sequence[str], port: int) -> None:
    """The same by checkdmarc."""
    server = Do53Nameserver("127.0.0.1", port)
    for found in checkdmarc.check_domains(list(domains), nameservers=[server]):
        assert found["spf"]["valid"], found
        assert found["dmarc"]["valid"], found
        assert found["mx"]["hosts"], found


def zones(domains: Sequence[str], more: str = "") -> dict[str, str]:
    """The zones of *domains*, with the reverse ones of their mail servers, by their names."""
    found: dict[str, str] = {}
    reverse = [
        "@ SOA ns1.lab.example. hostmaster.lab.example. 1 3600 900 604800 300",
        "@ NS ns1.lab.example.",
        "@ NS ns2.lab.example.",
    ]
    first = 10 if more else 20
    for number, domain in enumerate(domains):
        high, low = divmod(number, 250)
        places = {
            name: f"{first}.{net}.{high}.{low + 1}"
            for net, name in enumerate(("mail", "web", "spare"), start=1)
        }
        named = {"domain": domain, "number": number + 1, "key": key_of(first, number)}
        found[domain] = DOMAIN.format(**named, **places) + more
        reverse.append(f"{low + 1}.{high}.1 PTR mail.{domain}.")
        reverse.append(f"{low + 1}.{high}.3 PTR spare.{domain}.")
    found[f"{first}.in-addr.arpa"] = "\n".join(reverse) + "\n"
    return found


def key_of(*numbers: int) -> str:
    """A public key of its own for each domain, as `p` publishes it."""
    seed = b"".join(number.to_bytes(16, "big") for number in numbers)
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return base64.b64encode(key.public_bytes_raw()).decode()


@contextmanager
def name_server(zones: dict[str, str]) -> Iterator[NameServer]:
    """NSD on a free port, with *zones* and those that all share."""
    with tempfile.TemporaryDirectory(prefix="maildns-bench-") as made:
        folder = Path(made)
        port = free_port()
        config = folder / "nsd.conf"
        parts = [CONFIG.format(folder=folder, port=port)]
        for number, (origin, text) in enumerate((SHARED | zones).items()):
            (folder / f"{number}.zone").write_text(
                f"$ORIGIN {origin.rstrip('.')}.\n$TTL 3600\n{text}"
            )
            parts.append(f'zone:\n  name: "{origin}"\n  zonefile: "{number}.zone"\n')
        config.write_text("".join(parts))
        process = subprocess.Popen(
            [program("nsd"), "-d", "-c", str(config)], stderr=subprocess.DEVNULL
        )
        try:
            wait_for(port, process)
            yield NameServer(port, config)
        finally:
            process.terminate()
            process.wait(20)


def control(config: Path, command: str) -> str:
    """What NSD says to *command*."""
    asked = [program("nsd-control"), "-c", str(config), command]
    return subprocess.run(asked, check=True, capture_output=True, text=True).stdout


def program(name: str) -> str:
    """The path of *name*, wherever Debian keeps it."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        sys.exit(f"{name} is missing: apt-get install nsd")
    return found


def free_port() -> int:
    """A port that was free a moment ago, on both addresses, for UDP and TCP."""
    for port in range(15353, 16353):
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                for address in ("127.0.0.1", "127.0.0.2"):
                    with socket.socket(socket.AF_INET, kind) as trying:
                        trying.bind((address, port))
        except OSError:
            continue
        return port
    sys.exit("no port is free")


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when the name server answers."""
    until = time.monotonic() + 30
    while time.monotonic() < until and process.poll() is None:
        with Resolver(servers=[f"127.0.0.1:{port}"], timeout_seconds=0.3, tries=1) as asking:
            if asking.answer([Question("ns1.lab.example", "A")])[0].found:
                return
        time.sleep(0.05)
    sys.exit(f"NSD does not answer; it ended with {process.poll()}")


if __name__ == "__main__":
    sys.exit(main())
