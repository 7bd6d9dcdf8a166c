"""
The checks over sets of records and over the zone.

Each looks at the whole text and yields its findings, each with the index of the
record that it is shown at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from maildns.dnsdata import Mx, Srv, Txt, labels, parent
from maildns.finding import Finding, Fix, Rule
from maildns.recognise import KINDS, Recognised, recognise_rdata
from maildns.zonelint import rules
from maildns.zonelint.facts import ZoneFacts

Placed = tuple[int, Finding]
Check = Callable[[ZoneFacts, Sequence[Recognised]], Iterator[Placed]]


def several(zone: ZoneFacts, seen: Sequence[Recognised]) -> Iterator[Placed]:
    """More than one record of a kind that must be alone at its name."""
    for (owner, rrtype), places in zone.sets.items():
        if rrtype != "TXT" or len(places) < 2:
            continue
        for kind, rule in rules.SEVERAL.items():
            same = [at for at in places if _is(seen[at], kind)]
            texts = list(dict.fromkeys(seen[at].text for at in same))
            if len(texts) > 1:  # a record that stands twice is one (RFC 2181 section 5)
                says = f"there are {len(texts)} {KINDS[kind].title}s; there may be one"
                yield same[1], rule.finding(owner, says, fix=_one_of(kind, same, seen))


def _is(recognised: Recognised, kind: str) -> bool:
    return recognised.kind is KINDS[kind] and (recognised.error is None or begins(recognised))


def begins(recognised: Recognised) -> bool:
    """A record with faults counts among several all the same; foreign texts at the name do not."""
    return re.match(r"v=(spf1|DMARC1|DKIM1|STSv1|TLSRPTv1|BIMI1)\b", recognised.text) is not None


def _one_of(kind: str, same: Sequence[int], seen: Sequence[Recognised]) -> Fix | None:
    records = [seen[at].record for at in same]
    if kind != "spf" or None in records:
        return Fix("keep one, remove the others")
    merge = KINDS["spf"].room("merge")
    merged = records[0]
    for record in records[1:]:
        merged = merge(record, merged)
    return Fix("publish one record in place of all", str(merged))


def spf_type(zone: ZoneFacts, seen: Sequence[Recognised]) -> Iterator[Placed]:
    """Records of the type that was given up."""
    for (owner, rrtype), places in zone.sets.items():
        if rrtype == "SPF":
            beside = any(_is(seen[at], "spf") for at in zone.sets.get((owner, "TXT"), ()))
            says = "" if beside else "the SPF policy is in a record of type SPF, read by nobody"
            words = "remove it; the TXT record stays" if beside else "publish it as TXT"
            record = None if beside else str(Txt.of(seen[places[0]].text))
            yield places[0], rules.SPF_TYPE.finding(owner, says, fix=Fix(words, record))


def strings(zone: ZoneFacts, seen: Sequence[Recognised]) -> Iterator[Placed]:
    """TXT strings that were meant to have a blank between them, or no comment behind."""
    for at, record in enumerate(zone.records):
        if not isinstance(record.rdata, Txt):
            continue
        fix = _spaced(record.rdata, record.owner, seen[at])
        if fix is not None:
            what = "words without quotes" if zone.has_bare_words(at) else "strings"
            says = f"{what} run together: "
            yield at, rules.RUN_TOGETHER.finding(record.owner, says + _cut(seen[at].text), fix=fix)
        whole = _commented(zone, at, seen[at])
        if whole is not None:
            says = f"only {_cut(seen[at].text)} is published; the rest is a comment"
            yield at, rules.SEMICOLON.finding(record.owner, says, fix=whole)


def _spaced(rdata: Txt, owner: str, seen: Recognised) -> Fix | None:
    """The record with blanks between its strings, where it is sound so and as it is it is not."""
    if len(rdata.strings) < 2 or (seen.kind is not None and seen.error is None and _sane(seen)):
        return None
    spaced = b" ".join(rdata.strings)
    meant = recognise_rdata(Txt.of(spaced), owner)
    if meant.kind is None or meant.error is not None or meant.kind.id == "dkim":
        return None
    return Fix("one text, in quotes", str(Txt.of(spaced)))


def _sane(seen: Recognised) -> bool:
    """Whether no word of a parsed SPF record looks like two (``ip4:192.0.2.1include:...``)."""
    return not re.search(r"\S(include:|ip4:|ip6:|redirect=)|v=spf1\S", seen.text)


def _commented(zone: ZoneFacts, at: int, seen: Recognised) -> Fix | None:
    record = zone.records[at]
    if seen.kind is None or record.line != record.last_line:
        return None
    line = zone.lines[record.line - 1]
    match = re.search(r'\s((?:v=|k=|p=)[^\s";]*+\s*;[^"\r]*)', line)
    # Something was cut only where the record says less than the line.
    if match is None or seen.text not in match[1] or ";" in seen.text.rstrip("; "):
        return None
    meant = Txt.of(match[1].strip().encode("utf-8", "replace"))
    whole = recognise_rdata(meant, record.owner)
    if whole.kind is not seen.kind or whole.error is not None:
        return None
    return Fix("put it in quotes", str(meant))


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"


def targets(zone: ZoneFacts, seen: Sequence[Recognised]) -> Iterator[Placed]:
    """Hosts that mail is sent to: an address for a name, an alias, no address."""
    del seen
    for at, record in enumerate(zone.records):
        if isinstance(record.rdata, Mx):
            pair, host = (rules.MX_ALIAS, rules.MX_NO_ADDRESS), record.rdata.host
            # An address with a final dot is the record's own fault, told by its protocol.
            address = re.match(r"(?:\d{1,3}\.){3}\d{1,3}(?=\.)", host)
            if address:
                says = f"the MX record names the address {address[0]}"
                yield at, rules.MX_ADDRESS.finding(record.owner, says)
                continue
        elif isinstance(record.rdata, Srv) and record.owner.startswith("_"):
            pair, host = (rules.SRV_ALIAS, rules.SRV_NO_ADDRESS), record.rdata.target
        else:
            continue
        yield from _target(zone, at, host, pair)


def _target(zone: ZoneFacts, at: int, host: str, pair: tuple[Rule, Rule]) -> Iterator[Placed]:
    owner, rrtype = zone.records[at].owner, zone.records[at].rdata.rrtype
    alias = zone.alias_of(host)
    if alias is not None:
        record = zone.records[at].rdata
        kept = str(record).rsplit(" ", 1)[0]
        fix = Fix("name the host behind it", f"{kept} {alias}." if alias != "." else None)
        yield at, pair[0].finding(owner, f"{host} is an alias of {alias}", fix=fix)
    elif host != "." and not _doubled(host) and zone.lacks_address(host):
        fix = Fix(f"add an A or AAAA record at {host}")
        yield at, pair[1].finding(owner, f"{rrtype} host {host} has no address", fix=fix)


def aliases(zone: ZoneFacts, seen: Sequence[Recognised]) -> Iterator[Placed]:
    """CNAME records that are not alone."""
    del seen
    for owner, types in zone.types.items():
        if "CNAME" not in types:
            continue
        places = zone.sets[owner, "CNAME"]
        # RFC 4035 section 2.5: DNSSEC's own types may stand there
        beside = sorted(types - {"CNAME", "RRSIG", "NSEC", "KEY", "DS"})
        if beside:
            says = f"a CNAME stands beside {', '.join(beside)}"
            yield places[0], rules.ALIAS_BESIDE_DATA.finding(owner, says)
        elif len({str(zone.records[at].rdata) for at in places}) > 1:
            says = "there are several CNAMEs at one name"
            yield places[1], rules.ALIAS_BESIDE_DATA.finding(owner, says)


def places(zone: ZoneFacts, seen: Sequence[Recognised]) -> Iterator[Placed]:
    """Records at a name where nobody looks for them."""
    for at, record in enumerate(zone.records):
        kind = seen[at].kind
        if kind is None or kind.rrtype != "TXT" or not begins(seen[at]):
            continue
        right = _right_place(record.owner, kind.id)
        if right is not None and not _doubled(record.owner):
            says = f"the {kind.title} belongs to {right}"
            fix = Fix(f"move it to {right}")
            yield at, rules.WRONG_PLACE.finding(record.owner, says, fix=fix)


_HEADS = {"dmarc": "_dmarc", "mtasts": "_mta-sts", "tlsrpt": "_smtp._tls"}
_RESERVED = {"_dmarc", "_mta-sts", "_domainkey", "_smtp", "_tls", "_bimi", "_report"}


def _right_place(owner: str, kind: str) -> str | None:
    """Where a record of *kind* at *owner* belongs; None: it stands right."""
    parts = labels(owner)
    # The domain it is meant for: what stands behind the labels of other places.
    behind = max((at + 1 for at, part in enumerate(parts) if part in _RESERVED), default=0)
    domain = ".".join(parts[behind:]).removeprefix("*.") or owner
    if kind in _HEADS:
        head = _HEADS[kind]
        if owner == head or owner.startswith(head + "."):
            return None
        bare = head.lstrip("_").split(".")[0]
        return f"{head}.{domain.removeprefix(bare + '.')}"
    if kind in {"dkim", "bimi"}:
        label = "_domainkey" if kind == "dkim" else "_bimi"
        if label in parts[1:]:
            return None
        return f"{'SELECTOR' if kind == 'dkim' else 'default'}.{label}.{domain}"
    if kind == "spf" and set(parts) & _RESERVED:
        return domain
    return None


def doubled_names(zone: ZoneFacts, seen: Sequence[Recognised]) -> Iterator[Placed]:
    """Owners and targets with the zone's name twice."""
    for at, record in enumerate(zone.records):
        mail = seen[at].kind is not None or record.rdata.rrtype in {"CNAME", "PTR", "TLSA"}
        if mail and (zone_name := _doubled(record.owner)):
            right = record.owner.removesuffix("." + zone_name)
            fix = Fix(f"write it with a final dot: {right}.")
            says = f"{zone_name} stands in the name twice"
            yield at, rules.DOUBLED_NAME.finding(record.owner, says, fix=fix)
        target = _target_of(record.rdata)
        if zone_name := _doubled(target):
            right = target.removesuffix("." + zone_name)
            says = f"{zone_name} stands twice in the target {target}"
            fix = Fix(f"write it with a final dot: {right}.")
            yield at, rules.DOUBLED_NAME.finding(record.owner, says, fix=fix)


