"""`$GENERATE`, the one line that stands for many records (BIND's own; not in any RFC)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from maildns.zonefile.words import Fault

MAX_GENERATED = 65536  # of one directive
MAX_TEMPLATE = 500  # characters of what is repeated
_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})(?:/([0-9]{1,9}))?")
_PLACE = re.compile(
    r"\\(?P<escaped>.) | \$\{(?P<offset>[+-]?[0-9]{1,9})(?:,(?P<width>[0-9]{1,3})(?:,(?P<base>[doxX]))?)?\}"
    r" | (?P<doubled>\$\$) | (?P<plain>\$)(?!\{)",
    re.VERBOSE,
)


def generated_lines(words: list[str]) -> Iterator[list[str]]:
    r"""
    The words of each record that ``$GENERATE start-stop[/step] owner ... data`` makes.

    ``$`` is the number, ``${offset,width,base}`` the number as told, ``\$`` a dollar sign.
    Raises `Fault` when the range makes no sense or makes more than `MAX_GENERATED`.

    >>> list(generated_lines("$GENERATE 8-12/2 host-$ A 192.0.2.$".split()))[1]
    ['host-10', 'A', '192.0.2.10']
    """
    if len(words) < 5:
        raise Fault("$GENERATE wants a range, an owner, a type and data", len(words))
    match = _RANGE.fullmatch(words[1])
    if match is None:
        raise Fault("this is not a range such as 1-254 or 0-100/2", 1)
    start, stop, step = int(match[1]), int(match[2]), int(match[3] or 1)
    if step == 0 or stop < start or (stop - start) // step >= MAX_GENERATED:
        raise Fault(f"a range goes upwards and makes at most {MAX_GENERATED} records", 1)
    if sum(map(len, words)) > MAX_TEMPLATE:
        raise Fault(f"what $GENERATE repeats has at most {MAX_TEMPLATE} characters", 0)
    for index, word in enumerate(words):
        if index > 1 and "${" in _PLACE.sub("", word):
            raise Fault("known is ${offset,width,base} with the bases d, o, x and X", index)
    for number in range(start, stop + 1, step):
        yield [_filled(word, number) for word in words[2:]]


def _filled(word: str, number: int) -> str:
    def fill(match: re.Match[str]) -> str:
        if match["escaped"] is not None:
            return "$" if match["escaped"] == "$" else match[0]
        if match["doubled"]:
            return "$"
        if match["plain"]:
            return str(number)
        value = number + int(match["offset"])
        if value < 0:
            raise Fault("the offset makes a number below 0", 1)
        return format(value, f"0{int(match['width'] or 0)}{match['base'] or 'd'}")

    return _PLACE.sub(fill, word) if "$" in word else word
