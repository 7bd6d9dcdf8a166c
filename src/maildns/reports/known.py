"""
Services that are met in reports, by the names that give them away: the table `known_senders.toml`.

A reverse name, an SPF include, an envelope domain and the d= of a signature are all names of the
service's own, so one list of domains serves for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from maildns.intent.senders import presets


class Role(StrEnum):
    """What a service does with mail that says it is from a domain of ours."""

    OWN = "own"  # a server or a network of the domain's owner
    SENDER = "sender"  # sends on its customers' order
    MAILBOX = "mailbox"  # people's mailboxes; forwards too
    GATEWAY = "gateway"  # filters and sends on
    FORWARDER = "forwarder"
    LIST = "list"
    HOSTING = "hosting"  # whose machine it is, not who sends
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class KnownSender:
    """A service of the table."""

    key: str
    title: str
    role: Role
    domains: tuple[str, ...]
    source: str


@cache
def known_senders() -> dict[str, KnownSender]:
    """
    All of them by key.

    >>> known_senders()["sendgrid"].title
    'Twilio SendGrid'
    """
    import tomllib
    from importlib.resources import files

    text = files("maildns.reports").joinpath("known_senders.toml").read_text(encoding="utf-8")
    named = presets()
    return {
        key: KnownSender(
            key,
            table["title"] if "title" in table else named[key].title,
            Role(table["role"]),
            tuple(table["domains"]),
            table["source"],
        )
        for key, table in tomllib.loads(text).items()
    }


@cache
def _by_domain() -> dict[str, KnownSender]:
    return {domain: one for one in known_senders().values() for domain in one.domains}


def sender_of_name(name: str) -> KnownSender | None:
    """
    The service that *name* is of: the closest of its domains at or above it.

    >>> sender_of_name("o1.ptr2.sendgrid.net").key
    'sendgrid'
    >>> sender_of_name("notsendgrid.net") is None
    True
    """
    table = _by_domain()
    rest = name.lower().rstrip(".")
    while rest:
        if rest in table:
            return table[rest]
        rest = rest.partition(".")[2]
    return None
