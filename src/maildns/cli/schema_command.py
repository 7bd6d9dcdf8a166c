"""`maildns schema`: the JSON schemas of what is read and printed."""

from __future__ import annotations

import sys
from typing import Annotated

import typer


def command(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[NAME]",
            help="config, or the kind of a document; nothing lists them.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Print the JSON schema of maildns.toml and of every --json output."""
    from maildns.cli.documents import DOCUMENTS

    known = ["config", *sorted(DOCUMENTS)]
    if not name:
        sys.stdout.write("\n".join(known) + "\n")
        return
    if name not in known:
        from maildns.errors import UsageError

        raise UsageError(f"there is no schema {name[:60]!r}", f"known are {', '.join(known)}")
    from json import dumps

    sys.stdout.write(dumps(schema_of(name), indent=2, ensure_ascii=False) + "\n")


def schema_of(name: str) -> dict[str, object]:
    """The schema of `config` or of the documents of the kind *name*, with its dialect."""
    from maildns.cli.documents import model_of

    if name == "config":
        from maildns.intent.model import Intent

        schema = Intent.model_json_schema()
    else:
        schema = model_of(name).model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
