"""
The `maildns` command: a table of commands, each imported when it is called.

Start-up matters: a hook or a prompt may run `maildns` often, so nothing heavy is
imported before it is known to be needed.
"""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Sequence
from typing import Any

COMMANDS = {
    "init": "Make a maildns.toml: look at what is published, propose, generate keys.",
    "plan": "Show what has to change in the DNS, and prove it.",
    "prove": "Run the receivers' algorithms over the planned records.",
    "apply": "Publish the plan: show, ask, write, read back.",
    "export": "Print the records for a zone file, a web form or another tool.",
    "check": "Audit live domains: what is right, what is wrong, what could not be known, and the mend.",
    "lint": "Complain about records, a zone file or standard input.",
    "explain": "Say in plain words what a record means, tag by tag.",
    "rule": "Show what a rule checks, why, and the mend.",
    "spf": "Check and measure SPF records.",
    "dkim": "Make, import, check and hand out DKIM keys.",
    "dmarc": "Find the policy of a domain and the next step of its ladder.",
    "tlsa": "Make TLSA records from a certificate, a key or a live server.",
    "verify": "Say what receivers find out about a message, and why.",
    "reports": "Read the reports that come back: who sends as you, and the next safe step.",
    "lab": "Run a signed name server on loopback, to try things out.",
    "schema": "Print the JSON schema of maildns.toml and of every --json output.",
}


def build(names: Sequence[str] | None = None) -> Any:
    """The command line as a Typer command, holding *names* (all of COMMANDS when None)."""
    import typer

    app = typer.Typer(
        name="maildns",
        help="Complete, correct, published and proven DNS records for a mail server.",
        no_args_is_help=True,
        add_completion=names is None,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def root(
        *,
        version: bool = typer.Option(False, "--version", help="Print the version and stop."),
    ) -> None:
        if version:
            _print_version()
            raise typer.Exit

    for name in names if names is not None else COMMANDS:
        _add(app, name)
    return typer.main.get_command(app)


def _add(app: Any, name: str) -> None:
    from importlib import import_module

    module = import_module(f"maildns.cli.{name}_command")
    if hasattr(module, "app"):
        app.add_typer(module.app, name=name, help=COMMANDS[name])
    else:
        settings = getattr(module, "SETTINGS", None)  # of click's context
        app.command(name, help=module.command.__doc__, context_settings=settings)(module.command)


def _print_version() -> None:
    from maildns._version import __version__

    sys.stdout.write(f"maildns {__version__}\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run the command line and exit with the design's codes.

    0 fine, 1 findings at or above the asked severity, 2 misuse, 3 could not know.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given == ["--version"]:  # before anything is imported
        _print_version()
        sys.exit(0)
    from maildns.cli.common import run_guarded

    for stream in (sys.stdout, sys.stderr):
        # An odd octet in a file's name is shown, not stumbled over.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # A command lives briefly and its values hold no cycles: look for garbage seldom.
    gc.set_threshold(100_000, 50, 100)
    wanted = [given[0]] if given and given[0] in COMMANDS else None
    run_guarded(lambda: build(wanted)(args=given, prog_name="maildns"))


if __name__ == "__main__":
    main()
