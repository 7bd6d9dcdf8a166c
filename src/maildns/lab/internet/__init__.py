"""
A pretend internet of real servers, for tests and for people to play with.

    from maildns.lab.internet import Internet

    with Internet(faults=["wrong-tlsa"]) as lab:
        lab.run(["maildns", "check", "wrong-tlsa.lab"])

It lives in a network namespace of its own, so it needs root on Linux, and nothing of it is seen
outside.
"""

from __future__ import annotations

from maildns.lab.internet.faults import FAULTS, Fault
from maildns.lab.internet.running import GOOD, Internet, inside, labs, take_down

__all__ = ["FAULTS", "GOOD", "Fault", "Internet", "inside", "labs", "take_down"]
