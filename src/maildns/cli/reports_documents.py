"""
What `maildns reports ... --json` prints, as models (see `documents`).

Counts are messages, or sessions of TLS; days are UTC. Texts are as the reporters wrote them: treat
them as you would anything from outside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from maildns.cli.protocol_documents import PublishedDocument
from maildns.documents import Document

if TYPE_CHECKING:
    from maildns.reports.keeping import Receipt
    from maildns.reports.meaning import Tally
    from maildns.reports.model import FailureReport
    from maildns.reports.remarks import Remark
    from maildns.reports.store.queries import Held
    from maildns.reports.views import Window

MOST_RECEIPTS = 1000
MOST_ADDRESSES = 100


class DaysDocument(Document):
    """The days that are looked at, both ends included."""

    since: date = Field(description="The first day.")
    until: date = Field(description="The last day.")

    @classmethod
    def of(cls, window: Window) -> DaysDocument:
        """The document of *window*."""
        return cls(since=window.since, until=window.until)


class CountsDocument(Document):
    """Messages, counted by what became of them."""

    messages: int = Field(description="All of them.")
    passing: int = Field(description="DMARC passes: one of the next two.")
    dkim_aligned: int = Field(description="An aligned DKIM signature passes.")
    spf_aligned: int = Field(description="SPF passes for an aligned domain.")
    quarantined: int = Field(description="Put into quarantine by the reporter.")
    rejected: int = Field(description="Refused by the reporter.")

    @classmethod
    def of(cls, tally: Tally) -> CountsDocument:
        """The document of *tally*."""
        return cls(
            messages=tally.messages,
            passing=tally.passing,
            dkim_aligned=tally.dkim_aligned,
            spf_aligned=tally.spf_aligned,
            quarantined=tally.quarantined,
            rejected=tally.rejected,
        )


class DayDocument(Document):
    """What went well on a day, and what did not."""

    day: date = Field(description="The day.")
    passing: int = Field(description="Messages that pass, or sessions that succeeded.")
    failing: int = Field(description="Those that did not.")


def day_documents(days: Mapping[date, tuple[int, int]]) -> list[DayDocument]:
    """The documents of *days*: by day what went well, and what did not."""
    return [
        DayDocument(day=day, passing=passing, failing=failing)
        for day, (passing, failing) in sorted(days.items())
    ]


# --- import ---------------------------------------------------------------------------


class ReceiptDocument(Document):
    """What became of one report, or of something that holds none."""

    kept: str = Field(description="new, known, conflict, bad or no report.")
    source: str = Field(description="Where it came from, such as a path.")
    reporter: str = Field(description="Who made it; may be empty.")
    report_id: str = Field(description="Its id; may be empty.")
    domain: str = Field(description="What it is about; may be empty.")
    reason: str = Field(description="Why it is not simply kept.")

    @classmethod
    def of(cls, receipt: Receipt) -> ReceiptDocument:
        """The document of *receipt*."""
        return cls(
            kept=receipt.kept,
            source=receipt.source,
            reporter=receipt.reporter,
            report_id=receipt.report_id,
            domain=receipt.domain,
            reason=receipt.reason,
        )


class ReportsImportDocument(Document):
    """What `maildns reports import --json` and `maildns reports quarantine retry --json` print."""

    kind: Literal["reports-import"] = "reports-import"
    version: Literal[1] = 1
    store: str = Field(description="Where they are kept; a URL is shown without its password.")
    new: int = Field(description="Reports that are new.")
    known: int = Field(description="Reports that were kept before.")
    conflicting: int = Field(
        description="Reports whose id was kept with other content; the first counts."
    )
    bad: int = Field(description="What is in quarantine, or could not be read at all.")
    no_report: int = Field(description="Mails and files in which nothing claims to be a report.")
    rows: int = Field(description="Rows of the new reports.")
    messages: int = Field(description="Messages or sessions that the new reports are about.")
    receipts: list[ReceiptDocument] = Field(
        description="All that are neither new nor known, at most 1,000."
    )
    left_out: int = Field(description="How many more of these there are.")


# --- summary --------------------------------------------------------------------------


class RemarkDocument(Document):
    """Something that wants looking at."""

    topic: str = Field(description="What it is about: new source, jump, drop, silence, tls ...")
    subject: str = Field(description="Such as an address, a reporter or a selector.")
    says: str = Field(description="What is the matter.")
    mend: str = Field(description="What to do; may be empty.")
    day: date = Field(description="The newest day that tells of it.")
    urgent: bool = Field(description="Mail is lost, or soon will be, or somebody may forge it.")
    evidence: list[str] = Field(description="What it rests on.")

    @classmethod
    def of(cls, remark: Remark) -> RemarkDocument:
        """The document of *remark*."""
        return cls(
            topic=remark.topic,
            subject=remark.subject,
            says=remark.says,
            mend=remark.mend,
            day=remark.day,
            urgent=remark.urgent,
            evidence=list(remark.evidence),
        )


class SummaryDomainDocument(Document):
    """A domain at a glance."""

    domain: str = Field(description="The domain whose policy was applied.")
    reports: int = Field(description="How many aggregate reports are about it.")
    counts: CountsDocument = Field(description="Its messages.")
    last_day: date = Field(description="The newest day that reports are about.")
    policy: str = Field(
        "", description="The policy that reporters saw last, where domains were named; else empty."
    )
    days: list[DayDocument] = Field(
        [], description="Its messages by day, where domains were named; else empty."
    )
    reporters: dict[str, int] = Field(
        {}, description="Messages by reporter, where domains were named; else empty."
    )
    new_sources: list[str] = Field(
        [],
        description="Addresses first seen in these days, where domains were named, at most 100.",
    )
    remarks: list[RemarkDocument] = Field(
        [],
        description="What wants looking at, where domains were named or there are few; else empty.",
    )


class ReportsSummaryDocument(Document):
    """What `maildns reports summary --json` prints."""

    kind: Literal["reports-summary"] = "reports-summary"
    version: Literal[1] = 1
    days: DaysDocument = Field(description="The days looked at.")
    stale_days: int = Field(
        description="How old the newest report is, where no new ones come; 0: they come."
    )
    domains: list[SummaryDomainDocument] = Field(description="The one with most messages first.")
    held: int = Field(description="How many arrivals are in quarantine, at most 1,000.")


# --- senders, source ------------------------------------------------------------------


class SenderDocument(Document):
    """Addresses of one name and kind, taken together."""

    name: str = Field(description="Who it is, as far as it can be told.")
    sender_kind: str = Field(
        description="ours, service, not set up, forwarder, list, undecided or stranger; "
        "the first three are mail that the owner wants."
    )
    by: str = Field(description="What gave it away; may be empty.")
    counts: CountsDocument = Field(description="Its messages.")
    addresses: list[str] = Field(description="Its addresses, the busiest first, at most 100.")
    address_count: int = Field(description="How many addresses it has.")
    country: str = Field(description="Of its busiest address; empty where no geography file tells.")
    organization: str = Field(description="Whose network that is in; may be empty.")
    first_seen: date | None = Field(
        description="The first day that any report of the store saw one of them."
    )
    new: bool = Field(description="None of its addresses was seen before these days.")


class SendersDomainDocument(Document):
    """Who sent as a domain."""

    domain: str = Field(description="The domain.")
    senders: list[SenderDocument] = Field(description="The busiest first.")


class ReportsSendersDocument(Document):
    """What `maildns reports senders --json` prints."""

    kind: Literal["reports-senders"] = "reports-senders"
    version: Literal[1] = 1
    days: DaysDocument = Field(description="The days looked at.")
    domains: list[SendersDomainDocument] = Field(description="Sorted by name.")


class RawResultDocument(Document):
    """A result of SPF or DKIM, not yet held against the author's domain."""

    domain: str = Field(description="d= of the signature, or the domain that SPF judged.")
    selector: str = Field("", description="The signature's selector; empty for SPF.")
    scope: str = Field("", description="mfrom or helo; empty for DKIM.")
    result: str = Field(description="pass, fail ...")
    messages: int = Field(description="How many messages.")


