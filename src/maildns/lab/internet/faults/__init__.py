"""The faults of the pretend internet, by name: each breaks one thing in a domain of its own."""

from __future__ import annotations

from collections.abc import Iterable

from maildns.errors import UsageError
from maildns.lab.internet.faults import dane as _dane  # noqa: F401 - these imports register them
from maildns.lab.internet.faults import mail as _mail  # noqa: F401
from maildns.lab.internet.faults import pictures as _pictures  # noqa: F401
from maildns.lab.internet.faults import policies as _policies  # noqa: F401
from maildns.lab.internet.faults import texts as _texts  # noqa: F401
from maildns.lab.internet.faults import zone as _zone  # noqa: F401
from maildns.lab.internet.faults.fault import FAULTS, Fault
from maildns.lab.internet.sites import Common, MailHost, Place, Site, healthy

__all__ = ["FAULTS", "Fault", "broken_site", "faults_named", "sound_site"]

ALL = "all"


def faults_named(names: Iterable[str]) -> tuple[Fault, ...]:
    """The faults called *names*, `all` being every one; raises `UsageError` for an unknown name."""
    wanted = dict.fromkeys(names)
    if ALL in wanted:
        return tuple(FAULTS.values())
    unknown = [name for name in wanted if name not in FAULTS]
    if unknown:
        raise UsageError(
            f"there is no fault {unknown[0]!r}", hint="maildns lab up --list-faults names them all"
        )
    return tuple(FAULTS[name] for name in wanted)


def broken_site(fault: Fault, common: Common, number: int) -> Site:
    """The domain `NAME.lab` with *fault*; see `sound_site`."""
    site = sound_site(fault, common, number)
    fault.change(site)
    return site


def sound_site(fault: Fault, common: Common, number: int) -> Site:
    """
    The domain `NAME.lab` before the fault is there.

    *number* chooses the addresses of the mail hosts of its own: 0 to 253, each once in a lab.
    """
    hosts = [
        MailHost(f"mx{n}.{fault.domain}", Place(20 + n, number + 1))
        for n in range(1, fault.hosts + 1)
    ]
    return healthy(fault.domain, common, hosts)
