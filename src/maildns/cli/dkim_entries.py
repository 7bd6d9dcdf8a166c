"""The DKIM keys that a config names: their files, their records, and how they are told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from maildns.cli.protocol_documents import DkimKeyEntry
    from maildns.dnsdata import Txt
    from maildns.finding import Finding
    from maildns.protocols.dkim import KeyRecord, PublicKey
    from maildns.wiring import Project


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of *domain*: its record, and the path by which a config names it."""

    domain: str
    selector: str
    record: KeyRecord
    path: str = ""

    @property
    def name(self) -> str:
        """Where its record stands."""
        from maildns.protocols import dkim

        return dkim.key_name(self.selector, self.domain)

    @property
    def rdata(self) -> Txt:
        """The record to publish."""
        from maildns.dnsdata import Txt

        return Txt.of(str(self.record))

    @property
    def findings(self) -> list[Finding]:
        """What is wrong with the record."""
        from maildns.protocols import dkim

        return dkim.lint(self.record, self.name)

    @property
    def public(self) -> PublicKey:
        """The public key."""
        from maildns.protocols import dkim

        return dkim.public_key_from_record(self.record)

    def document(self) -> DkimKeyEntry:
        """The same for JSON."""
        from maildns.cli.protocol_documents import DkimKeyEntry, PublishedDocument
        from maildns.cli.show_record import plain
        from maildns.protocols import dkim

        public = self.public
        return DkimKeyEntry(
            domain=self.domain,
            selector=self.selector,
            algorithm=dkim.algorithm_of(public),
            bits=dkim.bits(public),
            path=plain(self.path),
            record=PublishedDocument.of(self.name, self.rdata),
        )


def project_at(config: Path, *, needed: bool = False) -> Project | None:
    """The config, where there is one; raises when it is *needed*, or is wrong."""
    from maildns.cli.dkim_keys import is_there
    from maildns.wiring import open_project

    return open_project(config) if needed or is_there(config) else None


def keys_of(project: Project | None, domain: str) -> list[tuple[str, Path]]:
    """The selectors and key files that the config has for *domain*."""
    from maildns.dnsdata import name
    from maildns.intent.load import settings
    from maildns.materials import key_path

    if project is None or domain not in project.intent.domain:
        return []
    own = settings(project.intent, domain)
    keys = () if own.parked else own.dkim
    return [(name(key.selector), key_path(project.source, domain, key)) for key in keys]


def entries_of(project: Project, domain: str = "", selector: str = "") -> list[Entry]:
    """The keys of the config, or those of *domain* and *selector*; raises when there are none."""
    from maildns.dnsdata import name
    from maildns.errors import UsageError
    from maildns.materials import read_materials

    intent = project.intent
    wanted = name(domain) if domain else ""
    if wanted and wanted not in intent.domain:
        hint = f"it names {', '.join(list(intent.domain)[:5]) or 'none'}"
        raise UsageError(f"{project.source.path} does not name {wanted}", hint=hint)
    # Only the keys are read: a certificate that is missing is of no concern here.
    own = {key: value for key, value in intent.domain.items() if wanted in {"", key}}
    keys = read_materials(
        intent.model_copy(update={"server": {}, "domain": own}), project.source, now=project.now
    )
    paths = {(one, chosen): path for one in own for chosen, path in keys_of(project, one)}
    entries = [
        Entry(one, chosen, record, str(paths[one, chosen]))
        for (one, chosen), record in keys.dkim.items()
        if not selector or chosen == name(selector)
    ]
    if not entries:
        hint = f"make one: maildns dkim new --domain {wanted or 'example.com'} --add"
        raise UsageError("there are no such keys in the config", hint=hint)
    return entries
