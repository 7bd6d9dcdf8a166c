"""From maildns.toml to a real name server and back: planned, proven, written, read again."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import dns.tsig
import dns.update
import pytest
from cli import run_cli
from terminal import talk

from maildns.protocols import dkim

pytestmark = pytest.mark.server

SECRETS = {"public": b"the secret of the public view", "lan": b"the secret of the inner view"}
# What a new zone holds: BIND loads nothing less.
ZONE = """
$TTL 300
@ IN SOA ns hostmaster 1 3600 900 604800 300
@ NS ns
ns A 127.0.0.1
"""
NAMED = """
options {{
  directory "{folder}"; pid-file "{folder}/pid"; session-keyfile "{folder}/session.key";
  managed-keys-directory "{folder}"; lock-file none;
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; notify no;
}};
controls {{ }};
{keys}
view "lan" {{ match-clients {{ key "lan"; }};
{lan}
}};
view "public" {{ match-clients {{ any; }};
{public}
}};
"""
NUMBERS = count()
ZONES = [f"zone{number}.example" for number in range(24)]


@dataclass
class Primary:
    """A BIND 9 with many fresh zones in two views, each view changed with its own key."""

    port: int
    folder: Path

    def ask(self, owner: str, rrtype: str, view: str = "public") -> set[str]:
        """The records that the server gives in *view*."""
        query = dns.message.make_query(owner, rrtype)
        query.use_tsig(key_of(view))
        reply = dns.query.tcp(query, "127.0.0.1", timeout=5, port=self.port)
        return {str(record) for rrset in reply.answer for record in rrset}

    def change(self, zone: str, *what: object) -> None:
        """Somebody else's update: `add` or `delete` and its arguments, as dnspython has them."""
        update = dns.update.UpdateMessage(zone, keyring=key_of("public"))
        getattr(update, str(what[0]))(f"{what[1]}.", *what[2:])
        reply = dns.query.tcp(update, "127.0.0.1", timeout=5, port=self.port)
        assert reply.rcode() == dns.rcode.NOERROR


def key_of(view: str) -> dns.tsig.Key:
    return dns.tsig.Key(view, SECRETS[view], "hmac-sha256")


def secret_of(view: str) -> str:
    return base64.b64encode(SECRETS[view]).decode()


@pytest.fixture(scope="module")
def primary(program, tmp_path_factory) -> Iterator[Primary]:
    named = program("named")
    for _ in range(5):
        folder = tmp_path_factory.mktemp("primary")
        port = free_port()
        process = start(named, folder, port)
        if process is not None:
            break
    else:
        pytest.fail("BIND did not start five times; the last log is in its temporary folder")
    yield Primary(port, folder)
    process.kill()
    process.wait(10)


def start(named: str, folder: Path, port: int) -> subprocess.Popen[bytes] | None:
    views = {}
    for view in SECRETS:
        lines = []
        for zone in ZONES:
            (folder / f"{view}.{zone}").write_text(ZONE)
            lines.append(
                f'zone "{zone}" {{ type primary; file "{view}.{zone}"; '
                f'allow-update {{ key "{view}"; }}; }};'
            )
        views[view] = "\n".join(lines)
    keys = "\n".join(
        f'key "{view}" {{ algorithm hmac-sha256; secret "{secret_of(view)}"; }};'
        for view in SECRETS
    )
    config = folder / "named.conf"
    config.write_text(NAMED.format(folder=folder, port=port, keys=keys, **views))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([named, "-g", "-n", "1", "-c", config], stdout=log, stderr=log)
    until = time.monotonic() + 15
    while time.monotonic() < until and process.poll() is None:
        try:
            query = dns.message.make_query(ZONES[-1], "SOA")
            if dns.query.tcp(query, "127.0.0.1", timeout=1, port=port).answer:
                return process
        except (OSError, EOFError, dns.exception.DNSException):
            time.sleep(0.05)
    process.kill()
    process.wait(10)
    return None


def free_port() -> int:
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        return tcp.getsockname()[1]


@dataclass
class Home:
    """A folder with a config for one fresh zone, its keys, and an empty world."""

    folder: Path
    zone: str
    primary: Primary

    @property
    def config(self) -> Path:
        return self.folder / "maildns.toml"

    def write(self, text: str = "", **publisher: str) -> None:
        """Describe the zone; *publisher* changes or adds lines of [publisher.dns]."""
        lines = {
            "type": '"rfc2136"',
            "server": f'"127.0.0.1:{self.primary.port}"',
            "key_file": '"public.key"',
            **publisher,
        }
        self.config.write_text(
            f'[server."mail.{self.zone}"]\nipv4 = "93.184.216.34"\n'
            f'[domain."{self.zone}"]\ndmarc = {{ reports_to = ["postmaster@{self.zone}"] }}\n'
            f"{text}\n[publisher.dns]\n"
            + "".join(f"{name} = {value}\n" for name, value in lines.items() if value)
        )

    def run(self, *arguments: object, input: str | None = None):
        """Run a command on the config, over an empty world."""
        return run_cli(
            *arguments, "--config", self.config, "--world", self.folder / "world", input=input
        )


