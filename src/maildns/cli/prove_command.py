"""`maildns prove`: the receivers' algorithms over the planned records."""

from __future__ import annotations

import typer

from maildns.cli.common import (
    CONFIG,
    ConfigOption,
    ExitCode,
    JsonOption,
    ServerOption,
    WorldOption,
    emit,
    output,
    planned,
)


def command(
    *,
    config: ConfigOption = CONFIG,
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """Run the receivers' algorithms over the planned records."""
    from maildns.cli.show_plan import show_proof
    from maildns.documents import FindingDocument
    from maildns.plan.document import CheckDocument, ProofDocument
    from maildns.plan.proof import Result

    _, plan = planned(config, world, server)
    if json:
        checks = [CheckDocument.of(check) for check in plan.checks]
        findings = [FindingDocument.of(finding) for finding in plan.findings]
        emit(ProofDocument(checks=checks, findings=findings))
    else:
        show_proof(plan, output())
    if any(check.failed for check in plan.checks):
        raise typer.Exit(ExitCode.FINDINGS)
    if any(check.result is Result.UNKNOWN for check in plan.checks):
        raise typer.Exit(ExitCode.UNKNOWN)
