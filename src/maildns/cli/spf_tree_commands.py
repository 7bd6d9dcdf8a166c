"""`maildns spf diff|flatten|optimise|drift`: whole trees of records, compared and made smaller."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import (
    ExitCode,
    JsonOption,
    ServerOption,
    WorldOption,
    emit,
    output,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from maildns.cli.protocol_documents import SpfFlatDocument, SpfShiftDocument
    from maildns.net.drivers import BlockingWorld
    from maildns.protocols.spf import Drift, Expanded, Shift, SpfFlat, SpfNetworks, SpfRecord

DIFF_EXAMPLE = 'Example: maildns spf diff example.com "v=spf1 mx include:_spf.example.net -all"'
FLATTEN_EXAMPLE = "Example: maildns spf flatten example.com --out example.com.spf.json"
OPTIMISE_EXAMPLE = "Example: maildns spf optimise example.com"
DRIFT_EXAMPLE = "Example: maildns spf drift example.com.spf.json"

RecordOption = Annotated[str, typer.Option(help="Take this record in place of the published one.")]
OutOption = Annotated[
    Path | None, typer.Option(help="Write the JSON here too, for `maildns spf drift`.")
]

# --- diff -----------------------------------------------------------------------------


def diff(
    old: Annotated[str, typer.Argument(help="The record before, or its domain; empty for none.")],
    new: Annotated[str, typer.Argument(help="The record afterwards, likewise.")],
    *,
    domain: Annotated[
        str, typer.Option(help="Whose records they are: look up all that they name.")
    ] = "",
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """
    Say what a change of the record means for senders.

    With a domain, --world or --server all includes, addresses and redirects are looked up, and
    the exact networks told that gain or lose permission; else what they name is just named.

    Exits with 1 when a record ends in an error, 3 when a name does not answer.
    """
    from maildns.dnsdata import name
    from maildns.protocols import spf

    domain = name(domain) if domain else ""
    sides = _side(old), _side(new)
    asks = domain or world or server or any(isinstance(side, str) for side in sides)
    if not asks:
        before, after = (None if isinstance(side, str) else side for side in sides)
        _show_meaning(spf.meaning_of_change(before, after), json=json)
        return
    from maildns.net.world import Remembering
    from maildns.wiring import world_of

    live = Remembering(world_of(world, server or ()))
    whose = domain or next((side for side in sides if isinstance(side, str)), "")
    found = [_networks(side, whose, live) for side in sides]
    _show_difference(found[0], found[1], json=json)


def _side(text: str) -> SpfRecord | str | None:
    """A record, a domain, or nothing, of what a person wrote."""
    from maildns.dnsdata import name
    from maildns.protocols import spf

    bare = text.strip()
    if not bare:
        return None
    if "=" in bare or " " in bare or ":" in bare:
        return spf.parse(bare)
    return name(bare)


def _networks(side: SpfRecord | str | None, domain: str, world: BlockingWorld) -> SpfNetworks:
    from maildns.errors import UsageError
    from maildns.net.drivers import run
    from maildns.protocols import spf

    if side is None:
        return spf.no_policy(domain)
    if isinstance(side, str):
        found = run(spf.networks(side), world)
        if found.decision("192.0.2.1") is not spf.SpfResult.NONE:
            return found
        # Most often a name mistyped: no change, or a loss of everything, would mislead.
        return replace(found, problems=(f"{side} has no SPF record",))
    for term in side.lookup_terms:
        if not domain and str(term).lstrip("+-~?").split("/")[0] in {"a", "mx"}:
            raise UsageError(f"whose {term}?", hint="name the domain: --domain example.com")
    return run(spf.networks(domain or "domain.invalid", side), world)


def _show_meaning(sentences: list[str], *, json: bool) -> None:
    from maildns.cli.show_record import line

    if json:
        from maildns.cli.protocol_documents import SpfDiffDocument

        emit(SpfDiffDocument(meaning=sentences))
        return
    console = output()
    for sentence in sentences or ["it means the same"]:
        line(sentence, console)


def _show_difference(before: SpfNetworks, after: SpfNetworks, *, json: bool) -> None:
    from maildns.cli.show_record import line
    from maildns.protocols import spf

    differs = spf.difference(before, after)
    problems = [
        f"{when}: {problem}"
        for when, side in (("before", before), ("after", after))
        for problem in side.problems
    ]
    if json:
        from maildns.cli.protocol_documents import SpfDiffDocument

        shifts = (*differs.shifts, *differs.others)
        document = SpfDiffDocument(
            meaning=[str(shift) for shift in shifts],
            exact=True,
            gained=[str(network) for network in differs.gained],
            lost=[str(network) for network in differs.lost],
            shifts=[_shift(shift) for shift in differs.shifts],
            others=[_shift(shift) for shift in differs.others],
            problems=problems,
        )
        emit(document)
    else:
        console = output()
        for shift in (*differs.shifts, *differs.others):
            line(f"{_sign(shift)} {shift}", console, _COLOURS[_sign(shift)])
        if differs.same:
            line("it means the same", console)
        for problem in problems:
            line(f"error: {problem}", console, "red")
    _leave(failed=bool(problems), temporary=before.temporary or after.temporary)


_COLOURS = {"+": "green", "-": "red", "~": ""}


def _sign(shift: Shift) -> str:
    if shift.after == "pass":
        return "+"
    return "-" if shift.before == "pass" else "~"


def _shift(shift: Shift) -> SpfShiftDocument:
    from maildns.cli.protocol_documents import SpfShiftDocument

    return SpfShiftDocument(who=shift.who, before=str(shift.before), after=str(shift.after))


def _leave(*, failed: bool, temporary: bool) -> None:
    if temporary:
        raise typer.Exit(ExitCode.UNKNOWN)
    if failed:
        raise typer.Exit(ExitCode.FINDINGS)


# --- flatten, optimise ----------------------------------------------------------------


def flatten(
    domain: Annotated[str, typer.Argument(help="The domain.")],
    *,
    record: RecordOption = "",
    keep: Annotated[
        list[str] | None,
        typer.Option(help="A term, or its domain, that stays as it is; may be repeated."),
    ] = None,
    max_lookups: Annotated[
        int, typer.Option(min=0, max=10, help="The lookups that the new record may need.")
    ] = 10,
    max_octets: Annotated[
        int, typer.Option(min=100, max=4000, help="The length of a record, else it is split.")
    ] = 450,
    out: OutOption = None,
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """
    Make a record that needs fewer lookups and permits the same addresses, and prove it.

    Only as much is replaced by its networks as is needed; what depends on the mail stays. Look
    again with `maildns spf drift`: what was replaced goes out of date when its owner changes it.

    Exits with 1 when there is no such record, 3 when a name does not answer.
    """
    from maildns.dnsdata import name
    from maildns.net.drivers import run
    from maildns.protocols import spf
    from maildns.wiring import world_of

    inquiry = spf.flatten(
        name(domain),
        record or None,
        keep=keep or (),
        max_lookups=max_lookups,
        max_octets=max_octets,
    )
    _report(run(inquiry, world_of(world, server or ())), out, json=json)


def optimise(
    domain: Annotated[str, typer.Argument(help="The domain.")],
    *,
    record: RecordOption = "",
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """
    Write the record shorter without replacing any include; nothing of it goes out of date.

    Networks are joined and stand first; doubles, idle terms and names without an address go.

    Exits with 1 when there is no such record, 3 when a name does not answer.
    """
    from maildns.dnsdata import name
    from maildns.net.drivers import run
    from maildns.protocols import spf
    from maildns.wiring import world_of

    inquiry = spf.optimise(name(domain), record or None)
    _report(run(inquiry, world_of(world, server or ())), None, json=json)


def _report(flat: SpfFlat, out: Path | None, *, json: bool) -> None:
    document = _flat_document(flat)
    if out is not None and flat.record is not None:
        write(document.model_dump_json(indent=2) + "\n", out)
    if json:
        emit(document)
    else:
        _show_flat(flat, out)
    _leave(failed=flat.record is None, temporary=flat.temporary)


def _flat_document(flat: SpfFlat) -> SpfFlatDocument:
    from maildns.cli.protocol_documents import (
        PublishedDocument,
        SpfExpandedDocument,
        SpfFlatDocument,
        SpfSourceDocument,
    )
    from maildns.dnsdata import Txt

    def published(name: str, record: SpfRecord) -> PublishedDocument:
        return PublishedDocument.of(name, Txt.of(str(record)))

    def expanded(one: Expanded) -> SpfExpandedDocument:
        sources = [
            SpfSourceDocument(
                name=s.name, type=s.rrtype, ttl_seconds=s.ttl_seconds, values=list(s.values)
            )
            for s in one.sources
        ]
        return SpfExpandedDocument(
            term=one.term,
            networks=[str(network) for network in one.networks],
            terms=list(one.terms),
            ttl_seconds=one.ttl_seconds,
            sources=sources,
            saved=one.saved,
        )

    return SpfFlatDocument(
        domain=flat.domain,
        before=str(flat.before) if flat.before else "",
        lookups_before=flat.lookups_before,
        record=published(flat.domain, flat.record) if flat.record else None,
        parts=[published(name, part) for name, part in flat.parts],
        lookups=flat.lookups,
        expanded=[expanded(one) for one in flat.expanded],
        notes=list(flat.notes),
        problems=list(flat.problems),
        proven=flat.proven,
        sampled=flat.sampled,
    )


def _show_flat(flat: SpfFlat, out: Path | None) -> None:
    from maildns.cli.show_record import line, show_published
    from maildns.dnsdata import Txt

    console = output()
    if flat.record is None:
        for problem in flat.problems:
            line(f"error: {problem}", console, "red")
        return
    for name, part in flat.parts:
        show_published(name, Txt.of(str(part)), console)
        line("", console)
    show_published(flat.domain, Txt.of(str(flat.record)), console)
    line("", console)
    for one in flat.expanded:
        lasts = "" if one.ttl_seconds is None else f", sure for {one.ttl_seconds} s"
        line(f"replaced {one.term}: {_stood_for(one)}{lasts}", console)
    for note in flat.notes:
        line(note, console)
    line(f"lookups: {flat.lookups_before} before, {flat.lookups} now", console, "bold")
    tried = f"; {flat.sampled} of them evaluated as receivers do" if flat.sampled else ""
    line(f"proven: every address has the result that it had{tried}", console, "green")
    if flat.expanded:
        line(f"look again: maildns spf drift {out or 'FILE (written by --out FILE)'}", console)


def _stood_for(one: Expanded) -> str:
    if one.term.startswith("redirect="):
        return "its terms stand in its place"
    count = len(one.networks)
    kept = f", and {' '.join(one.terms)}" if one.terms else ""
    return f"{count} network{'' if count == 1 else 's'}{kept}"


# --- drift ----------------------------------------------------------------------------


def drift(
    file: Annotated[Path, typer.Argument(help="What `maildns spf flatten --out` wrote.")],
    *,
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """
    Look whether what a flattened record replaced still has the same addresses.

    Exits with 1 when it has others, so that the record has to be made anew, 3 when that cannot
    be known.
    """
    from maildns.net.drivers import run
    from maildns.protocols import spf
    from maildns.wiring import world_of

    document = _read_flat(file)
    found = run(
        spf.drift(document.domain, _remembered(document, file)), world_of(world, server or ())
    )
    if json:
        _emit_drift(document.domain, found)
    else:
        _show_drift(found)
    failed = any(one.drifted or one.problem for one in found)
    _leave(failed=failed, temporary=any(one.temporary for one in found))


def _read_flat(file: Path) -> SpfFlatDocument:
    from pydantic import ValidationError

    from maildns.cli.protocol_documents import SpfFlatDocument
    from maildns.errors import InputError
    from maildns.wiring import read_text

    try:
        return SpfFlatDocument.model_validate_json(read_text(file))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        hint = "give the file that `maildns spf flatten --out` wrote"
        raise InputError(f"{place}: {first['msg']}", path=file, hint=hint) from None


def _remembered(document: SpfFlatDocument, file: Path) -> list[Expanded]:
    import ipaddress

    from maildns.errors import InputError
    from maildns.protocols import spf

    made = []
    for one in document.expanded:
        try:
            networks = tuple(ipaddress.ip_network(network) for network in one.networks)
        except ValueError as error:
            raise InputError(f"{one.term}: {error}", path=file) from None
        made.append(spf.Expanded(one.term, networks, tuple(one.terms), one.ttl_seconds))
    return made


def _emit_drift(domain: str, found: Sequence[Drift]) -> None:
    from maildns.cli.protocol_documents import SpfDriftDocument, SpfTermDriftDocument

    terms = [
        SpfTermDriftDocument(
            term=one.term,
            gained=[str(network) for network in one.gained],
            lost=[str(network) for network in one.lost],
            terms=None if one.terms is None else list(one.terms),
            problem=one.problem,
            ttl_seconds=one.ttl_seconds,
        )
        for one in found
    ]
    drifted = any(one.drifted for one in found)
    emit(SpfDriftDocument(domain=domain, drifted=drifted, terms=terms))


def _show_drift(found: Sequence[Drift]) -> None:
    from maildns.cli.show_record import line

    console = output()
    for one in found:
        for network in one.gained:
            line(f"+ {one.term} has {network} now: the record lacks it", console, "red")
        for network in one.lost:
            line(f"- {one.term} has {network} no longer: the record permits it", console, "red")
        if one.terms is not None:
            now = " ".join(one.terms) or "nothing"
            line(f"~ {one.term} has other terms now: {now}", console, "red")
        if one.problem:
            line(f"? {one.term}: {one.problem}", console, "yellow")
    if not any(one.drifted or one.problem for one in found):
        ttls = [one.ttl_seconds for one in found if one.ttl_seconds is not None]
        again = f"; look again in {min(ttls)} s" if ttls else ""
        line(f"nothing has changed{again}", console, "green")
