"""Putting a DKIM key into `maildns.toml` while everything else, comments too, stays as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from maildns.errors import ConfigError, RecordSyntaxError

if TYPE_CHECKING:
    from maildns.intent.model import Intent


def with_key(text: str, path: Path, domain: str, line: str) -> str:
    """
    The config *text* with the key that *line* describes in the list of *domain*.

    Keys that the domain takes from `[defaults]` are written into its own list first, which
    would else hide them. Raises `ConfigError` when the config does not name the domain, has
    the selector already, or cannot be edited without changing more than this.
    """
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    from maildns.intent.load import parse

    before = parse(text, path)
    if domain not in before.domain:
        hint = f'describe it: [domain."{domain}"]'
        raise ConfigError(f"it does not name the domain {domain}", path=path, hint=hint)
    new = tomlkit.parse(f"key = {line}\n")["key"]
    _refuse_taken(before, domain, str(new["selector"]), path)
    try:
        document = tomlkit.parse(text)
        table = table_of(document, domain)
        if "dkim" not in table:
            inherited = document.get("defaults", {}).get("dkim", [])
            set_in(table, "dkim", _array([_inline(one) for one in inherited] + [new]))
        elif isinstance(table["dkim"], tomlkit.items.AoT):
            entry = tomlkit.table()
            entry.update(new)
            table["dkim"].append(entry)
        else:
            table["dkim"].append(new)
        after_text = tomlkit.dumps(document)
    except (TOMLKitError, KeyError, TypeError, AttributeError, ValueError):
        raise _by_hand(path, domain, line) from None
    if not _only_added(before, parse(after_text, path), domain):
        raise _by_hand(path, domain, line)
    return after_text


def _refuse_taken(before: Intent, domain: str, selector: str, path: Path) -> None:
    from maildns.dnsdata import name
    from maildns.intent.load import settings

    if name(selector) in {name(key.selector) for key in settings(before, domain).dkim}:
        hint = "a selector is not used again: choose another with --selector"
        problem = f"the selector {selector} of {domain} is there already"
        raise ConfigError(problem, path=path, hint=hint)


def table_of(document: Any, domain: str) -> Any:
    """The domain's table; its name may be written with U-labels."""
    from maildns.dnsdata import name

    for key in document["domain"]:
        try:
            if name(key) == domain:
                return document["domain"][key]
        except RecordSyntaxError:
            continue
    raise KeyError(domain)


def set_in(table: Any, key: str, value: Any) -> None:
    """Put *value* into *table*, ahead of comments at its end, which are about what follows."""
    import tomlkit

    after = []
    if isinstance(table, tomlkit.items.Table):
        body = table.value.body
        while body and body[-1][0] is None:
            after.append(body.pop()[1])
    table[key] = value
    for item in reversed(after):
        table.value.append(None, item)


def _array(entries: list[Any]) -> Any:
    import tomlkit

    array = tomlkit.array()
    for entry in entries:
        array.append(entry)
    return array


def _inline(entry: Any) -> Any:
    import tomlkit

    made = tomlkit.inline_table()
    made.update(entry.unwrap() if hasattr(entry, "unwrap") else dict(entry))
    return made


def _only_added(before: Intent, after: Intent, domain: str) -> bool:
    """Whether just one key has come to *domain*, and everything else is as it was."""
    from maildns.intent.load import settings

    old, new = settings(before, domain).dkim, settings(after, domain).dkim
    own = after.domain[domain].model_copy(update={"dkim": before.domain[domain].dkim})
    rest = after.model_copy(update={"domain": {**after.domain, domain: own}})
    return new[:-1] == old and rest == before


def _by_hand(path: Path, domain: str, line: str) -> ConfigError:
    hint = f'write it yourself, under [domain."{domain}"]: dkim = [{line}]'
    return ConfigError("the key cannot be put in without touching more", path=path, hint=hint)
