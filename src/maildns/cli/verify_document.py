"""What `maildns verify --json` prints, as models (see `documents`)."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from maildns.authentication import AuthenticationResults, Because, MethodResult, explain
from maildns.authentication.results import AuthorVerdict
from maildns.documents import Document
from maildns.protocols.dmarc import DmarcVerdict


class PropertyDocument(Document):
    """Of what a result speaks."""

    name: str = Field(description="Such as smtp.mailfrom, header.d or header.from.")
    value: str = Field(description="Its value, as it came; it may hold anything.")


class MethodDocument(Document):
    """One result of the Authentication-Results field."""

    method: str = Field(description="iprev, spf, dkim, arc, dmarc or bimi.")
    result: str = Field(description="A result of RFC 8601 section 2.7.")
    reason: str = Field(description="Why it is no pass; may be empty.")
    properties: list[PropertyDocument] = Field(description="Of what it speaks.")

    @classmethod
    def of(cls, result: MethodResult) -> MethodDocument:
        """The document of *result*."""
        return cls(
            method=result.method,
            result=str(result.result),
            reason=result.reason,
            properties=[
                PropertyDocument(name=key, value=value) for key, value in result.properties
            ],
        )


class BecauseDocument(Document):
    """Why a result is what it is."""

    method: str = Field(description="iprev, spf, dkim, arc, dmarc or bimi.")
    result: str = Field(description="The result.")
    subject: str = Field(description="Of what it speaks: a domain, an address, a signature.")
    why: str = Field(description="Why, in a sentence.")
    steps: list[str] = Field(description="How it came about, in order.")

    @classmethod
    def of(cls, because: Because) -> BecauseDocument:
        """The document of *because*."""
        return cls(
            method=because.method,
            result=str(because.result),
            subject=because.subject,
            why=because.why,
            steps=list(because.steps),
        )


class DmarcReaderDocument(Document):
    """What receivers of one kind make of the message, for one author domain."""

    domain: str = Field(description="The author domain.")
    reader: Literal["rfc9989", "rfc7489"] = Field(description="Which receivers.")
    result: str = Field(description="none, pass, fail, temperror or permerror.")
    disposition: str = Field(description="none, quarantine or reject.")
    policy_domain: str | None = Field(description="Where the record stands; null: there is none.")
    organizational_domain: str | None = Field(description="null: not known.")
    spf_aligned: bool = Field(description="SPF passed for an aligned domain.")
    dkim_aligned: bool = Field(description="DKIM passed for an aligned domain.")
    reasons: list[str] = Field(description="Why.")

    @classmethod
    def of_author(cls, author: AuthorVerdict) -> list[DmarcReaderDocument]:
        """One document for each kind of receiver."""
        return [cls._of(author.domain, reader, verdict) for reader, verdict in author.by_reader]

    @classmethod
    def _of(
        cls, domain: str, reader: Literal["rfc9989", "rfc7489"], verdict: DmarcVerdict
    ) -> DmarcReaderDocument:
        return cls(
            domain=domain,
            reader=reader,
            result=str(verdict.result),
            disposition=str(verdict.disposition),
            policy_domain=verdict.policy_domain,
            organizational_domain=verdict.organizational_domain,
            spf_aligned=verdict.spf_aligned,
            dkim_aligned=verdict.dkim_aligned,
            reasons=list(verdict.reasons),
        )


class VerifyDocument(Document):
    """What `maildns verify --json` prints."""

    kind: Literal["verify"] = "verify"
    version: Literal[1] = 1
    field: str = Field(description="The Authentication-Results field, folded with CR and LF.")
    ip: str = Field(description="The address of the client.")
    helo: str = Field(description="What it said in HELO.")
    sender: str = Field(description="The envelope sender; empty: null.")
    authors: list[str] = Field(description="The domains of From.")
    author_problems: list[str] = Field(description="What of From could not be read.")
    methods: list[MethodDocument] = Field(description="The results, in the order of the field.")
    dmarc: str = Field(description="The DMARC result of the message: of several the strictest.")
    disposition: str = Field(description="What follows: none, quarantine or reject.")
    dmarc_readers: list[DmarcReaderDocument] = Field(
        description="Each author domain by each kind of receiver."
    )
    readers_differ: bool = Field(
        description="Receivers of RFC 9989 and RFC 7489 treat the message differently."
    )
    explanation: list[BecauseDocument] = Field(description="Why, result by result.")

    @classmethod
    def of(cls, results: AuthenticationResults) -> VerifyDocument:
        """The document of *results*."""
        return cls(
            field=results.field(),
            ip=results.ip,
            helo=results.helo,
            sender=results.sender,
            authors=list(results.authors.domains),
            author_problems=list(results.authors.problems),
            methods=[MethodDocument.of(one) for one in results.methods],
            dmarc=str(results.dmarc.result),
            disposition=str(results.dmarc.disposition),
            dmarc_readers=[
                one for author in results.by_author for one in DmarcReaderDocument.of_author(author)
            ],
            readers_differ=results.readers_differ,
            explanation=[BecauseDocument.of(one) for one in explain(results)],
        )
