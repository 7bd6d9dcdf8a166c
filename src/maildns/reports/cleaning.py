"""Text of reporters, made fit to be kept and shown: no control characters, bounded, one line."""

from __future__ import annotations

from collections.abc import Iterable

MAX_TEXT = 512
MAX_ODDITIES = 20


def clean(text: str, most: int = MAX_TEXT) -> str:
    r"""
    Give *text* without control and format characters, on one line, *most* characters at most.

    >>> clean(" ACME\n  \x1b[31mInc. ")
    'ACME [31mInc.'
    """
    if not text.isprintable():
        spaced = " ".join(text[: 4 * most].split())
        text = "".join(char for char in spaced if char.isprintable())
    text = text.strip()
    return text if len(text) <= most else text[: most - 1] + "…"


def domain_name(text: str) -> str:
    """
    Give *text* as a domain name is kept: lower case, without the final dot.

    Of a mail address only its domain is kept, for the part before it is personal.

    >>> domain_name("News <a@Example.COM.>")
    'example.com'
    """
    name = clean(text, 255).lower()
    if "@" in name:
        name = name.rpartition("@")[2].rstrip("> ")
    return name.rstrip(".")


class Oddities:
    """What is wrong with a report and was overlooked: each kind once, a bounded number of kinds."""

    __slots__ = ("_seen",)

    def __init__(self, first: Iterable[str] = ()) -> None:
        self._seen = dict.fromkeys(first, 1)

    def add(self, oddity: str) -> None:
        """Note *oddity*, unless it is known or too many are."""
        if oddity in self._seen:
            self._seen[oddity] += 1
        elif len(self._seen) < MAX_ODDITIES:
            self._seen[oddity] = 1

    def __bool__(self) -> bool:
        return bool(self._seen)

    def told(self) -> tuple[str, ...]:
        """All of them, in the order met; one met several times says how often."""
        return tuple(
            text if times == 1 else f"{text} ({times} times)" for text, times in self._seen.items()
        )


def shown(text: str) -> str:
    """Give *text* short and in quotes, for a sentence about it."""
    return f"'{clean(text, 60)}'"
