"""`maildns check`: the audit of live domains."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import typer

from maildns.cli import check_options as options
from maildns.cli.check_fix import mend
from maildns.cli.check_looking import Looking
from maildns.cli.common import (
    CONFIG,
    ExitCode,
    JsonOption,
    ServerOption,
    WorldOption,
    YesOption,
    emit,
    output,
    write,
)
from maildns.errors import InputError, UsageError

if TYPE_CHECKING:
    from maildns.audit.assessment import Assessment
    from maildns.audit.checking import Audit
    from maildns.audit.profiles import Profile

MAX_LIST_OCTETS: Final = 64 * 1024 * 1024
_FAIL_ON: Final = ("bad", "warn")


def command(
    domains: options.Domains = None,
    *,
    file: options.DomainFile = None,
    profile: options.ProfileName = "default",
    selector: options.Selectors = None,
    message: options.Messages = None,
    config: options.ConfigFile = None,
    view: options.Views = None,
    live: options.Live = True,
    deep: options.Deep = False,
    servers: options.Servers = True,
    deadline: options.Deadline = 15.0,
    ca_file: options.CaFile = None,
    mark_ca_file: options.MarkCaFile = None,
    memory: options.Memory = None,
    world: WorldOption = None,
    server: ServerOption = None,
    whole: options.Whole = False,
    json: JsonOption = False,
    sarif: options.Sarif = False,
    junit: options.Junit = False,
    html: options.Html = False,
    markdown: options.Markdown = False,
    table: options.Table = False,
    out: options.Out = None,
    fail_on: options.FailOn = "bad",
    fail_below: options.FailBelow = "",
    fix: options.Fix = False,
    yes: YesOption = False,
) -> None:
    """
    Audit live domains: what is right, what is wrong, what could not be known, and the mend.

    Exits with 1 for a result as bad as --fail-on says or a grade below --fail-below; with 3 when
    nothing is wrong as far as is known, but not all is; else with 0.
    """
    if profile == "list":
        _list_profiles()
    forms = {"json": json, "sarif": sarif, "junit": junit, "html": html, "markdown": markdown}
    wanted = Wanted({**forms, "table": table}, out, profile, fail_on, fail_below, whole)
    looking = Looking(
        world=world,
        servers=tuple(server or ()),
        selectors=tuple(selector or ()),
        messages=tuple(message or ()),
        config=None if fix else config,
        views=tuple(view or ()),
        live=live,
        deep=deep,
        every_server=servers,
        deadline_seconds=deadline,
        ca_files=(ca_file, mark_ca_file),
        memory=memory,
    )
    found, failed = _check(looking, _names(domains or (), file), wanted)
    if fix:
        mend(found, config or CONFIG, world, server or (), yes=yes)
    else:
        _leave(found, failed=failed)


def _leave(found: Iterable[Assessment], *, failed: bool) -> None:
    """Tell the shell how it went."""
    if failed:
        raise typer.Exit(ExitCode.FINDINGS)
    if any(one.score.unsure or not one.known for one in found):
        raise typer.Exit(ExitCode.UNKNOWN)


@dataclass(frozen=True)
class Wanted:
    """What is to come of the check: its form, its judge, and when it fails."""

    forms: Mapping[str, bool]
    out: Path | None
    profile: str
    fail_on: str
    fail_below: str
    whole: bool


def _check(looking: Looking, names: Sequence[str], wanted: Wanted) -> tuple[list[Assessment], bool]:
    """Check *names* and print what was found; whether it fails."""
    form = _form(wanted.forms)
    profile = _profile(wanted.profile, wanted.fail_on, wanted.fail_below)
    shown = form is None and wanted.out is None
    found = list(_assessed(looking.audits(names), profile, show=shown, whole=wanted.whole))
    failed = _failed(found, wanted.fail_on, wanted.fail_below)
    if not shown:
        _print(form or "markdown", found, profile, failed=failed, out=wanted.out)
    return found, failed


# --- what is asked for ----------------------------------------------------------------


def _form(asked: Mapping[str, bool]) -> str | None:
    """The one form that is asked for; None: for people, on the terminal."""
    wanted = [name for name, yes in asked.items() if yes]
    if len(wanted) > 1:
        raise UsageError(f"--{wanted[0]} and --{wanted[1]} do not go together", "ask for one form")
    return wanted[0] if wanted else None


def _profile(name: str, fail_on: str, fail_below: str) -> Profile:
    from maildns.audit.profiles import profile_named
    from maildns.audit.score import GRADES

    if fail_on not in _FAIL_ON:
        raise UsageError(f"--fail-on takes bad or warn, not {fail_on[:40]!r}")
    if fail_below and fail_below not in GRADES:
        raise UsageError(f"--fail-below takes a grade, {', '.join(GRADES)}")
    return profile_named(name)


def _names(given: Sequence[str], file: Path | None) -> list[str]:
    """The domains, each once; raises `UsageError` for one that is no domain."""
    from maildns.audit.subject import domain_of

    texts = list(given)
    if file is not None:
        texts.extend(_listed(file))
    if not texts:
        raise UsageError("which domain?", "maildns check example.org, or -f FILE with one a line")
    return list(dict.fromkeys(domain_of(text) for text in texts))


def _listed(file: Path) -> Iterator[str]:
    """The names in *file*, one a line; what follows a # is a comment."""
    if str(file) == "-":
        octets = sys.stdin.buffer.read(MAX_LIST_OCTETS + 1)
    else:
        try:
            with file.open("rb") as opened:
                octets = opened.read(MAX_LIST_OCTETS + 1)
        except OSError as error:
            raise InputError(f"cannot read it: {error.strerror}", path=file) from None
    if len(octets) > MAX_LIST_OCTETS:
        raise InputError("this is too large", path=file)
    for line in octets.decode("utf-8", "replace").splitlines():
        text = line.partition("#")[0].strip()
        if text:
            yield text


