"""A BIMI record in plain words."""

from __future__ import annotations

from maildns.protocols.bimi.record import VERSION, BimiRecord


def explain(record: BimiRecord) -> list[tuple[str, str]]:
    """Say what each tag of *record* means, in order."""
    told = [(f"v={VERSION}", "a picture for this domain's mail")]
    if record.declines:
        told.append(("l=", "no picture is wanted"))
    else:
        told.append((f"l={record.location}", "where the picture is (SVG Tiny PS)"))
    if record.authority_evidence is not None:
        says = (
            "where the mark certificate is"
            if record.authority_evidence
            else "there is no mark certificate"
        )
        told.append((f"a={record.authority_evidence}", says))
    if record.avatar_preference is not None:
        whose = (
            "the brand's picture"
            if record.avatar_preference == "brand"
            else "the sender's own picture"
        )
        told.append((f"avp={record.avatar_preference}", f"{whose} is preferred"))
    if record.local_part_prefixes is not None:
        senders = ", ".join(record.local_part_prefixes) or "every sender"
        says = f"{senders}: a record of their own is looked for"
        told.append((f"lps={','.join(record.local_part_prefixes)}", says))
    return [
        *told,
        *((f"{key}={value}", "receivers pass over this tag") for key, value in record.unknown),
    ]
