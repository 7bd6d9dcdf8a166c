"""
DMARC policy records: what a domain asks receivers to do with forged mail (RFC 9989 section 4.7).

Two readers, on purpose. `parse` is for the owner: whatever breaks the grammar is
refused with a caret. `read` is the receivers': after a good `v` tag nothing is
fatal, and each faulty tag is dropped for its default.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError
from maildns.frozen import quickly
from maildns.taglist import Tag, parse_tags, print_tags, refuse_doubles

_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"([0-9]{1,15})([kmgt]?)", re.IGNORECASE)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_NOT_URI = re.compile(r"[^A-Za-z0-9._~:/?#\[\]@$&'()*+=%-]|%(?![0-9A-Fa-f]{2})")
_NOT_VALUE = re.compile(r"[^ -:<-~]")  # RFC 9989 section 4.8: dmarc-value
_AUTHORITY = re.compile(r"//(?:[^/?#@]*@)?([^/?#:@]+)")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")


class Policy(StrEnum):
    """What the owner asks for mail that does not pass (RFC 9989 section 4.7, tag `p`)."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    @property
    def rank(self) -> int:
        """A number to compare by; greater is stricter."""
        return _POLICIES.index(self)

    @property
    def one_lower(self) -> Policy:
        """What is applied in test mode; `none` stays `none` (RFC 9989 section 4.7, tag `t`)."""
        return _POLICIES[max(0, self.rank - 1)]


_POLICIES = tuple(Policy)


class Alignment(StrEnum):
    """How close an authenticated domain must be to that of `From:` (RFC 9989 section 4.4)."""

    RELAXED = "r"  # the same organizational domain
    STRICT = "s"  # the same domain


class Psd(StrEnum):
    """Whether the name is a public suffix (RFC 9989 section 4.7, tag `psd`)."""

    YES = "y"  # a public suffix: each name below it is someone else's
    NO = "n"  # an organizational domain, whatever stands above it
    UNKNOWN = "u"  # the tree walk finds out


@dataclass(frozen=True, slots=True)
class ReportUri:
    """
    Where reports go: *uri*, and the historic limit of a report's size in octets.

    >>> ReportUri("mailto:a@example.com", 10 << 20)
    ReportUri(uri='mailto:a@example.com', size_limit=10485760)
    >>> str(_), _.host
    ('mailto:a@example.com!10m', 'example.com')
    """

    uri: str
    size_limit: int | None = None

    @property
    def scheme(self) -> str:
        """`mailto`, `https` ..., in lower case."""
        return _scheme(self.uri)

    @property
    def address(self) -> str:
        """The mail address of a `mailto:`, decoded; empty for another scheme."""
        return _address(self.uri) if self.scheme == "mailto" else ""

    @property
    def host(self) -> str:
        """The domain that the reports go to, as a name; empty where there is none."""
        return _host(self.uri)

    def __str__(self) -> str:
        if self.size_limit is None:
            return self.uri
        limit, unit = self.size_limit, ""
        for letter, factor in _UNITS.items():
            if limit and limit % factor == 0:
                unit = letter
        return f"{self.uri}!{limit // _UNITS[unit]}{unit}"


def _scheme(uri: str) -> str:
    return uri.partition(":")[0].lower()


def _address(uri: str) -> str:
    written = uri.partition(":")[2].partition("?")[0]
    if "%" not in written:
        return written
    return _ESCAPE.sub(lambda match: chr(int(match[1], 16)), written)


