"""
`[reports]` of `maildns.toml` as plain values: paths resolved, secrets read where they are needed.

    intent, source = load(Path("maildns.toml"))
    settings = settings_of(intent, source)

Secrets are read only by the function that gives the value which has one, and no value shows its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, unquote

from maildns.errors import UsageError
from maildns.intent.load import ConfigSource, settings
from maildns.intent.model import Intent
from maildns.intent.reports import HttpsEndpoint, ImapSource, listen_address
from maildns.intent.secrets import read_secret
from maildns.intent.values import Secret
from maildns.reports.sources import DropFolder, Maildir, Mbox, Source
from maildns.reports.sources.commands import comparable

if TYPE_CHECKING:
    from maildns.reports.sources.imap import ImapAccount

Network: TypeAlias = IPv4Network | IPv6Network
DEFAULT_STORE = "reports.db"


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """
    Where reports are kept, for how long, and what is known of who sends.

    `store` is a path or a `postgresql://` URL, which may hold a password.
    """

    store: str = field(default=DEFAULT_STORE, repr=False)
    keep_days: int = 400
    geoip: tuple[Path, ...] = ()
    networks: tuple[tuple[Network, str], ...] = ()
    strangers: tuple[Network, ...] = ()


@dataclass(frozen=True, slots=True)
class Listening:
    """Where something listens: an address and port, or the path of a unix socket."""

    host: str
    port: int

    @property
    def is_unix(self) -> bool:
        """Whether `host` is a path, and not an address."""
        try:
            ip_address(self.host)
        except ValueError:
            return True
        return False

    def __str__(self) -> str:
        if self.is_unix:
            return f"unix:{self.host}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class IntakeSettings:
    """What the intake of report mail is asked to be; times in seconds, sizes in octets."""

    addresses: frozenset[str]
    listen: tuple[Listening, ...] = ()
    lmtp: bool = True
    name: str = ""
    certificate: Path | None = None
    key: Path | None = None
    require_tls: bool = False
    trusted: tuple[Network, ...] = ()
    max_octets: int = 32 << 20
    max_recipients: int = 100
    max_connections: int = 100
    connections_per_client: int = 10
    mails_per_minute: int = 120
    timeout: float = 60.0
    session_seconds: float = 900.0


@dataclass(frozen=True, slots=True)
class HttpsSettings:
    """What the endpoint for TLS reports is asked to be."""

    listen: tuple[Listening, ...] = ()
    path: str = "/tlsrpt"
    certificate: Path | None = None
    key: Path | None = None
    max_octets: int = 10 << 20
    max_requests: int = 20
    reports_per_minute: int = 120


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Who is told of what needs looking at; `command` is started without a shell."""

    mail_to: tuple[str, ...] = ()
    mail_from: str = ""
    smtp_host: str = "127.0.0.1"
    smtp_port: int = 25
    smtp_security: str = "opportunistic"
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)
    webhook: str = field(default="", repr=False)
    command: tuple[str, ...] = ()
    quiet: timedelta = timedelta(days=7)

    @property
    def tells_anybody(self) -> bool:
        """Whether there is any way to tell."""
        return bool(self.mail_to or self.webhook or self.command)


def settings_of(intent: Intent, source: ConfigSource) -> ReportSettings:
    """What holds for every command on reports; raises `ConfigError` for a password that is not there."""
    wish = intent.reports
    named = ((network, title) for title, some in wish.networks.items() for network in some)
    return ReportSettings(
        _store(intent, source),
        wish.keep_days,
        tuple(source.file(one, ("reports", "geoip", "files")) for one in wish.geoip.files),
        tuple(named),
        wish.strangers,
    )


def _store(intent: Intent, source: ConfigSource) -> str:
    wish = intent.reports
    store = wish.store.get_secret_value()
    if "://" not in store:
        return str(source.file(store, ("reports", "store")))
    if wish.store_password is None:
        return store
    scheme, _, rest = store.partition("://")
    authority, slash, path = rest.partition("/")
    user, at, host = authority.rpartition("@")
    if not at:
        problem = "store does not say whose password store_password is"
        hint = "write store = postgresql://USER@HOST/NAME"
        raise source.error(("reports", "store"), problem, hint)
    password = _secret(wish.store_password, source, ("reports", "store_password"))
    return f"{scheme}://{user.partition(':')[0]}:{quote(password, safe='')}@{host}{slash}{path}"


def _secret(secret: Secret, source: ConfigSource, place: tuple[str, ...]) -> str:
    octets = read_secret(secret, source, place)
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise source.error(place, "the secret is not UTF-8") from None


# --- ways in ------------------------------------------------------------------------------


def folders_of(intent: Intent, source: ConfigSource) -> list[tuple[str, Source]]:
    """The folders, Maildirs and mbox files to fetch from, each with its name for people."""
    wish = intent.reports
    found: list[tuple[str, Source]] = []
    for one in wish.folder:
        place = ("reports", "folder")
        path = source.file(one.path, place)
        done = one.done and source.file(one.done, place)
        bad = one.bad and source.file(one.bad, place)
        drop = DropFolder(path, done=done, bad=bad, quiet_seconds=one.quiet_seconds)
        found.append((str(path), drop))
    for wanted in wish.maildir:
        path = source.file(wanted.path, ("reports", "maildir"))
        found.append((str(path), Maildir(path)))
    for file in wish.mbox:
        path = source.file(file.path, ("reports", "mbox"))
        found.append((str(path), Mbox(path)))
    return found


