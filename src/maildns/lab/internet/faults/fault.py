"""What a fault is, and the table of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from maildns.lab.internet.sites import TLD, Site


@dataclass(frozen=True, slots=True)
class Fault:
    """
    One thing that is wrong, in a domain of its own.

    `says` tells a person what was done; `rules` are ids: the first rule must find it, and of all
    others only the rest of these may complain of the domain; `hosts` is how many mail hosts the domain has of its own; `change` does it. `refused` says
    what becomes of mail from a sender that does DANE: true where it waits, false where it is
    delivered, None where the fault is not about that. `later` is what changes after a first look, of
    a fault that is seen by comparing two.
    """

    name: str
    says: str
    rules: tuple[str, ...]
    change: Callable[[Site], None]
    hosts: int = 0
    refused: bool | None = None
    later: Callable[[Site], None] | None = None

    @property
    def domain(self) -> str:
        """The domain that has it."""
        return f"{self.name}.{TLD}"


FAULTS: Final[dict[str, Fault]] = {}

Change = Callable[[Site], None]


def fault(
    *rules: str,
    hosts: int = 0,
    refused: bool | None = None,
    later: Change | None = None,
) -> Callable[[Change], Change]:
    """
    Register the function below as a fault.

    Its name, with hyphens, is the fault's; its docstring tells what is wrong. For the rest see
    `Fault`.
    """

    def register(change: Change) -> Change:
        name = change.__name__.replace("_", "-")
        says = (change.__doc__ or "").strip().removesuffix(".")
        FAULTS[name] = Fault(name, says, rules, change, hosts, refused, later)
        return change

    return register
