"""`maildns dkim`: keys made, taken over, shown, checked and handed to signing servers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli import dkim_message_commands
from maildns.cli.common import (
    CONFIG,
    ConfigOption,
    ExitCode,
    JsonOption,
    PassphraseEnv,
    PassphraseFile,
    ServerOption,
    WorldOption,
    emit,
    output,
)
from maildns.cli.dkim_entries import Entry, entries_of, keys_of, project_at

if TYPE_CHECKING:
    from maildns.finding import Finding
    from maildns.protocols import dkim
    from maildns.protocols.dkim import KeyVerdict, PublicKey
    from maildns.wiring import Project

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

DomainOption = Annotated[str, typer.Option(help="The domain whose mail the key signs.")]
SelectorOption = Annotated[
    str, typer.Option(help="The key's selector; one that names the month when left out.")
]
AddOption = Annotated[
    bool, typer.Option("--add", help="Put the key into the config; comments there are kept.")
]


# --- new, import ----------------------------------------------------------------------


@app.command("new", epilog="Example: maildns dkim new --domain example.com --add")
def new(
    *,
    domain: DomainOption,
    selector: SelectorOption = "",
    algorithm: Annotated[
        str, typer.Option(help="rsa2048, rsa3072, rsa4096 or ed25519.")
    ] = "rsa2048",
    out: Annotated[
        Path | None,
        typer.Option(help="The key's file; keys/SELECTOR.DOMAIN.pem beside the config."),
    ] = None,
    config: ConfigOption = CONFIG,
    add: AddOption = False,
    json: JsonOption = False,
) -> None:
    """
    Make a signing key and show its record.

    The key's file gets mode 0600; a file that is there is never written over.
    """
    from maildns.cli.dkim_keys import as_config_names, config_line
    from maildns.dnsdata import name
    from maildns.protocols import dkim
    from maildns.safefile import SECRET_MODE, replace_file

    domain = name(domain)
    project = project_at(config, needed=add)
    selector = name(selector) if selector else _fresh_selector(project, domain, config)
    dkim.key_name(selector, domain)  # must be a name before anything is written
    named = dict(keys_of(project, domain)).get(selector)  # by the config, which waits for it
    file = f"{selector}.{domain}.pem".replace("/", "_")
    path = out or named or config.parent / "keys" / file
    line = config_line(selector, as_config_names(path, config))
    edited = _edited(project, domain, line) if add and project is not None else None
    key = dkim.generate(algorithm)
    replace_file(path, dkim.to_pem(key), mode=SECRET_MODE, fresh=True)
    _write_config(project, edited)
    entry = Entry(domain, selector, dkim.key_record(key), as_config_names(path, config))
    if not json:
        output().print(f"made the key {path} ({algorithm}, mode 0600)", markup=False)
    _present(entry, line, json=json, added=add, project=project)


@app.command(
    "import",
    epilog="Example: maildns dkim import /etc/dkimkeys/mail.private --domain example.com "
    "--selector mail --add",
)
def take_over(
    file: Annotated[
        Path,
        typer.Argument(help="A key in PEM (private or public), its base64, or a record's text."),
    ],
    *,
    domain: DomainOption,
    selector: Annotated[str, typer.Option(help="The selector that the key is used with.")],
    out: Annotated[
        Path | None,
        typer.Option(help="Copy the key here, in PEM; mode 0600, never over another file."),
    ] = None,
    config: ConfigOption = CONFIG,
    add: AddOption = False,
    passphrase_file: PassphraseFile = None,
    passphrase_env: PassphraseEnv = "",
    json: JsonOption = False,
) -> None:
    """Take over a key that is in use: show its record, name it in the config."""
    from maildns.cli import dkim_keys
    from maildns.dnsdata import name
    from maildns.protocols import dkim
    from maildns.safefile import SECRET_MODE, replace_file

    octets = dkim_keys.read_octets(file)
    passphrase = dkim_keys.passphrase_of(passphrase_file, passphrase_env)
    found = dkim_keys.read_key(octets, file, passphrase)
    path = dkim_keys.as_config_names(out or file, config) if out or found.pem else ""
    entry = Entry(name(domain), name(selector), dkim.key_record(found.public), path)
    dkim.key_name(entry.selector, entry.domain)  # must be a name before anything is written
    extra = _passphrase_items(b"ENCRYPTED" in octets, passphrase_file, passphrase_env, config)
    line = dkim_keys.config_line(entry.selector, path or "FILE.pem", extra)
    project = project_at(config, needed=add)
    edited = None
    if add and project is not None:
        _refuse_without_file(path, file)
        edited = _edited(project, entry.domain, line)
    if out is not None:
        content = octets if found.pem else dkim_keys.public_pem(found.public)
        replace_file(out, content, mode=SECRET_MODE, fresh=True)
    _write_config(project, edited)
    _present(entry, line, json=json, added=add, project=project)


def _passphrase_items(
    encrypted: bool, file: Path | None, variable: str, config: Path
) -> list[tuple[str, str]]:
    """How the config says where the passphrase is."""
    import json

    from maildns.cli.dkim_keys import as_config_names

    if not encrypted:
        return []
    if variable:
        return [("passphrase", f"env = {json.dumps(variable)}")]
    return [("passphrase", f"file = {json.dumps(as_config_names(file or Path(), config))}")]


def _refuse_without_file(path: str, file: Path) -> None:
    from maildns.errors import InputError

    if not path:
        hint = "copy it into one: --out keys/SELECTOR.DOMAIN.pem"
        raise InputError("the config can name only a key in PEM", path=file, hint=hint)


def _fresh_selector(project: Project | None, domain: str, config: Path) -> str:
    """A selector of this month that neither the config nor a key file uses."""
    from datetime import UTC, datetime

    from maildns.protocols import dkim

    taken = [selector for selector, _ in keys_of(project, domain)]
    ending = f".{domain}.pem"
    files = (config.parent / "keys").glob(f"*{ending}")
    taken += [path.name.removesuffix(ending) for path in files]
    return dkim.selector_for(datetime.now(UTC).date(), taken)


def _edited(project: Project, domain: str, line: str) -> str:
    from maildns.cli.config_keys import with_key

    return with_key(project.source.text, project.source.path, domain, line)


def _write_config(project: Project | None, edited: str | None) -> None:
    from stat import S_IMODE

    from maildns.safefile import replace_file

    if project is not None and edited is not None:
        path = project.source.path.resolve()  # a link stays a link
        replace_file(path, edited, mode=S_IMODE(path.stat().st_mode))


def _present(entry: Entry, line: str, *, json: bool, added: bool, project: Project | None) -> None:
    from maildns.cli.show_record import finding_documents, show_findings, show_published
    from maildns.cli.show_record import line as show

    if json:
        from maildns.cli.protocol_documents import DkimKeyDocument

        findings = finding_documents(entry.findings)
        emit(
            DkimKeyDocument(key=entry.document(), config_line=line, added=added, findings=findings)
        )
        return
    console = output()
    show_published(entry.name, entry.rdata, console)
    show_findings(entry.findings, console, entry.rdata.text)
    if entry.record.key_type == "ed25519":  # RFC 8463 section 5
        show("an Ed25519 key belongs beside an RSA key: sign with both", console)
    if added and project is not None:
        show(f"added to {project.source.path}: {line}", console)
        show("next: maildns plan", console)
    elif entry.selector in dict(keys_of(project, entry.domain)):
        show("the config names this selector; next: maildns plan", console)
    else:
        show(f'for maildns.toml, in dkim = [...] of [domain."{entry.domain}"]:', console)
        show(f"  {line}", console)
        if project is not None and entry.domain in project.intent.domain:
            show(f"--add puts it into {project.source.path}", console)


# --- show -----------------------------------------------------------------------------


@app.command("show", epilog="Example: maildns dkim show --domain example.com")
def show(
    *,
    domain: Annotated[str, typer.Option(help="The domain; all of the config when left out.")] = "",
    selector: Annotated[str, typer.Option(help="The selector; all when left out.")] = "",
    config: ConfigOption = CONFIG,
    json: JsonOption = False,
) -> None:
    """Show the records of the keys that the config names."""
    from maildns.cli.show_record import finding_documents, show_findings, show_published
    from maildns.wiring import open_project

    entries = entries_of(open_project(config), domain, selector)
    findings = [finding for entry in entries for finding in entry.findings]
    if json:
        from maildns.cli.protocol_documents import DkimKeysDocument

        keys = [entry.document() for entry in entries]
        emit(DkimKeysDocument(keys=keys, findings=finding_documents(findings)))
        return
    console = output()
    for number, entry in enumerate(entries):
        if number:
            console.print()
        show_published(entry.name, entry.rdata, console)
        show_findings(entry.findings, console, entry.rdata.text)


# --- check ----------------------------------------------------------------------------


@app.command(
    "check-key", epilog="Example: maildns dkim check-key example.com s202611 --key keys/s202611.pem"
)
def check(
    domain: Annotated[str, typer.Argument(help="The signing domain.")],
    selector: Annotated[str, typer.Argument(help="The selector.")],
    *,
    key: Annotated[
        Path | None,
        typer.Option(help="The key on file; that of the config when left out, if it has one."),
    ] = None,
    config: ConfigOption = CONFIG,
    passphrase_file: PassphraseFile = None,
    passphrase_env: PassphraseEnv = "",
    world: WorldOption = None,
    server: ServerOption = None,
    json: JsonOption = False,
) -> None:
    """
    Say whether the published key is usable, and the one on file.

    Exits with 1 when it is missing, revoked, wrong or another, 3 when the DNS does not answer.
    """
    from maildns.ask import Question
    from maildns.cli.dkim_keys import passphrase_of, read_key, read_octets
    from maildns.cli.show_record import plain
    from maildns.dnsdata import Txt, name
    from maildns.protocols import dkim
    from maildns.wiring import world_of
    from maildns.zonelint.rules import SEVERAL

    domain, selector = name(domain), name(selector)
    question = Question(dkim.key_name(selector, domain), "TXT")
    public, compared = _configured_key(config, domain, selector) if key is None else (None, "")
    if key is not None:
        passphrase = passphrase_of(passphrase_file, passphrase_env)
        public, compared = read_key(read_octets(key), key, passphrase).public, plain(str(key))
    (answer,) = world_of(world, server or ()).answer([question])
    verdict = dkim.judge_answer(answer, public)
    texts = [record.text for record in answer.records if isinstance(record, Txt)]
    text = texts[0] if len(texts) == 1 else ""
    findings = dkim.lint_text(text, verdict.name) if text else []
    if len(texts) > 1:
        findings = [SEVERAL["dkim"].finding(verdict.name, verdict.reason)]
    _report(verdict, compared, text, findings, json=json)


def _configured_key(config: Path, domain: str, selector: str) -> tuple[PublicKey | None, str]:
    """The key that the config has for *selector*, with its file; None where it has none."""
    project = project_at(config)
    if project is None or selector not in {one for one, _ in keys_of(project, domain)}:
        return None, ""
    (entry,) = entries_of(project, domain, selector)
    return entry.public, entry.path


def _report(
    verdict: KeyVerdict, compared: str, text: str, findings: Sequence[Finding], *, json: bool
) -> None:
    from maildns.cli.protocol_documents import DkimCheckDocument
    from maildns.cli.show_record import finding_documents, has_error, line, show_findings
    from maildns.protocols.dkim import KeyResult

    if json:
        emit(
            DkimCheckDocument(
                name=verdict.name,
                result=verdict.result,
                reason=verdict.reason,
                compared_with=compared,
                text=text,
                findings=finding_documents(findings),
            )
        )
    else:
        console = output()
        good = f"the published key is that of {compared}" if compared else "a key is published"
        colour = "green" if verdict.result is KeyResult.MATCH else "red"
        says = verdict.reason or good
        line(f"{verdict.result}: {verdict.name}: {says}", console, colour)
        if verdict.result is KeyResult.MISMATCH:
            line(f"mail signed with {compared} fails; publish its record: maildns plan", console)
        show_findings(findings, console, text)
    if verdict.result is KeyResult.TEMPERROR:
        raise typer.Exit(ExitCode.UNKNOWN)
    if verdict.result is not KeyResult.MATCH or has_error(findings):
        raise typer.Exit(ExitCode.FINDINGS)


# --- files ----------------------------------------------------------------------------


@app.command("files", epilog="Example: maildns dkim files --for opendkim --out signer/")
def files(
    *,
    signer: Annotated[
        str, typer.Option("--for", help="The signing server: opendkim, rspamd, exim, mailplus.")
    ],
    config: ConfigOption = CONFIG,
    keys_in: Annotated[
        str,
        typer.Option(help="The folder of the key files on the signing server, if not as here."),
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(help="Write the files below this folder; none there is written over."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make the signing server's files for all domains of the config."""
    from maildns.protocols import dkim
    from maildns.wiring import open_project

    entries = entries_of(open_project(config))
    made = dkim.signer_files(signer, [_signer_key(entry, keys_in) for entry in entries])
    notes = [note for entry in entries for note in _why_not_signing(entry)]
    if json:
        from maildns.cli.protocol_documents import DkimFilesDocument, SignerFileDocument

        documents = [
            SignerFileDocument(path=f.path, mode=f"{f.mode:04o}", text=f.text, note=f.note)
            for f in made
        ]
        emit(DkimFilesDocument(signer=signer, files=documents, notes=notes))
        return
    _hand_out(made, notes, out)


