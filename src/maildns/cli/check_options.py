"""The options of `maildns check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Domains = Annotated[
    list[str] | None,
    typer.Argument(metavar="[DOMAIN]...", help="The domains to check.", show_default=False),
]
DomainFile = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="A file with one domain a line; - for standard input."),
]
ProfileName = Annotated[
    str, typer.Option("--profile", help="Whose rules count: NAME or NAME@DATE; `list` shows them.")
]
Selectors = Annotated[
    list[str] | None,
    typer.Option("--selector", help="A DKIM selector to look for; may be given again."),
]
Messages = Annotated[
    list[Path] | None,
    typer.Option("--message", help="A mail of the domain, whose DKIM selectors are looked for."),
]
Views = Annotated[
    list[str] | None,
    typer.Option(
        "--view",
        metavar="NAME=SERVER",
        help="Compare what this name server shows, such as lan=192.0.2.53, with the public DNS.",
    ),
]
Live = Annotated[
    bool,
    typer.Option(
        "--live/--no-live",
        help="Talk to the mail servers (no mail is sent) and fetch the MTA-STS policy.",
    ),
]
Deep = Annotated[
    bool, typer.Option("--deep", help="Talk to each server again to see what lesser TLS it takes.")
]
Memory = Annotated[
    Path | None,
    typer.Option(
        "--memory", help="Remember in this file what was seen, to notice what changes wrongly."
    ),
]
Servers = Annotated[
    bool,
    typer.Option("--servers/--no-servers", help="Ask every name server of the zone by itself."),
]
Deadline = Annotated[
    float, typer.Option("--deadline", min=1.0, help="Seconds that one domain may take.")
]
Whole = Annotated[bool, typer.Option("--all", "-a", help="Show every result with its evidence.")]
Sarif = Annotated[bool, typer.Option("--sarif", help="Print SARIF 2.1.0.")]
Junit = Annotated[bool, typer.Option("--junit", help="Print JUnit XML.")]
Html = Annotated[bool, typer.Option("--html", help="Print one self-contained page.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print Markdown.")]
Table = Annotated[
    bool, typer.Option("--table", help="Print the records to publish, as `export --format table`.")
]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file instead.")]
FailOn = Annotated[
    str, typer.Option("--fail-on", metavar="bad|warn", help="Exit with 1 when a result is that.")
]
FailBelow = Annotated[
    str, typer.Option("--fail-below", metavar="GRADE", help="Exit with 1 for a worse grade.")
]
ConfigFile = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="Look for the DKIM selectors that this description names; with --fix, where to write.",
    ),
]
Fix = Annotated[
    bool, typer.Option("--fix", help="Write a maildns.toml that mends the domains, and its plan.")
]
CaFile = Annotated[
    Path | None,
    typer.Option("--ca-file", help="Trust these certificates too, such as those of a lab."),
]
MarkCaFile = Annotated[
    Path | None,
    typer.Option(
        "--mark-ca-file",
        envvar="MAILDNS_MARK_CA_FILE",
        help="Trust these authorities for BIMI mark certificates, beside the known ones.",
    ),
]
