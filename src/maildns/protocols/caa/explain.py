"""A CAA record in plain words."""

from __future__ import annotations

from maildns.dnsdata import Caa
from maildns.protocols.caa.record import CRITICAL, ISSUER_TAGS, issuer_of

_TAG = {
    "issue": "who may issue certificates for servers",
    "issuewild": "who may issue wildcard certificates",
    "issuemail": "who may issue certificates for signing mail (S/MIME)",
    "issuevmc": "who may issue mark certificates (BIMI)",
    "iodef": "whom authorities may tell of requests that they refused",
    "contactemail": "the mail address by which authorities may verify the domain",
    "contactphone": "the telephone number by which authorities may verify the domain",
}


def explain(record: Caa) -> list[tuple[str, str]]:
    """Say what each part of *record* means, in order."""
    strict = "an authority that does not know the tag must not issue"
    lenient = "an authority that does not know the tag may pass over it"
    return [
        (str(record.flags), strict if record.flags & CRITICAL else lenient),
        (record.tag, _TAG.get(record.tag.lower(), "a tag that is not known")),
        (record.value.decode("utf-8", "replace"), _value(record)),
    ]


def _value(record: Caa) -> str:
    if record.tag.lower() not in ISSUER_TAGS:
        return "the value"
    issuer = issuer_of(record)
    if issuer is None:
        return "malformed, which permits nobody"
    if not issuer.domain:
        return "nobody may issue"
    told = ", ".join(f"{key} {value}" for key, value in issuer.parameters)
    return f"{issuer.domain} may issue" + (f", under the condition {told}" if told else "")
