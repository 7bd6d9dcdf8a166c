"""The records as DNSControl's JavaScript, a `D()` for each zone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from maildns.dnsdata import Caa, Cname, Mx, Ns, Opaque, Ptr, Rdata, Srv, Tlsa, Txt, absolute
from maildns.export.record import ExportRecord, by_zone

CRITICAL = 128  # RFC 8659 section 4.1.1: the issuer critical flag
_HEAD = """\
// DNSControl: the mail records of each zone.
// NO_PURGE leaves the zone's other names and types alone; a set of records that stands
// here is replaced whole, so add what else belongs into it, such as other TXT at "@".
var REG_NONE = NewRegistrar("none");
var DSP_MAIL = NewDnsProvider("mail"); // the name of your provider in creds.json
"""


def dnscontrol_text(records: Sequence[ExportRecord]) -> str:
    """The zones of *records* as a `dnsconfig.js`; strings are escaped as JSON's are."""
    zones = ["\n".join(_zone(zone, members)) for zone, members in by_zone(records)]
    return "\n\n".join([_HEAD.rstrip("\n"), *zones]) + "\n"


def _zone(zone: str, records: Sequence[ExportRecord]) -> Iterator[str]:
    yield f"D({_js(zone)}, REG_NONE, DnsProvider(DSP_MAIL), NO_PURGE,"
    reason = ""
    for record in records:
        if record.reason != reason:
            reason = record.reason
            yield f"  // {_comment(reason)}"
        yield f"  {_record(record)}"
    yield "END);"


def _record(record: ExportRecord) -> str:
    if isinstance(record.rdata, Opaque) or not _is_text(record.rdata):
        return (
            f"// not expressible here: {_comment(f'{record.name} {record.rrtype} {record.rdata}')}"
        )
    arguments = [_js(record.label), *_arguments(record), f"TTL({record.ttl_seconds})"]
    return f"{record.rrtype}({', '.join(arguments)}),"


def _arguments(record: ExportRecord) -> list[str]:
    match record.rdata:
        case Mx(preference, host):
            return [str(preference), _js(absolute(host))]
        case Txt() as txt:
            return [_js(txt.text)]
        case Srv(priority, weight, port, target):
            return [str(priority), str(weight), str(port), _js(absolute(target))]
        case Tlsa(usage, selector, matching, association):
            return [str(usage), str(selector), str(matching), _js(association.hex())]
        case Caa(flags, tag, value):
            critical = ["CAA_CRITICAL"] if flags & CRITICAL else []
            return [_js(tag), _js(value.decode("utf-8", "replace")), *critical]
        case Cname(target) | Ptr(target) | Ns(target):
            return [_js(absolute(target))]
    return [_js(str(record.rdata))]


def _is_text(rdata: Rdata) -> bool:
    """Whether JavaScript's strings can hold it: octets that are not UTF-8 they cannot."""
    octets = rdata.joined if isinstance(rdata, Txt) else b""
    return octets.decode("utf-8", "ignore").encode() == octets


def _js(text: str) -> str:
    # JSON's strings are JavaScript's; ASCII alone, so that no line separator hides in one.
    return json.dumps(text, ensure_ascii=True)


def _comment(text: str) -> str:
    return " ".join(text.split()) if text.isprintable() else json.dumps(text)