@lru_cache(maxsize=8192)
def _host(uri: str) -> str:
    """Remembered, for it is asked for at each check of the same address."""
    if _scheme(uri) == "mailto":
        address = _address(uri)
        written = address.rpartition("@")[2] if "@" in address else ""
    else:
        authority = _AUTHORITY.match(uri.partition(":")[2])
        written = authority[1] if authority else ""
    try:
        return name(written) if written else ""
    except RecordSyntaxError:
        return ""


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """
    One DMARC policy record; every attribute names its tag.

    `str()` writes `p` second, for readers of RFC 7489 that want it there, and
    leaves out what is the default anyway. `published` are the tag names in the
    order in which they stood; it takes no part in comparisons.
    """

    policy: Policy | None = None
    """`p`: for the domain itself, and below it where nothing else is said."""
    subdomain_policy: Policy | None = None
    """`sp`: for subdomains that exist; None means as `p`."""
    nonexistent_policy: Policy | None = None
    """`np`: for subdomains that do not exist; None means as `sp`, else as `p`."""
    testing: bool = False
    """`t=y`: apply the policy one level lower."""
    psd: Psd = Psd.UNKNOWN
    """`psd`: whether this is a public suffix."""
    dkim_alignment: Alignment = Alignment.RELAXED
    """`adkim`."""
    spf_alignment: Alignment = Alignment.RELAXED
    """`aspf`."""
    failure_options: tuple[str, ...] = ()
    """`fo`: when to send a failure report; none means `0`."""
    aggregate_reports_to: tuple[ReportUri, ...] = ()
    """`rua`."""
    failure_reports_to: tuple[ReportUri, ...] = ()
    """`ruf`."""
    percent: int | None = None
    """`pct`, historic: receivers of RFC 9989 ignore it."""
    report_interval: int | None = None
    """`ri`, historic: seconds between aggregate reports."""
    report_format: tuple[str, ...] = ()
    """`rf`, historic: formats of failure reports."""
    unknown: tuple[tuple[str, str], ...] = ()
    """Tags that no registry knows, in their order; receivers ignore them."""
    published: tuple[str, ...] = field(default=(), compare=False, repr=False)

    def __str__(self) -> str:
        return print_tags([("v", "DMARC1"), *self.tags()])

    def tags(self) -> Iterator[tuple[str, str]]:
        """The tags after `v` that are not at their default, in the order of printing."""
        for tag, (attribute, _) in _TAGS.items():
            value = getattr(self, attribute)
            if value != _DEFAULTS[attribute]:
                yield tag, _printed(tag, value)
        yield from self.unknown

    @property
    def for_subdomains(self) -> Policy | None:
        """What applies to subdomains that exist: `sp`, else `p`."""
        return self.subdomain_policy or self.policy

    @property
    def for_nonexistent(self) -> Policy | None:
        """What applies to subdomains that do not exist: `np`, else `sp`, else `p`."""
        return self.nonexistent_policy or self.for_subdomains


def parse(text: str) -> DmarcRecord:
    """
    Read *text* as its owner should have written it.

    Raises `RecordSyntaxError` where it breaks the grammar of RFC 9989 section
    4.8, of a historic tag that of RFC 7489 section 6.4. Tags that no one knows
    are kept; a missing `p` is `lint`'s to say.

    >>> parse("v=DMARC1; p=reject; rua=mailto:dmarc@example.com").policy
    <Policy.REJECT: 'reject'>
    >>> parse("v=DMARC1; p=rejct")
    Traceback (most recent call last):
    ...
    maildns.errors.RecordSyntaxError: 'rejct' is not one of none, quarantine, reject
        v=DMARC1; p=rejct
                    ^^^^^
    """
    version = _check_version(text)
    tags = tuple(map(_lowered, parse_tags(text)))
    refuse_doubles(tags, text)
    values: dict[str, Any] = {}
    unknown = []
    for tag in tags[1:]:
        if tag.name in _TAGS:
            attribute, read_value = _TAGS[tag.name]
            values[attribute] = _strictly(read_value, tag, text)
        else:
            unknown.append(_unknown(tag, text))
    spelled = tuple(text[tag.span[0] : tag.span[0] + len(tag.name)] for tag in tags)
    return _record(**values, unknown=tuple(unknown), published=(version, *spelled[1:]))


_record = quickly(DmarcRecord)


class Reading(NamedTuple):
    """What a receiver makes of a text: the record, and the names of the tags that it dropped."""

    record: DmarcRecord
    dropped: tuple[str, ...]


def read(text: str) -> DmarcRecord | None:
    """
    Read *text* as a receiver does; None when it is not a DMARC record at all.

    Faulty tags count as absent. Where `p` is missing or faulty, or `sp` or `np`
    is faulty, the policy is `none` if there is a good `rua`; without one it is
    None: then there is no DMARC for this mail (RFC 9989 section 4.10.1).

    >>> read("v=DMARC1; p=rejct; rua=mailto:a@example.com").policy, read("v=spf1 -all")
    (<Policy.NONE: 'none'>, None)
    """
    reading = read_leniently(text)
    return reading.record if reading else None


def is_dmarc(text: str) -> bool:
    """Whether receivers take *text* for a DMARC record (RFC 9989 section 4.8)."""
    return text.startswith("v=DMARC1;") or _VERSION.match(text) is not None


def read_leniently(text: str) -> Reading | None:
    """Like `read`, and tell which tags were dropped."""
    if not is_dmarc(text):
        return None
    return _read(text) if len(text) > 1000 else _read_cached(text)


