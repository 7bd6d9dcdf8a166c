"""
Reading keys and certificates that an intent names, and making their records.

Only public halves leave this module. What is merely unwise (a certificate that expires
soon) becomes a finding; what cannot be used becomes a `ConfigError` that names the line.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from maildns.dnsdata import Tlsa, name
from maildns.errors import ConfigError, InputError, MaildnsError
from maildns.finding import Finding
from maildns.intent.load import ConfigSource, Place, settings
from maildns.intent.model import DkimKey, Intent, Server
from maildns.intent.secrets import read_secret
from maildns.plan.materials import Materials, ServerIdentity
from maildns.protocols import dane, dkim
from maildns.protocols.dane.certificate import WRONG_KEY, der_of, spki_of

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

MAX_KEY_OCTETS = 1024 * 1024
_HOW_TO_OPEN = 'passphrase = { file = "..." } or passphrase = { env = "..." }'


def read_materials(intent: Intent, source: ConfigSource, *, now: datetime) -> Materials:
    """
    Read every key and certificate of *intent*.

    Raises `ConfigError` naming the line for a file that is missing or cannot be used, and
    for a certificate that does not belong to its key.
    """
    reader = _Reader(intent, source, now)
    keys = {}
    for domain in intent.domain:
        own = settings(intent, domain)
        for key in () if own.parked else own.dkim:
            keys[domain, name(key.selector)] = reader.dkim_record(domain, key)
    servers = {}
    for host, server in intent.server.items():
        identity = reader.identity(host, server)
        if identity is not None:
            servers[host] = identity
    return Materials(keys, servers, tuple(reader.findings))


def key_path(source: ConfigSource, domain: str, key: DkimKey, place: Place = ()) -> Path:
    """The file of a DKIM key, with {domain} and {selector} filled in."""
    text = key.key.replace("{domain}", domain).replace("{selector}", name(key.selector))
    return source.file(text, place)


def _octets(path: Path, source: ConfigSource, place: Place, hint: str = "") -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_KEY_OCTETS + 1)
    except OSError as error:
        raise source.error(place, f"cannot read {path}: {error.strerror}", hint) from None
    if len(content) > MAX_KEY_OCTETS:
        raise source.error(place, f"{path} is too large to be a key or certificate")
    return content


class _Reader:
    """Reads each file once, however many domains share it."""

    def __init__(self, intent: Intent, source: ConfigSource, now: datetime) -> None:
        self.intent = intent
        self.source = source
        self.now = now
        self.findings: list[Finding] = []
        self._records: dict[tuple[Path, bool], dkim.KeyRecord] = {}

    def dkim_record(self, domain: str, key: DkimKey) -> dkim.KeyRecord:
        """The key record of a signing key."""
        own = "dkim" in self.intent.domain[domain].model_fields_set
        place: Place = ("domain", domain, "dkim") if own else ("defaults", "dkim")
        path = key_path(self.source, domain, key, place)
        known = self._records.get((path, key.testing))
        if known is None:
            known = self._records[path, key.testing] = self._read_dkim(domain, key, path, place)
        return known

    def _read_dkim(self, domain: str, key: DkimKey, path: Path, place: Place) -> dkim.KeyRecord:
        hint = f"make it: maildns dkim new --domain {domain} --selector {key.selector}"
        content = _octets(path, self.source, place, hint)
        passphrase = key.passphrase and read_secret(key.passphrase, self.source, place)
        try:
            public = dkim.public_key_from_pem(content, passphrase or None, path=path)
            record = dkim.key_record(public, testing=key.testing)
        except MaildnsError as error:
            raise self._placed(error, place) from None
        subject = f"{name(key.selector)}._domainkey.{domain}"
        self.findings.extend(dkim.lint(record, subject))
        return record

    def identity(self, host: str, server: Server) -> ServerIdentity | None:
        """What *host* shows in TLS; None when neither certificate nor key is named."""
        if server.certificate is None and server.key is None and server.next_key is None:
            return None
        place = ("server", host)
        chain = self._chain(host, server)
        spki = self._spki(host, server, "key") if server.key else b""
        if chain:
            problems = dane.certificate_problems(
                chain[0],
                names=[host],
                now=self.now,
                key_spki=spki or None,
            )
            self._judge(host, server, problems)
            self.findings.extend(problems)
            spki = spki_of(chain[0])
        try:
            current = [dane.record_for(dane.parameters(text), chain, spki) for text in server.tlsa]
        except MaildnsError as error:
            raise self._placed(error, (*place, "tlsa")) from None
        following: tuple[Tlsa, ...] = ()
        if server.next_key is not None:
            next_spki = self._spki(host, server, "next_key")
            following = (dane.from_public_key(next_spki),)
        return ServerIdentity(
            tuple(current),
            following,
            tuple(der_of(one) for one in chain),
            spki,
        )

    def _chain(self, host: str, server: Server) -> list[Certificate]:
        if server.certificate is None:
            return []
        place = ("server", host, "certificate")
        path = self.source.file(server.certificate, place)
        try:
            return dane.load_certificates(_octets(path, self.source, place), path)
        except MaildnsError as error:
            raise self._placed(error, place) from None

    def _spki(self, host: str, server: Server, field: str) -> bytes:
        place = ("server", host, field)
        path = self.source.file(getattr(server, field), place)
        passphrase = server.passphrase and read_secret(server.passphrase, self.source, place)
        try:
            content = _octets(path, self.source, place)
            return dane.load_public_key_of_key_file(content, passphrase or None, path)
        except MaildnsError as error:
            raise self._placed(error, place) from None

    def _judge(self, host: str, server: Server, problems: list[Finding]) -> None:
        """A key that is not the certificate's leaves open which one the server shows."""
        if any(problem.rule == WRONG_KEY.id for problem in problems):
            problem = f"{server.certificate} does not belong to {server.key}"
            hint = "name the certificate and the key that the server really uses"
            raise self.source.error(("server", host, "certificate"), problem, hint)

    def _placed(self, error: MaildnsError, place: Place) -> ConfigError:
        if isinstance(error, ConfigError):
            return error
        problem = str(error)
        if isinstance(error, InputError) and error.path is not None:
            line = f" line {error.line}" if error.line is not None else ""
            problem = f"{error.path}{line}: {error.problem}"
        locked = "encrypted" in problem or "passphrase" in problem
        return self.source.error(place, problem, _HOW_TO_OPEN if locked else error.hint)
