"""
Telling alerts: by mail, by webhook, by a command. Each way once, bounded in time, and by itself.

A way that fails says why and holds up no other. No secret, such as the URL of a webhook, is in what
is said.
"""

from __future__ import annotations

import json
import os
import signal
import smtplib
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from maildns.reports.alerting import document, headline, letter, remember_told, weighed
from maildns.reports.cleaning import clean
from maildns.reports.remarks import Remark
from maildns.reports.views import Memory

if TYPE_CHECKING:
    from maildns.reports.config import AlertSettings

TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Way:
    """A way of telling; `shown` is what of its place may be shown."""

    name: str
    shown: str
    tell: Callable[[Sequence[Remark]], str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of the alerts that were due by one way; `problem` is empty when they are told."""

    way: str
    shown: str
    alerts: tuple[Remark, ...]
    problem: str = ""


def ways_of(settings: AlertSettings, *, timeout: float = TIMEOUT_SECONDS) -> list[Way]:
    """The ways that *settings* ask for; *timeout* is in seconds, for each step of each."""
    ways = []
    if settings.mail_to:
        shown = ", ".join(settings.mail_to)
        ways.append(Way("mail", shown, lambda alerts: by_mail(settings, alerts, timeout=timeout)))
    if settings.webhook:
        host = urlsplit(settings.webhook).hostname or ""
        url = settings.webhook
        ways.append(Way("webhook", host, lambda alerts: by_webhook(url, alerts, timeout=timeout)))
    if settings.command:
        words = settings.command
        tell = Way("command", words[0], lambda alerts: by_command(words, alerts, timeout=timeout))
        ways.append(tell)
    return ways


def tell(
    alerts: Sequence[Remark],
    settings: AlertSettings,
    memory: Memory,
    *,
    now: datetime,
    timeout: float = TIMEOUT_SECONDS,
) -> list[Delivery]:
    """
    Tell those of *alerts* that are due by each way of *settings*, and remember what was told.

    A way by which nothing is due is left alone.
    """
    done = []
    for way in ways_of(settings, timeout=timeout):
        weighing = weighed(alerts, way.name, memory, now, settings.quiet)
        due = tuple(one.remark for one in weighing if one.due)
        if not due:
            continue
        problem = _within(partial(way.tell, due), 4 * timeout)
        if not problem:
            remember_told(due, way.name, memory, now)
        done.append(Delivery(way.name, way.shown, due, problem))
    return done


def _within(work: Callable[[], str], seconds: float) -> str:
    """What *work* gives; that it took too long after *seconds*: each octet of a slow answer is in time."""
    told: list[str] = []
    thread = threading.Thread(target=lambda: told.append(work()), daemon=True)
    thread.start()
    thread.join(seconds)
    return told[0] if told else f"not done within {seconds:g} s"


# --- mail -----------------------------------------------------------------------------


def by_mail(
    settings: AlertSettings, alerts: Sequence[Remark], *, timeout: float = TIMEOUT_SECONDS
) -> str:
    """Mail *alerts* as one plain text; gives the problem, empty when every recipient was taken."""
    try:
        mail = _mail(settings, alerts)
        with _session(settings, timeout) as session:
            refused = session.send_message(
                mail, from_addr=settings.mail_from, to_addrs=list(settings.mail_to)
            )
    except smtplib.SMTPRecipientsRefused as error:
        refused = error.recipients
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return f"{settings.smtp_host}:{settings.smtp_port}: {_why(error)}"
    if refused:
        who, (code, said) = next(iter(refused.items()))
        return f"{settings.smtp_host} refuses {who}: {code} {_said(said)}"
    return ""


def _mail(settings: AlertSettings, alerts: Sequence[Remark]) -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = settings.mail_from
    mail["To"] = ", ".join(settings.mail_to)
    mail["Subject"] = headline(alerts)
    mail["Date"] = format_datetime(datetime.now(UTC))
    mail["Message-ID"] = make_msgid(domain=settings.mail_from.rpartition("@")[2] or None)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834 section 5: no answer to it, please
    mail.set_content(letter(alerts))
    return mail


@contextmanager
def _session(settings: AlertSettings, timeout: float) -> Iterator[smtplib.SMTP]:
    """A session with the mail server, with TLS and log-in as far as *settings* ask for them."""
    host, port, security = settings.smtp_host, settings.smtp_port, settings.smtp_security
    if security == "tls":
        session: smtplib.SMTP = smtplib.SMTP_SSL(
            host, port, timeout=timeout, context=ssl.create_default_context()
        )
    else:
        session = smtplib.SMTP(host, port, timeout=timeout)
    try:
        session.ehlo()
        if security == "starttls":
            session.starttls(context=ssl.create_default_context())
            session.ehlo()
        elif security == "opportunistic" and session.has_extn("starttls"):
            session.starttls(context=_unjudging())
            session.ehlo()
        if settings.smtp_user:
            session.login(settings.smtp_user, settings.smtp_password)
        yield session
    finally:
        with suppress(smtplib.SMTPException, OSError):
            session.quit()
        session.close()


def _unjudging() -> ssl.SSLContext:
    """For opportunistic TLS: a bad certificate is no worse than none (RFC 7435 section 3)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _why(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_said(error.smtp_error)}"
    if isinstance(error, TimeoutError) or "timed out" in str(error):  # smtplib wraps it
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return clean(error.strerror, 200)
    return clean(str(error), 200) or type(error).__name__


def _said(octets: bytes | str) -> str:
    text = octets.decode("utf-8", "replace") if isinstance(octets, bytes) else octets
    return clean(text, 200)


# --- webhook --------------------------------------------------------------------------


def by_webhook(url: str, alerts: Sequence[Remark], *, timeout: float = TIMEOUT_SECONDS) -> str:
    """Post *alerts* to *url* as JSON; gives the problem, empty when it answers with 2xx."""
    import httpx

    host = urlsplit(url).hostname or "the webhook"
    try:
        # What comes back is not read: who answers may be anybody.
        with httpx.stream("POST", url, json=document(alerts), timeout=timeout) as answer:
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        if isinstance(error, httpx.TimeoutException):
            return f"{host}: no answer in time"
        # Of other errors the words may hold the URL, which is a secret.
        connecting = isinstance(error, httpx.ConnectError)
        return f"{host}: {clean(str(error), 200) if connecting else type(error).__name__}"
    return "" if 200 <= status < 300 else f"{host} answers with HTTP status {status}"


# --- command --------------------------------------------------------------------------


def by_command(
    words: Sequence[str], alerts: Sequence[Remark], *, timeout: float = TIMEOUT_SECONDS
) -> str:
    """
    Start the program *words*, without a shell, with *alerts* as JSON on its standard input.

    Gives the problem, empty when it ends with 0; after *timeout* it is stopped with all it started.
    """
    program = clean(words[0], 100)
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(  # noqa: S603 - the operator's own program, and no shell
                list(words),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return f"{program} cannot be started: {_why(error)}"
        try:
            process.communicate(json.dumps(document(alerts)).encode(), timeout=timeout)
        except subprocess.TimeoutExpired:
            _stop(process)
            return f"{program} did not end within {timeout:g} s"
        except BaseException:
            _stop(process)
            raise
        if process.returncode == 0:
            return ""
        said.seek(0)
        words_said = clean(said.read(2000).decode("utf-8", "replace"), 200)
    return f"{program} ended with {process.returncode}" + (f": {words_said}" if words_said else "")


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
