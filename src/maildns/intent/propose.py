"""
From a survey and the owner's answers to the text of a `maildns.toml`.

The text is written by hand, not by a TOML writer, so that it is small, commented, and
in the order in which people think; it is parsed again before anybody sees it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from maildns.dnsdata import unicode_name
from maildns.intent.model import Server
from maildns.intent.senders import no_longer_needed_by, preset_for
from maildns.intent.survey import Survey
from maildns.protocols import dmarc, spf

_OTHERS = {"fail": "fail", "softfail": "softfail", "neutral": "neutral"}


@dataclass(frozen=True, slots=True)
class ServerProposal:
    """A server to describe."""

    host: str
    ipv4: tuple[str, ...] = ()
    ipv6: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""
    managed: bool = True
    sends: bool = True


@dataclass(frozen=True, slots=True)
class KeyProposal:
    """A DKIM key to name: `path` is relative to the config."""

    selector: str
    path: str


@dataclass(frozen=True, slots=True)
class DomainProposal:
    """A domain to describe."""

    domain: str
    servers: tuple[str, ...] = ()
    preferences: Mapping[str, int] = field(default_factory=dict)  # of those that have one
    senders: tuple[str, ...] = ()
    others: str = "fail"
    keys: tuple[KeyProposal, ...] = ()
    dmarc: dmarc.DmarcRecord = field(default_factory=dmarc.DmarcRecord)
    mta_sts: str = ""
    tls_rpt: tuple[str, ...] = ()
    clients: bool = False
    issuers: tuple[str, ...] = ()
    parked: bool = False
    remarks: tuple[str, ...] = ()


def senders_of(
    found: Survey, servers: Sequence[ServerProposal]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """
    The senders that an existing SPF record permits besides *servers*, and remarks.

    Terms that the servers which send stand for are left out, since they are described
    already; every other term is kept, as a preset where it is one. A redirect is kept as
    the include that permits the same hosts (RFC 7208 section 6.1).
    """
    if found.spf is None:
        return (), ()
    senders: list[str] = []
    remarks: list[str] = []
    for directive in found.spf.directives:
        term = str(directive)
        former = no_longer_needed_by(term)
        if isinstance(directive.mechanism, spf.All) or _is_own(term, found, servers):
            continue
        if directive.qualifier is not spf.Qualifier.PASS:
            remarks.append(f"left out of SPF, since it permits nobody: {term}")
            continue
        if former is not None:
            remarks.append(f"{former.title} needs {term} no more; drop it when you have checked")
        preset = preset_for(term)
        # A preset stands for all of its terms; one of several stays as it is.
        senders.append(preset.key if preset and preset.terms == (term,) else term)
    if _redirects(found):
        target = str(found.spf.redirect).partition("=")[2]
        senders.append(f"include:{target}")
        remarks.append(f"was redirect={target}, which also says what all others get: look there")
    return tuple(dict.fromkeys(senders)), tuple(remarks)


def _is_own(term: str, found: Survey, servers: Sequence[ServerProposal]) -> bool:
    """Whether *term* permits nobody but the servers that send."""
    sending = [server for server in servers if server.sends]
    own = {ip_address(text) for server in sending for text in (*server.ipv4, *server.ipv6)}
    kind, _, value = term.removeprefix("+").partition(":")
    if kind in {"ip4", "ip6"}:
        network = ip_network(value, strict=False)
        return network.num_addresses == 1 and network[0] in own
    named = {"a": [value or found.domain], "mx": list(found.mx) if not value else []}.get(kind, [])
    if not named:
        return False
    hosts = {server.host for server in sending}
    return all(
        name_ in hosts
        or (found.addresses.get(name_) and {ip_address(a) for a in found.addresses[name_]} <= own)
        for name_ in named
    )


def _redirects(found: Survey) -> bool:
    # RFC 7208 section 6.1: beside an "all" a redirect does nothing
    return found.spf is not None and found.spf.redirect is not None and found.spf.all is None


def others_of(found: Survey) -> str:
    """
    What an existing record says of everybody else; `fail` where it does not say.

    Where a redirect leaves that to another domain it is `softfail`: not to be stricter
    than the owner was.
    """
    if found.spf is None:
        return "fail"
    if _redirects(found):
        return "softfail"
    return _OTHERS.get(spf.permitted(found.spf).others, "fail")


def takes_no_mail(found: Survey) -> bool:
    """Whether the domain says that it neither takes nor sends mail (RFC 7505, RFC 7208)."""
    sends_none = found.spf is None or not any(
        directive.qualifier is spf.Qualifier.PASS for directive in found.spf.directives
    )
    return found.null_mx and sends_none and not _redirects(found)


# --- the text -------------------------------------------------------------------------


def config_text(servers: Sequence[ServerProposal], domains: Sequence[DomainProposal]) -> str:
    """
    The text of the file.

    >>> print(config_text([ServerProposal("mail.example.com", ("192.0.2.1",))], []))
    # What this mail server and its domains should look like in the DNS.
    # `maildns plan` shows what that changes; `maildns schema config` lists all keys.
    <BLANKLINE>
    [server."mail.example.com"]
    ipv4 = "192.0.2.1"
    <BLANKLINE>
    """
    lines = [
        "# What this mail server and its domains should look like in the DNS.",
        "# `maildns plan` shows what that changes; `maildns schema config` lists all keys.",
        "",
    ]
    for server in servers:
        lines += [*_server_lines(server), ""]
    for domain in domains:
        lines += [*_domain_lines(domain, alone=len(servers) == 1), ""]
    return "\n".join(lines)


def _server_lines(server: ServerProposal) -> list[str]:
    lines = [f"[server.{_quoted(unicode_name(server.host))}]"]
    lines += [f"ipv4 = {_value(server.ipv4)}"] if server.ipv4 else []
    lines += [f"ipv6 = {_value(server.ipv6)}"] if server.ipv6 else []
    lines += [f"certificate = {_quoted(server.certificate)}"] if server.certificate else []
    lines += [f"key = {_quoted(server.key)}"] if server.key else []
    lines += [] if server.managed else ["managed = false  # somebody else publishes its address"]
    lines += [] if server.sends else ["sends = false  # it takes mail for you; others send"]
    return lines


def _domain_lines(domain: DomainProposal, *, alone: bool) -> list[str]:
    # A remark may quote what is published: it must not end its comment.
    lines = [f"# {''.join(c if c.isprintable() else '·' for c in r)}" for r in domain.remarks]
    lines.append(f"[domain.{_quoted(unicode_name(domain.domain))}]")
    if domain.parked:
        return [*lines, "parked = true  # no mail at all"]
    if any(number != Server().priority for number in domain.preferences.values()):
        table = ", ".join(
            f"{_quoted(host)} = {domain.preferences.get(host, Server().priority)}"
            for host in domain.servers
        )
        lines.append(f"servers = {{ {table} }}")
    elif domain.servers and not alone:
        lines.append(f"servers = {_list(domain.servers)}")
    if domain.senders:
        lines.append(f"senders = {_list(domain.senders)}")
    if domain.others != "fail":
        lines.append(f"spf = {{ others = {_quoted(domain.others)} }}")
    if domain.keys:
        keys = ", ".join(
            f"{{ selector = {_quoted(key.selector)}, key = {_quoted(key.path)} }}"
            for key in domain.keys
        )
        lines.append(f"dkim = [{keys}]")
    lines.append(f"dmarc = {{ {', '.join(_dmarc_items(domain.dmarc))} }}")
    lines += [f"mta_sts = {_quoted(domain.mta_sts)}"] if domain.mta_sts else []
    lines += [f"tls_rpt = {_value(domain.tls_rpt)}"] if domain.tls_rpt else []
    lines += ["clients = true"] if domain.clients else []
    lines += [f"caa = {_list(domain.issuers)}"] if domain.issuers else []
    return lines


def _dmarc_items(record: dmarc.DmarcRecord) -> list[str]:
    items = [f"policy = {_quoted(record.policy or 'none')}"]
    for key, value in (
        ("subdomain_policy", record.subdomain_policy),
        ("nonexistent_policy", record.nonexistent_policy),
    ):
        items += [f"{key} = {_quoted(value)}"] if value else []
    items += ["testing = true"] if record.testing else []
    items += [f"percent = {record.percent}"] if record.percent is not None else []
    for key, alignment in (
        ("dkim_alignment", record.dkim_alignment),
        ("spf_alignment", record.spf_alignment),
    ):
        items += [f'{key} = "strict"'] if alignment is dmarc.Alignment.STRICT else []
    for key, uris in (
        ("reports_to", record.aggregate_reports_to),
        ("failure_reports_to", record.failure_reports_to),
    ):
        plain = [uri.uri.removeprefix("mailto:") for uri in uris]
        items += [f"{key} = {_list(plain)}"] if plain else []
    options = record.failure_options
    items += [f"failure_options = {_list(options)}"] if options else []
    return items


def _value(texts: Sequence[str]) -> str:
    return _quoted(texts[0]) if len(texts) == 1 else _list(texts)


def _list(texts: Sequence[str]) -> str:
    return f"[{', '.join(_quoted(text) for text in texts)}]"


def _quoted(text: str) -> str:
    # TOML's basic strings are JSON's, but for U+007F.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