class SourceDomainDocument(Document):
    """What an address sent as one domain."""

    domain: str = Field(description="The domain.")
    name: str = Field(description="Who it is, as far as it can be told.")
    sender_kind: str = Field(
        description="ours, service, not set up, forwarder, list, undecided or stranger."
    )
    by: str = Field(description="What gave it away; may be empty.")
    counts: CountsDocument = Field(description="Its messages.")
    days: list[DayDocument] = Field(description="Its messages by day.")
    first_seen: date | None = Field(description="The first day that any report saw it.")
    from_domains: dict[str, int] = Field(description="Messages by the domain in From:.")
    dkim: list[RawResultDocument] = Field(description="Signatures.")
    spf: list[RawResultDocument] = Field(description="SPF results.")
    overrides: dict[str, int] = Field(
        description="Messages by the reason for which a reporter set the policy aside."
    )
    reporters: dict[str, int] = Field(description="Messages by reporter.")


class ReportsSourceDocument(Document):
    """What `maildns reports source --json` prints."""

    kind: Literal["reports-source"] = "reports-source"
    version: Literal[1] = 1
    days: DaysDocument = Field(description="The days looked at.")
    address: str = Field(description="The address.")
    host: str = Field(description="Its confirmed reverse name; empty where none is known.")
    country: str = Field(description="Two letters; empty where no geography file tells.")
    asn: int = Field(description="Its network's number; 0 where no geography file tells.")
    organization: str = Field(description="Whose network; may be empty.")
    domains: list[SourceDomainDocument] = Field(description="The busiest first.")


