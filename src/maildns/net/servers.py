"""
Which name server to ask, as a person spells it, and which ones the system knows.

    192.0.2.53                    UDP, port 53
    192.0.2.53:5353               another port
    [2001:db8::1]:53              IPv6
    tls://dns.example@853         DNS over TLS (RFC 7858), the certificate checked for that name
    tls://192.0.2.53#dns.example  the same at a known address
    https://dns.example/dns-query DNS over HTTPS (RFC 8484)

Nothing here asks the network.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from maildns.errors import UsageError

RESOLV_CONF = Path("/etc/resolv.conf")
MAX_SYSTEM_SERVERS = 3  # resolv.conf(5): MAXNS

_SPELLINGS = (
    'write 192.0.2.53, 192.0.2.53:5353, "[2001:db8::1]:53", tls://dns.example@853 '
    "or https://dns.example/dns-query"
)


class Transport(StrEnum):
    """How a question travels."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    HTTPS = "https"

    @property
    def default_port(self) -> int:
        """The port where no one has said another."""
        return {"tls": 853, "https": 443}.get(self.value, 53)


@dataclass(frozen=True, slots=True)
class Server:
    """
    One name server; `str()` spells it as a person would.

    `tls_name` is the name its certificate must bear, `url` the whole address of
    a DNS over HTTPS service.
    """

    host: str
    port: int
    transport: Transport = Transport.UDP
    tls_name: str = ""
    url: str = ""

    @property
    def trustworthy_path(self) -> bool:
        """Nobody on the way can forge what it says: loopback, TLS or HTTPS (RFC 4035 section 4.9.3)."""
        return self.transport in {Transport.TLS, Transport.HTTPS} or is_loopback(self.host)

    def __str__(self) -> str:
        if self.url:
            return self.url
        host = f"[{self.host}]" if ":" in self.host else self.host
        if self.transport is Transport.TLS:
            name = f"#{self.tls_name}" if self.tls_name != self.host else ""
            return f"tls://{host}@{self.port}{name}"
        return f"{host}:{self.port}"


def is_loopback(host: str) -> bool:
    """Whether *host* is an address of this machine's loopback."""
    try:
        return ipaddress.ip_address(host.split("%", maxsplit=1)[0]).is_loopback
    except ValueError:
        return False


def parse_server(
    text: str, transport: Transport = Transport.UDP, port: int | None = None
) -> Server:
    """
    Read one spelling; *transport* and *port* hold where the text does not say.

    Raises `UsageError` when it is none of the spellings, or a name stands where
    only an address can (a name server cannot be asked for its own address).

    >>> parse_server("[2001:db8::1]:5353")
    Server(host='2001:db8::1', port=5353, transport=<Transport.UDP: 'udp'>, tls_name='', url='')
    """
    stripped = text.strip()
    if "://" in stripped:
        scheme, rest = stripped.split("://", 1)
        if scheme == "https":
            return _https_server(stripped)
        try:
            transport = Transport(scheme)
        except ValueError:
            raise _misspelled(text) from None
        stripped = rest.rstrip("/")
    if transport is Transport.HTTPS:
        return _https_server(f"https://{stripped}" + ("" if "/" in stripped else "/dns-query"))
    return _plain_server(text, stripped, transport, port or transport.default_port)


_HOST_PORT = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.%\w]+)\]|(?P<host>[^\s\[\]@#/:]+)|(?P<bare>[0-9A-Fa-f:.]+(?:%\w+)?))"
    r"(?:[@:](?P<port>\d{1,5}))?(?:#(?P<name>[\w.-]+))?",
    re.ASCII,
)


def _plain_server(text: str, spelled: str, transport: Transport, default_port: int) -> Server:
    if len(spelled) > 300:
        raise _misspelled(text)
    # A bare IPv6 address is all colons; its last group is not a port.
    match = None if _is_address(spelled) else _HOST_PORT.fullmatch(spelled)
    if match is None:
        if not _is_address(spelled):
            raise _misspelled(text)
        return Server(spelled, default_port, transport, _tls_name(spelled, "", transport))
    host = match["v6"] or match["host"] or match["bare"]
    port = int(match["port"] or default_port)
    if not 0 < port < 65536 or (match["name"] and transport is not Transport.TLS):
        raise _misspelled(text)
    if ":" in host and not _is_address(host):
        raise _misspelled(text)
    if not _is_address(host) and transport is not Transport.TLS:
        raise UsageError(
            f"{text!r} is not the address of a name server",
            hint=f"give its IP address; {_SPELLINGS}",
        )
    return Server(host, port, transport, _tls_name(host, match["name"] or "", transport))


def _tls_name(host: str, name: str, transport: Transport) -> str:
    return (name or host) if transport is Transport.TLS else ""


def _https_server(url: str) -> Server:
    try:
        parts = urlsplit(url)
        port = parts.port or 443
    except ValueError:
        raise _misspelled(url) from None
    if not parts.hostname or parts.username or re.search(r"[\s<>\"]", url):
        raise _misspelled(url)
    return Server(parts.hostname, port, Transport.HTTPS, parts.hostname, url)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _misspelled(text: str) -> UsageError:
    return UsageError(f"{text[:100]!r} does not name a DNS server", hint=_SPELLINGS)


@dataclass(frozen=True, slots=True)
class SystemResolver:
    """What `/etc/resolv.conf` says: the servers, and whether their AD bit is to be believed."""

    servers: tuple[Server, ...] = ()
    trust_ad: bool = False


def system_resolver(
    path: Path = RESOLV_CONF, transport: Transport = Transport.UDP
) -> SystemResolver:
    """
    Read the system's servers; none when the file is missing or holds none.

    `options trust-ad` is how an administrator declares them trusted
    (resolv.conf(5)). The search list is not used: names here are absolute.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return SystemResolver()
    servers: list[Server] = []
    trust_ad = False
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver" and _is_address(words[1]):
            servers.append(parse_server(words[1], transport))
        elif words and words[0] == "options":
            trust_ad = trust_ad or "trust-ad" in words[1:]
    return SystemResolver(tuple(servers[:MAX_SYSTEM_SERVERS]), trust_ad)
