"""How `maildns check` looks at its domains: at what, from where, for how long."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maildns.errors import InputError, UsageError

if TYPE_CHECKING:
    from maildns.audit.checking import Audit
    from maildns.audit.facts import Earlier
    from maildns.audit.gathering import Scope
    from maildns.net.resolver import Resolver

MAX_MEMORY_OCTETS: Final = 256 * 1024 * 1024


@dataclass(frozen=True)
class Looking:
    """The options that say how domains are looked at; see `check_options`."""

    world: Path | None = None
    servers: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    messages: tuple[Path, ...] = ()
    config: Path | None = None
    views: tuple[str, ...] = ()
    live: bool = True
    deep: bool = False
    every_server: bool = True
    deadline_seconds: float = 15.0
    ca_files: tuple[Path | None, Path | None] = (None, None)  # of servers, of marks
    memory: Path | None = None

    def audits(self, names: Sequence[str]) -> Iterator[Audit]:
        """Check *names*; raises `InputError` and `UsageError` for options that make no sense."""
        scope = self._scope(names)
        if self.world is not None:
            yield from self._pretended(names, scope)
            return
        resolver = self._resolver(self.servers)
        if self.live or self.views or self.memory:
            yield from self._live(names, scope, resolver)
            return
        from maildns.audit.checking import check_domains

        yield from check_domains(
            names, resolver, scope=scope, deadline_seconds=self.deadline_seconds
        )

    def _resolver(self, servers: Sequence[str]) -> Resolver:
        from maildns.net.resolver import Resolver

        # One round for each server and a half of the time: what then is silent stays so.
        seconds = max(0.5, min(3.0, self.deadline_seconds / 5))
        return Resolver(servers=tuple(servers), timeout_seconds=seconds, validate="auto")

    def _pretended(self, names: Sequence[str], scope: Scope) -> Iterator[Audit]:
        from maildns.audit.checking import check_domain
        from maildns.wiring import world_of

        if self.views:
            raise UsageError("--view and --world do not go together")
        world = world_of(self.world)
        for name in names:
            yield check_domain(name, world, scope=scope)

    def _live(self, names: Sequence[str], scope: Scope, resolver: Resolver) -> Iterator[Audit]:
        from maildns.audit.live_checking import Sight, check_live
        from maildns.cli.common import progress_on_terminal
        from maildns.wiring import read_text

        ca_file, mark_ca_file = self.ca_files
        sight = Sight(
            views={view: self._resolver([server]) for view, server in _views(self.views).items()},
            talk=self.live,
            deep=self.deep,
            authorities_pem=None if ca_file is None else read_text(ca_file),
            mark_authorities_pem="" if mark_ca_file is None else read_text(mark_ca_file),
            earlier=_remembered(self.memory),
        )
        progress, stop = progress_on_terminal()
        try:
            audits = list(
                check_live(
                    names,
                    resolver,
                    sight=sight,
                    scope=scope,
                    deadline_seconds=self.deadline_seconds,
                    progress=progress,
                )
            )
        finally:
            stop()
        if self.memory is not None:
            _remember(self.memory, audits)
        yield from audits

    # --- selectors --------------------------------------------------------------------

    def _scope(self, names: Sequence[str]) -> Scope:
        from maildns.audit.gathering import Scope

        known: dict[str, dict[str, str]] = {one: {} for one in names}
        for domain, selector, source in (*self._in_messages(), *self._in_config()):
            if domain in known:
                known[domain].setdefault(selector, source)
        return Scope(
            selectors=tuple((_selector(one), "given") for one in self.selectors),
            selectors_of={domain: tuple(found.items()) for domain, found in known.items()},
            servers=self.every_server,
        )

    def _in_messages(self) -> Iterator[tuple[str, str, str]]:
        from maildns.audit.selectors import selectors_of
        from maildns.cli.mail_file import read_mail

        for path in self.messages:
            for domain, selector in selectors_of(read_mail(path)):
                yield domain, selector, "message"

    def _in_config(self) -> Iterator[tuple[str, str, str]]:
        from maildns.dnsdata import name
        from maildns.intent.load import load, settings

        if self.config is None:
            return
        intent, _ = load(self.config)
        for domain in intent.domain:
            for key in settings(intent, domain).dkim:
                yield name(domain), name(key.selector), "config"


def _selector(text: str) -> str:
    from maildns.dnsdata import name
    from maildns.errors import RecordSyntaxError

    try:
        return name(text)
    except RecordSyntaxError as error:
        raise UsageError(f"{text[:60]!r} is not a selector: {error.problem}") from None


def _views(texts: Sequence[str]) -> dict[str, str]:
    """The views by name, each with the server that shows it."""
    found: dict[str, str] = {}
    for text in texts:
        view, _, server = text.partition("=")
        if not view or not server:
            raise UsageError(f"--view {text[:60]!r}: which server?", "write --view lan=192.0.2.53")
        found[view] = server
    return found


# --- memory ---------------------------------------------------------------------------


def _remembered(path: Path | None) -> dict[str, Earlier]:
    """What an earlier check left in *path*; nothing where there is no such file yet."""
    from maildns.audit.facts import Earlier
    from maildns.wiring import read_text

    if path is None or not path.exists():
        return {}
    try:
        entries: Mapping[str, Any] = json.loads(read_text(path))["domains"]
        return {
            domain: Earlier(str(entry["sts_id"]), str(entry["policy_text"]))
            for domain, entry in entries.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        hint = "name another file, or remove this one"
        raise InputError("this is no memory of `maildns check`", path=path, hint=hint) from None


def _remember(path: Path, audits: Sequence[Audit]) -> None:
    """Put what was seen into *path*; what it knows of other domains stays."""
    from maildns.safefile import replace_file

    known = {
        domain: {"sts_id": one.sts_id, "policy_text": one.policy_text}
        for domain, one in _remembered(path).items()
    }
    for audit in audits:
        record, policy = audit.facts.dns.sts.record, audit.facts.policy
        if record is not None and policy is not None and policy.policy is not None:
            known[audit.domain] = {"sts_id": record.id, "policy_text": policy.text}
    text = json.dumps({"version": 1, "domains": dict(sorted(known.items()))}, indent=1)
    replace_file(path, text + "\n")