# --- failures -------------------------------------------------------------------------


class FailureDocument(Document):
    """One message that failed; personal data was redacted when the report came in."""

    domain: str = Field(description="The domain that it is about.")
    arrived: datetime | None = Field(description="When the message came; null: not told.")
    address: str = Field(description="Where it came from; may be empty.")
    auth_failure: str = Field(description="What failed: dmarc, dkim, spf ... (RFC 6591).")
    identity_alignment: str = Field(
        description="What was not aligned: none, dkim, spf; may be empty."
    )
    delivery_result: str = Field(description="What became of it; may be empty.")
    dkim_domain: str = Field(description="d= of the signature that failed; may be empty.")
    dkim_selector: str = Field(description="Its selector; may be empty.")
    sender: str = Field(description="The envelope sender; may be empty.")
    recipient: str = Field(description="The recipient; may be empty.")
    redacted: bool = Field(description="Whether personal data was taken out.")
    feedback: list[tuple[str, str]] = Field(description="The report's fields, names in lower case.")
    header_fields: list[tuple[str, str]] = Field(
        description="What is kept of the message's header."
    )

    @classmethod
    def of(cls, report: FailureReport) -> FailureDocument:
        """The document of *report*."""
        return cls(
            domain=report.reported_domain,
            arrived=report.arrived,
            address=report.source_ip,
            auth_failure=report.auth_failure,
            identity_alignment=report.identity_alignment,
            delivery_result=report.delivery_result,
            dkim_domain=report.dkim_domain,
            dkim_selector=report.dkim_selector,
            sender=report.original_from,
            recipient=report.original_to,
            redacted=report.redacted,
            feedback=list(report.feedback),
            header_fields=list(report.header_fields),
        )


class ReportsFailuresDocument(Document):
    """What `maildns reports failures --json` prints."""

    kind: Literal["reports-failures"] = "reports-failures"
    version: Literal[1] = 1
    days: DaysDocument = Field(description="The days looked at.")
    failures: list[FailureDocument] = Field(description="The newest first, at most 1,000.")


# --- tls ------------------------------------------------------------------------------


class TlsTroubleDocument(Document):
    """Sessions that failed for one cause at one host."""

    host: str = Field(description="The mail host, or the domain where reporters do not say.")
    policy: str = Field(description="The policy that was applied: tlsa, sts or no-policy-found.")
    result: str = Field(description="The failure's type (RFC 8460 section 4.3).")
    sessions: int = Field(description="How many sessions failed.")
    first_day: date = Field(description="The first day.")
    last_day: date = Field(description="The last day.")
    reporters: list[str] = Field(description="Who says so.")
    at: str = Field(description="The record, file or certificate that caused it.")
    says: str = Field(description="What is wrong with it.")
    mend: str = Field(description="What to do.")
    rules: list[str] = Field(description="Rules that tell more; see `maildns rule ID`.")
    reference: str = Field(description="The section that it rests on.")
    said: str = Field(description="The reporter's further words; may be empty.")


