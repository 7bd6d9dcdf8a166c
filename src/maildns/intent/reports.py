"""
`[reports]` of `maildns.toml`: where reports come from, where they are kept, and who is told.

Everything may be left out: reports are then kept in `reports.db` beside the file.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    SecretStr,
    model_validator,
)

from maildns.dnsdata import name
from maildns.intent.values import HostName, Secret, Table, Texts, listed

MIB = 1 << 20
MAX_REPORT_OCTETS = 64 * MIB
_LISTEN = re.compile(r"(?:\[(?P<ipv6>[^\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
_UNIX = "unix:"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")


def listen_address(text: str) -> tuple[str, int]:
    """
    Split `ADDRESS:PORT` or `unix:PATH` into address and port, or path and 0.

    Port 0 after an address means any that is free. Raises ValueError for anything else.

    >>> listen_address("[::1]:24"), listen_address("unix:/run/maildns/lmtp")
    (('::1', 24), ('/run/maildns/lmtp', 0))
    """
    if text.startswith(_UNIX) and len(text) > len(_UNIX) and "\0" not in text:
        return text.removeprefix(_UNIX), 0
    found = _LISTEN.fullmatch(text)
    if found is None or int(found["port"]) > 65535:
        raise ValueError(
            f"{text!r} is nowhere to listen: write ADDRESS:PORT, [IPV6]:PORT or unix:PATH"
        )
    host = found["ipv6"] or found["host"] or ""
    if host == "localhost":
        host = "127.0.0.1"
    return str(ip_address(host)), int(found["port"])


def _listening(text: str) -> str:
    listen_address(text)
    return text


def _address(text: str) -> str:
    local, at, host = text.rpartition("@")
    if not (local and at) or _CONTROLS.search(text):
        raise ValueError(f"{text!r} is no mail address")
    return f"{local}@{name(host)}"


def _web_path(text: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~/-]*", text):
        raise ValueError(f"{text!r} is no path of an URI: it begins with / and has no spaces")
    return text


Listen = Annotated[str, AfterValidator(_listening)]
Listens = Annotated[tuple[Listen, ...], BeforeValidator(listed)]
Address = Annotated[str, AfterValidator(_address)]
Addresses = Annotated[tuple[Address, ...], BeforeValidator(listed)]
Networks = Annotated[tuple[IPvAnyNetwork, ...], BeforeValidator(listed)]
Port = Annotated[int, Field(ge=0, le=65535)]
Paths = Annotated[tuple[Path, ...], BeforeValidator(listed)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Octets = Annotated[int, Field(ge=1024, le=1024 * MIB)]
Seconds = Annotated[float, Field(gt=0, le=86_400)]


class ImapSource(Table):
    """A mailbox that reports are fetched from, by IMAP over TLS."""

    host: str = Field(description="The IMAP server's name, which its certificate must bear.")
    port: Port = Field(0, description="Its port; 0 is 993, or 143 with starttls or insecure.")
    user: str = Field(description="The name to log in with.")
    password: Secret = Field(description="Where its password is.")
    starttls: bool = Field(default=False, description="Begin TLS within the connection.")
    insecure: bool = Field(default=False, description="No TLS at all; on this machine alone.")
    ca_file: Path | None = Field(
        None, description="Who vouches for its certificate (PEM), where the system's list does not."
    )
    folder: str = Field("INBOX", description="The folder that reports arrive in.")
    move_to: str = Field(
        "",
        description="The folder that mail is moved to once its report is safe in the store; without "
        "it the mail stays and is marked as seen, with the keyword MaildnsKept.",
    )
    bad_to: str = Field(
        "",
        description="The folder for mail whose report cannot be read; without it such mail stays and "
        "is flagged.",
    )
    delete: bool = Field(
        default=False,
        description="Delete mail once its report is safe in the store, instead of moving it.",
    )
    max_octets: Octets = Field(
        MAX_REPORT_OCTETS, description="A mail of more octets is not fetched, but flagged."
    )
    timeout: Annotated[float, Field(gt=0, le=600)] = Field(
        60.0, description="How long to wait for the server, in seconds."
    )


class FolderSource(Table):
    """A folder into which files with reports are dropped."""

    path: Path = Field(description="The folder; what is below it is taken in too.")
    done: Path | None = Field(
        None,
        description="The folder that files are moved to once they are safe in the store; without it "
        "they stay, and are known again.",
    )
    bad: Path | None = Field(
        None, description="The folder for files that cannot be read; without it they stay."
    )
    quiet_seconds: Annotated[float, Field(ge=0, le=86_400)] = Field(
        5.0, description="A file changed within so many seconds is left for the next time."
    )


class MaildirSource(Table):
    """A Maildir; what is taken in is marked there."""

    path: Path = Field(description="The Maildir: the folder that has new/ and cur/.")


class MboxSource(Table):
    """An mbox file, which is read and never changed."""

    path: Path = Field(description="The file.")


class Intake(Table):
    """The intake of report mail by LMTP or SMTP: `maildns reports receive`."""

    listen: Listens = Field(
        ("127.0.0.1:10024",),
        description="Where it listens: ADDRESS:PORT, [IPV6]:PORT or unix:PATH.",
    )
    protocol: Literal["lmtp", "smtp"] = Field(
        "lmtp",
        description="lmtp behind a mail server of your own (RFC 2033); smtp where the world's mail "
        "servers come to it.",
    )
    name: HostName | None = Field(
        None, description="The name it greets with; this machine's where it is left out."
    )
    addresses: Addresses = Field(
        (),
        description="Addresses that it takes reports for besides those in the domains' reports_to, "
        "failure_reports_to and tls_rpt.",
    )
    certificate: Path | None = Field(
        None, description="Its TLS certificate (PEM, with its chain), to offer STARTTLS."
    )
    key: Path | None = Field(
        None, description="The key of the certificate (PEM), where that file does not hold it."
    )
    require_tls: bool = Field(default=False, description="Take no mail before STARTTLS.")
    trusted: Networks = Field(
        (),
        description="Networks of your own mail servers, besides loopback and unix sockets: they may "
        "say where a mail came from (XFORWARD), and no rate limit holds for them.",
    )
    max_octets: Octets = Field(32 * MIB, description="A mail of more octets is refused.")
    max_recipients: Count = Field(100, description="Recipients of one mail.")
    max_connections: Count = Field(100, description="Connections at a time.")
    connections_per_client: Count = Field(
        10, description="Connections at a time from one client (an IPv4 address, an IPv6 /64)."
    )
    mails_per_minute: Count = Field(120, description="Mails in a minute from one client.")
    timeout: Annotated[float, Field(gt=0, le=3600)] = Field(
        60.0, description="How long a client may be silent, in seconds."
    )
    session_seconds: Seconds = Field(
        900.0, description="How long one connection may last, in seconds."
    )

    @model_validator(mode="after")
    def _tls_has_a_certificate(self) -> Self:
        if self.certificate is None and (self.require_tls or self.key is not None):
            raise ValueError("TLS needs a certificate")
        return self


class HttpsEndpoint(Table):
    """The endpoint that TLS reports are posted to (RFC 8460 section 5.4)."""

    listen: Listens = Field(
        (),
        description="Where `maildns reports receive` serves it, which needs uvicorn; left out where a "
        "web service mounts the application.",
    )
    path: Annotated[str, AfterValidator(_web_path)] = Field(
        "/tlsrpt", description="The path of its URI, as tls_rpt of the domains has it."
    )
    certificate: Path | None = Field(
        None,
        description="Its TLS certificate (PEM, with its chain); left out behind a proxy that does "
        "the TLS.",
    )
    key: Path | None = Field(
        None, description="The key of the certificate (PEM), where that file does not hold it."
    )
    max_octets: Octets = Field(
        10 * MIB, description="A report of more octets, as it is sent, is refused."
    )
    max_requests: Count = Field(20, description="Reports under way at a time.")
    reports_per_minute: Count = Field(120, description="Reports in a minute from one client.")


class GeoIp(Table):
    """Where addresses are: files in MaxMind's format that you supply."""

    files: Paths = Field(
        (),
        description="Files of countries, networks (ASN) or both; what the first does not say, the "
        "next may.",
    )