def imap_account(wish: ImapSource, source: ConfigSource) -> ImapAccount:
    """
    The mailbox that *wish* describes, with its password read.

    Raises `ConfigError` for a password that is not there and for what cannot be.
    """
    from maildns.reports.sources.imap import ImapAccount

    place = ("reports", "imap")
    try:
        return ImapAccount(
            wish.host,
            wish.user,
            _secret(wish.password, source, (*place, "password")),
            wish.port,
            starttls=wish.starttls,
            insecure=wish.insecure,
            ca_file=str(source.file(wish.ca_file, place)) if wish.ca_file else "",
            folder=wish.folder,
            move_to=wish.move_to,
            bad_to=wish.bad_to,
            delete=wish.delete,
            max_octets=wish.max_octets,
            timeout_seconds=wish.timeout,
        )
    except UsageError as error:
        raise source.error(place, error.problem, error.hint) from None


def intake_of(intent: Intent, source: ConfigSource) -> IntakeSettings | None:
    """The intake of report mail, or None where the config asks for none."""
    wish = intent.reports.intake
    if wish is None:
        return None
    place = ("reports", "intake")
    return IntakeSettings(
        report_addresses(intent) | set(map(comparable, wish.addresses)),
        _listening(wish.listen, source, (*place, "listen")),
        wish.protocol == "lmtp",
        wish.name or "",
        wish.certificate and source.file(wish.certificate, (*place, "certificate")),
        wish.key and source.file(wish.key, (*place, "key")),
        require_tls=wish.require_tls,
        trusted=wish.trusted,
        max_octets=wish.max_octets,
        max_recipients=wish.max_recipients,
        max_connections=wish.max_connections,
        connections_per_client=wish.connections_per_client,
        mails_per_minute=wish.mails_per_minute,
        timeout=wish.timeout,
        session_seconds=wish.session_seconds,
    )


def https_of(intent: Intent, source: ConfigSource) -> HttpsSettings | None:
    """The endpoint for TLS reports, or None where the config asks for none."""
    wish = intent.reports.https
    return None if wish is None else _https(wish, source)


def _https(wish: HttpsEndpoint, source: ConfigSource) -> HttpsSettings:
    place = ("reports", "https")
    return HttpsSettings(
        _listening(wish.listen, source, (*place, "listen")),
        wish.path,
        wish.certificate and source.file(wish.certificate, (*place, "certificate")),
        wish.key and source.file(wish.key, (*place, "key")),
        wish.max_octets,
        wish.max_requests,
        wish.reports_per_minute,
    )


def _listening(
    texts: Iterable[str], source: ConfigSource, place: tuple[str, ...]
) -> tuple[Listening, ...]:
    found = []
    for text in texts:
        host, port = listen_address(text)
        found.append(
            Listening(str(source.file(host, place)), 0)
            if text.startswith("unix:")
            else Listening(host, port)
        )
    return tuple(found)


def report_addresses(intent: Intent) -> frozenset[str]:
    """
    The mail addresses that the domains ask for reports at, in lower case, with A-labels.

    RFC 5321 section 2.4 lets the part before the @ be case-sensitive; of what reporters write
    nobody should lose a report to that.
    """
    found: set[str] = set()
    for domain in intent.domain:
        own = settings(intent, domain)
        wishes = [*own.tls_rpt]
        if own.dmarc is not None:
            wishes += [*own.dmarc.reports_to, *own.dmarc.failure_reports_to]
        found.update(map(comparable, filter(None, map(_mail_address, wishes))))
    return frozenset(found)


def _mail_address(text: str) -> str:
    """
    The mail address that a rua or ruf entry is, or nothing.

    >>> _mail_address("mailto:Dmarc%2Brua@example.com!10m"), _mail_address("https://example.com/t")
    ('dmarc+rua@example.com', '')
    """
    scheme, colon, rest = text.partition(":")
    if colon and scheme.lower() == "mailto":
        # RFC 7489 section 6.2 had a size after "!"; RFC 6068 section 2 fields after "?"
        address = unquote(rest.partition("!")[0].partition("?")[0])
    elif colon and "@" not in scheme:
        return ""
    else:
        address = text
    return address.strip().lower() if "@" in address else ""


# --- alerts -------------------------------------------------------------------------------


def alerts_of(intent: Intent, source: ConfigSource) -> AlertSettings:
    """Who is told of what; raises `ConfigError` for a password or webhook that is not there."""
    wish = intent.reports.alerts
    place = ("reports", "alerts")
    password = wish.smtp_password
    return AlertSettings(
        wish.mail_to,
        wish.mail_from or next(iter(wish.mail_to), ""),
        wish.smtp_host,
        wish.smtp_port or (465 if wish.smtp_security == "tls" else 25),
        wish.smtp_security,
        wish.smtp_user,
        "" if password is None else _secret(password, source, (*place, "smtp_password")),
        _webhook(intent, source),
        wish.command,
        timedelta(hours=wish.quiet_hours),
    )


def _webhook(intent: Intent, source: ConfigSource) -> str:
    wish = intent.reports.alerts.webhook
    if wish is None:
        return ""
    if wish.url is not None:
        return wish.url.get_secret_value()
    place = ("reports", "alerts", "webhook")
    secret = Secret(file=wish.file, env=wish.env, command=wish.command)
    return _secret(secret, source, place)