def read_as_rfc7489(text: str) -> Reading | None:
    """Like `read_leniently`, by a reader to whom `np`, `t` and `psd` are unknown tags."""
    reading = read_leniently(text)
    if reading is None or _NEW_TAGS.isdisjoint(reading.record.published):
        return reading
    return _read(text, _NEW_TAGS) if len(text) > 1000 else _read_cached(text, _NEW_TAGS)


_NEW_TAGS = frozenset({"np", "t", "psd"})  # since RFC 9091 and RFC 9989


def _read(text: str, unknown: frozenset[str] = frozenset()) -> Reading:
    found: dict[str, list[str]] = {}
    dropped = []
    for piece in text.split(";")[1:]:
        tag, equals, value = piece.partition("=")
        if equals:
            found.setdefault(tag.strip(" \t").lower(), []).append(value.strip(" \t"))
        elif piece.strip(" \t"):
            dropped.append(piece.strip(" \t")[:20])
    values: dict[str, Any] = {}
    for tag in (found.keys() & _TAGS.keys()) - unknown:
        try:
            values[_TAGS[tag][0]] = _leniently(tag, found[tag])
        except _ValueFault:
            dropped.append(tag)  # RFC 9989 section 4.7: syntax errors give way to the default
    _settle_policy(values, dropped)
    return Reading(_record(**values, published=("v", *found)), tuple(sorted(dropped)))


_read_cached = lru_cache(maxsize=16384)(_read)


def _settle_policy(values: dict[str, Any], dropped: list[str]) -> None:
    # RFC 9989 section 4.10.1: no valid "p", or an "sp" or "np" that is not valid
    if "policy" in values and not {"sp", "np"}.intersection(dropped):
        return
    for attribute in ("policy", "subdomain_policy", "nonexistent_policy"):
        values.pop(attribute, None)
    if values.get("aggregate_reports_to"):
        values["policy"] = Policy.NONE


# --- the grammar ----------------------------------------------------------------------

_VERSION = re.compile(r"[vV][ \t]*=[ \t]*DMARC1[ \t]*(?:;|$)")  # RFC 9989 section 4.8


def _check_version(text: str) -> str:
    # RFC 9989 section 4.7: "v" must be the first tag and must be exactly DMARC1
    if _VERSION.match(text):
        return text[0]
    first = text.split(";", 1)[0]
    end = max(1, len(first))
    if text[:1].isspace():
        problem, end = "nothing may stand before v=DMARC1, not even a space", 1
    elif first.strip().lower().replace(" ", "") == "v=dmarc1":
        problem = "the version is written DMARC1, in capitals, or the record is ignored"
    else:
        problem = "a DMARC record begins with v=DMARC1, followed by a semicolon"
    raise RecordSyntaxError(problem, text, (0, min(end, 200)))


def _lowered(tag: Tag) -> Tag:
    name = tag.name
    return tag if name.islower() else Tag(name.lower(), tag.value, tag.span, tag.value_span)