class Webhook(Table):
    """An URL that alerts are posted to; whoever knows it can often write there, so it is a secret."""

    url: SecretStr | None = Field(None, description="The https URL itself.")
    file: Path | None = Field(None, description="A file whose first line is the URL.")
    env: str | None = Field(None, description="The environment variable that holds the URL.")
    command: Texts = Field((), description="A program whose first line of output is the URL.")

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(map(bool, (self.url, self.file, self.env, self.command))) != 1:
            raise ValueError("give one of url, file, env and command")
        if self.url is not None and _scheme(self.url.get_secret_value()) not in {"https", "http"}:
            raise ValueError("the URL of a webhook begins with https://")
        return self


def _scheme(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return parts.scheme if parts.hostname else ""


def _webhook(value: Any) -> Any:
    return {"url": value} if isinstance(value, str) else value


class Alerts(Table):
    """Who is told when something needs looking at; nobody, as long as nothing stands here."""

    mail_to: Addresses = Field((), description="The addresses that alerts are mailed to.")
    mail_from: Address | None = Field(
        None, description="The address that they come from; the first of mail_to where left out."
    )
    smtp_host: str = Field("127.0.0.1", description="The mail server that takes them.")
    smtp_port: Port = Field(0, description="Its port; 0 is 25, or 465 with tls.")
    smtp_security: Literal["opportunistic", "starttls", "tls", "none"] = Field(
        "opportunistic",
        description="opportunistic: STARTTLS where it is offered, its certificate not judged; "
        "starttls and tls: a good certificate, or no mail; with a user one of these two.",
    )
    smtp_user: str = Field("", description="The name to log in with, where that is asked for.")
    smtp_password: Secret | None = Field(None, description="Where its password is.")
    webhook: Annotated[Webhook | None, BeforeValidator(_webhook)] = Field(
        None, description="An URL that each alert is posted to as JSON, or where that is read from."
    )
    command: Texts = Field(
        (),
        description="A program and its arguments, started without a shell; the alerts are on its "
        "standard input, as JSON.",
    )
    quiet_hours: Annotated[float, Field(ge=0, le=8760)] = Field(
        168.0, description="How long an alert that was told is not told again, in hours."
    )

    @model_validator(mode="after")
    def _login_is_whole(self) -> Self:
        if bool(self.smtp_user) != (self.smtp_password is not None):
            raise ValueError("give both of smtp_user and smtp_password, or neither")
        if self.smtp_user and self.smtp_security not in {"starttls", "tls"}:
            raise ValueError(
                'a password is sent over TLS only: smtp_security = "starttls" or "tls"'
            )
        return self


class Reports(Table):
    """The reports that come back, for `maildns reports`."""

    store: SecretStr = Field(
        SecretStr("reports.db"),
        json_schema_extra={"format": "path", "writeOnly": False, "default": "reports.db"},
        description="Where reports are kept: an SQLite file, or postgresql://USER@HOST/NAME when "
        "several machines write.",
    )
    store_password: Secret | None = Field(
        None, description="Where PostgreSQL's password is, so that it need not stand in store."
    )
    keep_days: Annotated[int, Field(ge=1, le=36_500)] = Field(
        400, description="Details of reports are kept for so many days; daily counts stay."
    )
    imap: tuple[ImapSource, ...] = Field((), description="Mailboxes to fetch reports from.")
    folder: tuple[FolderSource, ...] = Field((), description="Folders to fetch reports from.")
    maildir: tuple[MaildirSource, ...] = Field((), description="Maildirs to fetch reports from.")
    mbox: tuple[MboxSource, ...] = Field((), description="mbox files to fetch reports from.")
    intake: Intake | None = Field(None, description="The intake of report mail.")
    https: HttpsEndpoint | None = Field(None, description="The endpoint for TLS reports.")
    geoip: GeoIp = Field(GeoIp(), description="Files that say where addresses are.")
    alerts: Alerts = Field(Alerts(), description="Who is told.")
    networks: dict[str, Networks] = Field(
        default_factory=dict,
        description="Networks that send your mail, by the name to show for them, besides the servers "
        "and senders of this file.",
    )
    strangers: Networks = Field(
        (), description="Networks that are known not to be yours, whatever SPF says."
    )

    @model_validator(mode="after")
    def _store_is_known(self) -> Self:
        store = self.store.get_secret_value()
        scheme, rest, _ = store.partition("://")
        if not store or (rest and scheme not in {"postgresql", "postgres"}):
            raise ValueError("store is the path of a file, or begins with postgresql://")
        if self.store_password is not None and not rest:
            raise ValueError("a file has no password: store_password is for postgresql://")
        return self
