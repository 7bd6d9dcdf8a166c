"""
`maildns reports`: the reports that come back, from files to decisions.

The commands stand in modules of their own; here they get their names.
"""

from __future__ import annotations

import typer

from maildns.cli import (
    reports_advise_command,
    reports_alerts_command,
    reports_failures_command,
    reports_fetch_command,
    reports_import_command,
    reports_keep_command,
    reports_look_command,
    reports_receive_command,
    reports_replay_command,
)

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

app.command("import", epilog="Example: maildns reports import ~/Maildir reports.mbox *.xml.gz")(
    reports_import_command.command
)
app.command("fetch", epilog="Example: maildns reports fetch --dry-run")(
    reports_fetch_command.command
)
app.command(
    "receive", epilog="Example: maildns reports receive --config /etc/maildns/maildns.toml"
)(reports_receive_command.command)
app.command("summary", epilog="Example: maildns reports summary example.com --days 90")(
    reports_look_command.summary
)
app.command("senders", epilog="Example: maildns reports senders example.com --live")(
    reports_look_command.senders
)
app.command("source", epilog="Example: maildns reports source 192.0.2.7")(
    reports_look_command.source
)
app.command("tls", epilog="Example: maildns reports tls example.com")(reports_look_command.tls)
app.command("failures", epilog="Example: maildns reports failures example.com")(
    reports_failures_command.command
)
app.command("advise", epilog="Example: maildns reports advise example.com --write")(
    reports_advise_command.command
)
app.command(
    "replay", epilog='Example: maildns reports replay example.com --policy "p=reject; sp=reject"'
)(reports_replay_command.command)
app.command("alerts", epilog="Example: maildns reports alerts --send")(
    reports_alerts_command.alerts
)
app.command("export", epilog="Example: maildns reports export --format parquet --out rows.parquet")(
    reports_keep_command.export
)
app.add_typer(
    reports_keep_command.quarantine, name="quarantine", help="What could not be read, and why."
)
app.command("prune", epilog="Example: maildns reports prune --keep-days 180")(
    reports_keep_command.prune
)
