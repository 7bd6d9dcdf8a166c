"""Bringing the pretend internet up, and taking it down with all it has started."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import dns.exception
import dns.flags
import dns.message
import dns.query
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from maildns.errors import InputError, UsageError
from maildns.lab.internet import name_servers, postfix, services, zones
from maildns.lab.internet.authority import Authority, key_pem, new_key
from maildns.lab.internet.faults import Fault, broken_site, faults_named
from maildns.lab.internet.mark import MarkAuthority
from maildns.lab.internet.namespace import Namespace, namespaces, require_root
from maildns.lab.internet.sites import (
    BRAND_HOST,
    PUBLIC_RESOLVER,
    WEB,
    Common,
    MailHost,
    Place,
    Site,
    add_brand,
    fresh_name,
    healthy,
    provider_hosts,
)

R = TypeVar("R")

PREFIX: Final = "maildns-lab-"
GOOD: Final = "good.lab"
PROVIDER: Final = "mail.lab"
START_SECONDS: Final = 60.0
_ONE_TRY_SECONDS: Final = 1.0
_RUN: Final = Path("/run")
_SBIN: Final = ":/usr/local/sbin:/usr/sbin:/sbin"
_PROGRAMS: Final = {"knotd": "knot", "unbound": "unbound", "unbound-control": "unbound"}


class Internet:
    """
    A signed root, the top-level domain `lab`, and mail domains on real servers, in a network of their own.

    `good.lab` is a domain at which nothing is wrong; each of *faults* (see `FAULTS`) is a domain
    of its own, `NAME.lab`, in which that alone is wrong. The servers are Knot DNS, Unbound, which
    validates from the lab's own anchor, and Postfix; they start on entering the `with` block and
    are ended on leaving it, and nothing of them stays.

    Raises `UsageError` without root, without one of the programs or for an unknown fault, and
    `InputError`, with the end of the log, when a server does not start.
    """

    def __init__(self, faults: Iterable[str] = ()) -> None:
        self.faults: tuple[Fault, ...] = faults_named(faults)
        self.name = fresh_name(PREFIX)
        self.folder = _RUN / self.name
        self.network = Namespace(self.name)
        self.authority = Authority()
        self.marks = MarkAuthority()
        self.sites: dict[str, Site] = {}
        self.seconds = 0.0  # that the start took
        self._served = zones.Served()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        require_root()
        _require_programs()
        began = time.monotonic()
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        self.seconds = time.monotonic() - began
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all servers and remove the network and the folder; a second call does nothing."""
        for process in self._processes.values():
            process.terminate()
        self.network.close()
        for process in self._processes.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
        self._processes.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- using it ----------------------------------------------------------------------

    @property
    def authorities(self) -> Path:
        """The file of the authority that programs inside trust, PEM."""
        return self.folder / "authority.pem"

    @property
    def mark_authorities(self) -> Path:
        """The file of the authority for marks, PEM."""
        return self.folder / "mark-authority.pem"

    @property
    def anchor(self) -> str:
        """The DS record of the root, from which everything inside is validated: `. IN DS ...`."""
        return f". IN DS {self._served.anchor}"

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command *arguments* as it runs inside, trusting the lab's authority."""
        return inside(self.name, arguments)

    def run(
        self, arguments: Sequence[str], seconds: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command inside and hand back what it said; raises `TimeoutExpired` after *seconds*."""
        return subprocess.run(  # noqa: S603 - the caller's own command, no shell
            self.command(arguments), capture_output=True, text=True, timeout=seconds, check=False
        )

    def call(self, function: Callable[..., R], *arguments: Any) -> R:
        """Call *function* in a thread whose sockets are inside; see `Namespace.call`."""
        return self.network.call(function, *arguments)

    def change(self, site: Site) -> None:
        """Serve the zone, policy and picture of *site* as they are now, and forget what was cached."""
        zones.serve_again(self._served, site)
        for server, served in self._served.zones.items():
            if site.name in served:
                name_servers.write_zone(self.folder / server, site.name, served[site.name])
                self._control("knotc", f"{server}/knot.sock", "-b", "zone-reload", site.name)
        self._write_policy(site)
        self._write_brand(site)
        self.forget(site.name)

    def forget(self, name: str) -> None:
        """Drop what the resolver remembers of *name* and below."""
        self._control("unbound-control", "resolver/unbound.conf", "flush_zone", name)

    def log(self, name: str) -> str:
        """What a server has said so far: root, tld, first, second, lan, resolver, mail1, mail2, services."""
        parts = [self.folder / f"{name}.out", self.folder / name / "log"]
        parts.append(self.folder / name / "unbound.log")
        return "".join(path.read_text(errors="replace") for path in parts if path.exists())

    # --- starting ----------------------------------------------------------------------

    def _start(self) -> None:
        self.folder.mkdir(mode=0o755)
        self.authorities.write_bytes(self.authority.root_pem)
        self.mark_authorities.write_bytes(self.marks.root_pem)
        hosts = self._make_sites()
        self.network.open()
        places = [one for host in hosts for one in host.place.both]
        self.network.add_addresses([*places, *WEB.both, *zones.all_addresses()])
        self._start_mail(hosts)
        self._start_services(hosts)
        self._served = zones.serve(self.sites.values(), hosts)
        for name, listen in zones.LISTENING.items():
            command = name_servers.write_knot(self.folder / name, listen, self._served.zones[name])
            self._launch(name, command)
        hints = zones.root_hints()
        command = name_servers.write_unbound(self.folder / "resolver", hints, self._served.anchor)
        self._launch("resolver", command)
        self._await_all(hosts)

    def _make_sites(self) -> list[MailHost]:
        provider = provider_hosts()
        common = Common(self.authority, provider, _dkim_key())
        own = [
            MailHost("mx1.good.lab", Place(10, 2)),
            MailHost("mx2.good.lab", Place(11, 2), second=True),
        ]
        self.sites = {
            PROVIDER: healthy(PROVIDER, common, provider),
            GOOD: healthy(GOOD, common, own),
        }
        add_brand(self.sites[GOOD])
        for at, fault in enumerate(self.faults):
            site = broken_site(fault, common, at)
            self.sites[site.name] = site
        return [host for site in self.sites.values() for host in site.hosts]

    def _start_mail(self, hosts: Sequence[MailHost]) -> None:
        for name, second in (("mail1", False), ("mail2", True)):
            served = [host for host in hosts if host.second is second]
            command = postfix.write_postfix(
                self.folder / name, served, self.authority, sends=second
            )
            self._launch(name, command)

    def _start_services(self, hosts: Sequence[MailHost]) -> None:
        folder = self.folder / "web"
        folder.mkdir()
        for site in self.sites.values():
            self._certify(folder / f"mta-sts.{site.name}.pem", site.policy.names)
            self._write_policy(site)
            web = site.at(BRAND_HOST)
            self._certify(folder / f"{web}.pem", [web])
            self._write_brand(site)
        imap: dict[str, str] = {}
        mail = {place: h.misbehaves for h in hosts if h.misbehaves for place in h.place.both}
        for host in hosts:
            if host.answers_clients:
                path = postfix.write_certificate(folder / f"{host.name}.imap", host, self.authority)
                imap |= dict.fromkeys(host.place.both, str(path))
        first = zones.SERVERS["ns1.dns.lab"].both
        relays = {
            place: (backend, manner)
            for server, manner in zones.RELAYS.items()
            for place, backend in zip(server.both, first, strict=True)
        }
        silent = list(zones.SILENT.both)
        wanted = services.Wanted(str(folder), list(WEB.both), imap, silent, relays, mail)
        config = self.folder / "services.json"
        config.write_text(json.dumps(asdict(wanted)), encoding="utf-8")
        self._launch("services", [sys.executable, "-I", services.__file__, str(config)])

    def _certify(self, path: Path, names: list[str]) -> None:
        """Write a web server's key and certificate."""
        key = new_key()
        chain = self.authority.chain_pem(self.authority.issue(key, names))
        path.touch(mode=0o600)
        path.write_bytes(key_pem(key) + chain)

    def _write_brand(self, site: Site) -> None:
        web, brand = site.at(BRAND_HOST), site.brand
        picture = self.folder / "web" / f"{web}.picture"
        picture.unlink(missing_ok=True)
        if brand is None:
            return
        if brand.picture is not None:
            picture.write_bytes(brand.picture)
        mark = self.marks.issue(brand.names, brand.certified, brand.days)
        picture.with_name(f"{web}.mark").write_bytes(self.marks.chain_pem(mark))

    def _write_policy(self, site: Site) -> None:
        folder = self.folder / "web"
        text = folder / f"mta-sts.{site.name}.txt"
        text.unlink(missing_ok=True)
        if site.policy.text is not None:
            text.write_bytes(site.policy.text.encode())
        if site.policy.redirect:
            text.with_suffix(".redirect").write_text(site.policy.redirect, encoding="utf-8")

    def _launch(self, name: str, command: Sequence[str]) -> None:
        with (self.folder / f"{name}.out").open("wb") as log:
            self._processes[name] = subprocess.Popen(  # noqa: S603 - our own servers, no shell
                self.command(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def _control(self, program: str, place: str, *words: str) -> None:
        option = "-s" if program == "knotc" else "-c"
        done = self.run([program, option, str(self.folder / place), *words], 20)
        if done.returncode != 0:
            raise InputError(f"{program} {' '.join(words)}: {(done.stdout + done.stderr).strip()}")

    # --- waiting -----------------------------------------------------------------------

    def _await_all(self, hosts: Sequence[MailHost]) -> None:
        """Until each server has given a real answer: a validated one, an EHLO, a policy."""
        firsts = [next(one for one in hosts if one.second is second) for second in (False, True)]
        waits: dict[str, Callable[[], bool]] = {
            "resolver": partial(_validated, PUBLIC_RESOLVER),
            "mail1": partial(_greets, firsts[0].place.ipv4),
            "mail2": partial(_greets, firsts[1].place.ipv4),
            "services": partial(_serves, str(self.authorities)),
            **{
                name: partial(_authoritative, zones.LISTENING[name][0], next(iter(served)))
                for name, served in self._served.zones.items()
                if served
            },
        }
        with ThreadPoolExecutor(len(waits)) as pool:
            for _ in pool.map(lambda pair: self._await(*pair), waits.items()):
                pass

    def _await(self, name: str, ready: Callable[[], bool]) -> None:
        self.network.call(self._try_until_ready, name, ready)

    def _try_until_ready(self, name: str, ready: Callable[[], bool]) -> None:
        until = time.monotonic() + START_SECONDS
        while self._processes[name].poll() is None and time.monotonic() < until:
            with contextlib.suppress(
                OSError, EOFError, smtplib.SMTPException, dns.exception.DNSException
            ):
                if ready():
                    return
            time.sleep(0.05)
        said = self.log(name).strip()[-1500:]
        raise InputError(f"the lab's server {name!r} did not answer: {said or 'it said nothing'}")


def _validated(server: str) -> bool:
    query = dns.message.make_query(GOOD, "MX", want_dnssec=True)
    query.flags |= dns.flags.AD
    reply = dns.query.udp(query, server, timeout=_ONE_TRY_SECONDS)
    return bool(reply.answer) and bool(reply.flags & dns.flags.AD)


def _authoritative(server: str, origin: str) -> bool:
    reply = dns.query.udp(dns.message.make_query(origin, "SOA"), server, timeout=_ONE_TRY_SECONDS)
    return bool(reply.answer)


def _greets(address: str) -> bool:
    """It answers EHLO; a 220 alone comes also from a Postfix that cannot take mail."""
    with smtplib.SMTP(address, timeout=5) as client:
        return client.ehlo("probe.lab")[0] == 250


def _serves(authorities: str) -> bool:
    from maildns.net.https import FetchResult, fetch_policy

    pem = Path(authorities).read_text(encoding="ascii")
    fetched = fetch_policy(GOOD, address=WEB.ipv4, authorities_pem=pem, timeout_seconds=3)
    return fetched.result is FetchResult.FETCHED


def _dkim_key() -> str:
    key = rsa.generate_private_key(65_537, 2048).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_bytes(serialization.Encoding.DER, form)).decode()


def _require_programs() -> None:
    path = os.environ.get("PATH", "") + _SBIN
    missing = sorted({_PROGRAMS[one] for one in _PROGRAMS if not shutil.which(one, path=path)})
    if not postfix.MASTER.exists():
        missing.append("postfix")
    if missing:
        raise UsageError(
            f"the pretend internet needs these Debian packages: {' '.join(missing)}",
            hint=f"apt-get install --no-install-recommends {' '.join(missing)}",
        )


# --- labs that run, or were killed ---------------------------------------------------------


def labs() -> list[str]:
    """The names of the labs on this machine, also of those whose process was killed."""
    folders = [path.name for path in _RUN.glob(f"{PREFIX}*")]
    return sorted({*namespaces(PREFIX), *folders})


def take_down(name: str) -> None:
    """End the lab *name* and remove what it left, whoever started it."""
    Namespace(name).close()
    shutil.rmtree(_RUN / name, ignore_errors=True)


def inside(name: str, arguments: Sequence[str]) -> list[str]:
    """The command *arguments* as it runs in the lab *name*, trusting its authority."""
    own = Path(sys.executable).parent  # where `maildns` is, also under sudo
    path = f"{own}:{os.environ.get('PATH', '')}{_SBIN}"
    folder = _RUN / name
    settings = [
        f"PATH={path}",
        f"SSL_CERT_FILE={folder / 'authority.pem'}",
        f"MAILDNS_MARK_CA_FILE={folder / 'mark-authority.pem'}",
        f"MAIL_CONFIG={folder / 'mail2'}",
        f"MAILDNS_LAB={name}",
    ]
    return Namespace(name).inside(["env", *settings, *arguments])
