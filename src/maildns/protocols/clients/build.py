"""From the mail host to what mail programs look for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from html import escape
from typing import Final

from maildns.dnsdata import Cname, Srv, name

ABSENT: Final = Srv(0, 0, 0, ".")  # RFC 2782: decidedly not offered


@dataclass(frozen=True, slots=True)
class Service:
    """
    A way to reach a mail host.

    `kind` is imap, pop3 or smtp; `implicit_tls` says whether TLS begins at once, as
    RFC 8314 section 3 wants, or by STARTTLS.
    """

    label: str
    kind: str
    port: int
    implicit_tls: bool


# RFC 6186 section 3, RFC 8314 section 5.1; the preferred way of each kind first.
SERVICES: Final = (
    Service("_submissions", "smtp", 465, implicit_tls=True),
    Service("_submission", "smtp", 587, implicit_tls=False),
    Service("_imaps", "imap", 993, implicit_tls=True),
    Service("_imap", "imap", 143, implicit_tls=False),
    Service("_pop3s", "pop3", 995, implicit_tls=True),
    Service("_pop3", "pop3", 110, implicit_tls=False),
)


@dataclass(frozen=True, slots=True)
class Offer:
    """
    Which services the host offers.

    `starttls` are the kinds (imap, pop3, smtp) offered with STARTTLS on their old ports as
    well; port 587 is, unless taken out, since many programs still expect it.
    """

    imap: bool = True
    submission: bool = True
    pop3: bool = False
    starttls: Collection[str] = ("smtp",)

    def has(self, service: Service) -> bool:
        """Whether *service* is among them."""
        kinds = {"imap": self.imap, "pop3": self.pop3, "smtp": self.submission}
        return kinds[service.kind] and (service.implicit_tls or service.kind in self.starttls)


def service_records(
    domain: str,
    *,
    host: str,
    imap: bool = True,
    submission: bool = True,
    pop3: bool = False,
    starttls: Collection[str] = ("smtp",),
    web_host: str = "",
) -> list[tuple[str, Srv | Cname]]:
    """
    Make the records by which mail programs find *host* for addresses of *domain*.

    Each service has a record; one that is not offered has the target ".". *starttls* are the
    kinds (imap, pop3, smtp) offered on their old ports as well. With *web_host*, the server
    that holds the settings files, there are also the aliases `autoconfig` and `autodiscover`
    and the SRV record that Outlook looks for. Raises `RecordSyntaxError` when a name is none.

    >>> [str(srv) for owner, srv in service_records("example.com", host="mx.example.com")
    ...  if owner.startswith("_imap")]
    ['0 1 993 mx.example.com.', '0 0 0 .']
    """
    zone, target = name(domain), name(host)
    offer = Offer(imap, submission, pop3, starttls)
    records: list[tuple[str, Srv | Cname]] = [
        (
            name(f"{service.label}._tcp.{zone}"),
            Srv(0, 1, service.port, target) if offer.has(service) else ABSENT,
        )
        for service in SERVICES
    ]
    if web_host:
        web = name(web_host)
        records.append((name(f"_autodiscover._tcp.{zone}"), Srv(0, 1, 443, web)))
        aliases = [name(f"{label}.{zone}") for label in ("autoconfig", "autodiscover")]
        # A name is not an alias of itself; there the web host has its addresses.
        records += [(alias, Cname(web)) for alias in aliases if alias != web]
    return records


def autoconfig_xml(
    domain: str,
    *,
    host: str,
    display_name: str = "",
    username: str = "%EMAILADDRESS%",
    offer: Offer | None = None,
) -> str:
    """
    Write the settings file that Thunderbird and others fetch.

    It is served at `https://autoconfig.DOMAIN/mail/config-v1.1.xml` and at
    `https://DOMAIN/.well-known/autoconfig/mail/config-v1.1.xml`. *username* may hold the
    place-holders %EMAILADDRESS%, %EMAILLOCALPART% and %EMAILDOMAIN%. Raises
    `RecordSyntaxError` when a name is none.
    """
    zone, server = name(domain), name(host)
    title = display_name or zone
    offered = [service for service in SERVICES if (offer or Offer()).has(service)]
    incoming = [_server_xml(one, server, username) for one in offered if one.kind != "smtp"]
    outgoing = [_server_xml(one, server, username) for one in offered if one.kind == "smtp"]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<clientConfig version="1.1">',
            f'  <emailProvider id="{escape(zone)}">',
            f"    <domain>{escape(zone)}</domain>",
            f"    <displayName>{_text(title)}</displayName>",
            f"    <displayShortName>{_text(title)}</displayShortName>",
            *incoming,
            *outgoing,
            "  </emailProvider>",
            "</clientConfig>",
            "",
        ]
    )


def _server_xml(service: Service, host: str, username: str) -> str:
    element = "outgoingServer" if service.kind == "smtp" else "incomingServer"
    return "\n".join(
        [
            f'    <{element} type="{service.kind}">',
            f"      <hostname>{escape(host)}</hostname>",
            f"      <port>{service.port}</port>",
            f"      <socketType>{'SSL' if service.implicit_tls else 'STARTTLS'}</socketType>",
            "      <authentication>password-cleartext</authentication>",
            f"      <username>{_text(username)}</username>",
            f"    </{element}>",
        ]
    )


_RESPONSE = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
_SETTINGS = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"


def autodiscover_xml(
    domain: str, *, host: str, email: str = "", display_name: str = "", offer: Offer | None = None
) -> str:
    """
    Write the answer that Outlook wants from `/autodiscover/autodiscover.xml`.

    Outlook asks by POST with its *email*; with it in the answer the login name is filled in,
    without it Outlook takes the address. Raises `RecordSyntaxError` when a name is none.
    """
    zone, server = name(domain), name(host)
    # Outlook takes one way of each kind: the preferred.
    best = {
        service.kind: service for service in reversed(SERVICES) if (offer or Offer()).has(service)
    }
    protocols = [
        _protocol_xml(best[kind], server, email)
        for kind in ("imap", "pop3", "smtp")
        if kind in best
    ]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<Autodiscover xmlns="{_RESPONSE}">',
            f'  <Response xmlns="{_SETTINGS}">',
            "    <User>",
            f"      <DisplayName>{_text(display_name or zone)}</DisplayName>",
            "    </User>",
            "    <Account>",
            "      <AccountType>email</AccountType>",
            "      <Action>settings</Action>",
            *protocols,
            "    </Account>",
            "  </Response>",
            "</Autodiscover>",
            "",
        ]
    )


def _protocol_xml(service: Service, host: str, email: str) -> str:
    login = [f"        <LoginName>{_text(email)}</LoginName>"] if email else []
    return "\n".join(
        [
            "      <Protocol>",
            f"        <Type>{service.kind.upper()}</Type>",
            f"        <Server>{escape(host)}</Server>",
            f"        <Port>{service.port}</Port>",
            *login,
            "        <DomainRequired>off</DomainRequired>",
            "        <SPA>off</SPA>",
            "        <SSL>on</SSL>",
            f"        <Encryption>{'SSL' if service.implicit_tls else 'TLS'}</Encryption>",
            "        <AuthRequired>on</AuthRequired>",
            "      </Protocol>",
        ]
    )


def _text(text: str) -> str:
    """*text* as XML character data, without the characters that XML 1.0 section 2.2 forbids."""
    allowed = "".join(
        char
        for char in text
        if char in "\t\n\r"
        or (char >= " " and char not in "\ufffe\uffff" and not "\ud800" <= char <= "\udfff")
    )
    return escape(allowed)
