"""
The usual record, read by one regular expression: what most reporters write, with nothing odd in it.

It takes only what means the same to `reading.read_meaning`: lower-case names, results that an RFC
knows, no attributes, no entities, nothing twice. To anything else the answer is None. No part of
the expression can match in two ways and none gives back what it took, so its time is linear.
"""

from __future__ import annotations

import re

from maildns.reports.model import DkimAuth, SpfAuth
from maildns.reports.reading import DISPOSITIONS, MOST_SIGNATURES, MOST_SPF, RESULTS, Meaning

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
_VALUE = re.compile(r"<([a-z_]+)>([a-z0-9._-]*)</")
_RESULT = re.compile(r"<(dkim|spf)>([^<]*+(?:<(?!/\1>)[^<]*+)*+)</\1>")
_ALIGNED = frozenset({"pass", "fail"})
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


def _values(text: str) -> dict[str, str] | None:
    """Give the values in *text* by name; None where a name is there twice, or a final dot."""
    pairs = _VALUE.findall(text)
    values = dict(pairs)
    return values if len(values) == len(pairs) and ".</" not in text else None


def _results(text: str) -> tuple[tuple[DkimAuth, ...], tuple[SpfAuth, ...]] | None:
    dkim: list[DkimAuth] = []
    spf: list[SpfAuth] = []
    for kind, within in _RESULT.findall(text):
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
