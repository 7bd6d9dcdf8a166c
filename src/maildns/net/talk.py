"""
What a conversation with a live mail server showed, as plain values.

Nothing here opens a connection: `maildns.net.probe` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reached(StrEnum):
    """How far the connection came."""

    YES = "yes"  # it answered
    REFUSED = "refused"  # the host is there, and nothing listens
    NO_ANSWER = "no answer"  # time-out, or the network does not carry us there: cannot know
    BLOCKED = "blocked"  # this network lets nobody out to the port: cannot know


@dataclass(frozen=True, slots=True)
class TlsShown:
    """
    One TLS handshake: what was agreed, and the certificates shown, in DER, the leaf first.

    `distrust` says why the chain does not lead to a trusted root, empty where it does; it is not
    about the names. `names` are the DNS names of the leaf.
    """

    version: str
    cipher: str
    chain_der: tuple[bytes, ...]
    names: tuple[str, ...] = ()
    distrust: str = ""


@dataclass(frozen=True, slots=True)
class Talk:
    """
    A conversation with one address of a mail host, up to the handshake; no mail is sent.

    `failure` says in words where it ended early, `temporary` that it may be otherwise later.
    `starttls` is None where the conversation did not come to EHLO. `old_versions` are the TLS
    versions below 1.2 that it also agreed to, None where that was not tried.
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
