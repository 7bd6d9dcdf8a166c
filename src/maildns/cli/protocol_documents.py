"""What `maildns dkim|tlsa|dmarc|spf ... --json` prints, as models (see `documents`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from maildns.dnsdata import Rdata, Txt, absolute
from maildns.documents import Document, FindingDocument

if TYPE_CHECKING:
    from maildns.protocols.dkim import DkimVerdict


class PublishedDocument(Document):
    """One record as it is, or is to be, published."""

    name: str = Field(description="The owner name, A-labels, no final dot.")
    type: str = Field(description="The record type.")
    value: str = Field(description="What a web form wants; of a TXT record the whole text.")
    zone: str = Field(description="The line of a zone file; strings have at most 255 octets.")

    @classmethod
    def of(cls, name: str, rdata: Rdata) -> PublishedDocument:
        """The document of *rdata* at *name*."""
        value = rdata.text if isinstance(rdata, Txt) else str(rdata)
        zone = f"{absolute(name)} IN {rdata.rrtype} {rdata}"
        return cls(name=name, type=rdata.rrtype, value=value, zone=zone)


# --- dkim -----------------------------------------------------------------------------


class DkimKeyEntry(Document):
    """A key and its record."""

    domain: str = Field(description="The signing domain.")
    selector: str = Field(description="The selector.")
    algorithm: str = Field(description="rsa or ed25519.")
    bits: int = Field(description="The size of the key.")
    path: str = Field(description="Where the key is; empty: in no file that a config can name.")
    record: PublishedDocument = Field(description="The key record to publish.")


class DkimKeyDocument(Document):
    """What `maildns dkim new --json` and `maildns dkim import --json` print."""

    kind: Literal["dkim-key"] = "dkim-key"
    version: Literal[1] = 1
    key: DkimKeyEntry = Field(description="The key.")
    config_line: str = Field(description="The key as `dkim = [...]` of maildns.toml lists it.")
    added: bool = Field(description="Whether it was put into the config.")
    findings: list[FindingDocument] = Field(description="What is wrong with the record.")


class DkimKeysDocument(Document):
    """What `maildns dkim show --json` prints."""

    kind: Literal["dkim-keys"] = "dkim-keys"
    version: Literal[1] = 1
    keys: list[DkimKeyEntry] = Field(description="The keys on file.")
    findings: list[FindingDocument] = Field(description="What is wrong with their records.")


class DkimCheckDocument(Document):
    """What `maildns dkim check-key --json` prints."""

    kind: Literal["dkim-check"] = "dkim-check"
    version: Literal[1] = 1
    name: str = Field(description="Where the key record stands.")
    result: str = Field(description="match, mismatch, missing, revoked, invalid or temperror.")
    reason: str = Field(description="Why, in words; may be empty.")
    compared_with: str = Field(description="The key file; empty: only looked whether it is usable.")
    text: str = Field(description="The published text; empty when there is none.")
    findings: list[FindingDocument] = Field(description="What is wrong with the record.")


class SignatureDocument(Document):
    """One DKIM signature of a message."""

    result: str = Field(description="pass, fail, policy, temperror or permerror.")
    domain: str = Field(description="Who signs (d=); empty where the signature cannot be read.")
    selector: str = Field(description="Which key (s=).")
    identity: str = Field(description="The user or agent (i=).")
    algorithm: str = Field(description="Such as rsa-sha256.")
    bits: int = Field(description="The size of the key; 0 where none was found.")
    testing: bool = Field(description="The key is only being tried (t=y).")
    reason: str = Field(description="Why it is no pass; may be empty.")
    warnings: list[str] = Field(description="What a pass leaves open.")

    @classmethod
    def of(cls, verdict: DkimVerdict) -> SignatureDocument:
        """The document of *verdict*."""
        return cls(
            result=verdict.result,
            domain=verdict.domain,
            selector=verdict.selector,
            identity=verdict.identity,
            algorithm=verdict.algorithm,
            bits=verdict.bits,
            testing=verdict.testing,
            reason=verdict.reason,
            warnings=list(verdict.warnings),
        )


class DkimVerifyDocument(Document):
    """What `maildns dkim verify --json` prints."""

    kind: Literal["dkim-verify"] = "dkim-verify"
    version: Literal[1] = 1
    signatures: list[SignatureDocument] = Field(description="One for each, in their order.")

    @classmethod
    def of(cls, verdicts: Sequence[DkimVerdict]) -> DkimVerifyDocument:
        """The document of *verdicts*."""
        return cls(signatures=[SignatureDocument.of(one) for one in verdicts])


class SignerFileDocument(Document):
    """A file of a signing server."""

    path: str = Field(description="Its usual place.")
    mode: str = Field(description="Its mode, octal.")
    text: str = Field(description="What is in it.")
    note: str = Field(description="What to know about it; may be empty.")


class DkimFilesDocument(Document):
    """What `maildns dkim files --json` prints."""

    kind: Literal["dkim-files"] = "dkim-files"
    version: Literal[1] = 1
    signer: str = Field(description="The kind of signing server.")
    files: list[SignerFileDocument] = Field(description="Its files.")
    notes: list[str] = Field(description="Keys that the server cannot use as they are.")


# --- tlsa -----------------------------------------------------------------------------


class TlsaDocument(Document):
    """What `maildns tlsa make --json` prints."""

    kind: Literal["tlsa"] = "tlsa"
    version: Literal[1] = 1
    host: str = Field(description="The server.")
    port: int = Field(description="The port that the records speak of.")
    records: list[PublishedDocument] = Field(description="The records to publish.")
    findings: list[FindingDocument] = Field(description="What is wrong with the certificate.")


class TlsaComparedDocument(Document):
    """One TLSA record and what became of it."""

    record: str = Field(description="Its data as published.")
    says: str = Field(description="Whether it matches, else why not; empty: not compared.")


class TlsaCheckDocument(Document):
    """What `maildns tlsa check --json` and `maildns tlsa match --json` print."""

    kind: Literal["tlsa-check"] = "tlsa-check"
    version: Literal[1] = 1
    host: str = Field(description="The server.")
    owner: str = Field(description="Where the records stand; empty for records that were given.")
    lookup: str | None = Field(
        description="dane, no-dane, defer, no-host or unknown; null for records that were given."
    )
    dnssec: str | None = Field(description="secure, insecure, bogus or unknown; null likewise.")
    reason: str = Field(description="Why the records do not count; empty when they do.")
    match: str | None = Field(
        description="match, no match, unusable or none; null without a certificate or key."
    )
    says: str = Field(description="The comparison in words; may be empty.")
    records: list[TlsaComparedDocument] = Field(description="The records.")
    findings: list[FindingDocument] = Field(description="What is wrong with them.")


# --- dmarc ----------------------------------------------------------------------------


class DmarcReaderDocument(Document):
    """What one kind of receiver makes of the domain."""

    reader: str = Field(description="rfc9989 or rfc7489.")
    result: str = Field(description="none, pass, fail, temperror or permerror.")
    disposition: str = Field(description="What happens to this mail: none, quarantine or reject.")
    policy: str | None = Field(description="What the owner asks for; null where not needed.")
    policy_domain: str | None = Field(description="The domain whose record applies.")
    organizational_domain: str | None = Field(description="The organizational domain.")
    spf_aligned: bool = Field(description="SPF passed for an aligned domain.")
    dkim_aligned: bool = Field(description="DKIM passed for an aligned domain.")
    reasons: list[str] = Field(description="How it came about.")


class DmarcDestinationDocument(Document):
    """A place that reports shall go to."""

    uri: str = Field(description="As the record names it.")
    host: str = Field(description="The domain it is at.")
    external: bool = Field(description="Whether that belongs to another organization.")
    granted: bool | None = Field(description="Whether it takes the reports; null: cannot be known.")
    grant: str = Field(description="Where the grant stands, or should; may be empty.")


class DmarcCheckDocument(Document):
    """What `maildns dmarc check --json` prints."""

    kind: Literal["dmarc-check"] = "dmarc-check"
    version: Literal[1] = 1
    domain: str = Field(description="The domain in From:.")
    text: str = Field(description="The record that applies, as published; may be empty.")
    readers: list[DmarcReaderDocument] = Field(description="The verdict of each reader.")
    differences: list[str] = Field(description="Where the readers differ, in words.")
    destinations: list[DmarcDestinationDocument] = Field(description="Where reports go.")
    findings: list[FindingDocument] = Field(description="What is wrong with the record.")


class DmarcRecordDocument(Document):
    """What `maildns dmarc record --json` and `maildns dmarc next --json` print."""

    kind: Literal["dmarc-record"] = "dmarc-record"
    version: Literal[1] = 1
    before: str = Field(description="The record that stands there now; may be empty.")
    text: str = Field(description="The record to publish; empty: nothing is left to do.")
    record: PublishedDocument | None = Field(description="The same at its name, where known.")
    says: str = Field(description="What the step means; may be empty.")
    findings: list[FindingDocument] = Field(description="What is wrong with the record.")


# --- spf ------------------------------------------------------------------------------


class SpfStepDocument(Document):
    """One term that was tried."""

    depth: int = Field(description="0 for the domain's own record, more for those it includes.")
    domain: str = Field(description="Whose record.")
    term: str = Field(description="The term as published.")
    answer: str = Field(description="What was found.")
    matched: bool = Field(description="Whether it matched.")


class SpfCheckDocument(Document):
    """What `maildns spf check --json` prints."""

    kind: Literal["spf-check"] = "spf-check"
    version: Literal[1] = 1
    ip: str = Field(description="The client.")
    sender: str = Field(description="The envelope sender.")
    helo: str = Field(description="What the client said in HELO.")
    domain: str = Field(description="The domain that was checked.")
    result: str = Field(description="none, neutral, pass, fail, softfail, temperror or permerror.")
    term: str = Field(description="The term that decided; may be empty.")
    problem: str = Field(description="Why it is an error or none; may be empty.")
    explanation: str = Field(description="What the owner says to refused senders; may be empty.")
    lookups: int = Field(description="Lookups spent, of 10.")
    void_lookups: int = Field(description="Lookups that found nothing, of 2.")
    trace: list[SpfStepDocument] = Field(description="The terms tried, in order.")


class SpfCostDocument(Document):
    """A term of the domain's own record and what it costs with all it brings along."""

    term: str = Field(description="The term as published.")
    lookups: int = Field(description="Its lookups.")


