"""
Reading `maildns.toml`: text in, `Intent` out, or one error that names the line and the mend.

Relative paths in the file are relative to the file. Nothing but the file itself is
read here: keys and certificates are the business of whoever builds the plan.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from maildns.dnsdata import name
from maildns.errors import ConfigError, RecordSyntaxError
from maildns.intent.model import Domain, DomainDefaults, Intent
from maildns.intent.senders import sender_named

MAX_CONFIG_OCTETS = 64 * 1024 * 1024  # 10,000 domains take about 2 MB
Place = Sequence[str | int]

_HEADER = re.compile(r"^\s*\[\[?(?P<key>[^\]\[]*)\]\]?\s*(?:#.*)?$")
_ASSIGNMENT = re.compile(r"""^\s*(?P<key>(?:"[^"]*"|'[^']*'|[\w.-]|\s*\.\s*)+?)\s*=""")
_DIM = {"extra_forbidden": 0, "dict_type": 2, "tuple_type": 2}  # what says least comes last
_INLINE_SECRETS = frozenset({"tsig_secret", "password", "passphrase", "token", "api_key"})
_SECRET = (
    "secrets do not stand in this file",
    'say where it is: { file = "..." }, { env = "..." } or { command = [...] }',
)


@dataclass(frozen=True, slots=True)
class ConfigSource:
    """The text that an intent came from, to find the line of a fault."""

    path: Path
    text: str

    def error(self, place: Place, problem: str, hint: str = "") -> ConfigError:
        """The error that *problem* is with what stands at *place*, such as ("domain", "example.com")."""
        return ConfigError(problem, path=self.path, line=line_of(self.text, place), hint=hint)

    def located(self, error: ConfigError) -> ConfigError:
        """The same error with its line, where only its keys were known."""
        if error.path is not None:
            return error
        return self.error(error.keys, error.problem, error.hint)

    def file(self, path: Path | str, place: Place = ()) -> Path:
        """A path as the file means it; raises `ConfigError` at *place* for what no path can be."""
        text = str(path)
        try:
            full = self.path.parent / Path(text).expanduser()
        except RuntimeError:  # a user whose home nobody knows
            raise self.error(place, f"{text!r} is not the path of a file") from None
        if "\0" in text:
            raise self.error(place, f"{text!r} is not the path of a file: it holds a NUL")
        return full


def load(path: Path) -> tuple[Intent, ConfigSource]:
    """
    Read the file at *path*.

    Raises `ConfigError` when it is missing, too large, not TOML, or breaks the model.
    """
    try:
        with path.open("rb") as file:
            octets = file.read(MAX_CONFIG_OCTETS + 1)
    except OSError as error:
        raise ConfigError(
            f"cannot read it: {error.strerror}",
            path=path,
            hint="`maildns init` makes one; --config FILE names another",
        ) from None
    if len(octets) > MAX_CONFIG_OCTETS:
        raise ConfigError("this is too large to be a maildns.toml", path=path)
    try:
        text = octets.decode("utf-8-sig")  # editors of Windows begin a file with a mark
    except UnicodeDecodeError as error:
        line = octets[: error.start].count(b"\n") + 1
        raise ConfigError(
            "this is not UTF-8", path=path, line=line, hint="save it as UTF-8"
        ) from None
    return parse(text, path), ConfigSource(path, text)


def parse(text: str, path: Path = Path("maildns.toml")) -> Intent:
    r"""
    Read the text of a `maildns.toml`; raises `ConfigError` as `load` does.

    >>> intent = parse('[server."mail.example.com"]\nipv4 = "192.0.2.1"\n[domain."example.com"]')
    >>> list(intent.domain)
    ['example.com']
    """
    source = ConfigSource(path, text)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"\(at line (\d+), column \d+\)|\(at end of document\)", str(error))
        line = int(found[1]) if found and found[1] else text.count("\n") + 1
        problem = re.sub(r" \(at .*\)$", "", str(error))
        raise ConfigError(f"this is not TOML: {problem}", path=path, line=line) from None
    except RecursionError:
        raise ConfigError("this is nested too deeply", path=path) from None
    for written, first in _twice(tables):
        line = text.count("\n", 0, max(text.rfind(written), 0)) + 1
        problem = f"{written!r} is the same name as {first!r}"
        raise ConfigError(problem, path=path, line=line, hint="keep one of the two")
    try:
        intent = Intent.model_validate(tables)
    except ValidationError as error:
        raise _explained(error, source) from None
    if not (intent.server or intent.domain):
        # A file cut off by accident must not look like the wish to have nothing.
        raise ConfigError(
            "it describes no server and no domain",
            path=path,
            hint='begin with [server."mail.example.com"] and [domain."example.com"]; '
            "`maildns init` writes them",
        )
    for place, problem, hint in _contradictions(intent):
        raise source.error(place, problem, hint)
    return intent


def settings(intent: Intent, domain: str) -> Domain:
    """The domain's own settings, completed with `[defaults]`."""
    own = intent.domain[domain]
    inherited = intent.defaults.model_fields_set - own.model_fields_set
    if not inherited:
        return own
    return own.model_copy(update={field: getattr(intent.defaults, field) for field in inherited})


# --- errors ---------------------------------------------------------------------------


