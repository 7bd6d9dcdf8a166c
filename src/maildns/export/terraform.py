"""
The records as Terraform (or OpenTofu) configuration.

Without a form the `hashicorp/dns` provider is used, which speaks RFC 2136 to any name
server; `cloudflare`, `route53` and `google` have resources of their own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence

from maildns.dnsdata import (
    AAAA,
    A,
    Caa,
    Cname,
    Mx,
    Ns,
    Ptr,
    Rdata,
    Srv,
    Tlsa,
    Txt,
    absolute,
    quote_string,
)
from maildns.errors import UsageError
from maildns.export.forms import quoted
from maildns.export.record import ExportRecord, by_set, by_zone

RFC2136 = "dns"
Block = Iterator[str]


def terraform_text(records: Sequence[ExportRecord], provider: str = RFC2136) -> str:
    """
    The records of all zones as HCL for *provider*: dns, cloudflare, route53 or google.

    What the provider has no resource for becomes a comment. Raises `UsageError` for
    another provider.
    """
    if provider not in _PROVIDERS:
        known = ", ".join(sorted(_PROVIDERS))
        raise UsageError(f"there is no Terraform output for {provider!r}", f"one of {known}")
    head, variable, write = _PROVIDERS[provider]
    blocks = [_HEAD, head]
    for zone, members in by_zone(records):
        if variable:
            blocks.append(_variable(zone, variable))
        blocks.extend("\n".join(block) for block in write(zone, members))
    return "\n\n".join(blocks) + "\n"


_HEAD = """\
# The mail records. A set of records that stands here is owned whole by Terraform: add
# what else belongs into it, such as other TXT records at the domain itself."""


def _variable(zone: str, what: str) -> str:
    return f'variable "{_identifier("zone", zone)}" {{\n  description = {hcl(f"{what} of {zone}")}\n  type        = string\n}}'


# --- hashicorp/dns: RFC 2136 ----------------------------------------------------------


def _rfc2136(zone: str, records: Sequence[ExportRecord]) -> Iterator[Block]:
    for _, members in by_set(records):
        yield _rfc2136_set(zone, members)


def _rfc2136_set(zone: str, records: Sequence[ExportRecord]) -> Block:
    first = records[0]
    resource = _RFC2136_RESOURCES.get(first.rrtype)
    if resource is None:
        for record in records:
            data = f"{absolute(record.name)} {record.ttl_seconds} {record.rrtype} {record.rdata}"
            yield f"# hashicorp/dns has no resource for {record.rrtype}: {_comment(data)}"
        return
    yield from _opening(resource, records)
    head = {"zone": hcl(absolute(zone))}
    if first.name != zone:
        head["name"] = hcl(first.label)
    head["ttl"] = str(first.ttl_seconds)
    yield from _assign(head | _rfc2136_values([record.rdata for record in records]))
    for record in records:
        yield from _rfc2136_block(record.rdata)
    yield "}"


_RFC2136_RESOURCES = {
    "A": "dns_a_record_set",
    "AAAA": "dns_aaaa_record_set",
    "CNAME": "dns_cname_record",
    "MX": "dns_mx_record_set",
    "NS": "dns_ns_record_set",
    "PTR": "dns_ptr_record",
    "SRV": "dns_srv_record_set",
    "TXT": "dns_txt_record_set",
}


def _rfc2136_values(values: Sequence[Rdata]) -> dict[str, str]:
    match values[0]:
        case A() | AAAA():
            return {"addresses": _list(str(value) for value in values)}
        case Txt():
            # The provider puts the text between quotes of its own, as zone text.
            texts = (quote_string(one.joined)[1:-1] for one in values if isinstance(one, Txt))
            return {"txt": _list(texts)}
        case Cname(target):
            return {"cname": hcl(absolute(target))}
        case Ptr(target):
            return {"ptr": hcl(absolute(target))}
        case Ns():
            return {"nameservers": _list(str(value) for value in values)}
    return {}


def _rfc2136_block(rdata: Rdata) -> Block:
    if isinstance(rdata, Mx):
        yield "  mx {"
        yield from _assign(
            {"preference": str(rdata.preference), "exchange": hcl(absolute(rdata.host))}, 4
        )
        yield "  }"
    elif isinstance(rdata, Srv):
        yield "  srv {"
        numbers = {
            "priority": str(rdata.priority),
            "weight": str(rdata.weight),
            "port": str(rdata.port),
        }
        yield from _assign(numbers | {"target": hcl(absolute(rdata.target))}, 4)
        yield "  }"


# --- Cloudflare: one resource a record ------------------------------------------------


def _cloudflare(zone: str, records: Sequence[ExportRecord]) -> Iterator[Block]:
    for _, members in by_set(records):
        for at, record in enumerate(members):
            yield _cloudflare_record(zone, record, at)


def _cloudflare_record(zone: str, record: ExportRecord, at: int) -> Block:
    yield from _opening("cloudflare_dns_record", [record], number=at)
    head = {
        "zone_id": f"var.{_identifier('zone', zone)}",
        "name": hcl(record.name),
        "type": hcl(record.rrtype),
        "ttl": str(record.ttl_seconds),
    }
    yield from _assign(head | _cloudflare_content(record.rdata))
    data = _cloudflare_data(record.rdata)
    if data:
        yield "  data = {"
        yield from _assign(data, 4)
        yield "  }"
    yield "}"


def _cloudflare_content(rdata: Rdata) -> dict[str, str]:
    match rdata:
        case Mx(preference, host):
            return {"priority": str(preference), "content": hcl(host)}
        case Srv(priority):
            return {"priority": str(priority)}
        case Caa() | Tlsa():
            return {}
        case Cname(target) | Ptr(target) | Ns(target):
            return {"content": hcl(target)}
    return {"content": hcl(str(rdata))}


