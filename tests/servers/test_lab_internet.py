"""The pretend internet is what it says it is, by the word of programs that others wrote."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from programs import needed, needed_for_lab

from maildns.errors import UsageError
from maildns.lab.internet import FAULTS, GOOD, Internet, labs, take_down
from maildns.lab.internet.sites import SELECTOR

pytestmark = pytest.mark.server

RESOLVER = "@127.0.0.1"
UP = (sys.executable, "-m", "maildns.cli.main", "lab", "up")


# --- the healthy part ------------------------------------------------------------------------

VALIDATED = [
    (GOOD, "MX"),
    ("_25._tcp.mx1.good.lab", "TLSA"),
    ("_dmarc.good.lab", "TXT"),
    (f"{SELECTOR}._domainkey.good.lab", "TXT"),
    ("2.10.77.77.in-addr.arpa", "PTR"),
    ("2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.0.0.7.7.0.0.7.7.a.2.ip6.arpa", "PTR"),
    ("mx1.mail.lab", "AAAA"),  # of the provider
    ("ns2.dns.lab", "A"),  # of a name server
]


@pytest.mark.parametrize("name, rrtype", VALIDATED)
def test_good_domain_is_validated_from_the_root_by_delv(internet, name, rrtype):
    keys = internet.folder / "resolver" / "delv.keys"
    done = internet.run(["delv", "-a", str(keys), "+root=.", "+multiline", name, rrtype], 20)
    assert "; fully validated" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("resolver", ["127.0.0.1", "::1"])
def test_resolver_validates_over_either_family(internet, resolver):
    done = internet.run(["kdig", f"@{resolver}", "+dnssec", "+timeout=5", GOOD, "MX"], 20)
    assert re.search(r"Flags: qr rd ra ad;", done.stdout), done.stdout


def test_names_outside_do_not_exist(internet):
    """Nothing leaks in from the machine's own network or resolver."""
    done = internet.run(["kdig", RESOLVER, "+timeout=5", "example.org", "A"], 20)
    assert "status: NXDOMAIN" in done.stdout


def test_policy_is_served_to_those_who_trust_the_lab(internet):
    place = f"https://mta-sts.{GOOD}/.well-known/mta-sts.txt"
    script = f"import urllib.request as u; print(u.urlopen({place!r}, timeout=5).read().decode())"
    done = internet.run([sys.executable, "-c", script], 20)
    assert "mode: enforce" in done.stdout, done.stderr


def test_boot_is_short(internet):
    """Generous, since the machine may be busy: what people wait for is a few seconds."""
    assert internet.seconds < 30


# --- each fault is really there, and is not at the good domain ---------------------------------

FIRST, SECOND, ABOVE = "@77.77.3.1", "@77.77.4.1", "@77.77.1.2"
QUICK = ("+timeout=1", "+retry=0")
SEEN = [  # fault, the question of kdig, what the answer must show
    ("tlsa-bogus", (RESOLVER, "_25._tcp.mx1.{}", "TLSA"), "status: SERVFAIL"),
    ("bogus-signature", (RESOLVER, "{}", "MX"), "status: SERVFAIL"),
    ("expired-signature", (RESOLVER, "{}", "MX"), "status: SERVFAIL"),
    ("ds-mismatch", (RESOLVER, "{}", "MX"), "status: SERVFAIL"),
    ("unsigned", (RESOLVER, "+dnssec", "{}", "MX"), r"Flags: qr rd ra;"),
    ("tlsa-unsigned", (RESOLVER, "+dnssec", "{}", "MX"), r"Flags: qr rd ra;"),
    ("nsec3-iterations", (FIRST, "{}", "NSEC3PARAM"), r"\s1 0 50 -"),
    ("nsec3-iterations", (RESOLVER, "+dnssec", "no.{}", "A"), r"status: NXDOMAIN.*NSEC3\s+1 0 50"),
    ("algorithm-5", (RESOLVER, "+dnssec", "{}", "MX"), r"qr rd ra ad;.*RRSIG\s+MX 5 "),
    ("algorithm-7", (RESOLVER, "+dnssec", "{}", "MX"), r"qr rd ra ad;.*RRSIG\s+MX 7 "),
    ("lame-server", (SECOND, "{}", "SOA"), "status: REFUSED"),
    ("old-data", (SECOND, "_dmarc.{}", "TXT"), "p=quarantine"),
    ("serials-differ", (SECOND, "{}", "SOA"), r"SOA.*\s\d{8}09 "),
    ("silent-server", (RESOLVER, "{}", "NS"), r"ns-silent\.dns\.lab"),
    ("tcp-refused", (RESOLVER, "{}", "NS"), r"ns-udp\.dns\.lab"),
    ("parent-differs", (FIRST, "{}", "NS"), r"ns3\.dns\.lab"),
    ("ns-alias", (RESOLVER, "{}", "NS"), r"ns-alias\.dns\.lab"),
    ("answer-too-large", (FIRST, "+ignore", "{}", "TXT"), r"Flags: qr aa tc rd;"),
    ("mx-alias", (RESOLVER, "mx.{}", "A"), r"\sCNAME\s"),
    ("wildcard-shadows-dmarc", (RESOLVER, "_dmarc.{}", "TXT"), "foreign-verification"),
    ("lan-without-dkim", ("@10.77.0.53", f"{SELECTOR}._domainkey.{{}}", "TXT"), "NXDOMAIN"),
    ("spf-two-records", (RESOLVER, "{}", "TXT"), r"v=spf1.*v=spf1"),
]