@pytest.fixture
def home(tmp_path, primary) -> Home:
    (tmp_path / "world").write_text("")
    for view in SECRETS:
        (tmp_path / f"{view}.key").write_text(
            f'key "{view}" {{ algorithm hmac-sha256; secret "{secret_of(view)}"; }};\n'
        )
    made = Home(tmp_path, ZONES[next(NUMBERS)], primary)
    made.write()
    return made


# --- a first plan, and the next -------------------------------------------------------


def test_a_first_plan_goes_into_an_empty_zone_and_the_second_has_nothing_to_do(home):
    # BIND checks after an update that hosts of MX records in the zone have addresses, so
    # both must come in one message.
    first = home.run("apply", "--yes")
    assert (first.code, first.err) == (0, "")
    assert "read back: all there" in first.out
    assert home.primary.ask(home.zone, "MX") == {f"10 mail.{home.zone}."}
    assert home.primary.ask(f"mail.{home.zone}", "A") == {"93.184.216.34"}
    second = home.run("apply", "--yes")
    assert (second.code, second.err) == (0, "")
    assert "nothing to do" in second.out


def test_a_foreign_text_at_the_apex_survives(home):
    home.primary.change(home.zone, "add", home.zone, 60, "TXT", '"foreign-verification=1"')
    assert home.run("apply", "--yes").code == 0
    assert home.primary.ask(home.zone, "TXT") == {
        '"foreign-verification=1"',
        '"v=spf1 ip4:93.184.216.34 -all"',
    }


def test_nothing_is_written_without_a_yes(home):
    refused = home.run("apply", input="n\n")
    assert refused.code == 2
    assert "--yes" in refused.err
    assert home.primary.ask(home.zone, "MX") == set()


def test_json_tells_what_was_done(home):
    first = json.loads(home.run("apply", "--yes", "--json").out)
    assert first["kind"] == "applied"
    second = json.loads(home.run("apply", "--yes", "--json").out)
    assert second["kind"] == "applied"
    assert first != second


# --- a change behind our back ---------------------------------------------------------


def test_a_plan_that_has_become_stale_is_not_carried_out(home):
    plan = home.folder / "plan.json"
    assert home.run("plan", "--out", plan).code == 0
    home.primary.change(home.zone, "add", home.zone, 60, "TXT", '"v=spf1 ip4:192.0.2.9 ~all"')
    stale = run_cli("apply", plan, "--config", home.config, "--yes")
    assert stale.code == 1
    assert "has changed since" in stale.err
    assert "192.0.2.9" in stale.err
    assert "make a new plan" in stale.err
    assert home.primary.ask(home.zone, "MX") == set()


def test_a_plan_carried_out_twice_does_no_harm(home):
    plan = home.folder / "plan.json"
    home.run("plan", "--out", plan)
    for _ in range(2):
        done = run_cli("apply", plan, "--config", home.config, "--yes")
        assert (done.code, done.err) == (0, "")


def test_apply_without_a_file_sees_the_change_and_plans_by_it(home):
    home.run("apply", "--yes")
    home.primary.change(home.zone, "delete", home.zone, "TXT")
    home.primary.change(home.zone, "add", home.zone, 60, "TXT", '"v=spf1 ip4:192.0.2.9 ~all"')
    again = home.run("apply", "--yes")
    assert again.code == 0
    assert "192.0.2.9 may no longer send" in again.out
    assert home.primary.ask(home.zone, "TXT") == {'"v=spf1 ip4:93.184.216.34 -all"'}


def test_a_change_while_the_owner_thinks_makes_a_new_plan_to_be_agreed_to(home):
    home.primary.change(home.zone, "add", home.zone, 60, "TXT", '"v=spf1 ip4:192.0.2.9 ~all"')

    def somebody_else() -> str:
        home.primary.change(home.zone, "delete", home.zone, "TXT")
        home.primary.change(home.zone, "add", home.zone, 60, "TXT", '"v=spf1 ip4:192.0.2.10 ~all"')
        return "y"

    dialogue = [("Carry out 5 changes?", somebody_else), ("192.0.2.10 may no longer send", "y")]
    arguments = ("apply", "--config", home.config, "--world", home.folder / "world")
    code, said = talk(arguments, dialogue)
    assert code == 0, said
    assert "planning anew" in said
    assert home.primary.ask(home.zone, "TXT") == {'"v=spf1 ip4:93.184.216.34 -all"'}


