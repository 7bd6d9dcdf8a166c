"""
What is wrong with the mail records of a zone: each by itself, in its set, in its place.

A record's own faults are its protocol's to tell; the rules here, `zone-...`, need to
see more than one record, or where it stands. Nothing is looked up: what the text does
not hold is not judged.
"""

from maildns.zonelint.reading import Linted, Report, lint_any, lint_zone

__all__ = ["Linted", "Report", "lint_any", "lint_zone"]
