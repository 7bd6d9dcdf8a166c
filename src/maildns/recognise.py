"""
Which mail record a text is: by its type and owner where they are known, else by how it begins.

People paste what they have: the text, the text in quotes, several quoted strings,
a whole line of a zone file, a policy file. `recognise` takes all of these, near
misses too, so that what is wrong with them can be said. `findings_of` and
`meanings_of` then ask the record's protocol; protocols are imported when first asked.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Any

from maildns.dnsdata import AAAA, A, Rdata, Txt, labels
from maildns.dnsdata import name as name_of
from maildns.errors import InputError, RecordSyntaxError
from maildns.finding import Finding, Rule, Severity, rule
from maildns.zonefile import ZoneRecord, parse_rdata, parse_records

MAX_CHARACTERS = 400_000  # a record of 64 KiB in its longest spelling


@dataclass(frozen=True, slots=True)
class Kind:
    """
    A kind of mail record: what it is called and which rooms of which protocol know it.

    `rrtype` is empty for a text that is not in the DNS. `place` says where it stands.
    """

    id: str
    title: str
    rrtype: str
    protocol: str
    place: str
    parser: str = "parse"
    linter: str = "lint"
    text_linter: str = "lint_text"
    explainer: str = "explain"

    def room(self, function: str) -> Any:
        """The protocol's *function*; None where it has none."""
        return getattr(self.module, function, None) if function else None

    @property
    def module(self) -> ModuleType:
        """The protocol's package."""
        return import_module(f"maildns.protocols.{self.protocol}")


def _kinds(*kinds: Kind) -> dict[str, Kind]:
    return {kind.id: kind for kind in kinds}


KINDS = _kinds(
    Kind("spf", "SPF record", "TXT", "spf", "DOMAIN"),
    Kind("dkim", "DKIM key record", "TXT", "dkim", "SELECTOR._domainkey.DOMAIN", "parse_key"),
    Kind("dmarc", "DMARC record", "TXT", "dmarc", "_dmarc.DOMAIN"),
    Kind(
        "dmarc-grant",
        "grant for DMARC reports",
        "TXT",
        "dmarc",
        "DOMAIN._report._dmarc.HOST",
        linter="",
        text_linter="",
        explainer="",
    ),
    Kind("mtasts", "MTA-STS record", "TXT", "mtasts", "_mta-sts.DOMAIN"),
    Kind(
        "mtasts-policy",
        "MTA-STS policy file",
        "",
        "mtasts",
        "https://mta-sts.DOMAIN/.well-known/mta-sts.txt",
        "parse_policy",
        "lint_policy",
        "",
        "explain_policy",
    ),
    Kind("tlsrpt", "TLS-RPT record", "TXT", "tlsrpt", "_smtp._tls.DOMAIN"),
    Kind("bimi", "BIMI record", "TXT", "bimi", "SELECTOR._bimi.DOMAIN"),
    Kind("dane", "TLSA record", "TLSA", "dane", "_25._tcp.HOST"),
    Kind("mx", "MX record", "MX", "mx", "DOMAIN"),
    Kind("caa", "CAA record", "CAA", "caa", "DOMAIN"),
    Kind("clients", "SRV record", "SRV", "clients", "_SERVICE._tcp.DOMAIN"),
    Kind("addresses", "address record", "A", "addresses", "HOST", "", "lint_address"),
)
_BY_RRTYPE = {"TLSA": "dane", "MX": "mx", "CAA": "caa", "SRV": "clients", "A": "addresses"} | {
    "AAAA": "addresses",
    "SPF": "spf",
}

SYNTAX_RULES: dict[str, Rule] = {}  # of the kinds whose protocol has none of its own


def _syntax(kind: str, help: str, reference: str, bad: str = "", good: str = "") -> None:
    SYNTAX_RULES[kind] = rule(
        f"{kind}-syntax",
        Severity.ERROR,
        f"this {KINDS[kind].title} breaks the grammar",
        help=help,
        reference=reference,
        bad=bad,
        good=good,
    )