def test_many_who_apply_at_once_all_succeed(home):
    arguments = ("apply", "--yes", "--config", home.config, "--world", home.folder / "world")
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "maildns.cli.main", *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(4)
    ]
    said = [one.communicate(timeout=60)[0] for one in running]
    assert [one.returncode for one in running] == [0] * 4, said
    assert home.primary.ask(home.zone, "MX") == {f"10 mail.{home.zone}."}
    assert home.run("apply", "--yes").out.count("nothing to do") == 1


def test_every_kind_of_record_comes_back_as_it_was_sent(home):
    for name in ("abc", "rsa"):
        key = dkim.generate("ed25519" if name == "abc" else "rsa4096")
        (home.folder / f"{name}.pem").write_bytes(dkim.to_pem(key))
    home.write(
        'dkim = [{ selector = "abc", key = "abc.pem" }, { selector = "A.rsa", key = "rsa.pem" }]\n'
        'mta_sts = { mode = "testing", web = "www.example.net" }\ntls_rpt = "tls@example.net"\n'
        'clients = { pop3 = true, web = "web.example.net" }\ncaa = ["LetsEncrypt.org"]\n'
        'bimi = { logo = "https://example.net/l.svg" }\nsenders = ["exists:%{i}._spf.%{d}"]\n'
        f'[server."Second.{home.zone}"]\nipv6 = "2001:DB8:0:0::1"\nkey = "rsa.pem"\n'
        'tlsa = ["3 1 1", "3 1 2"]\ncaa = "ca.example"\nhelo = "HELO.' + home.zone + '"\n'
    )
    first = home.run("apply", "--yes", "--force")
    assert (first.code, first.err) == (0, "")
    assert "read back: all there" in first.out
    again = home.run("apply", "--yes", "--force")
    assert (again.code, again.err) == (0, "")
    assert "nothing to do" in again.out


def test_a_host_without_address_that_the_server_refuses_is_told(home):
    home.config.write_text(
        home.config.read_text().replace('ipv4 = "93.184.216.34"', "managed = false")
    )
    refused = home.run("apply", "--yes", "--force")
    assert refused.code == 2
    assert "no address" in refused.err
    assert home.primary.ask(home.zone, "MX") == set()


# --- keys and servers that do not work ------------------------------------------------

WRONG = base64.b64encode(b"another secret altogether").decode()
KEYS = [
    # the key file's text ("" for none), a word of the message
    (f'key "public" {{ algorithm hmac-sha256; secret "{WRONG}"; }};', "signature of the key"),
    (f'key "nobody" {{ algorithm hmac-sha256; secret "{WRONG}"; }};', "does not know the key"),
    ("", "refused"),
]


@pytest.mark.parametrize("text, word", KEYS, ids=["wrong secret", "unknown key", "no key"])
def test_a_key_that_does_not_fit_is_one_clear_message(home, text, word):
    (home.folder / "public.key").write_text(text)
    home.write(key_file='"public.key"' if text else "")
    refused = home.run("apply", "--yes")
    assert word in refused.err
    assert refused.code == 2
    assert refused.err.count("error:") == 1
    assert "mend:" in refused.err
    assert WRONG not in refused.err + refused.out
    assert home.primary.ask(home.zone, "MX") == set()


@pytest.mark.parametrize("named", [True, False])
def test_a_silent_server_is_unknown_within_bounded_time(home, silent, named):
    zones = {"zones": f'["{home.zone}"]'} if named else {}
    home.write(server=f'"127.0.0.1:{silent}"', timeout="1.0", **zones)
    began = time.monotonic()
    lost = home.run("apply", "--yes")
    assert time.monotonic() - began < 15
    assert lost.code == 3
    assert "did not answer" in lost.err
    assert "to add" not in lost.out or "unknown" in lost.out
    assert "Traceback" not in lost.err


def test_a_name_server_that_refuses_connections_is_unknown(home):
    home.write(server='"127.0.0.1:1"', timeout="1.0")
    lost = home.run("apply", "--yes")
    assert lost.code == 3
    assert "connections" in lost.err


def test_a_resolver_that_cannot_be_reached_leaves_all_unknown(home):
    home.config.write_text(home.config.read_text().partition("[publisher")[0])
    began = time.monotonic()
    lost = run_cli("plan", "--config", home.config, "--server", "127.0.0.1:1")
    assert time.monotonic() - began < 10
    assert lost.code == 3
    assert "to add" not in lost.out or "0 to add" in lost.out
    assert " ok " not in lost.out


