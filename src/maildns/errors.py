"""
Everything that this package raises, drawn as a tree.

    MaildnsError
     ├─ RecordSyntaxError   a text breaks its grammar               (source, span)
     ├─ ConfigError         the owner's file is wrong               (path, line, hint)
     ├─ InputError          a file we were given cannot be used     (path, line, hint)
     ├─ UnsafePlan          would make mail fail or remove too much (reasons)
     ├─ StalePlan           the zone has changed since it was made  (conflicts)
     ├─ PublishError        a name server refused or vanished       (may_retry, hint)
     ├─ ReportError         a report cannot be read                 (problem)
     ├─ MailboxError        a mail server refused or vanished       (may_retry, hint)
     └─ UsageError          this program, or its caller, asked for nonsense

A DNS failure met while evaluating is *not* an exception: it is
`Outcome.UNREACHABLE` on its way in and `temperror` on its way out.
"""

from __future__ import annotations

from pathlib import Path


class MaildnsError(Exception):
    """The root: catch this to catch all that maildns raises on purpose."""

    hint: str = ""


class RecordSyntaxError(MaildnsError, ValueError):
    """
    A published text breaks its grammar at `source[span[0]:span[1]]`.

    `str()` prints the problem, the text and a caret under the fault; of a long
    text only the neighbourhood of the fault is shown.

    >>> print(RecordSyntaxError("unknown mechanism 'ipv4'", "v=spf1 ipv4:192.0.2.1", (7, 11)))
    unknown mechanism 'ipv4'
        v=spf1 ipv4:192.0.2.1
               ^^^^
    """

    def __init__(self, problem: str, source: str, span: tuple[int, int]) -> None:
        start = max(0, min(span[0], len(source)))
        end = max(start, min(span[1], len(source)))
        super().__init__(problem, source, (start, end))
        self.problem = problem
        self.source = source
        self.span = (start, end)

    def __str__(self) -> str:
        return f"{self.problem}\n{point_at(self.source, self.span)}"


def point_at(source: str, span: tuple[int, int], width: int = 100) -> str:
    """
    Draw *source* with carets under *span*, cut to about *width* characters.

    Control characters are shown as a dot, so that a hostile text cannot move
    the cursor of a terminal.
    """
    start, end = span
    left = max(0, start - width // 2)
    right = min(len(source), max(left + width, start + 1))
    shown = "".join(char if char.isprintable() else "·" for char in source[left:right])
    lead, tail = ("…" if left else ""), ("…" if right < len(source) else "")
    carets = max(1, min(end, right) - start)
    return f"    {lead}{shown}{tail}\n    {' ' * (len(lead) + start - left)}{'^' * carets}"


class _PlacedError(MaildnsError):
    """A fault in a file, with its place and the mend."""

    def __init__(
        self,
        problem: str,
        *,
        path: Path | str | None = None,
        line: int | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = Path(path) if path is not None else None
        self.line = line
        self.hint = hint

    def __str__(self) -> str:
        place = "" if self.path is None else f"{self.path}: "
        if self.path is not None and self.line is not None:
            place = f"{self.path}:{self.line}: "
        return f"{place}{self.problem}"


class ConfigError(_PlacedError):
    """
    `maildns.toml` is wrong; `hint` says how to mend it.

    `keys` is the way to the fault, such as ("domain", "example.com"), where the line is
    not known yet.
    """

    keys: tuple[str, ...] = ()


class InputError(_PlacedError):
    """A zone file, key, certificate or plan cannot be used; `hint` says what would do."""


class UnsafePlan(MaildnsError):
    """Carrying the plan out would make mail fail; `reasons` says how."""

    def __init__(self, reasons: tuple[str, ...], hint: str = "") -> None:
        super().__init__("\n  ".join(["the plan is not safe to carry out:", *reasons]))
        self.reasons = reasons
        self.hint = hint


class StalePlan(MaildnsError):
    """The zone is not what it was when the plan was made; `conflicts` names the places."""

    def __init__(self, conflicts: tuple[str, ...], hint: str = "make a new plan") -> None:
        super().__init__(
            "the zone has changed since the plan was made: " + "; ".join(conflicts),
        )
        self.conflicts = conflicts
        self.hint = hint


class PublishError(MaildnsError):
    """A name server refused the change, or did not answer; nothing is half done."""

    def __init__(self, problem: str, *, may_retry: bool = False, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.may_retry = may_retry
        self.hint = hint


class ReportError(MaildnsError):
    """A DMARC or TLS report cannot be read; `problem` says why."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class MailboxError(MaildnsError):
    """A mailbox could not be reached or read; what was not kept is still there."""

    def __init__(self, problem: str, *, may_retry: bool = False, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.may_retry = may_retry
        self.hint = hint


class UsageError(MaildnsError):
    """The caller asked for something that makes no sense."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