_syntax(
    "dmarc-grant",
    """A domain that takes other domains' DMARC reports says so with a record that begins with
    v=DMARC1. Anything else is passed over and the reports are not sent. Publish v=DMARC1; alone.""",
    "RFC 9990 section 4",
    "v=DMARC",
    "v=DMARC1;",
)
_syntax(
    "mtasts",
    """Senders take a record that breaks the grammar for no record, so the policy is never fetched
    and mail travels unprotected. Correct the place under the caret; all that is needed is
    v=STSv1; id=20260601T000000; with an id that changes when the policy does.""",
    "RFC 8461 section 3.1",
    "v=STSv1; id=2026-06-01;",
    "v=STSv1; id=20260601;",
)
_syntax(
    "mtasts-policy",
    """Senders that cannot read the policy act as if there were none, or keep to the one that
    they remember. Correct the line; version, mode, max_age and mx lines are needed.""",
    "RFC 8461 section 3.2",
    "version: STSv1\nmode: enforced\nmx: mx.example.com\nmax_age: 604800\n",
    "version: STSv1\nmode: enforce\nmx: mx.example.com\nmax_age: 604800\n",
)
_syntax(
    "tlsrpt",
    """Senders take a record that breaks the grammar for no record, so no TLS reports come and
    nobody learns that deliveries fail. Write v=TLSRPTv1; rua=mailto:tls@example.com.""",
    "RFC 8460 section 3",
    "v=TLSRPTv1; rua:mailto:tls@example.com",
    "v=TLSRPTv1; rua=mailto:tls@example.com",
)
_syntax(
    "bimi",
    """Receivers take a record that breaks the grammar for no record and show no logo. Write
    v=BIMI1; l=https://example.com/logo.svg; with the address of the certificate as a=.""",
    "draft-brand-indicators-for-message-identification section 4.3",
    "v=BIMI1; l:https://example.com/logo.svg",
    "v=BIMI1; l=https://example.com/logo.svg;",
)
_syntax(
    "dane",
    """A TLSA record is three numbers and the data in hexadecimal digits. Name servers refuse
    any other text, or the zone that holds it. Make the record anew from the certificate.""",
    "RFC 6698 section 2.2",
    "3 1 1 " + "xy" * 32,
    "3 1 1 " + "ab" * 32,
)
_syntax(
    "mx",
    """An MX record is a preference from 0 to 65535 and the name of a host. Name servers refuse
    any other text, or the zone that holds it. Write for example: 10 mail.example.com.""",
    "RFC 1035 section 3.3.9",
    "99999 mail.example.com.",
    "10 mail.example.com.",
)
_syntax(
    "caa",
    """A CAA record is flags, a tag of letters and digits, and a value in quotes. Name servers
    refuse any other text. Write for example: 0 issue "letsencrypt.org".""",
    "RFC 8659 section 4.1",
    '999 issue "letsencrypt.org"',
    '0 issue "letsencrypt.org"',
)
_syntax(
    "clients",
    """An SRV record is priority, weight, port and the name of a host. Name servers refuse any
    other text. Write for example: 0 1 993 mail.example.com.""",
    "RFC 2782",
    "0 1 99999 mail.example.com.",
    "0 1 993 mail.example.com.",
)
_syntax(
    "addresses",
    """An A record holds one IPv4 address and an AAAA record one IPv6 address, without a port,
    a prefix length or brackets. Name servers refuse any other text.""",
    "RFC 1035 section 3.4.1, RFC 3596 section 2.2",
    "93.184.216.34:25",
    "93.184.216.34",
)


@dataclass(frozen=True, slots=True)
class Recognised:
    """
    What a text was taken for.

    `kind` is None where nobody can tell. `text` is the text itself, out of its quotes
    and joined; spans point into it. `record` is the parsed value, or None and `error`
    says why it is refused. `name` is the owner, where it is known.
    """

    kind: Kind | None
    text: str
    record: Any = None
    error: RecordSyntaxError | None = None
    name: str = ""


# Octets that were not UTF-8 come as halves of surrogate pairs, which nothing can print.
_HALF = re.compile("[\ud800-\udfff]")


def recognise(text: str, *, name: str = "", rrtype: str = "") -> Recognised:
    r"""
    Say which record *text* is; *name* and *rrtype*, where they are known, decide.

    *rrtype* may be a record type or the id of a kind. Never raises for any text.

    >>> recognise('"v=DKIM1; p=" "MIIB"').kind.title
    'DKIM key record'
    >>> recognise("example.com. 3600 IN MX 10 mail.example.com.").record.host
    'mail.example.com'
    """
    text, name = _HALF.sub("\ufffd", text), _HALF.sub("\ufffd", name)
    if len(text) > MAX_CHARACTERS:
        error = RecordSyntaxError("this is too long to be a record", text, (MAX_CHARACTERS,) * 2)
        return Recognised(None, text[:MAX_CHARACTERS], error=error, name=name)
    given = _kind_by_type(rrtype)
    if given is None and _kind_by_start(unquoted(text)) is None and _ZONE_LINE.match(text):
        record = _zone_line(text)
        if record is not None:
            return recognise_rdata(record.rdata, record.owner if record.owner != "." else name)
    bare = unquoted(text) if given is None or given.rrtype == "TXT" else text
    kind = given or _kind_by_name(name) or _kind_by_start(bare)
    return _parsed(kind, bare, name)


