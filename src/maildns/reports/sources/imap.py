"""
Reports in a mailbox that IMAP reaches (RFC 9051, RFC 3501).

The library's own `flag` and `move` are not used: they expunge, and that removes whatever anybody
has marked as deleted in the folder. Here mail is deleted only where that was asked for, and then
by its UID.
"""

from __future__ import annotations

import imaplib
import re
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final, Self, TypeVar

from maildns.errors import MailboxError, UsageError
from maildns.reports.keeping import Arrival, Kept, Receipt
from maildns.reports.sources.opening import MAX_OCTETS
from maildns.reports.sources.taking import BATCH_OCTETS, Brought, Fate

if TYPE_CHECKING:
    from maildns.reports.sources.imap_client import Mailbox

_T = TypeVar("_T")

ATTEMPTS: Final = 4
WAIT_SECONDS: Final = 1.0  # before the second attempt; then twice as long each time

# Keywords on the server (RFC 9051 section 2.3.2): what was taken in, and what became of it.
_KEYWORDS: Final = {
    Fate.KEPT: "MaildnsKept",
    Fate.NO_REPORT: "MaildnsNoReport",
    Fate.BAD: "MaildnsBad",
}
_LOST: Final = (imaplib.IMAP4.abort, OSError, EOFError)  # ssl.SSLError is an OSError
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class ImapAccount:
    """
    A mailbox, and what becomes of its mail.

    TLS from the first octet on is the default; with *starttls* it begins within the
    connection; *insecure* is for loopback alone. *port* 0 is 993, or 143. A mail whose report is
    kept goes to the folder *move_to*, is deleted with *delete*, and without either gets the keyword
    MaildnsKept; one that is bad goes to *bad_to* or is flagged; what is no report is flagged. A mail
    of more than *max_octets* is not fetched.

    Raises `UsageError` for what cannot be.
    """

    host: str
    user: str
    password: str = field(repr=False)
    port: int = 0
    starttls: bool = False
    insecure: bool = False
    ca_file: str = ""
    folder: str = "INBOX"
    move_to: str = ""
    bad_to: str = ""
    delete: bool = False
    batch: int = 50
    max_octets: int = MAX_OCTETS
    timeout_seconds: float = 60.0

    def __post_init__(self) -> None:
        for text in (self.host, self.user, self.password, self.folder, self.move_to, self.bad_to):
            if _CONTROLS.search(text):  # IMAP commands are lines
                raise UsageError("a name or password of a mailbox has a control character")
        if self.insecure and not _is_loopback(self.host):
            raise UsageError(
                f"without TLS a password is sent to this machine alone, not to {self.host}",
                hint="leave out insecure; starttls = true where the server has no port for TLS",
            )
        if self.delete and self.move_to:
            raise UsageError("mail that is kept is either moved or deleted", hint="choose one")

    @property
    def service(self) -> tuple[str, int]:
        """Host and port."""
        plain = self.starttls or self.insecure
        return self.host, self.port or (143 if plain else 993)

    def __str__(self) -> str:
        return f"imap://{self.host}/{self.folder}"


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class ImapMailbox:
    """
    A source of the mail of *account* that was not taken in before.

    A connection that breaks is made again, a few times; what was not kept by then is brought again.
    With *only_look* nothing is marked. Use it as a context, or `close` it. *sleep* waits between
    attempts.
    """

    def __init__(
        self,
        account: ImapAccount,
        *,
        only_look: bool = False,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.account = account
        self.only_look = only_look
        self.waiting = 0
        self._sleep = sleep
        self._open: Mailbox | None = None
        self._validity = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Log out."""
        if self._open is not None:
            with suppress(*_LOST, imaplib.IMAP4.error):
                self._open.box.client.logout()
        self._drop()

    def _drop(self) -> None:
        if self._open is not None:
            with suppress(OSError):
                self._open.box.client.shutdown()
            self._open = None

    def bring(self) -> Iterator[Brought | Receipt]:
        """
        Each mail, oldest first; `waiting` says how many there are.

        Raises `MailboxError` when the server refuses or cannot be reached.
        """
        uids = self._do(lambda mailbox: mailbox.untaken(_KEYWORDS.values()))
        self.waiting = len(uids)
        for at in range(0, len(uids), self.account.batch):
            yield from self._batch(uids[at : at + self.account.batch])

    def _batch(self, uids: Sequence[str]) -> Iterator[Brought | Receipt]:
        sizes = self._do(lambda mailbox: mailbox.sizes(uids))
        large = [uid for uid, size in sizes.items() if size > self.account.max_octets]
        for uid in large:
            reason = f"the mail has more than {self.account.max_octets} octets"
            yield Receipt(Kept.BAD, self._source(uid), reason=reason)
        if large and not self.only_look:
            self._do(lambda mailbox: mailbox.mark(large, _KEYWORDS[Fate.BAD], r"\Flagged"))
        for group in _groups({uid: size for uid, size in sizes.items() if uid not in large}):
            for uid, octets in self._fetched(group):
                yield Brought(uid, Arrival(octets, self._source(uid)))

    def _fetched(self, uids: Sequence[str]) -> list[tuple[str, bytes]]:
        return self._do(lambda mailbox: mailbox.fetch(uids))

    def _source(self, uid: str) -> str:
        return f"{self.account}#{uid}"

    def release(self, settled: Sequence[tuple[Brought, Fate]]) -> None:
        """Move, mark or delete what is settled; raises `MailboxError`."""
        by_fate: dict[Fate, list[str]] = {}
        for brought, fate in settled:
            by_fate.setdefault(fate, []).append(brought.key)
        for fate, uids in by_fate.items():
            self._let_go(fate, uids)

    def _let_go(self, fate: Fate, uids: Sequence[str]) -> None:
        account = self.account
        homes = {Fate.KEPT: account.move_to, Fate.BAD: account.bad_to}
        if fate is Fate.UNKNOWN:
            return
        if home := homes.get(fate, ""):
            self._do(lambda mailbox: mailbox.move(uids, home))
        elif fate is Fate.KEPT and account.delete:
            self._do(lambda mailbox: mailbox.delete(uids))
        else:
            mark = r"\Seen" if fate is Fate.KEPT else r"\Flagged"
            self._do(lambda mailbox: mailbox.mark(uids, _KEYWORDS[fate], mark))

    def _do(self, action: Callable[[Mailbox], _T]) -> _T:
        """Carry *action* out, over a new connection where the old one is lost."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return action(self._connected())
            except ssl.SSLCertVerificationError as error:
                raise self._refused(
                    f"its certificate is not good: {error.verify_message}"
                ) from None
            except _LOST as error:
                self._drop()
                if attempt == ATTEMPTS:
                    words = self._cleaned(error)
                    raise MailboxError(
                        f"{self.account}: cannot be reached: {words}", may_retry=True
                    ) from None
                self._sleep(WAIT_SECONDS * 2 ** (attempt - 1))
            except imaplib.IMAP4.error as error:
                self._drop()  # it may be in the middle of an answer
                raise self._refused(self._cleaned(error)) from None
        raise AssertionError  # the last attempt returns or raises

    def _connected(self) -> Mailbox:
        if self._open is None:
            from maildns.reports.sources.imap_client import open_mailbox

            made = open_mailbox(self.account)
            if self._validity and made.validity != self._validity:
                # RFC 9051 section 2.3.1.1: the UIDs name other mail now
                raise MailboxError(f"{self.account}: the folder was made anew", may_retry=True)
            self._open, self._validity = made, made.validity
        return self._open

    def _refused(self, words: str) -> MailboxError:
        return MailboxError(f"{self.account}: {words}", hint="see [[reports.imap]] in the docs")

    def _cleaned(self, error: BaseException) -> str:
        """What a server says, for people: without what it may have heard from us."""
        text = _CONTROLS.sub(" ", str(error) or type(error).__name__)
        if self.account.password:
            text = text.replace(self.account.password, "***")
        return text[:200]


def _groups(sizes: dict[str, int]) -> Iterator[list[str]]:
    """UIDs of mail that is small enough together to be fetched at once."""
    group: list[str] = []
    octets = 0
    for uid, size in sizes.items():
        if group and octets + size > BATCH_OCTETS:
            yield group
            group, octets = [], 0
        group.append(uid)
        octets += size
    if group:
        yield group
