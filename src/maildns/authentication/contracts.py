"""What the verdict of a protocol looks like from here whose folder may be deleted one day."""

from __future__ import annotations

from typing import Protocol


class ChainVerdict(Protocol):
    """How a chain of ARC seals came out (RFC 8617 section 5.2)."""

    @property
    def result(self) -> str:
        """`none`, `pass` or `fail`."""
        ...

    @property
    def reason(self) -> str:
        """Why it is no pass, in words."""
        ...

    @property
    def sealers(self) -> tuple[str, ...]:
        """Who sealed it, oldest first."""
        ...

    @property
    def oldest_pass(self) -> int:
        """Since which seal the message is as it was; 0: since the first."""
        ...
