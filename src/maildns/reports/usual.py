"""
The usual head and record, each read by one regular expression: what most write, with nothing odd in it.

They take only what means the same to `reading`: results that an RFC knows, times in seconds, no
attributes, no entities, nothing twice. To anything else the answer is None. No part of the
expressions can match in two ways and none gives back what it took, so their time is linear.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from maildns.reports.cleaning import MAX_TEXT
from maildns.reports.model import DkimAuth, ReportHead, SpfAuth
from maildns.reports.reading import DISPOSITIONS, MOST_SIGNATURES, MOST_SPF, RESULTS, Meaning
from maildns.reports.times import FIRST, LAST

_S = r"[ \t\r\n]*+"
# An element with a plain text; {0} is the number of the group that holds its name.
_LEAF = (
    rf"(?:<human_result>[ -%'-;=?-~]{{{{0,200}}}}+</human_result>"
    rf"|<((?!human_result>)[a-z_]{{{{1,30}}}}+)>[a-z0-9._-]{{{{0,200}}}}+</\{{0}}>){_S}"
)
_LEAVES = rf"(?:{_LEAF})*+"
_USUAL = re.compile(
    rf"<policy_evaluated>{_S}({_LEAVES.format(2)})</policy_evaluated>{_S}</row>{_S}"
    rf"<identifiers>{_S}({_LEAVES.format(4)})</identifiers>{_S}"
    rf"<auth_results>{_S}((?:<(dkim|spf)>{_S}{_LEAVES.format(7)}</\6>{_S})*+)</auth_results>{_S}"
)
# In the head texts are longer, and in any script; what is in no way printable is seen to later.
_TEXT = rf"(?:<([a-z_]{{{{1,30}}}}+)>[^<>&]{{{{0,{MAX_TEXT}}}}}+</\{{0}}>{_S})*+"
_HEAD = re.compile(
    rf"{_S}<report_metadata>{_S}({_TEXT.format(2)})<date_range>{_S}<begin>([0-9]{{10}})</begin>{_S}"
    rf"<end>([0-9]{{10}})</end>{_S}</date_range>{_S}({_TEXT.format(6)})</report_metadata>{_S}"
)
_WORDS = re.compile(r"<([a-z_]+)>([^<]*)</")
_VALUE = re.compile(r"<([a-z_]+)>([a-z0-9._-]*)</")
_RESULT = re.compile(r"<(dkim|spf)>([^<]*+(?:<(?!/\1>)[^<]*+)*+)</\1>")
_ALIGNED = frozenset({"pass", "fail"})
_WORDS_OF_HEAD = ("org_name", "report_id", "email", "extra_contact_info", "generator")
_LONGEST = 30 * 86400
_new = tuple.__new__


def read_usual(text: str) -> Meaning | None:
    """Read a record from its `policy_evaluated` on, up to its end tag; None if it is not usual."""
    met = _USUAL.fullmatch(text)
    if met is None:
        return None
    judged, names, found = _values(met[1]), _values(met[3]), _results(met[5])
    if judged is None or names is None or found is None:
        return None
    disposition, header_from = judged.get("disposition", ""), names.get("header_from", "")
    dkim, spf = judged.get("dkim", ""), judged.get("spf", "")
    if disposition not in DISPOSITIONS or not header_from:
        return None
    if dkim not in _ALIGNED or spf not in _ALIGNED:
        return None
    envelope_from, envelope_to = names.get("envelope_from", ""), names.get("envelope_to", "")
    judgement = (disposition, dkim, spf, header_from, envelope_from, envelope_to)
    return _new(Meaning, (*judgement, *found, ()))


def read_usual_head(text: str) -> ReportHead | None:
    """Read a whole `report_metadata`, with space around it at most; None if it is not usual."""
    met = _HEAD.fullmatch(text)
    if met is None:
        return None
    begin, end = int(met[3]), int(met[4])
    if not FIRST <= begin <= end <= min(LAST, begin + _LONGEST):
        return None
    pairs = _WORDS.findall(met[1] + met[5])
    told = dict(pairs)
    if len(told) != len(pairs) or "error" in told or not "".join(told.values()).isprintable():
        return None
    reporter, report_id, contact, extra, generator = [
        told.get(name, "").strip() for name in _WORDS_OF_HEAD
    ]
    if not reporter or not report_id:
        return None
    first, last = datetime.fromtimestamp(begin, UTC), datetime.fromtimestamp(end, UTC)
    return ReportHead(reporter, report_id, first, last, contact, extra, generator)


def _values(text: str) -> dict[str, str] | None:
    """Give the values in *text* by name; None where a name is there twice, or a final dot."""
    pairs = _VALUE.findall(text)
    values = dict(pairs)
    return values if len(values) == len(pairs) and ".</" not in text else None


def _results(text: str) -> tuple[tuple[DkimAuth, ...], tuple[SpfAuth, ...]] | None:
    dkim: list[DkimAuth] = []
    spf: list[SpfAuth] = []
    results = _RESULT.findall(text)
    if len(results) > MOST_SIGNATURES + MOST_SPF:
        return None
    for kind, within in results:
        values = _values(within)
        if values is None:
            return None
        domain, result = values.get("domain", ""), values.get("result", "")
        if not domain or result not in RESULTS:
            return None
        if kind == "dkim":
            dkim.append(_new(DkimAuth, (domain, values.get("selector", ""), result)))
        else:
            spf.append(_new(SpfAuth, (domain, values.get("scope", ""), result)))
    if len(dkim) > MOST_SIGNATURES or len(spf) > MOST_SPF:
        return None
    return tuple(dkim), tuple(spf)
