"""`maildns dmarc`: the policy that applies, for both kinds of receivers, and the next step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import ExitCode, JsonOption, ServerOption, WorldOption, emit, output

if TYPE_CHECKING:
    from maildns.cli.protocol_documents import DmarcCheckDocument
    from maildns.finding import Finding
    from maildns.net.drivers import BlockingWorld
    from maildns.protocols.dmarc import Destination, DmarcRecord, DmarcVerdict, Reader

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

Texts = list[str] | None
AUTHENTICATION_RESULTS = frozenset(
    {"none", "neutral", "pass", "fail", "softfail", "policy", "temperror", "permerror"}
)  # RFC 8601 sections 2.7.1 and 2.7.2


class ReaderChoice(StrEnum):
    """Which receivers to be."""

    RFC9989 = "rfc9989"
    RFC7489 = "rfc7489"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Sight:
    """What was found out about a domain."""

    domain: str
    verdicts: dict[Reader, DmarcVerdict]
    text: str
    destinations: list[Destination]
    findings: list[Finding]


# --- check ----------------------------------------------------------------------------


@app.command(
    "check",
    epilog="Example: maildns dmarc check example.com --spf bounce.example.com=pass "
    "--dkim example.com=pass",
)
def check(
    domain: Annotated[str, typer.Argument(help="The domain in From:.")],
    *,
    spf: Annotated[
        str, typer.Option(help="The envelope sender's domain and its result: DOMAIN=pass.")
    ] = "",
    dkim: Annotated[
        Texts, typer.Option(help="A signature's d= and its result: DOMAIN=pass. May be repeated.")
    ] = None,
    reader: Annotated[
        ReaderChoice, typer.Option(help="Receivers of RFC 9989, of the older RFC 7489, or both.")
    ] = ReaderChoice.BOTH,
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """
    Say which policy applies to mail from a domain, and what it does to a message.

    Without --spf and --dkim the message is one that passes neither. Exits with 1 when there is
    no usable policy, the record has an error, or a message that was described does not pass;
    with 3 when it cannot be known.
    """
    from maildns.dnsdata import name
    from maildns.wiring import world_of

    author = name(domain)
    spf_result = _identifier(spf) if spf else None
    dkim_results = [_identifier(text) for text in dkim or ()]
    readers = _readers(reader)
    sight = _look(author, spf_result, dkim_results, readers, world_of(world, server or ()))
    if json:
        emit(_document(sight))
    else:
        _show(sight)
    code = _code(sight, described=bool(spf_result or dkim_results))
    if code is not ExitCode.FINE:
        raise typer.Exit(code)


def _readers(choice: ReaderChoice) -> tuple[Reader, ...]:
    from maildns.protocols.dmarc import READERS

    return tuple(one for one in READERS if choice in {ReaderChoice.BOTH, one})


def _identifier(text: str) -> tuple[str, str]:
    """
    A domain and its result; a domain alone has passed.

    >>> _identifier("example.com=Fail"), _identifier("example.com")
    (('example.com', 'fail'), ('example.com', 'pass'))
    """
    from maildns.dnsdata import name
    from maildns.errors import UsageError

    domain, equals, result = text.partition("=")
    result = result.strip().lower() if equals else "pass"
    if result not in AUTHENTICATION_RESULTS:
        known = ", ".join(sorted(AUTHENTICATION_RESULTS))
        raise UsageError(f"{result!r} is not a result", hint=f"one of {known}")
    if not equals and domain.strip().lower() in AUTHENTICATION_RESULTS:
        raise UsageError(f"whose {text.strip()}?", hint=f"write example.com={text.strip()}")
    return name(domain.strip().rpartition("@")[2]), result


def _look(
    author: str,
    spf: tuple[str, str] | None,
    dkim: Sequence[tuple[str, str]],
    readers: Sequence[Reader],
    world: BlockingWorld,
) -> Sight:
    from maildns.net.drivers import run
    from maildns.protocols import dmarc

    verdicts = {
        reader: run(dmarc.evaluate(header_from=author, spf=spf, dkim=dkim, reader=reader), world)
        for reader in readers
    }
    several = _several({author, *(one.organizational_domain for one in verdicts.values())}, world)
    first = next((one for one in verdicts.values() if one.record and one.policy_domain), None)
    if first is None or first.policy_domain is None or first.record is None:
        return Sight(author, verdicts, "", [], several)
    inquiry = dmarc.external_destinations(first.policy_domain, first.record, readers[0])
    text = _text_at(first.policy_domain, world)
    findings = dmarc.lint_text(text, f"_dmarc.{first.policy_domain}") if text else []
    return Sight(author, verdicts, text, run(inquiry, world), several + findings)


def _several(domains: set[str | None], world: BlockingWorld) -> list[Finding]:
    """The findings that a domain has several records, which count as none."""
    from maildns.zonelint.rules import SEVERAL

    counts = {one: len(_texts_at(one, world)) for one in sorted(filter(None, domains))}
    return [
        SEVERAL["dmarc"].finding(f"_dmarc.{one}", f"_dmarc.{one} has {count} DMARC records")
        for one, count in counts.items()
        if count > 1
    ]


def _texts_at(domain: str, world: BlockingWorld) -> list[str]:
    """The DMARC records of *domain* as published."""
    from maildns.protocols.dmarc import policy_question
    from maildns.protocols.dmarc.treewalk import record_texts

    (answer,) = world.answer([policy_question(domain)])
    return record_texts(answer)


def _text_at(domain: str, world: BlockingWorld) -> str:
    """The one DMARC record of *domain*; empty where there is none, or several."""
    texts = _texts_at(domain, world)
    return texts[0] if len(texts) == 1 else ""


def _code(sight: Sight, *, described: bool) -> ExitCode:
    from maildns.cli.show_record import has_error

    results = {verdict.result.value for verdict in sight.verdicts.values()}
    if "temperror" in results:
        return ExitCode.UNKNOWN
    bad = {"none", "permerror", *(["fail"] if described else [])}
    return ExitCode.FINDINGS if results & bad or has_error(sight.findings) else ExitCode.FINE


def _differences(sight: Sight) -> list[str]:
    """Where the receivers part ways, in words; nothing where only one kind was asked for."""
    from maildns.protocols import dmarc

    if len(sight.verdicts) < 2:
        return []
    return [str(one) for one in dmarc.differences(*sight.verdicts.values())]


def _causes(sight: Sight) -> list[str]:
    from maildns.protocols import dmarc

    return dmarc.causes(*sight.verdicts.values()) if len(sight.verdicts) == 2 else []


def _document(sight: Sight) -> DmarcCheckDocument:
    from maildns.cli import protocol_documents as documents
    from maildns.cli.show_record import finding_documents

    return documents.DmarcCheckDocument(
        domain=sight.domain,
        text=sight.text,
        readers=[
            documents.DmarcReaderDocument(
                reader=reader,
                result=verdict.result,
                disposition=verdict.disposition,
                policy=verdict.policy,
                policy_domain=verdict.policy_domain,
                organizational_domain=verdict.organizational_domain,
                spf_aligned=verdict.spf_aligned,
                dkim_aligned=verdict.dkim_aligned,
                reasons=list(verdict.reasons),
            )
            for reader, verdict in sight.verdicts.items()
        ],
        differences=_differences(sight),
        destinations=[
            documents.DmarcDestinationDocument(
                uri=str(one.uri),
                host=one.host,
                external=one.external,
                granted=one.granted,
                grant=one.name,
            )
            for one in sight.destinations
        ],
        findings=finding_documents(sight.findings),
    )


def _show(sight: Sight) -> None:
    from maildns.cli.show_record import line, show_findings

    console = output()
    if sight.text:
        policy_domain = next(
            one.policy_domain for one in sight.verdicts.values() if one.policy_domain
        )
        line(f"_dmarc.{policy_domain}: {sight.text}", console, "bold")
    for reader, verdict in sight.verdicts.items():
        line(
            f"{_spelled(reader)}: {verdict.result}; this mail gets: {verdict.disposition}", console
        )
        if verdict.policy_domain:
            policy = f", policy {verdict.policy}" if verdict.policy else ""
            line(f"  record at {verdict.policy_domain}{policy}", console)
        line(f"  organizational domain: {verdict.organizational_domain or 'not known'}", console)
        for reason in verdict.reasons:
            line(f"  {reason}", console, "dim")
    for difference in _differences(sight):
        line(f"they differ: {difference}", console, "yellow")
    for cause in _causes(sight):
        line(f"  {cause}", console, "dim")
    for destination in sight.destinations:
        _show_destination(destination)
    show_findings(sight.findings, console, sight.text)


def _spelled(reader: str) -> str:
    return f"receivers of RFC {reader.removeprefix('rfc')}"


def _show_destination(destination: Destination) -> None:
    from maildns.cli.show_record import line, zone_line
    from maildns.dnsdata import Txt
    from maildns.protocols.dmarc import GRANT_TEXT

    console = output()
    head = f"reports to {destination.uri}"
    if not destination.external and destination.granted:
        line(f"{head}: of the same organization", console)
    elif destination.granted:
        line(f"{head}: {destination.host} takes them", console)
    elif destination.granted is None:
        line(f"{head}: whether {destination.host} takes them cannot be known now", console)
    elif not destination.name:
        line(f"{head}: never sent, the name of its grant would be too long", console, "red")
    else:
        line(
            f"{head}: not sent, {destination.host} does not take them; it must say:", console, "red"
        )
        line(f"  {zone_line(destination.name, Txt.of(GRANT_TEXT))}", console)


# --- next -----------------------------------------------------------------------------


@app.command(
    "next", epilog="Example: maildns dmarc next example.com --reports-to dmarc@example.com"
)
def next_step(
    domain: Annotated[str, typer.Argument(help="The domain.")],
    *,
    policy: Annotated[str, typer.Option(help="The goal: none, quarantine or reject.")] = "reject",
    reports_to: Annotated[
        Texts, typer.Option(help="Where reports go, when the record does not say yet.")
    ] = None,
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """
    Show the next step from watching to a strict policy, as a record to publish.

    Exits with 1 when there are several records or none that can be read, 3 when it cannot be
    known.
    """
    from maildns.dnsdata import name
    from maildns.wiring import world_of

    author = name(domain)
    owner, text, present = _present(author, world_of(world, server or ()))
    step = _next_step(present, policy, reports_to or (), owner)
    says = _advice(present, step, author, owner)
    _show_record(step, f"_dmarc.{owner}", before=text, says=says, json=json)


def _present(author: str, world: BlockingWorld) -> tuple[str, str, DmarcRecord | None]:
    """Where the record that applies to *author* stands, its text, and what it says."""
    from maildns.net.drivers import run
    from maildns.protocols import dmarc

    verdict = run(dmarc.evaluate(header_from=author), world)
    if verdict.result is dmarc.DmarcResult.TEMPERROR:
        _complain(f"the policy of {author} cannot be known: {'; '.join(verdict.reasons)}")
        raise typer.Exit(ExitCode.UNKNOWN)
    own = _texts_at(author, world)
    if len(own) > 1:
        _complain(f"_dmarc.{author} has {len(own)} DMARC records, so receivers use none: keep one")
        raise typer.Exit(ExitCode.FINDINGS)
    owner = verdict.policy_domain or author
    return owner, _text_at(owner, world), verdict.record


def _complain(problem: str) -> None:
    """Say on standard error what was found, which is nobody's misuse."""
    from maildns.cli.common import errors

    errors().print(f"error: {problem}", markup=False)