def _cloudflare_data(rdata: Rdata) -> dict[str, str]:
    match rdata:
        case Srv(priority, weight, port, target):
            numbers = {"priority": str(priority), "weight": str(weight), "port": str(port)}
            return numbers | {"target": hcl(target)}
        case Caa(flags, tag, value):
            text = value.decode("utf-8", "replace")
            return {"flags": str(flags), "tag": hcl(tag), "value": hcl(text)}
        case Tlsa(usage, selector, matching, association):
            numbers = {"usage": str(usage), "selector": str(selector)}
            rest = {"matching_type": str(matching), "certificate": hcl(association.hex())}
            return numbers | rest
    return {}


# --- Route 53 and Google: one resource a set ------------------------------------------


def _route53(zone: str, records: Sequence[ExportRecord]) -> Iterator[Block]:
    for _, members in by_set(records):
        yield _route53_set(zone, members)


def _route53_set(zone: str, records: Sequence[ExportRecord]) -> Block:
    first = records[0]
    yield from _opening("aws_route53_record", records)
    fields = {
        "zone_id": f"var.{_identifier('zone', zone)}",
        "name": hcl(first.name),
        "type": hcl(first.rrtype),
        "ttl": str(first.ttl_seconds),
        "records": _list(_route53_value(record.rdata) for record in records),
    }
    yield from _assign(fields)
    yield "}"


def _route53_value(rdata: Rdata) -> str:
    if not isinstance(rdata, Txt):
        return str(rdata)
    # The provider puts the outer quotes; strings are parted by a quote and a quote.
    return '""'.join(quoted(string, octal=True)[1:-1] for string in rdata.strings)


def _google(zone: str, records: Sequence[ExportRecord]) -> Iterator[Block]:
    for _, members in by_set(records):
        yield _google_set(zone, members)


def _google_set(zone: str, records: Sequence[ExportRecord]) -> Block:
    first = records[0]
    yield from _opening("google_dns_record_set", records)
    fields = {
        "managed_zone": f"var.{_identifier('zone', zone)}",
        "name": hcl(absolute(first.name)),
        "type": hcl(first.rrtype),
        "ttl": str(first.ttl_seconds),
        "rrdatas": _list(str(record.rdata) for record in records),
    }
    yield from _assign(fields)
    yield "}"


# --- HCL ------------------------------------------------------------------------------


def _opening(resource: str, records: Sequence[ExportRecord], number: int = 0) -> Block:
    first = records[0]
    yield f"# {_comment(first.reason or first.kind)}"
    label = _identifier(first.rrtype.lower(), first.name) + (f"_{number + 1}" if number else "")
    yield f'resource "{resource}" "{label}" {{'


def _assign(fields: dict[str, str], indent: int = 2) -> Block:
    """One line a field, aligned as `terraform fmt` aligns them."""
    width = max(len(key) for key in fields)
    for key, value in fields.items():
        yield f"{' ' * indent}{key:<{width}} = {value}"


def _identifier(kind: str, name: str) -> str:
    """
    A name for a resource: letters, digits, hyphens and underscores; dots become underscores.

    >>> _identifier("txt", "_dmarc.example.com")
    'txt___dmarc_example_com'
    """
    plain = re.sub(r"[^a-z0-9_.-]", lambda match: f"-{ord(match[0]):x}-", name)
    # Doubled, so that a_b and a.b differ.
    return f"{kind}_{plain.replace('_', '__').replace('.', '_')}"


def hcl(text: str) -> str:
    r"""
    A string of HCL; templates such as ``%{i}``, which SPF macros look like, are escaped.

    >>> print(hcl('exists:%{i}.example.com'))
    "exists:%%{i}.example.com"
    """
    quoted = json.dumps(text, ensure_ascii=True)
    # HCL knows \n \r \t \" \\ \uXXXX and \UXXXXXXXX; JSON writes pairs and \b, \f besides.
    quoted = re.sub(r"(\\\\)|\\([bf])", _without_short_escape, quoted)
    quoted = re.sub(r"\\u(d[89ab]..)\\u(d[c-f]..)", _joined_pair, quoted)
    return quoted.replace("${", "$${").replace("%{", "%%{")


def _without_short_escape(match: re.Match[str]) -> str:
    return match[1] or {"b": "\\u0008", "f": "\\u000c"}[match[2]]


def _joined_pair(match: re.Match[str]) -> str:
    high, low = int(match[1], 16), int(match[2], 16)
    return f"\\U{0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00):08x}"


def _list(texts: Iterator[str] | Sequence[str]) -> str:
    return f"[{', '.join(hcl(text) for text in texts)}]"


def _comment(text: str) -> str:
    return " ".join(text.split()) if text.isprintable() else json.dumps(text)


_Writer = Callable[[str, Sequence[ExportRecord]], Iterator[Block]]
_PROVIDERS: dict[str, tuple[str, str, _Writer]] = {
    RFC2136: (
        '# terraform { required_providers { dns = { source = "hashicorp/dns" } } }',
        "",
        _rfc2136,
    ),
    "cloudflare": (
        '# terraform { required_providers { cloudflare = { source = "cloudflare/cloudflare", version = ">= 5" } } }',
        "the Cloudflare zone id",
        _cloudflare,
    ),
    "route53": (
        '# terraform { required_providers { aws = { source = "hashicorp/aws" } } }',
        "the id of the hosted zone",
        _route53,
    ),
    "google": (
        '# terraform { required_providers { google = { source = "hashicorp/google" } } }',
        "the name of the managed zone",
        _google,
    ),
}
PROVIDERS = tuple(sorted(_PROVIDERS))
