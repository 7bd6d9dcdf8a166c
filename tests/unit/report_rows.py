"""Rows of reports as a table writes them, for the tests of what they mean."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from maildns.reports.model import DkimAuth, Override, PublishedPolicy, SpfAuth
from maildns.reports.views import ReportSeen, SourceDay, Window

TODAY = date(2026, 5, 31)
DOMAIN = "example.com"


def row(
    ip: str = "192.0.2.1",
    messages: int = 10,
    *,
    dkim: str = "",
    spf: str = "",
    override: str = "",
    header_from: str = DOMAIN,
    domain: str = DOMAIN,
    reporter: str = "r1.example",
    day: date = TODAY,
    disposition: str = "none",
    selector: str = "s1",
    aligned: str = "",
) -> SourceDay:
    """
    A row; *dkim* and *spf* are domains that passed, or with a "!" before them, that failed.

    What is aligned follows from that by relaxed alignment, unless *aligned* says `dkim,spf`.
    """
    passed = {
        "dkim": dkim and not dkim.startswith("!") and _within(dkim, domain),
        "spf": spf and not spf.startswith("!") and _within(spf, domain),
    }
    if aligned:
        passed = {
            name: word == "pass"
            for name, word in zip(("dkim", "spf"), aligned.split(","), strict=True)
        }
    result = {name: "pass" if good else "fail" for name, good in passed.items()}
    return SourceDay(
        domain,
        day,
        reporter,
        ip,
        messages,
        disposition,
        result["dkim"],
        result["spf"],
        header_from,
        dkim=(DkimAuth(dkim.lstrip("!"), selector, _result(dkim)),) if dkim else (),
        spf=(SpfAuth(spf.lstrip("!"), "mfrom", _result(spf)),) if spf else (),
        overrides=(Override(override, ""),) if override else (),
    )


def _within(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")


def _result(text: str) -> str:
    return "fail" if text.startswith("!") else "pass"


def policy(text: str = "p=none") -> PublishedPolicy:
    """What a report says was published, from the tags of a record."""
    tags = dict(tag.strip().split("=") for tag in text.split(";"))
    return PublishedPolicy(
        DOMAIN,
        tags.get("p", ""),
        tags.get("sp", ""),
        tags.get("np", ""),
        tags.get("adkim", ""),
        tags.get("aspf", ""),
        tags.get("pct", ""),
        testing=tags.get("t", ""),
    )


def report(
    day: date, text: str = "p=none", reporter: str = "r1.example", authentication: str = ""
) -> ReportSeen:
    """A report of *day* that saw the policy *text*."""
    begin = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return ReportSeen(
        DOMAIN,
        reporter,
        f"{reporter}-{day}",
        begin,
        begin + timedelta(hours=24, seconds=-1),
        10,
        policy(text),
        authentication,
    )


def daily(days: int, text: str = "p=none", until: date = TODAY, reporter: str = "r1.example"):
    """A report for each of the last *days* days, that saw the policy *text*."""
    return [report(day, text, reporter) for day in Window.last(days, until).each()]