def _next_step(
    present: DmarcRecord | None, goal: str, reports_to: Sequence[str], owner: str
) -> DmarcRecord | None:
    """The first step of the ladder that is stricter than *present*; None at its top."""
    from maildns.cli.show_record import plain
    from maildns.protocols import dmarc

    addresses = [plain(one) for one in reports_to] or [f"postmaster@{owner}"]
    asked = dmarc.build(policy=goal, reports_to=addresses)
    if present is None:
        return dmarc.ladder(asked)[0]
    reports = present.aggregate_reports_to
    top = replace(
        present,
        policy=asked.policy,
        testing=False,
        percent=None,
        aggregate_reports_to=asked.aggregate_reports_to if reports_to else reports,
        published=(),
    )
    here = _height(present)
    return next((step for step in dmarc.ladder(top) if _height(step) > here), None)


def _height(record: DmarcRecord) -> tuple[int, bool]:
    """How strict a record is: its policy, and whether it holds for all mail of all receivers."""
    from maildns.protocols.dmarc import Policy

    policy = record.policy or Policy.NONE
    # With p=none, a test or a share changes nothing.
    whole = policy is Policy.NONE or (not record.testing and record.percent in {None, 100})
    return policy.rank, whole


def _advice(present: DmarcRecord | None, step: DmarcRecord | None, author: str, owner: str) -> str:
    from maildns.protocols.dmarc import Policy

    if step is None:
        return "nothing is left to do: the goal is reached"
    says = "publish it when the reports show that all mail of yours passes"
    if step.testing:
        # RFC 7489 does not know the tag t
        says += "; receivers of RFC 7489 do not know t=y and apply the policy in full"
    if present is None or step.policy is Policy.NONE:
        says = "receivers only send reports: read them before the next step"
    if owner != author:
        says += f"; this is the record of {owner}, which {author} inherits"
    return says


