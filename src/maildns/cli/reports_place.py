"""Where the reports are, what of them is looked at, and the options that say so."""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from maildns.cli.common import CONFIG, ExitCode, errors
from maildns.errors import InputError, UsageError

if TYPE_CHECKING:
    from maildns.net.drivers import BlockingWorld
    from maildns.reports.config import ReportSettings
    from maildns.reports.store import Store
    from maildns.reports.store.evidence import StoredEvidence
    from maildns.reports.views import Window
    from maildns.wiring import Project

DAYS = 30
LONGEST_DAYS = 3660
STALE_DAYS = 3  # reports come daily; a reporter may be a day or two late

StoreOption = Annotated[
    str,
    typer.Option(
        "--store",
        metavar="FILE|URL",
        help="Where the reports are: a file, or postgresql://HOST/NAME; "
        "left out: what the description says, else reports.db.",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="The description of the servers and domains; maildns.toml if there."
    ),
]
DaysOption = Annotated[
    int,
    typer.Option("--days", min=1, max=LONGEST_DAYS, help="How many days to look at."),
]
UntilOption = Annotated[
    str,
    typer.Option(
        "--until",
        metavar="DATE",
        help="The last of them, such as 2026-05-31; left out: the newest that reports are about.",
    ),
]
LiveOption = Annotated[
    bool,
    typer.Option("--live", help="Ask the DNS: names of addresses, records, SPF includes."),
]


@dataclass(frozen=True)
class Place:
    """The store and the description: what `--store` and `--config` name, or what is at hand."""

    where: str = field(repr=False)  # it may hold a password
    project: Project | None
    settings: ReportSettings

    @property
    def shown(self) -> str:
        """
        The store for people: a URL without who logs in with what.

        >>> from maildns.reports.config import ReportSettings
        >>> Place("postgresql://me:pass@word@host/name?password=1", None, ReportSettings()).shown
        'postgresql://host/name'
        """
        if "://" not in self.where:
            return self.where
        return re.sub(r"//[^/]*@", "//", self.where).partition("?")[0]


def place_of(store: str, config: Path | None) -> Place:
    """Find the store and the description; raises `ConfigError` where a description is wrong."""
    from maildns.reports.config import ReportSettings, settings_of
    from maildns.wiring import open_project

    if config is None and not CONFIG.exists():
        settings = ReportSettings()
        return Place(store or settings.store, None, settings)
    project = open_project(config or CONFIG)
    settings = settings_of(project.intent, project.source)
    return Place(store or settings.store, project, settings)


@contextmanager
def opened(place: Place, *, create: bool = False) -> Iterator[Store]:
    """
    The store at *place*; made there only with *create*.

    Raises `InputError` where there is none or it cannot be opened, `UsageError` without the extra.
    """
    from maildns.reports.store import Store

    if not create and "://" not in place.where and not Path(place.where).exists():
        raise InputError(
            "there is no store of reports",
            path=place.shown,
            hint="maildns reports import PATH makes one; --store names another",
        )
    with Store(place.where) as store:
        yield store


@dataclass(frozen=True)
class Sight:
    """
    What is asked of a store, and of which days.

    `today` is the day that it is judged as of, `last_day` the newest that reports are about.
    `stale_days` is how old that is where no new ones come and nobody asked for days long past.
    """

    place: Place
    store: Store
    evidence: StoredEvidence
    window: Window
    today: date
    last_day: date
    stale_days: int

    def named(self, domain: str) -> str:
        """*domain* as the store knows it; raises `UsageError` where no report of the days is about it."""
        from maildns.dnsdata import name
        from maildns.errors import RecordSyntaxError

        try:
            wanted = name(domain)
        except RecordSyntaxError as error:
            raise UsageError(f"{domain[:80]!r} is not a domain: {error.problem}") from None
        known = self.evidence.domains(self.window)
        if wanted in known:
            return wanted
        raise UsageError(
            f"no report of {spelled(self.window)} is about {wanted}",
            hint=f"there are some about {_some(known)}; --days looks further back",
        )

    def only(self, domain: str) -> str:
        """*domain*, or the one that there are reports about; raises `UsageError` for several."""
        if domain:
            return self.named(domain)
        known = self.evidence.domains(self.window)
        if len(known) == 1:
            return known[0]
        raise UsageError("which domain?", hint=f"there are reports about {_some(known)}")


@contextmanager
def looking(store: str, config: Path | None, days: int, until: str) -> Iterator[Sight]:
    """
    Look at the reports of *days* days up to *until*.

    Leaves with 3 where there are none at all: nothing can be known.
    """
    from maildns.reports.views import Window

    last = day_of(until)
    place = place_of(store, config)
    with _without_garbage(), opened(place) as kept, kept.evidence() as evidence:
        newest = evidence.last_day()
        if newest is None:
            errors().print(
                f"there are no reports in {place.shown} yet; maildns reports import PATH brings some in",
                markup=False,
            )
            raise typer.Exit(ExitCode.UNKNOWN)
        late = (datetime.now(UTC).date() - newest).days
        stale = late if late > STALE_DAYS and last is None else 0
        # Where all reports are old, as of the newest of them: what they say is still of use.
        today = last or (newest if stale else datetime.now(UTC).date())
        window = Window.last(days, last or min(today, newest))
        yield Sight(place, kept, evidence, window, today, newest, stale)


@contextmanager
def _without_garbage() -> Iterator[None]:
    """Look for no garbage meanwhile: a million small values hold no cycles, and take long to go through."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def day_of(text: str) -> date | None:
    """The day that *text* names, None of an empty one; raises `UsageError` for what is none."""
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text[:40]!r} is no day", hint="write it as 2026-05-31") from None
    if not date(1990, 1, 1) <= day <= datetime.now(UTC).date() + timedelta(days=LONGEST_DAYS):
        raise UsageError(f"{text} is out of reach", hint="write a day such as 2026-05-31")
    return day


def world_asked(
    world: Path | None, servers: list[str] | None, *, live: bool
) -> BlockingWorld | None:
    """The DNS to ask, where it may be asked: `--live`, `--server` or `--world` says so."""
    if not (live or servers or world):
        return None
    from maildns.net.world import GivingUp
    from maildns.wiring import world_of

    asked = world_of(world, servers or ())
    # Where no server answers at all, that is found out once and not for each domain.
    return asked if world else GivingUp(asked)


def spelled(window: Window) -> str:
    """
    The days of *window*, for people.

    >>> from datetime import date
    >>> from maildns.reports.views import Window
    >>> spelled(Window.last(7, date(2026, 5, 7)))
    '2026-05-01 to 2026-05-07'
    """
    if window.days == 1:
        return str(window.until)
    return f"{window.since} to {window.until}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more if names else "none"
