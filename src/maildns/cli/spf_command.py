"""`maildns spf`: evaluated as receivers do, measured and built; see `spf_tree_commands` for more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli import spf_tree_commands
from maildns.cli.common import ExitCode, JsonOption, ServerOption, WorldOption, emit, output

if TYPE_CHECKING:
    from maildns.cli.protocol_documents import SpfCheckDocument, SpfTreeDocument
    from maildns.protocols.spf import LookupTree, SpfVerdict

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

MAX_LOOKUPS = 10  # RFC 7208 section 4.6.4

Texts = list[str] | None


# --- check ----------------------------------------------------------------------------


@app.command(
    "check",
    epilog="Example: maildns spf check --ip 192.0.2.1 --sender alice@example.com",
)
def check(
    *,
    ip: Annotated[str, typer.Option(help="The address of the sending host.")],
    sender: Annotated[
        str,
        typer.Option(help="The envelope sender (MAIL FROM), or a bare domain; <> for a bounce."),
    ] = "",
    helo: Annotated[
        str, typer.Option(help="What the host says in HELO; the sender's domain when left out.")
    ] = "",
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """
    Evaluate SPF for a sending host, term by term.

    Exits with 0 for pass, 3 when it cannot be known (temperror), 1 for every other result.
    """
    from maildns.cli.show_record import plain
    from maildns.errors import UsageError
    from maildns.net.drivers import run
    from maildns.protocols import spf
    from maildns.wiring import world_of

    sender, helo = plain(sender), plain(helo)
    if sender and sender != "<>" and "@" not in sender:
        sender = f"postmaster@{sender}"
    said = helo or sender.rpartition("@")[2]
    if not said or said == "<>":
        raise UsageError(
            "who sends?", hint="give --sender alice@example.com, or --helo for a bounce"
        )
    inquiry = spf.check_host(ip=ip, sender=sender, helo=said)
    verdict = run(inquiry, world_of(world, server or ()))
    if json:
        emit(_check_document(verdict, ip, sender, said))
    else:
        _show_verdict(verdict)
    code = {"pass": ExitCode.FINE, "temperror": ExitCode.UNKNOWN}.get(
        verdict.result, ExitCode.FINDINGS
    )
    raise typer.Exit(code)


def _check_document(verdict: SpfVerdict, ip: str, sender: str, helo: str) -> SpfCheckDocument:
    from maildns.cli.protocol_documents import SpfCheckDocument, SpfStepDocument

    return SpfCheckDocument(
        ip=ip,
        sender=sender,
        helo=helo,
        domain=verdict.domain,
        result=verdict.result,
        term=verdict.term,
        problem=verdict.problem,
        explanation=verdict.explanation,
        lookups=verdict.lookups,
        void_lookups=verdict.void_lookups,
        trace=[
            SpfStepDocument(
                depth=step.depth,
                domain=step.domain,
                term=step.term,
                answer=step.answer,
                matched=step.matched,
            )
            for step in verdict.trace
        ],
    )


_COLOURS = {"pass": "green", "fail": "red", "permerror": "bold red", "temperror": "yellow"}


def _show_verdict(verdict: SpfVerdict) -> None:
    from maildns.cli.show_record import line

    console = output()
    because = verdict.problem or (verdict.term and f"by {verdict.term}") or "no term matched"
    head = f"{verdict.result}: {verdict.domain}: {because}"
    line(head, console, _COLOURS.get(verdict.result, "bold"))
    for step in verdict.trace:
        line(f"  {step}", console, "" if step.matched else "dim")
    if verdict.explanation:
        line(f"the owner explains: {verdict.explanation}", console)
    voids = f", {verdict.void_lookups} of 2 found nothing" if verdict.void_lookups else ""
    line(f"lookups: {verdict.lookups} of {MAX_LOOKUPS}{voids}", console)


# --- tree -----------------------------------------------------------------------------


@app.command(
    "tree",
    epilog='Example: maildns spf tree example.com --record "v=spf1 include:_spf.example.net -all"',
)
def tree(
    domain: Annotated[str, typer.Argument(help="The domain.")],
    *,
    record: Annotated[
        str, typer.Option(help="Measure this record in place of the published one.")
    ] = "",
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """
    Show what each include costs; receivers stop at ten lookups.

    Exits with 1 when an evaluation can end in an error, 3 when the tree cannot be read.
    """
    from maildns.dnsdata import name
    from maildns.net.drivers import run
    from maildns.protocols import spf
    from maildns.wiring import world_of

    own = spf.parse(record) if record else None
    found = run(spf.lookup_tree(name(domain), own), world_of(world, server or ()))
    if json:
        emit(_tree_document(found))
    else:
        _show_tree(found)
    if any(node.temporary for node in found.root.walk()):
        raise typer.Exit(ExitCode.UNKNOWN)
    if found.problems:
        raise typer.Exit(ExitCode.FINDINGS)


def _tree_document(found: LookupTree) -> SpfTreeDocument:
    from maildns.cli.protocol_documents import SpfCostDocument, SpfTreeDocument

    return SpfTreeDocument(
        domain=found.root.domain,
        total=found.total,
        complete=found.complete,
        costs=[SpfCostDocument(term=term, lookups=cost) for term, cost in found.costs()],
        voids=list(found.voids),
        problems=list(found.problems),
        lines=found.lines(),
    )


def _show_tree(found: LookupTree) -> None:
    from maildns.cli.show_record import line

    console = output()
    for text in found.lines():
        line(text, console)
    least = "" if found.complete else "at least "
    line(f"{least}{found.total} of {MAX_LOOKUPS} lookups", console, "bold")
    for problem in found.problems:
        line(f"error: {problem}", console, "red")


# --- build ----------------------------------------------------------------------------


@app.command(
    "build",
    epilog="Example: maildns spf build --mx --ip4 192.0.2.1 --include _spf.example.net --all ~all",
)
def build(
    *,
    ip4: Annotated[Texts, typer.Option(help="An IPv4 address or network; may be repeated.")] = None,
    ip6: Annotated[Texts, typer.Option(help="An IPv6 address or network; may be repeated.")] = None,
    include: Annotated[
        Texts, typer.Option(help="A domain whose record is included; may be repeated.")
    ] = None,
    a: Annotated[bool, typer.Option("--a", help="The domain's own addresses.")] = False,
    mx: Annotated[bool, typer.Option("--mx", help="The domain's mail exchangers.")] = False,
    term: Annotated[Texts, typer.Option(help="A further term as it is published.")] = None,
    all: Annotated[
        str | None, typer.Option(help="What others get: -all, ~all, ?all; -all when left out.")
    ] = None,
    redirect: Annotated[
        str | None, typer.Option(help="Use the record of this domain in place of `all`.")
    ] = None,
    into: Annotated[
        str, typer.Option(help="Merge it into this record, since a name may have only one.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Make an SPF record, or merge new senders into one."""
    from maildns.cli.show_record import finding_documents, line, show_findings
    from maildns.protocols import spf

    last = all if all is not None else (None if redirect or into else "-all")
    record = spf.build(
        ip4=ip4 or (),
        ip6=ip6 or (),
        include=include or (),
        a=a,
        mx=mx,
        terms=term or (),
        all=last,
        redirect=redirect,
    )
    if into:
        record = spf.merge(spf.parse(into), record)
    findings = spf.lint(record)
    if json:
        from maildns.cli.protocol_documents import SpfRecordDocument

        emit(SpfRecordDocument(text=str(record), findings=finding_documents(findings)))
        return
    console = output()
    line(str(record), console)
    show_findings(findings, console, str(record))


# --- the whole tree, address by address -----------------------------------------------

app.command("diff", epilog=spf_tree_commands.DIFF_EXAMPLE)(spf_tree_commands.diff)
app.command("flatten", epilog=spf_tree_commands.FLATTEN_EXAMPLE)(spf_tree_commands.flatten)
app.command("optimise", epilog=spf_tree_commands.OPTIMISE_EXAMPLE)(spf_tree_commands.optimise)
app.command("drift", epilog=spf_tree_commands.DRIFT_EXAMPLE)(spf_tree_commands.drift)
