"""The options of `maildns init`: what an owner may say instead of being asked."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Texts = list[str] | None

Domains = Annotated[
    Texts, typer.Option(help="A domain that the server handles mail for; may be repeated.")
]
Host = Annotated[str, typer.Option(help="The server's name; mail.DOMAIN when left out.")]
IPv4s = Annotated[Texts, typer.Option(help="Its public IPv4 address; may be repeated.")]
IPv6s = Annotated[Texts, typer.Option(help="Its public IPv6 address; may be repeated.")]
Selector = Annotated[
    str, typer.Option(help="The DKIM selector; one that names the month when left out.")
]
Algorithms = Annotated[
    Texts,
    typer.Option(help="DKIM key: rsa2048 (default), rsa3072, rsa4096, ed25519; may be repeated."),
]
ReportsTo = Annotated[
    Texts, typer.Option(help="Where DMARC reports go; postmaster@DOMAIN when left out.")
]
PolicyName = Annotated[
    str, typer.Option(help="DMARC policy: none, quarantine or reject; none is the start.")
]
Senders = Annotated[
    Texts, typer.Option(help="Another service that sends: a preset or an SPF mechanism.")
]
ListSenders = Annotated[bool, typer.Option("--list-senders", help="List the presets and stop.")]
Certificate = Annotated[str, typer.Option(help="The server's TLS certificate, for TLSA.")]
Key = Annotated[str, typer.Option(help="The server's TLS key, for TLSA.")]
MtaSts = Annotated[str, typer.Option(help="MTA-STS mode: testing or enforce.")]
TlsReportsTo = Annotated[Texts, typer.Option(help="Where TLS reports go.")]
Clients = Annotated[bool, typer.Option("--clients", help="SRV records for mail programs.")]
Parked = Annotated[Texts, typer.Option(help="A domain without any mail; may be repeated.")]
Zones = Annotated[
    list[Path] | None, typer.Option(help="Start from this zone file; may be repeated.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing config.")]
