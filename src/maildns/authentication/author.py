"""
Whose mail a message says it is: the domains of its `From:` (RFC 5322, RFC 6854, RFC 6532).

The reading is tolerant where mail programs are: lines may end in LF, a field may
stand there twice, an address may be in the syntax of RFC 822. Whatever a mail
program might show as the author counts; what cannot be read is told, so that
nobody takes a message for proven that names an author nobody looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError

MAX_FIELDS = 10  # RFC 5322 section 3.6 allows one From field
MAX_OCTETS = 65_536  # of one From field; a thousand addresses have room

_END_OF_HEADER = re.compile(rb"\n\r?\n")
_BODY = rb"[ \t]*+:([^\r\n]*+(?:\r?\n[ \t][^\r\n]*+)*+)"
_TOKEN = re.compile(
    r"""
      (?P<quoted>"(?:[^"\\]|\\.)*+\\?(?P<end>"|\Z))  # a quotation runs to its end
    | \[[^][<>(),;@"]*+\]                          # an IP address for a domain
    | (?P<special>[()<>,:;@])
    | [^][()<>,:;@"]++ | .
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT_TOKEN = re.compile(r"[()]|[^()\\]++|\\.|\\", re.DOTALL)
_DOMAIN = re.compile(r"[A-Za-z0-9_\-.\u0080-\U0010ffff]+")
_DOTS = re.compile(r"\s*+\.\s*+")


@dataclass(frozen=True, slots=True)
class Authors:
    """
    The author domains of a message, each once, in order.

    `fields` is how many From fields there are; `problems` say, in words, what could not be
    read: while there are any, `domains` may not be all. `local_parts` has what stands before
    the ``@`` of each address, as it is written, a quoted one as ``""``.
    """

    domains: tuple[str, ...] = ()
    fields: int = 0
    problems: tuple[str, ...] = ()
    local_parts: tuple[str, ...] = ()


def header_section(message: bytes) -> bytes:
    r"""
    What stands before the first empty line (RFC 5322 section 2.1); all, where there is none.

    >>> header_section(b"From: a@example.com\r\n\r\nHello")
    b'From: a@example.com\r\n'
    """
    if message.startswith((b"\n", b"\r\n")):
        return b""
    end = _END_OF_HEADER.search(message)
    return message if end is None else message[: end.start() + 1]


def fields_of(message: bytes, field: str) -> Iterator[bytes]:
    """
    The bodies of the header fields of that name, folds and all, in order.

    A CR alone begins a line, too, as it does for some mail programs.
    """
    pattern = re.compile(rb"(?i)(?:\A|[\r\n])" + re.escape(field.encode("ascii")) + _BODY)
    return (match[1] for match in pattern.finditer(header_section(message)))


def authors_of(message: bytes) -> Authors:
    """
    Find the author domains of *message*, A-labels.

    Any octets give an answer; nothing is raised.

    >>> authors_of(b"From: Ann <ann@Example.com>, bob@example.org (Bob)").domains
    ('example.com', 'example.org')
    """
    bodies = list(islice(fields_of(message, "from"), MAX_FIELDS + 1))
    problems: list[str] = []
    if len(bodies) > MAX_FIELDS:
        problems.append(f"only the first {MAX_FIELDS} From fields were looked at")
    domains: dict[str, None] = {}
    local_parts: list[str] = []
    for body in bodies[:MAX_FIELDS]:
        if len(body) > MAX_OCTETS:
            problems.append(f"a From field has more than {MAX_OCTETS} octets")
            continue
        _Reader(domains, problems, local_parts).read(body.decode("utf-8", "replace"))
    if not bodies:
        problems.append("there is no From field")
    elif not domains and not problems:
        problems.append("the From field has no address with a domain")
    told = tuple(dict.fromkeys(problems))
    return Authors(tuple(domains), len(bodies), told, tuple(local_parts))


class _Reader:
    """Reads the addresses of one field (RFC 5322 section 3.4) into the lists it is given."""

    def __init__(
        self, domains: dict[str, None], problems: list[str], local_parts: list[str]
    ) -> None:
        self.domains = domains
        self.problems = problems
        self.local_parts = local_parts

    def read(self, text: str) -> None:
        """Take every mailbox of *text*."""
        words: list[str] = []  # of the mailbox outside of <>
        angle: list[str] | None = None  # what stands in <>
        angles: list[list[str]] = []
        for part in self._tokens(text):
            if angle is not None and part != ">":
                angle.append(part)
            elif angle is not None:
                angles.append(angle)
                angle = None
            elif part == "<":
                angle = []
            elif part in {",", ";"}:
                self._mailbox(words, angles)
                words, angles = [], []
            elif part == ":":  # what stood before is the name of a group
                self._group_name(words)
                words = []
            else:
                words.append(part)
        if angle is not None:
            self.problems.append("a < of the From field has no >")
            angles.append(angle)
        self._mailbox(words, angles)

    def _tokens(self, text: str) -> Iterator[str]:
        """The words of *text* and its specials, without comments."""
        at = 0
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:  # the last branch takes any character
                return
            at = match.end()
            if match["special"] == "(":
                at = self._after_comment(text, at)
                yield " "
                continue
            if match["quoted"] is not None:
                if not match["end"]:
                    self.problems.append("a quotation in the From field has no end")
                yield '""'  # what it says is never looked at
                continue
            yield match.group()

    def _after_comment(self, text: str, at: int) -> int:
        depth = 1  # RFC 5322 section 3.2.2: comments nest
        while depth:
            match = _COMMENT_TOKEN.match(text, at)
            if match is None:
                self.problems.append("a comment in the From field has no end")
                return len(text)
            at = match.end()
            depth += {"(": 1, ")": -1}.get(match.group(), 0)
        return at

    def _group_name(self, words: list[str]) -> None:
        if "@" in words:
            self.problems.append("an address of the From field stands where a group's name should")

    def _mailbox(self, words: list[str], angles: list[list[str]]) -> None:
        """Take one mailbox: the address in its <>, else all of it."""
        if len(angles) > 1:
            self.problems.append("a mailbox of the From field has several addresses")
        for angle in angles:
            self._address(angle)
        if not angles and "".join(words).strip():
            self._address(words)

    def _address(self, tokens: list[str]) -> None:
        if "".join(tokens).lstrip().startswith("@") and ":" in tokens:
            # RFC 5322 section 4.4: a route stands before the address, and is ignored.
            tokens = tokens[len(tokens) - tokens[::-1].index(":") :]
        at_signs = tokens.count("@")
        if at_signs == 0:
            return  # such as the first half of a name with a comma; it claims no domain
        if at_signs > 1:
            self.problems.append("an address of the From field has several @")
        after = len(tokens) - tokens[::-1].index("@")
        self.local_parts.append("".join(tokens[: after - 1]).strip())
        domain = "".join(tokens[after:])
        self._domain(_DOTS.sub(".", domain.strip()))

    def _domain(self, text: str) -> None:
        if text.startswith("["):
            self.problems.append("an address of the From field has an IP address for a domain")
            return
        try:
            # RFC 9989 section 5.3.1: U-labels are looked up as A-labels.
            made = name(text) if _DOMAIN.fullmatch(text) else ""
        except RecordSyntaxError:
            made = ""
        if made in {"", "."}:
            self.problems.append("a domain of the From field is no domain name")
            return
        self.domains[made] = None
