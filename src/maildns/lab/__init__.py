"""
The pretend internet: a name server on loopback for tests, demonstrations and first steps.

    from maildns.lab import LabServer

    with LabServer({"example.com": zone_text}, tsig_keys={"mail": secret}) as lab:
        resolver = Resolver(servers=[lab.server])

It speaks real DNS: signed zones, TSIG updates, aliases, wildcards, truncation. It
answers for its own zones and for nothing else, and on loopback unless forced.
"""

from __future__ import annotations

from maildns.lab.server import LabServer

__all__ = ["LabServer"]
