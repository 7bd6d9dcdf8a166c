"""`maildns plan`: what has to change, what it means, and whether mail works afterwards."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from maildns.cli.common import (
    CONFIG,
    ConfigOption,
    ExitCode,
    JsonOption,
    ServerOption,
    WorldOption,
    output,
    planned,
)


def command(
    *,
    config: ConfigOption = CONFIG,
    world: WorldOption = None,
    server: ServerOption = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the plan to this file, for `maildns apply FILE`."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show what has to change in the DNS, and prove it."""
    from maildns.cli.show_plan import exit_code, show_plan
    from maildns.plan.document import plan_json
    from maildns.safefile import replace_file

    _, plan = planned(config, world, server)
    if out is not None:
        replace_file(out, "".join(plan_json(plan)))
    if json:
        sys.stdout.writelines(plan_json(plan))
    else:
        show_plan(plan, output(), saved=out)
    code = exit_code(plan)
    if code is not ExitCode.FINE:
        raise typer.Exit(code)