# --- record ---------------------------------------------------------------------------


@app.command(
    "record",
    epilog="Example: maildns dmarc record --policy quarantine --reports-to dmarc@example.com "
    "--domain example.com",
)
def record(
    *,
    policy: Annotated[str, typer.Option(help="p: none, quarantine or reject.")] = "none",
    reports_to: Annotated[
        Texts, typer.Option(help="rua: where aggregate reports go. May be repeated.")
    ] = None,
    subdomain_policy: Annotated[
        str | None, typer.Option(help="sp: the policy for subdomains.")
    ] = None,
    nonexistent_policy: Annotated[
        str | None, typer.Option(help="np: the policy for subdomains that do not exist.")
    ] = None,
    failure_reports_to: Annotated[
        Texts, typer.Option(help="ruf: where failure reports go. May be repeated.")
    ] = None,
    testing: Annotated[
        bool, typer.Option("--testing", help="t=y: apply the policy one level lower.")
    ] = False,
    strict_dkim: Annotated[
        bool, typer.Option("--strict-dkim", help="adkim=s: d= must be the very domain.")
    ] = False,
    strict_spf: Annotated[
        bool, typer.Option("--strict-spf", help="aspf=s: so must the envelope sender's domain.")
    ] = False,
    domain: Annotated[
        str, typer.Option(help="The domain, to show the whole record at its name.")
    ] = "",
    json: JsonOption = False,
) -> None:
    """Make a DMARC record."""
    from maildns.cli.show_record import plain
    from maildns.dnsdata import name
    from maildns.protocols import dmarc

    made = dmarc.build(
        policy=policy,
        subdomain_policy=subdomain_policy,
        nonexistent_policy=nonexistent_policy,
        reports_to=[plain(one) for one in reports_to or ()],
        failure_reports_to=[plain(one) for one in failure_reports_to or ()],
        testing=testing,
        dkim_alignment="s" if strict_dkim else "r",
        spf_alignment="s" if strict_spf else "r",
    )
    owner = name(f"_dmarc.{name(domain)}") if domain else ""
    _show_record(made, owner, before="", says="", json=json)


def _show_record(
    made: DmarcRecord | None, owner: str, *, before: str, says: str, json: bool
) -> None:
    from maildns.cli.show_record import finding_documents, line, show_findings, show_published
    from maildns.dnsdata import Txt
    from maildns.protocols import dmarc

    text = str(made) if made is not None else ""
    findings = dmarc.lint(made, owner) if made is not None else []
    if json:
        from maildns.cli.protocol_documents import DmarcRecordDocument, PublishedDocument

        emit(
            DmarcRecordDocument(
                before=before,
                text=text,
                record=PublishedDocument.of(owner, Txt.of(text)) if owner and text else None,
                says=says,
                findings=finding_documents(findings),
            )
        )
        return
    console = output()
    if before:
        line(f"now:   {before}", console)
    if text and owner:
        show_published(owner, Txt.of(text), console)
    elif text:
        line(text, console)
    if says:
        line(says, console)
    show_findings(findings, console, text)