def recognise_rdata(rdata: Rdata, owner: str) -> Recognised:
    """Say which mail record *rdata* at *owner* is; what a text itself says goes before its place."""
    if isinstance(rdata, Txt):
        at_owner = _kind_by_name(owner)
        # Without a version it may be anyone's text, unless it stands at a name of mail.
        kind = _kind_by_start(rdata.text) if at_owner or _VERSIONED.match(rdata.text) else None
        if (
            kind is None
            or kind.rrtype != "TXT"
            or (at_owner and at_owner.protocol == kind.protocol)
        ):
            kind = at_owner
        return _parsed(kind, rdata.text, owner)
    if rdata.rrtype == "SRV" and labels(owner)[0] not in _MAIL_SERVICES:
        return Recognised(None, str(rdata), rdata, name=owner)
    if rdata.rrtype == "SPF":
        return _parsed(KINDS["spf"], unquoted(str(rdata)), owner)
    id = _BY_RRTYPE.get(rdata.rrtype)
    return Recognised(KINDS[id] if id else None, str(rdata), rdata, name=owner)


# RFC 6186, RFC 8314 section 5.1, RFC 5804, RFC 8620 section 2.2, RFC 6764
_MAIL_SERVICES = frozenset(
    ("_" + service)
    for service in [
        "autodiscover",
        "caldav",
        "caldavs",
        "carddav",
        "carddavs",
        "imap",
        "imaps",
        "jmap",
        "pop3",
        "pop3s",
        "sieve",
        "submission",
        "submissions",
    ]
)


def _parsed(kind: Kind | None, text: str, name: str) -> Recognised:
    if kind is None:
        return Recognised(None, text, name=name)
    try:
        record = _address(text) if kind.id == "addresses" else kind.room(kind.parser)(text)
    except RecordSyntaxError as error:
        return Recognised(kind, text, error=error, name=name)
    return Recognised(kind, text, record, name=name)


def _address(text: str) -> A | AAAA:
    record = parse_rdata("AAAA" if ":" in text else "A", text)
    if not isinstance(record, A | AAAA):
        raise RecordSyntaxError("this is not an address", text, (0, len(text)))
    return record


def findings_of(recognised: Recognised, subject: str = "") -> list[Finding]:
    """What its protocol says of the text, syntax errors included; nothing of an unknown kind."""
    kind = recognised.kind
    subject = subject or recognised.name
    if kind is None:
        return []
    if (lint_text := kind.room(kind.text_linter)) is not None:
        found: list[Finding] = lint_text(recognised.text, subject)
        return found
    if recognised.error is not None:
        error = recognised.error
        return [SYNTAX_RULES[kind.id].finding(subject, error.problem, span=error.span)]
    lint = kind.room(kind.linter)
    value = recognised.record.address if kind.id == "addresses" else recognised.record
    return [] if lint is None else list(lint(value, subject))


def meanings_of(recognised: Recognised) -> list[tuple[str, str]]:
    """Each part of the record with its meaning in plain words; empty for what does not parse."""
    kind = recognised.kind
    if kind is None or recognised.record is None:
        return []
    if kind.id == "dmarc-grant":
        return [(recognised.text, "this host takes DMARC reports about the domain in the name")]
    if kind.id == "addresses":
        return [(recognised.text, f"an IPv{recognised.record.address.version} address")]
    explain = kind.room(kind.explainer)
    return [] if explain is None else list(explain(recognised.record))


# --- by type, by owner ----------------------------------------------------------------


def kind_named(word: str) -> Kind | None:
    """The kind that *word* names by its id or record type, TXT aside; None: none."""
    return _kind_by_type(word)


def _kind_by_type(rrtype: str) -> Kind | None:
    return KINDS.get(rrtype.lower()) or KINDS.get(_BY_RRTYPE.get(rrtype.upper(), ""))


def _kind_by_name(name: str) -> Kind | None:
    """The kind of the TXT records that stand at *name*; None: any, or no name of a mail record."""
    if "_" not in name:
        return None
    try:
        parts = labels(name_of(name))
    except RecordSyntaxError:
        return None
    head = parts[0]
    if head == "_dmarc":
        return KINDS["dmarc"]
    if "_report" in parts and parts[parts.index("_report") + 1 :][:1] == ["_dmarc"]:
        return KINDS["dmarc-grant"]
    if "_domainkey" in parts[1:]:
        return KINDS["dkim"]
    if head == "_mta-sts":
        return KINDS["mtasts"]
    if parts[:2] == ["_smtp", "_tls"]:
        return KINDS["tlsrpt"]
    return KINDS["bimi"] if parts[1:2] == ["_bimi"] else None


# --- by the text ----------------------------------------------------------------------

