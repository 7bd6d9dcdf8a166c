"""The wizard's questions: each with a proposal taken from what is published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from typing import TypeVar

import typer

from maildns.cli.common import output
from maildns.cli.init_command import Answers, Sight
from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError, UsageError
from maildns.intent.senders import sender_named

T = TypeVar("T")


def ask(given: Answers, sight: Sight) -> Answers:
    """Ask for all that the flags left open; an empty answer takes the proposal."""
    console = output()
    console.print("Let us describe your mail server; Enter takes the proposal in brackets.\n")
    domains = given.domains or sight.zones or (_ask("Domain", _domain),)
    found = sight.survey(domains[0])
    if found.unreachable:
        console.print(
            "(the DNS did not answer, so nothing published is taken over)", style="yellow"
        )
    elif not found.empty:
        console.print(
            f"Found for {domains[0]}: {_seen(found.mx, bool(found.spf), bool(found.dmarc))}"
        )
    host = given.host or _ask(
        "Mail server's name", _domain, next(iter(found.mx), f"mail.{domains[0]}")
    )
    seen = found.addresses.get(host) or sight.survey(domains[0], [host]).addresses.get(host, ())
    addresses = (*given.ipv4, *given.ipv6)
    if not addresses:
        addresses = _ask("Its public addresses", _addresses, " ".join(seen))
    senders = given.senders or _ask(
        "Other services that send for you (`maildns init --list-senders`; none: Enter)",
        _senders,
        "",
        empty=True,
    )
    reports = given.reports_to or (
        _ask("DMARC reports go to", str.strip, f"postmaster@{domains[0]}"),
    )
    return replace(
        given,
        domains=given.domains if sight.zones else domains,
        host=host,
        ipv4=tuple(a for a in addresses if ":" not in a),
        ipv6=tuple(a for a in addresses if ":" in a),
        senders=senders,
        reports_to=reports,
    )


def _ask(question: str, read: Callable[[str], T], proposal: str = "", *, empty: bool = False) -> T:
    """Ask until the answer can be read."""
    while True:
        default = proposal if proposal or empty else None
        try:
            text = typer.prompt(question, default=default, show_default=bool(proposal))
        except typer.Abort:
            hint = "say it by options: maildns init --help"
            raise UsageError("the questions were not answered", hint) from None
        try:
            return read(text)
        except (ValueError, RecordSyntaxError) as error:
            problem = error.problem if isinstance(error, RecordSyntaxError) else str(error)
            output().print(f"  {problem}", style="yellow", markup=False)


def _domain(text: str) -> str:
    made = name(text.strip())
    if "." not in made:
        raise ValueError("a full name, please, such as example.com")
    return made


def _addresses(text: str) -> tuple[str, ...]:
    addresses = tuple(str(ip_address(word)) for word in text.replace(",", " ").split())
    if not addresses:
        raise ValueError("at least one address, please")
    return addresses


def _senders(text: str) -> tuple[str, ...]:
    words = tuple(text.replace(",", " ").split())
    for word in words:
        sender_named(word)
    return words


def _seen(mx: dict[str, int], spf: bool, dmarc: bool) -> str:
    words = [f"MX {', '.join(mx)}"] if mx else []
    words += ["an SPF record"] if spf else []
    words += ["a DMARC record"] if dmarc else []
    return "; ".join(words) or "nothing about mail"
