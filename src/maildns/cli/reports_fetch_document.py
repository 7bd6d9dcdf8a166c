"""What `maildns reports fetch --json` prints, as a model (see `documents`)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from maildns.cli.reports_documents import ReceiptDocument
from maildns.documents import Document


class FetchedDocument(Document):
    """What came from one place."""

    place: str = Field(description="The mailbox, folder or file.")
    new: int = Field(description="Reports that are new; in a dry run all that can be read.")
    known: int = Field(description="Reports that were kept before.")
    conflicting: int = Field(
        description="Reports whose id was kept with other content; the first counts."
    )
    bad: int = Field(description="What is in quarantine, or could not be read at all.")
    no_report: int = Field(description="Mails and files in which nothing claims to be a report.")
    error: str = Field(description="Why it could not be gone through; empty where it could.")
    may_retry: bool = Field(description="It may be better later, such as when a server is back.")


class ReportsFetchDocument(Document):
    """What `maildns reports fetch --json` prints."""

    kind: Literal["reports-fetch"] = "reports-fetch"
    version: Literal[1] = 1
    store: str = Field(description="Where reports are kept; a URL is shown without its password.")
    dry_run: bool = Field(description="Nothing was kept, moved or marked.")
    places: list[FetchedDocument] = Field(description="The places, in the order of the config.")
    receipts: list[ReceiptDocument] = Field(
        description="All that are neither new nor known, at most 1,000."
    )
    left_out: int = Field(description="How many more of these there are.")