# Near misses are meant to be found: wrong case, blanks, stray quotes, ':' for '='.
_LEAD = r"[\s\"'\u201c\u201d\u201e\u2018\u2019`(\ufeff]*"
_VERSION = r"v\s*[=:]\s*"
_BARE_SPF_TERM = r"(?:[-+~?]?(?:include:|ip4:|ip6:|a\b|mx\b|exists:)|redirect=)"
_CAA_TAG = r"(?:issue|issuewild|issuemail|issuevmc|iodef|contactemail|contactphone)"
_STARTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(_LEAD + pattern, re.IGNORECASE))
    for kind, pattern in (
        ("spf", _VERSION + r"spf"),
        ("spf", r"spf[12](?:\.0)?[\s/:]"),
        ("spf", rf"(?:{_BARE_SPF_TERM}\S*+\s++)++[-+~?]?all\b"),
        ("dmarc", _VERSION + r"dmarc"),
        ("dmarc", r"dmarc1\s*;"),
        ("dmarc", r"s?p\s*=\s*(?:none|quarantine|reject)\b"),
        ("dkim", _VERSION + r"dkim"),
        ("dkim", r"(?:[kghstn]\s*=[^;]{0,200};\s*){1,8}p\s*="),
        ("dkim", r"p\s*=\s*MI[GIMHC]"),
        ("mtasts", _VERSION + r"sts"),
        ("mtasts-policy", r"version\s*[:=]\s*sts"),
        ("mtasts-policy", r"mode\s*:\s*(?:enforce|testing|none)\b"),
        ("tlsrpt", _VERSION + r"tls-?rpt"),
        ("bimi", _VERSION + r"bimi"),
        ("dane", r"\d{1,3}\s+\d{1,3}\s+\d{1,3}\s+(?:[0-9a-f]{8}|[0-9a-z]{40})"),
        ("clients", r"\d{1,6}\s+\d{1,6}\s+\d{1,6}\s+(?:\.|[a-z0-9_*-]+\.)"),
        ("caa", rf"\d{{1,4}}\s+{_CAA_TAG}\s+\S"),
        ("mx", r"\d{1,6}\s+(?=\S*\.)\S++\s*$"),
    )
)
_VERSIONED = re.compile(_LEAD + r"(?:v\s*[=:]|spf[12])", re.IGNORECASE)


def _kind_by_start(text: str) -> Kind | None:
    head = text[:2000]
    for kind, pattern in _STARTS:
        if pattern.match(head):
            return KINDS[kind]
    try:
        ipaddress.ip_address(text[:64].strip())
    except ValueError:
        return None
    return KINDS["addresses"] if len(text) <= 64 else None


_ZONE_LINE = re.compile(
    r"[^\S\n]*+(?:\S++\s++)?(?:(?:[0-9]\w*+|IN|CLASS1)\s++){0,2}"
    r"(?:TXT|SPF|MX|TLSA|SRV|CAA|AAAA|A|CNAME|PTR|SOA|NS|TYPE[0-9]{1,5})\s++\S",
    re.IGNORECASE,
)


def is_zone_line(text: str) -> bool:
    """
    Whether *text* begins as a line of a zone file does, and not as a bare record.

    >>> is_zone_line("example.com. IN TXT v=spf1"), is_zone_line("v=spf1 a -all")
    (True, False)
    """
    return _ZONE_LINE.match(text) is not None and _kind_by_start(unquoted(text)) is None


def _zone_line(text: str) -> ZoneRecord | None:
    """The one record that *text* writes as a zone file does; None: it is not one."""
    for attempt in (text.strip(), "@ " + text.strip()):  # the owner may have been left out
        try:
            records = parse_records(attempt)
        except InputError:
            continue
        if len(records) == 1:
            return records[0]
    return None


_STRINGS = re.compile(r'\s*+(?:"(?:[^"\\]|\\.)*+"\s*+)++', re.DOTALL)


def unquoted(text: str) -> str:
    r"""
    The text without the quotes of zone files, its strings joined with nothing between.

    >>> unquoted('"v=DKIM1\\; p=" "MIIB"'), unquoted('"open')
    ('v=DKIM1; p=MIIB', '"open')
    """
    if not _STRINGS.fullmatch(text):
        return text
    joined = b""
    for string in re.findall(r'"((?:[^"\\]|\\.)*+)"', text, re.DOTALL):
        joined += re.sub(
            rb"\\(\d{3}|.)", _octet, string.encode("utf-8", "replace"), flags=re.DOTALL
        )
    return joined.decode("utf-8", "replace")


def _octet(match: re.Match[bytes]) -> bytes:
    return match[1] if len(match[1]) == 1 else bytes([int(match[1]) & 255])