def _asked(lab: Internet, domain: str, question: tuple[str, ...]) -> str:
    words = ["kdig", "+timeout=5", "+retry=1", *(word.format(domain) for word in question)]
    return lab.run(words, 30).stdout


@pytest.mark.parametrize("fault, question, shows", SEEN)
def test_fault_shows_in_the_dns_and_not_at_the_good_domain(internet, fault, question, shows):
    assert re.search(shows, _asked(internet, f"{fault}.lab", question), re.DOTALL)
    if fault != "lan-without-dkim":  # the LAN's server has no other zone
        assert not re.search(shows, _asked(internet, GOOD, question), re.DOTALL)


@pytest.mark.parametrize(
    "server, options, answers",
    [
        ("77.77.5.1", (), False),  # the silent one
        ("77.77.5.1", ("+tcp",), False),
        ("77.77.5.3", (), False),  # the one that answers with garbage
        ("77.77.5.4", (), False),  # the one that answers another question
        ("77.77.5.2", (), True),  # the one without TCP
        ("77.77.5.2", ("+tcp",), False),
        ("2a77:77:5::2", (), True),
        ("77.77.4.2", ("+tcp",), True),  # a sound one
    ],
)
def test_name_servers_misbehave_as_they_shall(internet, server, options, answers):
    done = internet.run(["kdig", f"@{server}", *QUICK, *options, GOOD, "SOA"], 20)
    assert ("status: NOERROR" in done.stdout) is answers


def test_delegation_differs_from_the_zone(internet):
    above = _asked(internet, "parent-differs.lab", (ABOVE, "+norec", "{}", "NS"))
    assert "ns2.dns.lab" in above
    assert "ns3.dns.lab" not in above


HANDSHAKES = [  # fault, what openssl says
    ("expired-certificate", "certificate has expired"),
    ("certificate-other-name", "hostname mismatch"),
    ("self-signed-certificate", "self-signed certificate"),
    ("chain-incomplete", "unable to get local issuer certificate"),
]


def _shakes_hands(lab: Internet, domain: str) -> str:
    host = f"mx1.{domain}"
    done = lab.run(
        [
            "timeout", "10", "openssl", "s_client", "-starttls", "smtp", "-connect", f"{host}:25",
            "-verify_hostname", host, "-CAfile", str(lab.authorities), "-quiet", "-no_ign_eof",
        ],
        20,
    )  # fmt: skip
    return done.stdout + done.stderr


@pytest.mark.parametrize("fault, says", HANDSHAKES)
def test_certificate_is_wrong_as_it_shall_be(internet, fault, says):
    needed("openssl")
    assert says in _shakes_hands(internet, f"{fault}.lab")
    assert "verify error" not in _shakes_hands(internet, GOOD)