class TlsDomainDocument(Document):
    """How TLS to a domain went."""

    domain: str = Field(description="The policy domain.")
    successful: int = Field(description="Sessions that succeeded.")
    failed: int = Field(description="Sessions that failed.")
    unexplained: int = Field(description="Failed sessions that no reporter gave details of.")
    policies: list[str] = Field(description="The kinds of policies that were applied.")
    reporters: list[str] = Field(description="Who reported.")
    days: list[DayDocument] = Field(description="Sessions by day.")
    troubles: list[TlsTroubleDocument] = Field(description="The causes, the worst first.")


class ReportsTlsDocument(Document):
    """What `maildns reports tls --json` prints."""

    kind: Literal["reports-tls"] = "reports-tls"
    version: Literal[1] = 1
    days: DaysDocument = Field(description="The days looked at.")
    domains: list[TlsDomainDocument] = Field(description="The one with most failures first.")


# --- advise ---------------------------------------------------------------------------


class ReasonDocument(Document):
    """Something that speaks against a step, or is worth knowing."""

    says: str = Field(description="What.")
    mend: str = Field(description="What to do; may be empty.")


class HarmDocument(Document):
    """What a policy would do to a sender."""

    name: str = Field(description="Who it is, as far as it can be told.")
    sender_kind: str = Field(
        description="ours, service, not set up, forwarder, list, undecided or stranger."
    )
    messages: int = Field(description="All its messages.")
    hit: int = Field(description="Those that would be treated worse than today.")


class FurtherDocument(Document):
    """A change beside the ladder, to be taken or left by itself."""

    tag: str = Field(description="Such as np=reject.")
    record: str = Field(description="The record of today with it.")
    why: str = Field(description="What it is good for.")
    safe: bool = Field(description="Whether no wanted mail would be hit.")
    against: list[ReasonDocument] = Field(description="What speaks against it.")


class AdviceDomainDocument(Document):
    """The next step of a domain's policy, and what it rests on."""

    domain: str = Field(description="The domain.")
    now: str = Field(description="The record of today, as far as it is known.")
    known_from: str = Field(description="Where that was read.")
    seen: str = Field(description="The policy that the newest report saw; may be empty.")
    complete: bool = Field(
        description="false: it was read from reports, which do not tell all of a record."
    )
    step: str | None = Field(description="The next record; null: nothing is left to do.")
    changes: str = Field(description="The tags that differ, such as p=quarantine; t=y.")
    record: PublishedDocument | None = Field(
        description="The step as it is to be published; null where the record is not complete."
    )
    ready: bool = Field(description="Whether the step is advised.")
    not_before: date | None = Field(description="The day before which it is not; null: no step.")
    against: list[ReasonDocument] = Field(description="What speaks against it.")
    notes: list[ReasonDocument] = Field(description="What is worth knowing.")
    harms: list[HarmDocument] = Field(description="What it would do to each sender.")
    further: list[FurtherDocument] = Field(description="Changes beside the ladder.")
    reports: int = Field(description="How many reports it rests on.")
    reporters: list[str] = Field(description="Whose.")
    days_covered: int = Field(description="How many of the days have reports.")
    since: date | None = Field(description="Since when reporters see the record of today.")
    wanted: CountsDocument = Field(description="The messages that the owner wants.")
    strangers: CountsDocument = Field(description="The messages of strangers.")
    config_change: str = Field(
        description="The change of maildns.toml, as a unified diff; empty: none, or no such domain."
    )


class ReportsAdviceDocument(Document):
    """What `maildns reports advise --json` prints."""

    kind: Literal["reports-advice"] = "reports-advice"
    version: Literal[1] = 1
    days: DaysDocument = Field(description="The days looked at.")
    today: date = Field(description="The day that it is judged as of.")
    stale_days: int = Field(
        description="How old the newest report is, where no new ones come; 0: they come."
    )
    domains: list[AdviceDomainDocument] = Field(description="Sorted by name.")
    written: bool = Field(description="Whether maildns.toml was changed.")


