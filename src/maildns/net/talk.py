"""
What a conversation with a live mail server showed, as plain values, and the port to ask by.

Nothing here opens a connection: `maildns.net.probe` does. `PretendedProber` answers from a table,
as `World` does for the DNS.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Protocol

NO_ROOTS: Final = -1  # as `TlsShown.distrust_code`: this machine has no list of trusted roots


class Reached(StrEnum):
    """How far the connection came."""

    YES = "yes"  # it answered
    REFUSED = "refused"  # the host is there, and nothing listens
    NO_ANSWER = "no answer"  # time-out: cannot know
    NO_ROUTE = "no route"  # this machine has no way to such addresses, IPv6 most often: likewise
    BLOCKED = "blocked"  # this network lets nobody out to the port: cannot know


class Stage(StrEnum):
    """How far a conversation came."""

    GREETING = "greeting"  # waiting for the server's first words
    HELLO = "hello"  # waiting for what it can do
    STARTTLS = "starttls"  # TLS was asked for
    TLS = "tls"  # the handshake
    DONE = "done"  # TLS is there


@dataclass(frozen=True, slots=True)
class TlsShown:
    """
    One TLS handshake: what was agreed, and the certificates shown, in DER, the leaf first.

    `distrust` says why the chain does not lead to a trusted root, empty where it does; it is not
    about the names; `distrust_code` is OpenSSL's number for it (`X509_V_ERR_...`), or `NO_ROOTS`
    where it cannot be known. `names` are the DNS names of the leaf. `version` is as OpenSSL spells it: "TLSv1.3".
    """

    version: str
    cipher: str
    chain_der: tuple[bytes, ...]
    names: tuple[str, ...] = ()
    distrust: str = ""
    distrust_code: int = 0


@dataclass(frozen=True, slots=True)
class Talk:
    """
    A conversation with one address of a mail host, up to the handshake; no mail is sent.

    `failure` says in words where it ended early, at `stage`, and `temporary` that it may be
    otherwise later. `banner` is the text of the first reply, `banner_code` its number in SMTP;
    `greeting_name` is what the server calls itself in its answer to EHLO. `starttls` is None where
    the conversation did not come to EHLO, or TLS begins at once. `talked_on` says that the server
    went on in the clear after it had agreed to TLS.

    Of further connections, None where they were not asked for or could not be had: `old_versions`
    are the TLS versions below 1.2 that it also agreed to, `poor_ciphers` the ciphers without
    authentication, encryption or forward secrecy, and `other_tls` is what it shows to a client
    that wants another kind of key.

    `service` is the label of the SRV record that announces it ("_imaps"), empty for a mail host.
    """

    host: str
    address: str
    port: int
    reached: Reached
    banner: str = ""
    extensions: tuple[str, ...] = ()
    greeting_name: str = ""
    starttls: bool | None = None
    tls: TlsShown | None = None
    tls_failure: str = ""
    old_versions: tuple[str, ...] | None = None
    failure: str = ""
    temporary: bool = False
    milliseconds: float = 0.0
    at: float = 0.0
    service: str = ""
    stage: Stage = Stage.GREETING
    banner_code: int = 0
    talked_on: bool = False
    poor_ciphers: tuple[str, ...] | None = None
    other_tls: TlsShown | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """
    A conversation to be had.

    `way` is smtp, imap or pop3; `server_name` is asked for in TLS, `host` where it is empty.
    """

    host: str
    address: str
    port: int = 25
    way: str = "smtp"
    implicit_tls: bool = False
    server_name: str = ""
    service: str = ""


class Prober(Protocol):
    """Talks to mail servers; never raises for a fault of theirs."""

    async def talk(self, visit: Visit, deadline: float) -> Talk:
        """Pay *visit*, until *deadline* on the clock of the event loop at the latest."""
        ...


class PretendedProber:
    """
    Mail servers that are made up: each visit finds the talk of its address and port.

    Where there is none, nobody answers. `visits` remembers who was visited.
    """

    def __init__(self, talks: Mapping[tuple[str, int], Talk]) -> None:
        self.talks = dict(talks)
        self.visits: list[Visit] = []

    async def talk(self, visit: Visit, deadline: float) -> Talk:  # noqa: ARG002 - it takes no time
        """What was made up for the address and port of *visit*, in its name."""
        self.visits.append(visit)
        known = self.talks.get((visit.address, visit.port)) or silent(visit)
        return replace(known, host=visit.host, address=visit.address, service=visit.service)


def silent(visit: Visit, failure: str = "it did not answer in time") -> Talk:
    """The talk that a visit comes to when nobody answers."""
    return Talk(
        visit.host,
        visit.address,
        visit.port,
        Reached.NO_ANSWER,
        failure=failure,
        temporary=True,
        service=visit.service,
    )
