"""Taking the next step of a DMARC policy in `maildns.toml` while everything else stays as it is."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maildns.errors import ConfigError

if TYPE_CHECKING:
    from maildns.intent.model import Dmarc, Intent
    from maildns.protocols.dmarc import DmarcRecord


def with_policy(text: str, path: Path, domain: str, step: DmarcRecord) -> str:
    """
    The config *text* in which *domain* asks for the policy of *step*: p, sp, np and t, no pct.

    A policy that the domain takes from `[defaults]` is written into its own table first. Raises
    `ConfigError` when the config does not name the domain, calls it parked, or cannot be edited
    without changing more than this.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    from maildns.intent.load import parse, settings

    before = parse(text, path)
    if domain not in before.domain:
        hint = f'describe it: [domain."{domain}"]'
        raise ConfigError(f"it does not name the domain {domain}", path=path, hint=hint)
    if before.domain[domain].parked:
        raise ConfigError(f"{domain} is parked, and so at reject already", path=path)
    wanted = _wanted(settings(before, domain).dmarc, step)
    try:
        document = tomlkit.parse(text)
        _edit(document, domain, wanted)
        after_text = tomlkit.dumps(document)
    except (TOMLKitError, KeyError, TypeError, AttributeError, ValueError):
        raise _by_hand(path, domain, wanted) from None
    if not _only_that(before, parse(after_text, path), domain, wanted):
        raise _by_hand(path, domain, wanted)
    return after_text


def diff(before: str, after: str, path: Path) -> str:
    """What changes from *before* to *after*, as a unified diff; empty where nothing does."""
    lines = unified_diff(
        before.splitlines(keepends=True),
        after.splitlines(keepends=True),
        str(path),
        f"{path} (proposed)",
        n=2,
    )
    return "".join(line if line.endswith("\n") else f"{line}\n" for line in lines)


def _wanted(now: Dmarc | None, step: DmarcRecord) -> Dmarc:
    from maildns.intent.model import Dmarc

    changed = {
        "policy": str(step.policy or "none"),
        "subdomain_policy": _named(step.subdomain_policy),
        "nonexistent_policy": _named(step.nonexistent_policy),
        "testing": step.testing,
        "percent": None,  # RFC 9989 section 9.3: historic
    }
    # What the description says of reports and alignment is its owner's.
    return (now or Dmarc()).model_copy(update=changed)


def _named(policy: Any) -> str | None:
    return None if policy is None else str(policy)


def _edit(document: Any, domain: str, wanted: Dmarc) -> None:
    import tomlkit

    from maildns.cli.config_keys import set_in, table_of

    table = table_of(document, domain)
    if "dmarc" not in table:
        own = tomlkit.inline_table()
        inherited = document.get("defaults", {}).get("dmarc", {})
        own.update(inherited.unwrap() if hasattr(inherited, "unwrap") else dict(inherited))
        set_in(table, "dmarc", own)
    dmarc = table["dmarc"]
    for key, value in (
        ("policy", wanted.policy),
        ("subdomain_policy", wanted.subdomain_policy),
        ("nonexistent_policy", wanted.nonexistent_policy),
        ("testing", wanted.testing or None),
        ("percent", None),
    ):
        if value is None:
            dmarc.pop(key, None)
        else:
            dmarc[key] = value


def _only_that(before: Intent, after: Intent, domain: str, wanted: Dmarc) -> bool:
    """Whether *domain* asks for what is *wanted*, and everything else is as it was."""
    from maildns.intent.load import settings

    if settings(after, domain).dmarc != wanted:
        return False
    own = after.domain[domain].model_copy(update={"dmarc": before.domain[domain].dmarc})
    return after.model_copy(update={"domain": {**after.domain, domain: own}}) == before


def _by_hand(path: Path, domain: str, wanted: Dmarc) -> ConfigError:
    keys = [f'policy = "{wanted.policy}"', *(["testing = true"] if wanted.testing else [])]
    hint = f'write it yourself, in dmarc of [domain."{domain}"]: {", ".join(keys)}'
    return ConfigError("the policy cannot be put in without touching more", path=path, hint=hint)
