"""Configurations of the pretend internet's name servers, Knot DNS, and of its resolver, Unbound."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

KNOT: Final = """\
server:
  rundir: "{folder}"
  listen: [ {listen} ]
  udp-workers: 1
  tcp-workers: 2
  background-workers: 1
log:
- target: stderr
  any: warning
control:
  listen: "{folder}/knot.sock"
database:
  storage: "{folder}"
template:
- id: default
  storage: "{folder}"
  zonefile-load: whole
  zonefile-sync: -1
  journal-content: none
  semantic-checks: off
zone:
{zones}
"""
# The networks of the lab are not among the zones that Unbound has built in as empty.
UNBOUND: Final = """\
server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: "{folder}/unbound.pid"
  use-syslog: no
  logfile: "{folder}/unbound.log"
  interface: 127.0.0.1
  interface: ::1
  access-control: 127.0.0.0/8 allow
  access-control: ::1/128 allow
  root-hints: "{folder}/root.hints"
  trust-anchor-file: "{folder}/root.ds"
  module-config: "validator iterator"
  num-threads: 1
  outgoing-range: 512
  num-queries-per-thread: 512
  jostle-timeout: 1000
  val-log-level: 1
remote-control:
  control-enable: yes
  control-interface: "{folder}/unbound.sock"
  control-use-cert: no
"""


def write_knot(folder: Path, listen: Sequence[str], zones: Mapping[str, str]) -> list[str]:
    """Write the configuration and the *zones* by origin; the command that serves them."""
    folder.mkdir()
    lines = []
    for origin, text in zones.items():
        write_zone(folder, origin, text)
        domain = origin if origin == "." else f"{origin}."
        lines.append(f'- domain: "{domain}"\n  file: "{zone_file(folder, origin)}"')
    config = folder / "knot.conf"
    addresses = ", ".join(f'"{one}@53"' for one in listen)
    text = KNOT.format(folder=folder, listen=addresses, zones="\n".join(lines) or "  []")
    config.write_text(text, encoding="utf-8")
    return ["knotd", "-c", str(config)]


def zone_file(folder: Path, origin: str) -> Path:
    """The file of a zone."""
    return folder / f"{'root' if origin == '.' else origin}.zone"


def write_zone(folder: Path, origin: str, text: str) -> None:
    """Put a zone's text where the server reads it."""
    zone_file(folder, origin).write_text(text, encoding="utf-8")


def write_unbound(folder: Path, hints: str, anchor: str) -> list[str]:
    """Write the configuration; the command that runs the resolver."""
    folder.mkdir()
    (folder / "root.hints").write_text(hints, encoding="utf-8")
    (folder / "root.ds").write_text(f". IN DS {anchor}\n", encoding="utf-8")
    # delv(1) reads anchors in this form
    words = anchor.split()
    text = f'trust-anchors {{ . static-ds {" ".join(words[:3])} "{"".join(words[3:])}"; }};\n'
    (folder / "delv.keys").write_text(text, encoding="utf-8")
    config = folder / "unbound.conf"
    config.write_text(UNBOUND.format(folder=folder), encoding="utf-8")
    return ["unbound", "-d", "-c", str(config)]
