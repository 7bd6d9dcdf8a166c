"""`maildns check --fix`: from what is wrong to a description of what is right, and its plan."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from maildns.cli.common import errors, output
from maildns.errors import InputError

if TYPE_CHECKING:
    from maildns.audit.assessment import Assessment


def mend(
    found: Sequence[Assessment],
    config: Path,
    world: Path | None,
    servers: Sequence[str],
    *,
    yes: bool,
) -> None:
    """
    Write *config*, a description of the domains of *found* made from what they publish, and plan it.

    The description leaves out what was wrong: a plan for it mends what records can mend. Raises
    `InputError` when there is a description already, or nothing to mend.
    """
    from maildns.cli.common import planned
    from maildns.cli.init_command import Answers, describe, look_around, refuse_existing
    from maildns.cli.show_plan import show_plan
    from maildns.intent.propose import takes_no_mail

    refuse_existing(config, force=False)
    known = [one.domain for one in found if one.known]
    if not known:
        raise InputError("nothing could be known, so nothing can be mended")
    sight = look_around((), world, servers)
    parked = tuple(name for name in known if takes_no_mail(sight.survey(name)))
    kept = tuple(name for name in known if name not in parked)
    describe(Answers(kept, parked=parked, mend=True), sight, config, yes=yes)
    _, plan = planned(config, world, list(servers))
    show_plan(plan, output())
    errors().print(f"edit {config} as you like; then: maildns plan, maildns apply", markup=False)