def test_every_fault_has_a_domain_and_is_described(internet):
    assert len(FAULTS) >= 40
    for fault in FAULTS.values():
        assert fault.domain in internet.sites
        assert fault.says
        assert fault.rules


# --- coming and going ----------------------------------------------------------------------------


def _traces(name: str) -> list[str]:
    """What is left of the lab *name*."""
    places = [Path("/run/netns") / name, Path("/etc/netns") / name, Path("/run") / name]
    return [str(path) for path in places if path.exists()] + [
        str(path.parent)
        for path in Path("/proc").glob("[0-9]*/cmdline")
        if name.encode() in _read(path)
    ]


def _maildns(*arguments: str, before: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-m", "maildns.cli.main", *arguments],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
        cwd="/",
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_change_is_served_and_nothing_is_left_behind(internet):
    """Two labs run at once, and what changes in one is seen there, and there alone."""
    with Internet(["wrong-tlsa"]) as lab:
        site = lab.sites["wrong-tlsa.lab"]
        assert "no matching DANE TLSA records" in _finger(lab, site.name)
        site.records.set(site.host.tlsa_name, "TLSA", *site.host.tlsa_records)
        lab.change(site)
        assert "Verified TLS connection" in _finger(lab, site.name)
        assert "no matching DANE TLSA records" in _finger(internet, site.name)
        name = lab.name
        assert name in labs()
    assert _traces(name) == []


def _finger(lab: Internet, domain: str) -> str:
    done = lab.run(["posttls-finger", "-c", "-t", "10", "-l", "dane", "-L", "summary", domain], 60)
    return done.stdout + done.stderr  # the exit status is 0 for a wrong TLSA record, too


def test_up_runs_a_command_and_hands_on_its_exit_code():
    needed_for_lab()
    inside = "sh -c 'kdig +short good.lab MX; echo name: $MAILDNS_LAB; exit 7'"
    done = _maildns("lab", "up", "--run", inside)
    assert done.returncode == 7
    assert "10 mx1.good.lab." in done.stdout
    name = done.stdout.split("name: ")[1].strip()
    assert name.startswith("maildns-lab-")
    assert _traces(name) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("complete", [False, True])  # while the servers start, and afterwards
def test_signal_ends_all_of_it(number, complete):
    needed_for_lab()
    with subprocess.Popen(UP, stdout=subprocess.PIPE, text=True) as process:
        if complete:
            assert process.stdout is not None
            process.stdout.readline()
        mine = _first_server_of(process.pid)
        assert _traces(mine)
        process.send_signal(number)
        process.communicate(timeout=60)
    assert _traces(mine) == []


def _first_server_of(process: int) -> str:
    """The lab of the first server that *process* has started, as soon as there is one."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
        lines = b" ".join(_read(Path(f"/proc/{child}/cmdline")) for child in children).decode()
        if found := re.search(r"maildns-lab-[0-9a-f]{6}", lines):
            return found[0]
        time.sleep(0.01)
    pytest.fail("no server was started")


def test_down_removes_what_a_killed_lab_left():
    needed_for_lab()
    with subprocess.Popen(
        UP, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        name = process.stdout.readline().split()[0]
        process.kill()
    assert _traces(name)
    done = _maildns("lab", "down", "--lab", name)
    assert done.returncode == 0, done.stderr
    assert _traces(name) == []


def test_without_root_it_says_what_is_needed():
    needed_for_lab()
    drop = (needed("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups")
    done = _maildns("lab", "up", before=drop)
    assert done.returncode == 2
    assert "needs root" in done.stderr
    assert "Traceback" not in done.stderr


def test_unknown_fault_is_named_before_anything_starts():
    with pytest.raises(UsageError, match="no fault 'wrong-tsla'"):
        Internet(["wrong-tsla"])


def test_start_that_fails_half_way_takes_the_rest_with_it():
    needed_for_lab()
    lab = Internet()
    lab.network.open()  # so that it cannot be made
    try:
        with pytest.raises(UsageError, match="File exists"), lab:
            pytest.fail("it must not come up")
        assert _traces(lab.name) == []
    finally:
        take_down(lab.name)