def _signer_key(entry: Entry, keys_in: str) -> dkim.SignerKey:
    from maildns.protocols import dkim

    here = Path(entry.path)
    path = f"{keys_in.rstrip('/')}/{here.name}" if keys_in else str(here.resolve())
    return dkim.SignerKey(entry.domain, entry.selector, path, dkim.algorithm_of(entry.public))


def _why_not_signing(entry: Entry) -> list[str]:
    from maildns.cli.dkim_keys import read_octets

    octets = read_octets(Path(entry.path))
    if b"PRIVATE KEY-----" not in octets:
        return [f"{entry.path} holds only the public key: the server needs the private one"]
    if b"ENCRYPTED" in octets:
        return [f"{entry.path} is encrypted: the server needs it without a passphrase"]
    return []


def _hand_out(made: Sequence[dkim.SignerFile], notes: Sequence[str], out: Path | None) -> None:
    from maildns.cli.dkim_keys import is_there
    from maildns.cli.show_record import line
    from maildns.errors import InputError
    from maildns.safefile import replace_file

    console = output()
    targets = [] if out is None else [out / file.path.lstrip("/") for file in made]
    for target in targets:
        if is_there(target):
            raise InputError("it is there already", path=target, hint="move it away first")
    for number, file in enumerate(made):
        if targets:
            replace_file(targets[number], file.text, mode=file.mode, fresh=True)
            line(f"wrote {targets[number]}", console)
        else:
            line(f"# --- {file.path} (mode {file.mode:04o})", console, "bold")
            console.print(file.text, markup=False, end="")
        if file.note:
            line(f"# {file.note}", console)
    for note in notes:
        line(f"# note: {note}", console, "yellow")


# --- messages -------------------------------------------------------------------------

app.command("verify", epilog=dkim_message_commands.VERIFY_EXAMPLE)(dkim_message_commands.verify)
app.command("sign", epilog=dkim_message_commands.SIGN_EXAMPLE)(dkim_message_commands.sign)