class SpfTreeDocument(Document):
    """What `maildns spf tree --json` prints."""

    kind: Literal["spf-tree"] = "spf-tree"
    version: Literal[1] = 1
    domain: str = Field(description="The domain.")
    total: int = Field(description="Lookups of the whole tree; receivers stop at 10.")
    complete: bool = Field(description="false: too large to be read to its end.")
    costs: list[SpfCostDocument] = Field(description="By term.")
    voids: list[str] = Field(description="Terms whose lookup finds nothing.")
    problems: list[str] = Field(description="What makes an evaluation end in an error.")
    lines: list[str] = Field(description="The tree, a line for each policy.")


class SpfRecordDocument(Document):
    """What `maildns spf build --json` prints."""

    kind: Literal["spf-record"] = "spf-record"
    version: Literal[1] = 1
    text: str = Field(description="The record.")
    findings: list[FindingDocument] = Field(description="What is wrong with it.")


class SpfShiftDocument(Document):
    """What somebody had, and has."""

    who: str = Field(description="A network, an address, or all the others, in words.")
    before: str = Field(description="The result before; with macros, what it depends on.")
    after: str = Field(description="The result afterwards.")


class SpfDiffDocument(Document):
    """What `maildns spf diff --json` prints."""

    kind: Literal["spf-diff"] = "spf-diff"
    version: Literal[1] = 1
    meaning: list[str] = Field(description="What the change means for senders; empty: nothing.")
    exact: bool = Field(
        False, description="true: includes and names were looked up; false: they are just named."
    )
    gained: list[str] = Field([], description="Networks that may send now; of an exact diff.")
    lost: list[str] = Field([], description="Networks that may send no longer; likewise.")
    shifts: list[SpfShiftDocument] = Field([], description="All changes of networks; likewise.")
    others: list[SpfShiftDocument] = Field([], description="Changes for all others; likewise.")
    problems: list[str] = Field([], description="What makes a record end in an error; likewise.")


