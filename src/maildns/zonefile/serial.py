"""The serial number of a zone: how it is raised (RFC 1982, RFC 1912 section 2.2)."""

from __future__ import annotations

from datetime import date


def next_serial(serial: int, today: date | None = None) -> int:
    """
    The serial that secondaries take as newer than *serial*.

    One that reads as a date and two digits (YYYYMMDDnn) goes on in that style
    when *today* is given and not behind it; any other is raised by one, past the
    highest to 1, as 0 is a serial that some software takes for none.

    >>> next_serial(2024010103, date(2024, 5, 1)), next_serial(41)
    (2024050101, 42)
    """
    if today is not None and _reads_as_date(serial):
        dated = int(f"{today:%Y%m%d}01")
        if dated > serial:
            return dated
    # RFC 1982 section 3.1
    return (serial + 1) % 2**32 or 1


def _reads_as_date(serial: int) -> bool:
    text = str(serial)
    if len(text) != 10 or not "1980" <= text[:4] <= "2199":
        return False
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    except ValueError:
        return False
    return True
