"""
A network of its own: a network namespace in which every port and address is free.

Nothing inside reaches the machine's network or is reached from it. Needs root on Linux and `ip`
of iproute2. Programs run inside by `ip netns exec`, which shows them a resolv.conf of their own;
a function of this process runs inside in a thread that has entered.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from maildns.errors import UsageError

R = TypeVar("R")

RESOLV_CONF = "nameserver 127.0.0.1\nnameserver ::1\noptions edns0 trust-ad\n"
_OF_NAMESPACES = Path("/etc/netns")  # ip-netns(8)
_PLACE = Path("/run/netns")
_CLONE_NEWNET = 0x40000000  # setns(2)
_COMMAND_SECONDS = 20.0
_END_SECONDS = 5.0


class Namespace:
    """
    The network namespace *name*, with loopback up; made by `open`, removed by `close`.

    `close` ends every process in it, also those that it did not start.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def open(self) -> None:
        """Make it. Raises `UsageError` when this may not be done here, with what is needed."""
        require_root()
        ip("netns", "add", self.name)
        folder = _OF_NAMESPACES / self.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "resolv.conf").write_text(RESOLV_CONF, encoding="utf-8")
        ip("-n", self.name, "link", "set", "lo", "up")

    def close(self) -> None:
        """End what runs in it and remove it; does nothing when it is not there."""
        self._end_processes(signal.SIGTERM)
        self._end_processes(signal.SIGKILL)
        if (_PLACE / self.name).exists():
            ip("netns", "del", self.name)
        shutil.rmtree(_OF_NAMESPACES / self.name, ignore_errors=True)
        with suppress(OSError):  # not empty: another lab's
            _OF_NAMESPACES.rmdir()

    def _end_processes(self, number: signal.Signals) -> None:
        """Send the signal until nothing runs any more, but not for ever."""
        until = time.monotonic() + _END_SECONDS
        while (running := self.processes()) and time.monotonic() < until:
            for process in running:
                with suppress(ProcessLookupError):
                    os.kill(process, number)
            time.sleep(0.02)

    def processes(self) -> list[int]:
        """The processes in it."""
        if not (_PLACE / self.name).exists():
            return []
        return [int(word) for word in ip("netns", "pids", self.name).split()]

    def add_addresses(self, addresses: Iterable[str]) -> None:
        """Give *addresses*, IPv4 and IPv6, to its loopback interface, usable at once."""
        lines = [
            f"addr add {one}/128 dev lo nodad" if ":" in one else f"addr add {one}/32 dev lo"
            for one in addresses
        ]
        ip("-n", self.name, "-batch", "-", text="".join(f"{line}\n" for line in lines))

    def inside(self, command: Sequence[str]) -> list[str]:
        """*command* as it runs inside."""
        return ["ip", "netns", "exec", self.name, *command]

    def call(self, function: Callable[..., R], *arguments: Any) -> R:
        """
        Call *function* in a thread whose new sockets are inside; raises what it raises.

        The thread sees this machine's /etc/resolv.conf, so name the servers to ask.
        """
        results: list[R] = []
        errors: list[BaseException] = []

        def work() -> None:
            try:
                self._enter()
                results.append(function(*arguments))
            except BaseException as error:  # noqa: BLE001 - handed over to the caller
                errors.append(error)

        thread = threading.Thread(target=work, name=f"in {self.name}", daemon=True)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]
        return results[0]

    def _enter(self) -> None:
        libc = ctypes.CDLL(None, use_errno=True)  # os.setns came with Python 3.12
        with (_PLACE / self.name).open("rb") as place:
            if libc.setns(place.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"cannot enter {self.name}")


def require_root() -> None:
    """Raise `UsageError`, saying what is needed, where namespaces cannot be made."""
    if sys.platform != "linux":
        raise UsageError("the pretend internet needs Linux, for its network namespaces")
    if os.geteuid() != 0:
        raise UsageError(
            "the pretend internet needs root: it has its own network with ports 25, 53 and 443",
            hint="run it as root (sudo), in a container if you like; nothing outside its own "
            "network namespace is touched",
        )
    if shutil.which("ip") is None:
        raise UsageError("`ip` is not installed", hint="install the package iproute2")


def namespaces(prefix: str) -> list[str]:
    """The names of the namespaces that begin with *prefix*, in order."""
    return sorted(path.name for path in _PLACE.glob(f"{prefix}*")) if _PLACE.is_dir() else []


def ip(*arguments: str, text: str | None = None) -> str:
    """What the program says; raises `UsageError` with its words when it fails."""
    done = subprocess.run(  # noqa: S603 - arguments of ours, no shell
        ["ip", *arguments],  # noqa: S607 - from the administrator's PATH
        input=text,
        capture_output=True,
        text=True,
        timeout=_COMMAND_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise UsageError(
            f"ip {' '.join(arguments)}: {done.stderr.strip()}",
            hint="a network namespace needs root with CAP_SYS_ADMIN and CAP_NET_ADMIN",
        )
    return done.stdout