class SpfSourceDocument(Document):
    """A name that was looked up."""

    name: str = Field(description="The name.")
    type: str = Field(description="The record type.")
    ttl_seconds: int | None = Field(description="Its TTL; null where none was told.")
    values: list[str] = Field(description="The records as a zone file writes them.")


class SpfExpandedDocument(Document):
    """A term that was replaced by the networks that it stands for."""

    term: str = Field(description="The term as published.")
    networks: list[str] = Field(description="The networks, when it was read.")
    terms: list[str] = Field(
        description="Terms of its policy that stay; of a redirect the record that it led to."
    )
    ttl_seconds: int | None = Field(description="The shortest TTL on the way.")
    sources: list[SpfSourceDocument] = Field(description="The names that it rests on.")
    saved: int = Field(description="The lookups saved.")


class SpfFlatDocument(Document):
    """What `maildns spf flatten --json` and `spf optimise --json` print, and `spf drift` reads."""

    kind: Literal["spf-flat"] = "spf-flat"
    version: Literal[1] = 1
    domain: str = Field(description="The domain.")
    before: str = Field(description="The record as it was; may be empty.")
    lookups_before: int = Field(description="Its lookups, over the whole tree.")
    record: PublishedDocument | None = Field(description="The new record; null: there is none.")
    parts: list[PublishedDocument] = Field(description="Records that it includes; publish first.")
    lookups: int = Field(description="Its lookups, over the whole tree.")
    expanded: list[SpfExpandedDocument] = Field(description="What was replaced.")
    notes: list[str] = Field(description="What was dropped.")
    problems: list[str] = Field(description="Why there is no new record; empty where there is.")
    proven: bool = Field(description="Whether all addresses were compared and have what they had.")
    sampled: int = Field(description="How many were evaluated besides, as receivers do.")


class SpfTermDriftDocument(Document):
    """What has become of one term."""

    term: str = Field(description="The term as it was published.")
    gained: list[str] = Field(description="Networks that it has now, which the new record lacks.")
    lost: list[str] = Field(description="Networks of the new record that it has no longer.")
    terms: list[str] | None = Field(
        description="Its terms with macros (of a redirect its record), where they changed."
    )
    problem: str = Field(description="Why it cannot be told; may be empty.")
    ttl_seconds: int | None = Field(description="For how long this is sure.")


class SpfDriftDocument(Document):
    """What `maildns spf drift --json` prints."""

    kind: Literal["spf-drift"] = "spf-drift"
    version: Literal[1] = 1
    domain: str = Field(description="The domain.")
    drifted: bool = Field(description="Whether the new record has become wrong.")
    terms: list[SpfTermDriftDocument] = Field(description="What was replaced.")
