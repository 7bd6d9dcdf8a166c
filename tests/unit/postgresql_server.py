"""A PostgreSQL of our own, in a temporary folder, reached through a socket in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from programs import needed

OWNER = "maildns"


@contextmanager
def running() -> Iterator[str]:
    """Give the folder of the socket; the server ends with the block."""
    # Not pytest's folder: root's is closed to the user that PostgreSQL must run as, and a
    # socket's path is short.
    folder = Path(tempfile.mkdtemp(prefix="maildns-pg-", dir="/tmp"))
    who = _who()
    if who:
        os.chown(folder, who["user"], who["group"])
    initdb, pg_ctl = needed("initdb"), needed("pg_ctl")
    data = folder / "data"
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c max_connections=30"

    def run(*command: object) -> None:
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, **who)

    try:
        create = [initdb, "-D", data, "-U", OWNER, "--auth=trust", "-E", "UTF8", "--no-locale"]
        run(*create, "--no-sync")
        start = [pg_ctl, "-D", data, "-w", "-t", "60", "-l", folder / "log", "-o", options]
        run(*start, "start")
        try:
            yield str(folder)
        finally:
            run(pg_ctl, "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _who() -> dict[str, object]:
    """PostgreSQL refuses to run as root: then it is nobody's."""
    if os.geteuid() != 0:
        return {}
    return {"user": 65534, "group": 65534, "extra_groups": []}


@contextmanager
def database(folder: str, name: str) -> Iterator[str]:
    """Give the URL of an empty database *name*, which goes with the block."""
    with psycopg.connect(host=folder, user=OWNER, dbname="postgres", autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"postgresql://{OWNER}@/{name}?host={folder}"
        finally:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")