def _twice(tables: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Names that are written twice in two spellings: TOML takes them for two, the DNS does not."""
    groups = [tables.get("server"), tables.get("domain")]
    views = tables.get("view")
    tables_of_views = views.values() if isinstance(views, dict) else ()
    groups.extend(table.get("server") for table in tables_of_views if isinstance(table, dict))
    for group in groups:
        seen: dict[str, str] = {}
        for written in group if isinstance(group, dict) else ():
            try:
                first = seen.setdefault(name(written), written)
            except RecordSyntaxError:
                continue  # the model says what is wrong with it
            if first != written:
                yield written, first


def _explained(error: ValidationError, source: ConfigSource) -> ConfigError:
    faults = error.errors(include_url=False, include_context=False)
    # A key that is not known explains the one that is missing; where a value may be of two
    # kinds, a fault inside it tells more than that it is not of the other kind.
    first = min(faults, key=lambda fault: _DIM.get(fault["type"], 1))
    place = _keys_of(first["loc"])
    problem, hint = _in_words(first["type"], first["msg"], place)
    dotted = _dotted(place)
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return source.error(place, f"{dotted}: {problem}{more}", hint)


def _keys_of(loc: Place) -> list[str | int]:
    """The keys as the owner wrote them, without the marks that pydantic adds for unions."""
    keys = [part for part in loc if isinstance(part, int) or "[" not in part]
    if keys[:1] == ["publisher"] and len(keys) > 2:
        del keys[2]  # the publisher's type
    return keys


def _in_words(kind: str, message: str, place: list[str | int]) -> tuple[str, str]:
    if kind == "extra_forbidden":
        key = str(place[-1])
        if key in _INLINE_SECRETS:
            return _SECRET
        known = _known_keys(place[:-1])
        near = difflib.get_close_matches(key, known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(known)}"
        return "there is no such key", hint
    if kind == "missing":
        return "this must be given", ""
    if kind in {"union_tag_not_found", "union_tag_invalid"}:
        return 'its type must be given: "zonefile" or "rfc2136"', ""
    if kind in {"dict_type", "model_type", "model_attributes_type"}:
        if str(place[-1]).endswith(tuple(_INLINE_SECRETS)):
            return _SECRET
        header = _dotted(place) + ('."NAME"' if len(place) == 1 else "")
        return "a table belongs here, not a single value", f"begin it with [{header}]"
    return message.removeprefix("Value error, "), ""


def _known_keys(place: list[str | int]) -> list[str]:
    model: type[BaseModel] = Intent
    for part in place:
        field = model.model_fields.get(str(part))
        if field is None:
            continue  # a name in a table of tables, an index, or a union's tag
        models = list(_models_in(field.annotation))
        tagged = [
            m for m in models if any(str(p) in str(m.model_fields.get("type")) for p in place)
        ]
        if models:
            model = (tagged or models)[0]
    return list(model.model_fields)


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _dotted(place: Place) -> str:
    return ".".join(
        f'"{part}"' if isinstance(part, str) and "." in part else str(part) for part in place
    )


def _contradictions(intent: Intent) -> Iterator[tuple[Place, str, str]]:
    """What the model cannot see in one table alone."""
    for domain in intent.domain:
        yield from _unknown_servers(intent, domain)
        yield from _selectors_twice(("domain", domain), intent.domain[domain])
    yield from _selectors_twice(("defaults",), intent.defaults)
    for where, texts in [
        (("defaults", "senders"), intent.defaults.senders),
        *((("domain", domain, "senders"), own.senders) for domain, own in intent.domain.items()),
    ]:
        for text in texts:
            try:
                sender_named(text)
            except ValueError as error:
                yield where, str(error), "`maildns init --list-senders` shows the presets"
    for view, settings_ in intent.view.items():
        for publisher in settings_.publisher:
            if publisher not in intent.publisher:
                hint = _near(publisher, intent.publisher)
                yield ("view", view, "publisher"), f"there is no [publisher.{publisher}]", hint
        for host in settings_.server:
            if host not in intent.server:
                yield (
                    ("view", view, "server", host),
                    f'there is no [server."{host}"]',
                    _near(host, intent.server),
                )


def _unknown_servers(intent: Intent, domain: str) -> Iterator[tuple[Place, str, str]]:
    for host in intent.domain[domain].servers or ():
        if host not in intent.server:
            hint = _near(host, intent.server) or f'describe it: [server."{host}"]'
            yield ("domain", domain, "servers"), f'there is no [server."{host}"]', hint


def _selectors_twice(
    place: tuple[str, ...], own: DomainDefaults
) -> Iterator[tuple[Place, str, str]]:
    selectors = [name(key.selector) for key in own.dkim]
    for selector in selectors:
        if selectors.count(selector) > 1:
            hint = "each key stands under a selector of its own"
            yield (*place, "dkim"), f"two DKIM keys have the selector {selector!r}", hint
            return


def _near(text: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(text, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else ""


def line_of(text: str, place: Place) -> int | None:
    r"""
    The line (from 1) at which *place* is set: the deepest key of it that can be found.

    >>> line_of('[server."a.example"]\nipv4 = "x"', ("server", "a.example", "ipv4"))
    2
    """
    wanted = [str(part) for part in place if not isinstance(part, int)]
    table: list[str] = []
    best, best_depth = None, 0
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.match(line)
        assignment = None if header else _ASSIGNMENT.match(line)
        if header:
            table = path = _key_parts(header["key"])
        elif assignment:
            path = table + _key_parts(assignment["key"])
        else:
            continue
        depth = _common_depth(path, wanted)
        if depth > best_depth:
            best, best_depth = number, depth
    return best


def _key_parts(key: str) -> list[str]:
    try:
        node: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return []
    parts = []
    while isinstance(node, dict):
        part, node = next(iter(node.items()))
        parts.append(part)
    return parts


def _common_depth(path: list[str], wanted: list[str]) -> int:
    depth = 0
    for one, other in zip(path, wanted, strict=False):
        if one.casefold().rstrip(".") != other.casefold().rstrip("."):
            return 0 if depth < len(path) else depth
        depth += 1
    return depth if depth == len(path) or depth == len(wanted) else 0
