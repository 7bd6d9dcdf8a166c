"""One connection to a mailbox, over imap-tools: the few commands that fetching reports needs."""

from __future__ import annotations

import imaplib
import re
import ssl
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from imap_tools import BaseMailBox
from imap_tools.errors import ImapToolsError
from imap_tools.utils import encode_folder

from maildns.errors import UsageError

if TYPE_CHECKING:
    from maildns.reports.sources.imap import ImapAccount

_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
_SLACK_OCTETS = 1 << 16  # lines around a literal


class _Bounded(imaplib.IMAP4):
    """A client that reads no literal longer than what was asked for."""

    most_octets = _SLACK_OCTETS

    def read(self, size: int) -> bytes:
        if size > self.most_octets:
            raise self.error(f"the server sends {size} octets at once, which is too much")
        return super().read(size)


class _BoundedTls(_Bounded, imaplib.IMAP4_SSL):
    """Likewise, with TLS from the start."""


class _Box(BaseMailBox):
    def __init__(self, account: ImapAccount) -> None:
        self.account = account
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        account = self.account
        host, port = account.service
        if account.insecure:
            return self._bounded(_Bounded(host, port, account.timeout_seconds))
        context = ssl.create_default_context(cafile=account.ca_file or None)
        if not account.starttls:
            made = _BoundedTls(host, port, ssl_context=context, timeout=account.timeout_seconds)
            return self._bounded(made)
        client = _Bounded(host, port, account.timeout_seconds)
        if "STARTTLS" not in client.capabilities:
            close(client)
            raise client.error("the server offers no STARTTLS, so no password is sent")
        try:
            client.starttls(context)
        except BaseException:
            close(client)
            raise
        return self._bounded(client)

    def _bounded(self, client: _Bounded) -> imaplib.IMAP4:
        client.most_octets = self.account.max_octets + _SLACK_OCTETS
        return client


class Mailbox:
    """
    A folder that is open for writing.

    What it does raises `imaplib.IMAP4.error` when the server refuses, and `imaplib.IMAP4.abort` or
    `OSError` when the connection is lost.
    """

    def __init__(self, box: _Box) -> None:
        self.box = box
        client = box.client
        _, told = client.capability()
        self.capabilities = frozenset(b" ".join(told).decode("ascii", "replace").upper().split())
        _checked(client.select(_name(box.account.folder)))
        self.validity = _response(client, "UIDVALIDITY")
        self.has_keywords = r"\*" in _response(client, "PERMANENTFLAGS")
        if not self.has_keywords and not (box.account.move_to or box.account.delete):
            raise UsageError(
                f"{box.account}: the server keeps no keywords, so mail cannot be marked as taken in",
                hint="give move_to, a folder for mail whose report is kept",
            )

    def untaken(self, keywords: Iterable[str]) -> list[str]:
        """The UIDs of mail that bears none of *keywords*, and is not marked as deleted."""
        bare = " ".join(f"UNKEYWORD {one}" for one in keywords)
        criteria = f"UNDELETED {bare if self.has_keywords else 'UNFLAGGED'}"
        found = self._uid("SEARCH", criteria)
        return [uid for line in found if isinstance(line, bytes) for uid in line.decode().split()]

    def sizes(self, uids: Sequence[str]) -> dict[str, int]:
        """The size of each mail that is still there, in octets."""
        sizes = {}
        for item in self._uid("FETCH", ",".join(uids), "(UID RFC822.SIZE)"):
            line = item if isinstance(item, bytes) else b""
            if (uid := _UID.search(line)) and (size := _SIZE.search(line)):
                sizes[uid[1].decode()] = int(size[1])
        return {uid: sizes[uid] for uid in uids if uid in sizes}

    def fetch(self, uids: Sequence[str]) -> list[tuple[str, bytes]]:
        """Each mail that is still there as it is, without marking it as seen."""
        mails: dict[str, bytes] = {}
        octets = b""
        for item in self._uid("FETCH", ",".join(uids), "(UID BODY.PEEK[])"):
            line = item[0] if isinstance(item, tuple) else item or b""
            if isinstance(item, tuple):
                octets = item[1]
            # The UID may stand before the mail or after it (RFC 9051 section 7.5.2).
            if octets and (uid := _UID.search(line)):
                mails[uid[1].decode()] = octets
                octets = b""
        return [(uid, mails[uid]) for uid in uids if uid in mails]

    def mark(self, uids: Sequence[str], keyword: str, flag: str) -> None:
        """Add *flag*, and *keyword* where the server keeps such."""
        flags = f"{keyword} {flag}" if self.has_keywords else flag
        self._uid("STORE", ",".join(uids), "+FLAGS.SILENT", f"({flags})")

    def move(self, uids: Sequence[str], folder: str) -> None:
        """Move to *folder*, which is made when it is not there (RFC 6851)."""
        moves = "MOVE" in self.capabilities
        command = "MOVE" if moves else "COPY"
        try:
            self._uid(command, ",".join(uids), _name(folder))
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            if "TRYCREATE" not in str(error):  # RFC 9051 section 6.4.7
                raise
            _checked(self.box.client.create(_name(folder)))
            self._uid(command, ",".join(uids), _name(folder))
        if not moves:
            self.delete(uids)

    def delete(self, uids: Sequence[str]) -> None:
        """Delete these and no others; without UIDPLUS they stay, marked as deleted (RFC 4315)."""
        self._uid("STORE", ",".join(uids), "+FLAGS.SILENT", r"(\Deleted)")
        if "UIDPLUS" in self.capabilities:
            self._uid("EXPUNGE", ",".join(uids))

    def _uid(self, command: str, *words: Any) -> list[Any]:
        return _checked(self.box.client.uid(command, *words))


def open_mailbox(account: ImapAccount) -> Mailbox:
    """Connect, log in and open the folder; raises as `Mailbox` says."""
    box = _Box(account)
    try:
        if account.password.isascii() and account.user.isascii():
            box.login(account.user, account.password, initial_folder=None)
        else:
            box.login_utf8(account.user, account.password, initial_folder=None)
        return Mailbox(box)
    except ImapToolsError as error:
        close(box.client)
        raise imaplib.IMAP4.error(str(error)) from None
    except BaseException:
        close(box.client)
        raise


def _name(folder: str) -> str:
    """The name of *folder* as a command has it: quoted, in modified UTF-7 (RFC 3501 section 5.1.3)."""
    return encode_folder(folder).decode("ascii")


def close(client: imaplib.IMAP4) -> None:
    """Close the connection, in whatever state it is."""
    with suppress(OSError):
        client.shutdown()


def _checked(answer: tuple[str, list[Any]]) -> list[Any]:
    status, found = answer
    if status != "OK":
        words = b" ".join(one for one in found if isinstance(one, bytes))
        raise imaplib.IMAP4.error(words.decode("ascii", "replace") or status)
    return [one for one in found if one is not None]


def _response(client: imaplib.IMAP4, code: str) -> str:
    """What the server said of *code* when the folder was opened."""
    found = client.response(code)[1]
    return b" ".join(one for one in found if isinstance(one, bytes)).decode("ascii", "replace")