# --- checking -------------------------------------------------------------------------


def _assessed(
    audits: Iterable[Audit], profile: Profile, *, show: bool, whole: bool
) -> Iterator[Assessment]:
    """Each audit, judged, and shown as soon as it is there."""
    from maildns.audit.assessment import assess
    from maildns.cli.show_check import show_assessment

    for audit in audits:
        one = assess(audit, profile)
        if show:
            show_assessment(one, output(), whole=whole)
        yield one


def _failed(found: Iterable[Assessment], fail_on: str, fail_below: str) -> bool:
    from maildns.audit.result import Status
    from maildns.audit.score import is_worse

    statuses = (Status.BAD,) if fail_on == "bad" else (Status.BAD, Status.WARN)
    return any(
        bool(one.having(*statuses))
        or (bool(fail_below) and one.known and is_worse(one.score.grade, fail_below))
        for one in found
    )


# --- printing -------------------------------------------------------------------------


def _print(
    form: str, found: list[Assessment], profile: Profile, *, failed: bool, out: Path | None
) -> None:
    if form == "json" and out is None:
        from maildns.audit.render.document import CheckDocument

        emit(CheckDocument.of(found, profile, failed=failed))
        return
    write(_text(form, found, profile, failed=failed), out)


def _text(form: str, found: list[Assessment], profile: Profile, *, failed: bool) -> str:
    from json import dumps

    if form == "json":
        from maildns.audit.render.document import CheckDocument

        return CheckDocument.of(found, profile, failed=failed).model_dump_json(indent=2)
    if form == "sarif":
        from maildns.audit.render.sarif import sarif

        return dumps(sarif(found), indent=2, ensure_ascii=False)
    if form == "junit":
        from maildns.audit.render.junit import junit

        return junit(found)
    if form == "html":
        from maildns.audit.render.page import html

        return html(found)
    if form == "table":
        return _table(found)
    from maildns.audit.render.markdown import markdown

    return markdown(found)


def _table(found: Iterable[Assessment]) -> str:
    """The records to publish, in the form of `export --format table`."""
    from maildns.export.forms import form_named
    from maildns.export.record import DEFAULT_TTL_SECONDS, ExportRecord, zone_of
    from maildns.export.table import table_text

    records = [
        ExportRecord(
            zone=one.zone or zone_of(mend.name, {one.domain}),
            group=one.domain,
            kind="mend",
            name=mend.name,
            rrtype=mend.rdata.rrtype,
            ttl_seconds=mend.ttl_seconds or DEFAULT_TTL_SECONDS,
            rdata=mend.rdata,
            reason=mend.rule,
        )
        for one in found
        for mend in one.mends
    ]
    return table_text(records, form_named("generic"))


def _list_profiles() -> NoReturn:
    """Show them, and stop."""
    from maildns.audit.profiles import profiles

    console = output()
    for one in profiles():
        console.print(f"{one!s:<28} {one.title}", markup=False)
        console.print(f"{'':<28} {one.says}", style="dim", markup=False)
        for source in one.sources:
            console.print(f"{'':<28} {source}", style="dim", markup=False)
    raise typer.Exit
