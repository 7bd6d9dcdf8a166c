"""Serving the endpoint for TLS reports with uvicorn, in a thread of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from maildns.errors import InputError
from maildns.reports.config import HttpsSettings, Listening
from maildns.reports.sources.certificate import ServerCertificate

if TYPE_CHECKING:
    from uvicorn import Server

_MOST_CONNECTIONS: Final = 200
_START_SECONDS: Final = 20.0
_STOP_SECONDS: Final = 15


def can_serve() -> bool:
    """Whether uvicorn is installed."""
    from importlib.util import find_spec

    return find_spec("uvicorn") is not None


class HttpsService:
    """
    Serves *application* where *settings* says, over TLS where it names a certificate.

    Raises `InputError` for a place that is taken and for a certificate that cannot be used.
    """

    def __init__(
        self, settings: HttpsSettings, application: Callable[..., Awaitable[None]]
    ) -> None:
        from uvicorn import Config, Server

        self._certificate: ServerCertificate | None = None
        if settings.certificate is not None:
            self._certificate = ServerCertificate(settings.certificate, settings.key)
        self._sockets = _sockets(settings.listen)
        config = Config(
            application,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",  # who started it ends what is behind it
            ws="none",
            limit_concurrency=_MOST_CONNECTIONS,
            timeout_graceful_shutdown=_STOP_SECONDS,
        )
        config.load()
        config.ssl = None if self._certificate is None else self._certificate.context()
        self._server: Server = Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=(self._sockets,), name="maildns-https", daemon=True
        )

    def start(self) -> list[Listening]:
        """Begin; where it listens."""
        self._thread.start()
        until = time.monotonic() + _START_SECONDS
        while not self._server.started and self._thread.is_alive() and time.monotonic() < until:
            time.sleep(0.01)
        if not self._server.started:
            self.stop()
            raise InputError("the HTTPS endpoint did not start")
        return [Listening(*_name(one)) for one in self._sockets]

    def renew(self) -> None:
        """Show the certificate that is there now, where it was renewed."""
        if self._certificate is not None:
            self._certificate.context()

    def stop(self) -> None:
        """Answer what is under way, and end."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(_STOP_SECONDS + 5)
        for one in self._sockets:
            one.close()


def _name(opened: socket.socket) -> tuple[str, int]:
    name: Any = opened.getsockname()
    return (name, 0) if isinstance(name, str) else (str(name[0]), int(name[1]))


def _sockets(listen: tuple[Listening, ...]) -> list[socket.socket]:
    """A socket for each place; raises `InputError`."""
    from maildns.reports.sources.intake import cannot_listen

    made: list[socket.socket] = []
    for where in listen:
        try:
            made.append(_socket(where))
        except OSError as error:
            for one in made:
                one.close()
            raise cannot_listen(where, error) from None
    return made


def _socket(where: Listening) -> socket.socket:
    if where.is_unix:
        from maildns.reports.sources.intake import unix_socket

        opened = unix_socket(where.host)
        opened.listen()
        return opened
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    return socket.create_server((where.host, where.port), family=family)