def _target_of(rdata: object) -> str:
    if isinstance(rdata, Mx):
        return rdata.host
    target = getattr(rdata, "target", "")
    return target if isinstance(target, str) else ""


def _doubled(name: str) -> str | None:
    """The domain of two labels or more that *name* ends with twice."""
    parts = labels(name)
    for size in range(2, len(parts) // 2 + 1):
        if parts[-size:] == parts[-2 * size : -size] and any(not p.isdigit() for p in parts):
            return ".".join(parts[-size:])
    return None


def tlsa_names(zone: ZoneFacts, seen: Sequence[Recognised]) -> Iterator[Placed]:
    """TLSA records without port and protocol in front."""
    del seen
    for (owner, rrtype), places in zone.sets.items():
        if rrtype != "TLSA":
            continue
        parts = labels(owner)
        # RFC 6698 section 3; a wildcard port is allowed there
        if re.fullmatch(r"_\d{1,5}|\*", parts[0]) and parts[1:2] in (["_tcp"], ["_udp"], ["_sctp"]):
            continue
        if parts[0] == "*" or parts[0] == "_tcp":
            parts = [part for part in parts if part not in {"*", "_tcp"}]
        host = ".".join(part for part in parts if not re.fullmatch(r"_?\d{1,5}|_?tcp", part))
        fix = Fix(f"move it to _25._tcp.{host}")
        yield places[0], rules.TLSA_NAME.finding(owner, fix=fix)


def wildcards(zone: ZoneFacts, seen: Sequence[Recognised]) -> Iterator[Placed]:
    """Wildcards of TXT or CNAME that answer for `_dmarc` and its like."""
    for (owner, rrtype), places in zone.sets.items():
        if not owner.startswith("*.") or rrtype not in {"TXT", "CNAME"}:
            continue
        domain = parent(owner)
        if "_" in domain or not _has_mail(zone, domain):
            continue
        if all(seen[at].kind is KINDS["spf"] for at in places):
            continue  # "no mail from here", for every name: that is what it is for
        if not zone.is_existing(f"_dmarc.{domain}"):
            says = f"{owner} {rrtype} answers for _dmarc.{domain}, which the zone does not have"
            fix = Fix(f"publish a DMARC record at _dmarc.{domain}, or remove the wildcard")
            yield places[0], rules.WILDCARD.finding(owner, says, fix=fix)


def _has_mail(zone: ZoneFacts, domain: str) -> bool:
    return domain in zone.apexes or "MX" in zone.types.get(domain, set())


def ttls(zone: ZoneFacts, seen: Sequence[Recognised]) -> Iterator[Placed]:
    """Sets of mail records with several TTLs."""
    for (owner, rrtype), places in zone.sets.items():
        if len(places) < 2 or rrtype == "RRSIG":
            continue
        found = sorted({zone.records[at].ttl_seconds for at in places})
        mail = any(seen[at].kind is not None for at in places)
        if len(found) > 1 and mail:
            says = f"the {rrtype} records have the TTLs {', '.join(map(str, found))}"
            fix = Fix(f"give them all {found[0]}")
            yield places[0], rules.TTLS_DIFFER.finding(owner, says, fix=fix)


def protection(zone: ZoneFacts, seen: Sequence[Recognised]) -> Iterator[Placed]:
    """Whole zones that take mail and say nothing of who may send it."""
    for apex in sorted(zone.apexes):
        places = zone.sets.get((apex, "MX"), [])
        if not places or all(_is_null(zone.records[at].rdata) for at in places):
            continue
        texts = [seen[at].kind for at in zone.sets.get((apex, "TXT"), ())]
        if KINDS["spf"] not in texts:
            yield places[0], rules.NO_SPF.finding(apex)
        if not zone.types.get(f"_dmarc.{apex}", set()) & {"TXT", "CNAME"}:
            yield places[0], rules.NO_DMARC.finding(apex)


def _is_null(rdata: object) -> bool:
    return isinstance(rdata, Mx) and rdata.host == "."  # RFC 7505


CHECKS: tuple[Check, ...] = (
    several,
    spf_type,
    strings,
    targets,
    aliases,
    places,
    doubled_names,
    tlsa_names,
    wildcards,
    ttls,
    protection,
)