# --- replay ---------------------------------------------------------------------------


class ReplaySenderDocument(Document):
    """What would have become of a sender's messages."""

    name: str = Field(description="Who it is, as far as it can be told.")
    sender_kind: str = Field(
        description="ours, service, not set up, forwarder, list, undecided or stranger."
    )
    addresses: list[str] = Field(description="Its addresses, the busiest first, at most 100.")
    messages: int = Field(description="All its messages.")
    before: dict[str, int] = Field(description="By what the record of today asks for.")
    after: dict[str, int] = Field(description="By what the tried one asks for.")
    hit: int = Field(description="Treated worse than today.")
    freed: int = Field(description="Treated better than today.")
    newly_failing: int = Field(description="Pass today, and would not.")
    passed_on: int = Field(
        description="Of those hit, what a reporter says came by a list or forwarder."
    )
    unsure: int = Field(
        description="Of which it cannot be known: the DNS did not answer, or their details are gone."
    )


class ReplayReaderDocument(Document):
    """What receivers of one kind would have done."""

    reader: str = Field(description="rfc9989 or rfc7489.")
    senders: list[ReplaySenderDocument] = Field(description="The one hit hardest first.")


class ReportsReplayDocument(Document):
    """What `maildns reports replay --json` prints."""

    kind: Literal["reports-replay"] = "reports-replay"
    version: Literal[1] = 1
    days: DaysDocument = Field(description="The days looked at.")
    domain: str = Field(description="The domain.")
    now: str = Field(description="The record of today, as far as it is known.")
    known_from: str = Field(description="Where that was read.")
    tried: str = Field(description="The record that is tried.")
    without: list[str] = Field(description="SPF includes that are gone in the trial.")
    wanted_hit: int = Field(
        description="Messages that the owner wants and that either kind of receiver would treat worse."
    )
    readers: list[ReplayReaderDocument] = Field(description="By kind of receiver.")


# --- export, quarantine, prune --------------------------------------------------------


class ReportsExportDocument(Document):
    """What `maildns reports export --json` prints, once the rows are written."""

    kind: Literal["reports-export"] = "reports-export"
    version: Literal[1] = 1
    days: DaysDocument = Field(description="The days whose rows were written.")
    path: str = Field(description="The file.")
    format: str = Field(description="csv, jsonl or parquet.")
    rows: int = Field(description="How many rows.")


class HeldDocument(Document):
    """Something in quarantine."""

    id: int = Field(description="Its number, for show, retry and drop.")
    reason: str = Field(description="Why it is there.")
    source: str = Field(description="Where it came from.")
    sender: str = Field(description="The envelope sender; may be empty.")
    address: str = Field(description="The host that brought it; may be empty.")
    authentication: str = Field(description="The result of DMARC of the mail; may be empty.")
    octets: int = Field(description="Its size.")
    received: datetime = Field(description="When it came.")

    @classmethod
    def of(cls, held: Held) -> HeldDocument:
        """The document of *held*."""
        return cls(
            id=held.id,
            reason=held.reason,
            source=held.source,
            sender=held.sender,
            address=held.ip,
            authentication=held.authentication,
            octets=held.octets,
            received=held.received,
        )


class ReportsQuarantineDocument(Document):
    """What `maildns reports quarantine list|show|drop --json` print."""

    kind: Literal["reports-quarantine"] = "reports-quarantine"
    version: Literal[1] = 1
    held: list[HeldDocument] = Field(
        description="The newest first, at most 1,000; of show and drop those that were named."
    )
    text: str = Field(
        "", description="Of show: its first 4,000 octets, where they are text; else empty."
    )
    dropped: bool = Field(False, description="Whether they are gone now.")


class ReportsPruneDocument(Document):
    """What `maildns reports prune --json` prints."""

    kind: Literal["reports-prune"] = "reports-prune"
    version: Literal[1] = 1
    before: date = Field(description="Details of days before this one are gone.")
    pruned: int = Field(description="How many reports lost their details.")


def told(addresses: Iterable[str]) -> list[str]:
    """The first of *addresses*, not more than a document holds."""
    return list(addresses)[:MOST_ADDRESSES]