def test_a_resolver_that_never_answers_does_not_cost_minutes(home, silent):
    domains = "".join(f'[domain."d{number}.example"]\n' for number in range(10))
    home.config.write_text('[server."mail.example.com"]\nipv4 = "93.184.216.34"\n' + domains)
    began = time.monotonic()
    lost = run_cli("plan", "--config", home.config, "--server", f"127.0.0.1:{silent}")
    assert time.monotonic() - began < 30
    assert lost.code == 3
    assert " ok " not in lost.out


# --- two views ------------------------------------------------------------------------


def test_both_views_are_written_and_their_parity_is_proven(home):
    home.write(
        f'[view.lan]\npublisher = "inner"\n'
        f'[view.lan.server."mail.{home.zone}"]\nipv4 = "192.168.7.25"\n'
        f'[publisher.inner]\ntype = "rfc2136"\nserver = "127.0.0.1:{home.primary.port}"\n'
        f'key_file = "lan.key"\n'
    )
    both = home.run("apply", "--yes")
    assert (both.code, both.err) == (0, "")
    assert home.primary.ask(f"mail.{home.zone}", "A") == {"93.184.216.34"}
    assert home.primary.ask(f"mail.{home.zone}", "A", "lan") == {"192.168.7.25"}
    spf = {'"v=spf1 ip4:93.184.216.34 -all"'}
    assert home.primary.ask(home.zone, "TXT") == home.primary.ask(home.zone, "TXT", "lan") == spf
    again = home.run("apply", "--yes")
    assert (again.code, again.err) == (0, "")
    assert "nothing to do" in again.out


# --- the tools that people compare with -----------------------------------------------


@pytest.fixture
def init(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "world").write_text("")

    def run(*more: object):
        return run_cli(
            "init", "--yes", "--domain", "example.com", "--host", "mail.example.com",
            "--ipv4", "93.184.216.34", "--selector", "abc",
            "--dmarc-reports-to", "postmaster@example.com", "--world", "world", *more,
        )  # fmt: skip

    return run


def test_what_init_describes_loads_in_named_checkzone(init, tmp_path, program):
    checkzone = program("named-checkzone")
    assert init().code == 0
    exported = run_cli("export", "--format", "zone")
    assert (exported.code, exported.err) == (0, "")
    (tmp_path / "zone").write_text(exported.out)
    checked = subprocess.run(
        [checkzone, "-D", "-o", "-", "example.com", tmp_path / "zone"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    loaded = [line.split(None, 4) for line in checked.stdout.splitlines()]
    found = {(line[0], line[3]): line[4] for line in loaded if len(line) == 5}
    assert found["mail.example.com.", "A"] == "93.184.216.34"
    assert found["example.com.", "MX"] == "10 mail.example.com."
    assert found["example.com.", "TXT"] == '"v=spf1 ip4:93.184.216.34 -all"'
    policy = '"v=DMARC1; p=none; rua=mailto:postmaster@example.com"'
    assert found["_dmarc.example.com.", "TXT"] == policy
    assert found["abc._domainkey.example.com.", "TXT"].startswith('"v=DKIM1; k=rsa; p=')


def test_keys_in_records_are_those_that_openssl_sees(init, tmp_path, program):
    openssl = program("openssl")

    def piped(*commands: list[object], data: bytes = b"") -> bytes:
        for command in commands:
            data = subprocess.run(
                [openssl, *map(str, command)], input=data, capture_output=True, check=True
            ).stdout
        return data

    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    piped(
        ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
         "-days", "90", "-subj", "/CN=x", "-addext", "subjectAltName=DNS:mail.example.com"]
    )  # fmt: skip
    assert init("--certificate", certificate, "--key", key).code == 0
    plan = json.loads(run_cli("plan", "--world", "world", "--json").out)
    records = {(one["name"], one["type"]): one["after"]["records"] for one in plan["changes"]}
    spki = ["pkey", "-pubin", "-outform", "der"]
    digest = piped(["x509", "-in", certificate, "-pubkey", "-noout"], spki, ["sha256", "-r"])
    expected = f"3 1 1 {digest.split()[0].decode()}"
    assert records["_25._tcp.mail.example.com", "TLSA"] == [expected]
    dkim = tmp_path / "keys" / "abc.example.com.pem"
    der = piped(["rsa", "-in", dkim, "-pubout", "-outform", "der"])
    (text,) = records["abc._domainkey.example.com", "TXT"]
    joined = text.replace('" "', "").strip('"')
    assert joined.rpartition("p=")[2] == base64.b64encode(der).decode()
    assert dkim.stat().st_mode & 0o777 == 0o600
