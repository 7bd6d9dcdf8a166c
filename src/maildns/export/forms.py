"""
How a DNS host's web form wants a record: what to type into which field.

Hosts differ in small ways that break mail: `@` or nothing for the domain itself, a dot
behind a host or not, quotes that are typed or become part of the text. The differences
are data, in `forms.toml`; nothing here knows a host by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any, Literal

from maildns.dnsdata import (
    Caa,
    Cname,
    Mx,
    Ns,
    Ptr,
    Srv,
    Tlsa,
    Txt,
    absolute,
    labels,
    quote_string,
)
from maildns.errors import UsageError
from maildns.export.record import ExportRecord

GENERIC = "generic"
FIELDS = {  # in the order in which forms show them, with the words that they use
    "name": "Name",
    "type": "Type",
    "ttl": "TTL",
    "service": "Service",
    "protocol": "Protocol",
    "priority": "Priority",
    "weight": "Weight",
    "port": "Port",
    "flags": "Flags",
    "tag": "Tag",
    "usage": "Usage",
    "selector": "Selector",
    "matching": "Matching type",
    "value": "Value",
}


@dataclass(frozen=True, slots=True)
class Form:
    """
    The habits of one host's form; see the head of `forms.toml` for the words.

    `checked` is the day on which `source` was last compared; None where it was not.
    """

    key: str
    title: str
    apex: Literal["@", "", "fqdn"] = "@"
    name: Literal["relative", "fqdn"] = "relative"
    name_dot: bool = False
    dot: bool = False
    priority: Literal["column", "value"] = "column"
    txt: Literal["plain", "quoted", "chunks"] = "plain"
    srv: Literal["columns", "split", "value"] = "columns"
    caa: Literal["columns", "value"] = "columns"
    tlsa: Literal["columns", "value"] = "columns"
    refuses: Mapping[str, str] = field(default_factory=dict)
    octal: bool = False
    ttl: bool = True
    max_txt: int | None = None
    max_name: int | None = None
    note: str = ""
    source: str = ""
    checked: date | None = None


@dataclass(frozen=True, slots=True)
class FormRow:
    """
    One record as the fields of a form, by the keys of `FIELDS`.

    `refused` says why the form cannot hold it; empty when it can. `note` is what to watch.
    """

    record: ExportRecord
    fields: Mapping[str, str]
    refused: str = ""
    note: str = ""


def forms() -> dict[str, Form]:
    """
    All forms by name, the generic one first; a new dict for each caller.

    >>> forms()["route53"].apex
    ''
    """
    return dict(_forms())


def form_named(key: str) -> Form:
    """The form with the name *key*; raises `UsageError` with the nearest name when there is none."""
    found = _forms().get(key.strip().casefold())
    if found is not None:
        return found
    import difflib

    near = difflib.get_close_matches(key[:80].casefold(), list(_forms()), n=1)
    hint = f"did you mean {near[0]}?" if near else "`maildns export --list-forms` lists them"
    raise UsageError(f"there is no form {key!r}", hint)


@cache
def _forms() -> dict[str, Form]:
    import tomllib
    from importlib.resources import files

    text = files("maildns.export").joinpath("forms.toml").read_text(encoding="utf-8")
    made = {key: Form(key=key, **table) for key, table in tomllib.loads(text).items()}
    return dict(sorted(made.items(), key=lambda item: (item[0] != GENERIC, item[0])))


def fill_in(record: ExportRecord, form: Form) -> FormRow:
    """
    What to type for *record*.

    >>> from maildns.dnsdata import Mx
    >>> mx = ExportRecord("example.com", "example.com", "mx", "example.com", "MX", 3600,
    ...                   Mx(10, "mail.example.com"))
    >>> dict(fill_in(mx, form_named("route53")).fields)["value"]
    '10 mail.example.com'
    """
    split = _service_of(record) if form.srv == "split" else None
    shown = split[2] if split else record.label
    values = {"name": _name(record, form, shown), "type": record.rrtype}
    if form.ttl:
        values["ttl"] = str(record.ttl_seconds)
    if split:
        values |= {"service": split[0], "protocol": split[1]}
    values |= _data(record, form)
    ordered = {key: values[key] for key in FIELDS if key in values}
    return FormRow(record, ordered, _refusal(record, form), _note(record, form))


def _name(record: ExportRecord, form: Form, shown: str) -> str:
    if shown == "@":
        return _full(record.zone, form) if form.apex == "fqdn" else form.apex
    return _full(record.name, form) if form.name == "fqdn" else shown


def _full(name: str, form: Form) -> str:
    return absolute(name) if form.name_dot or form.dot else name


def _service_of(record: ExportRecord) -> tuple[str, str, str] | None:
    """Service, protocol and the name that they are for (RFC 2782); None for other records."""
    parts = labels(record.label)
    if record.rrtype != "SRV" or len(parts) < 2 or not parts[1].startswith("_"):
        return None
    return parts[0], parts[1], ".".join(parts[2:]) or "@"


def _data(record: ExportRecord, form: Form) -> dict[str, str]:
    match record.rdata:
        case Mx(preference, host):
            return _mx(str(preference), _host(host, form), form)
        case Txt() as txt:
            return {"value": _text(txt, form)}
        case Srv(priority, weight, port, target) if form.srv != "value":
            return {
                "priority": str(priority),
                "weight": str(weight),
                "port": str(port),
                "value": _host(target, form),
            }
        case Srv(priority, weight, port, target):
            return {"value": f"{priority} {weight} {port} {_host(target, form)}"}
        case Caa(flags, tag, value) if form.caa == "columns":
            text = value.decode("utf-8", "backslashreplace")
            return {"flags": str(flags), "tag": tag, "value": text}
        case Tlsa(usage, selector, matching, association) if form.tlsa == "columns":
            return {
                "usage": str(usage),
                "selector": str(selector),
                "matching": str(matching),
                "value": association.hex(),
            }
        case Cname(target) | Ptr(target) | Ns(target):
            return {"value": _host(target, form)}
    return {"value": str(record.rdata)}


def _mx(preference: str, host: str, form: Form) -> dict[str, str]:
    if form.priority == "column":
        return {"priority": preference, "value": host}
    return {"value": f"{preference} {host}"}


def _host(name: str, form: Form) -> str:
    # The root is a dot everywhere: the null MX of RFC 7505, the absent service of RFC 2782.
    return absolute(name) if form.dot or name == "." else name


def _text(txt: Txt, form: Form) -> str:
    if form.txt == "chunks":
        return " ".join(quoted(string, octal=form.octal) for string in txt.strings)
    if form.txt == "quoted":
        return quoted(txt.joined, octal=form.octal)
    return quote_string(txt.joined) if typed(txt) is None else txt.text


def typed(txt: Txt) -> str | None:
    r"""
    The text as a person types it; None when a keyboard cannot say all of its octets.

    >>> typed(Txt.of("v=spf1 -all")), typed(Txt.of(b"\xff"))
    ('v=spf1 -all', None)
    """
    try:
        text = txt.joined.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() else None


def quoted(string: bytes, *, octal: bool = False) -> str:
    r"""
    One string in quotes; *octal* writes octets that are not ASCII as Route 53 wants them.

    >>> print(quoted("é".encode()), quoted("é".encode(), octal=True))
    "\195\169" "\303\251"
    """
    text = quote_string(string)
    if not octal:
        return text
    return re.sub(r"\\(\d{3}|.)", _in_octal, text)


def _in_octal(match: re.Match[str]) -> str:
    return f"\\{int(match[1]):03o}" if match[1].isdigit() else match[0]


def _refusal(record: ExportRecord, form: Form) -> str:
    if record.rrtype in form.refuses:
        return form.refuses[record.rrtype]
    if isinstance(record.rdata, Txt) and form.max_txt and len(record.rdata.joined) > form.max_txt:
        return f"the text has {len(record.rdata.joined)} characters; {form.max_txt} are taken"
    if form.max_name and len(record.label) > form.max_name:
        return f"the name has {len(record.label)} characters; {form.max_name} are taken"
    return ""


def _note(record: ExportRecord, form: Form) -> str:
    if isinstance(record.rdata, Txt) and form.txt == "plain":
        if typed(record.rdata) is None:
            return "holds octets that cannot be typed"
        if len(record.rdata.joined) > 255:
            return "enter it as one line, just as it stands"
    return ""


def describe(form: Form) -> dict[str, Any]:
    """The habits of *form* in words, by their heading, for a list of forms."""
    apex = {"@": "@", "": "leave it empty", "fqdn": "the whole name"}[form.apex]
    text = {
        "plain": "the text alone",
        "quoted": "in quotes",
        "chunks": "quoted strings of at most 255 octets",
    }[form.txt]
    return {
        "the domain itself": apex,
        "hosts end in a dot": "yes" if form.dot else "no",
        "text": text,
        "cannot hold": ", ".join(form.refuses) or "-",
    }