class _ValueFault(Exception):
    """A fault in a value, at an offset within it."""

    def __init__(self, problem: str, start: int = 0, end: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.start = start
        self.end = end


def _strictly(read_value: Callable[[str], Any], tag: Tag, text: str) -> Any:
    start, end = tag.value_span
    try:
        _check_characters(tag.value)
        return read_value(tag.value)
    except _ValueFault as fault:
        stop = end if fault.end is None else start + fault.end
        span = (start + fault.start, stop) if tag.value else tag.span
        raise RecordSyntaxError(fault.problem, text, span) from None


def _unknown(tag: Tag, text: str) -> tuple[str, str]:
    if not (tag.name.isascii() and tag.name.isalpha()):  # RFC 9989 section 4.8: 1*ALPHA
        span = (tag.span[0], tag.span[0] + len(tag.name))
        raise RecordSyntaxError("a DMARC tag name is made of letters only", text, span)
    return tag.name, _strictly(str, tag, text)


def _check_characters(value: str) -> None:
    if not value:
        raise _ValueFault("this tag has no value")
    bad = _NOT_VALUE.search(value)
    if bad:
        raise _ValueFault("this character cannot stand in a value", bad.start(), bad.end())


def _leniently(tag: str, values: list[str]) -> Any:
    # RFC 6376 section 3.2, by way of RFC 9989 section 4.7: a tag may not stand twice
    if len(values) > 1:
        raise _ValueFault("twice")
    if tag not in {"rua", "ruf"}:
        _check_characters(values[0])
        return _TAGS[tag][1](values[0])
    uris = []
    for piece in values[0].split(","):
        try:
            uris.append(_uri(piece.strip(" \t")))
        except _ValueFault:
            continue
    if not uris:
        raise _ValueFault("no valid URI")
    return tuple(uris)


def _choice(value: str, options: Mapping[str, Any]) -> Any:
    # ABNF strings match without regard to case (RFC 5234 section 2.3).
    if value.lower() not in options:
        raise _ValueFault(f"{value[:30]!r} is not one of {', '.join(options)}")
    return options[value.lower()]


def _one_of(options: Mapping[str, Any]) -> Callable[[str], Any]:
    return lambda value: _choice(value, options)


def _number(most: int) -> Callable[[str], int]:
    def read_number(value: str) -> int:
        if not re.fullmatch(r"[0-9]{1,10}", value) or int(value) > most:
            raise _ValueFault(f"this is a number from 0 to {most}")
        return int(value)

    return read_number


def _listed(pattern: str, problem: str) -> Callable[[str], tuple[str, ...]]:
    item = re.compile(pattern, re.IGNORECASE)

    def read_list(value: str) -> tuple[str, ...]:
        at = 0
        items = []
        for piece in value.split(":"):
            bare = piece.strip(" \t")
            if not item.fullmatch(bare):
                raise _ValueFault(problem, at, at + max(1, len(piece)))
            items.append(bare.lower())
            at += len(piece) + 1
        return tuple(items)

    return read_list


def _uris(value: str) -> tuple[ReportUri, ...]:
    at = 0
    uris = []
    for piece in value.split(","):
        start = at + len(piece) - len(piece.lstrip(" \t"))
        try:
            uris.append(_uri(piece.strip(" \t")))
        except _ValueFault as fault:
            width = max(1, len(piece.strip(" \t")))
            end = start + (width if fault.end is None else fault.end)
            raise _ValueFault(fault.problem, start + fault.start, end) from None
        at += len(piece) + 1
    return tuple(uris)


def _uri(text: str) -> ReportUri:
    uri, mark, size = text.partition("!")
    scheme = _SCHEME.match(uri)
    if scheme is None:
        looks = "; before a mail address stands mailto:" if "@" in uri else ""
        raise _ValueFault(f"this is not a URI{looks}")
    bad = _NOT_URI.search(uri, scheme.end())
    if bad:
        raise _ValueFault(
            "this character must be written as % and two hex digits", bad.start(), bad.end()
        )
    limit = _SIZE.fullmatch(size) if mark else None
    if mark and limit is None:  # RFC 9989 section 4.8: "!" in a URI is encoded
        problem = "after ! stands a size such as 10m; an exclamation mark of the URI is %21"
        raise _ValueFault(problem, len(uri), len(text))
    octets = int(limit[1]) * _UNITS[limit[2].lower()] if limit else None
    made = ReportUri(uri, octets)
    if scheme[0].lower() in {"mailto:", "https:", "http:"} and not made.host:
        raise _ValueFault("this URI names no place that a report could go to")
    return made


def _printed(tag: str, value: Any) -> str:
    if tag == "t":
        return "y"
    if isinstance(value, tuple):
        return ("," if tag in {"rua", "ruf"} else ":").join(str(item) for item in value)
    return str(value)


_policy = _one_of({policy.value: policy for policy in Policy})
_alignment = _one_of({mode.value: mode for mode in Alignment})

# Tag name -> attribute and reader of its value, in the order of printing.
_TAGS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "p": ("policy", _policy),
    "sp": ("subdomain_policy", _policy),
    "np": ("nonexistent_policy", _policy),
    "t": ("testing", _one_of({"y": True, "n": False})),
    "psd": ("psd", _one_of({flag.value: flag for flag in Psd})),
    "adkim": ("dkim_alignment", _alignment),
    "aspf": ("spf_alignment", _alignment),
    "fo": ("failure_options", _listed("[01ds]", "failure options are 0, 1, d and s")),
    "rua": ("aggregate_reports_to", _uris),
    "ruf": ("failure_reports_to", _uris),
    "pct": ("percent", _number(100)),
    "rf": ("report_format", _listed("[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", "this is not a format")),
    "ri": ("report_interval", _number(4294967295)),
}
KNOWN_TAGS = ("v", *_TAGS)
_NOTHING = DmarcRecord()
_DEFAULTS = {attribute: getattr(_NOTHING, attribute) for attribute, _ in _TAGS.values()}
