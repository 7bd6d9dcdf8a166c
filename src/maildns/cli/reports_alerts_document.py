"""What `maildns reports alerts --json` prints, as models (see `documents`)."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from maildns.cli.reports_documents import RemarkDocument
from maildns.documents import Document


class ToldDocument(Document):
    """How far an alert is told by one way."""

    way: str = Field(description="mail, webhook or command.")
    last: datetime | None = Field(description="When it was told last; null: never.")
    due: bool = Field(description="Whether --send tells it.")


class AlertDocument(Document):
    """Something that wants looking at now."""

    domain: str = Field(description="The domain, or the host of a certificate.")
    alert: RemarkDocument = Field(description="What is the matter.")
    told: list[ToldDocument] = Field(description="By each way that the description names.")


class DeliveryDocument(Document):
    """What became of what was sent just now by one way."""

    way: str = Field(description="mail, webhook or command.")
    to: str = Field(description="The addresses, the webhook's host or the program.")
    alerts: int = Field(description="How many alerts were due.")
    problem: str = Field(description="Why they are not told; empty: they are.")


class ReportsAlertsDocument(Document):
    """What `maildns reports alerts --json` prints."""

    kind: Literal["reports-alerts"] = "reports-alerts"
    version: Literal[1] = 1
    today: date = Field(description="The day that is judged as of.")
    alerts: list[AlertDocument] = Field(description="All that hold now, told or not.")
    sent: list[DeliveryDocument] = Field(description="Of --send: what became of each way.")
