"""Points in time as reporters write them: in seconds, in milliseconds, or spelled out one way or another."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from maildns.reports.cleaning import Oddities

# The example of RFC 9990 appendix B is of 1979.
_FIRST, _LAST = datetime(1979, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
FIRST, LAST = int(_FIRST.timestamp()), int(_LAST.timestamp()) - 1  # the seconds that are believed
_LONGEST = 80
_SPELLED = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]+([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)([.,][0-9]+)?"
    r" *(Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?"
)


def moment(text: str, oddities: Oddities) -> datetime | None:
    """
    Read seconds since 1970, or what reporters write instead; None for what is no time of mail.

    >>> moment("1790000000000", Oddities())
    datetime.datetime(2026, 9, 21, 14, 13, 20, tzinfo=datetime.timezone.utc)
    """
    if not (text.isascii() and text.isdigit()):
        oddities.add("a time that is not written in whole seconds")
    try:
        seconds = float(text)
    except ValueError:
        return spelled_out(text)
    if 1e11 < seconds < 1e14:
        oddities.add("a time in milliseconds")
        seconds /= 1000
    if not FIRST <= seconds < LAST + 1:
        return None
    return datetime.fromtimestamp(int(seconds), UTC)


def spelled_out(text: str) -> datetime | None:
    """
    Read a time of RFC 3339 or RFC 5322, UTC where no zone is given; None for what is no time of mail.

    Leap seconds and the hour 24 are taken; fractions of a second are let go.

    >>> spelled_out("2026-05-04 24:00:00").isoformat()
    '2026-05-05T00:00:00+00:00'
    """
    text = text.strip()[:_LONGEST]
    met = _SPELLED.fullmatch(text.upper())
    read = _rfc3339(met) if met else _other(text)
    if read is None:
        return None
    read = read.replace(tzinfo=UTC) if read.tzinfo is None else read
    if not _FIRST.year < read.year < _LAST.year:  # before it is moved to UTC: year 1 and 9999
        return None
    return read.astimezone(UTC).replace(microsecond=0)


def _rfc3339(met: re.Match[str]) -> datetime | None:
    day, time, _, zone = met.groups()
    later = timedelta(0)
    if time.endswith(":60"):  # RFC 3339 section 5.6
        time, later = f"{time[:-3]}:59", timedelta(seconds=1)
    if time.startswith("24:00"):
        time, later = f"00{time[2:]}", timedelta(days=1)
    offset = zone if zone and zone[0] in "+-" else "+00:00"
    try:
        return datetime.fromisoformat(f"{day}T{time}{offset}") + later
    except (ValueError, OverflowError):
        return None


def _other(text: str) -> datetime | None:
    """A day alone, or the date of a mail (RFC 5322 section 3.3)."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(text)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None
