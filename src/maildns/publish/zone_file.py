"""
Publishing into a zone file on this machine.

The file is changed in place of a person with an editor: lines that are not ours
stay as they are, the serial is raised, and whoever reads the file sees the old
or the new one, never half. Telling the name server to load it is the caller's.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from maildns.dnsdata import RRset, is_within, name, parent
from maildns.errors import InputError, MaildnsError, PublishError, StalePlan, UsageError
from maildns.publish.contract import Key, RRsetChange, ZoneContents
from maildns.zonefile import edit, parse_records, rrsets_of

LOCK_SECONDS = 30.0
_SIGNED_BY_OTHERS = ("RRSIG", "NSEC", "NSEC3")
_Signature = tuple[int, int, int]  # inode, size, time of change


def _now() -> datetime:
    return datetime.now(UTC)


class ZoneFilePublisher:
    """
    The zone *origin* in the zone file *path*.

    A symbolic link is followed, and what it points to is replaced. With *create*
    a missing file is taken for an empty one and made on the first publishing.
    *clock* gives the date for serials of the style YYYYMMDDnn.
    """

    def __init__(
        self,
        path: Path,
        origin: str,
        *,
        create: bool = False,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self.path = path
        self.origin = name(origin)
        self._create = create
        self._clock = clock
        self._read: tuple[_Signature | None, dict[Key, RRset]] | None = None

    def __repr__(self) -> str:
        return f"ZoneFilePublisher({str(self.path)!r}, {self.origin!r})"

    @property
    def label(self) -> str:
        """What people call it."""
        return f"zone file {self.path}"

    def zone_of(self, name: str) -> str | None:
        """
        The zone, when *name* is in it and not given away to other name servers.

        Raises `InputError` when the file cannot be read.
        """
        if not is_within(name, self.origin) or self._delegated(name, self._rrsets()):
            return None
        return self.origin

    def read(self, keys: Collection[Key]) -> ZoneContents:
        """
        What stands at *keys*; names of other zones are `unknown`.

        Raises `InputError` when the file is missing or cannot be read.
        """
        rrsets = self._rrsets()
        found: dict[Key, RRset] = {}
        aliases: dict[str, RRset] = {}
        unknown: dict[Key, str] = {}
        for key in keys:
            reason = self._not_ours(key[0], rrsets)
            if reason:
                unknown[key] = reason
                continue
            if key in rrsets and key[1] != "CNAME":
                found[key] = rrsets[key]
            if (key[0], "CNAME") in rrsets:
                aliases[key[0]] = rrsets[key[0], "CNAME"]
        return ZoneContents(found, aliases, unknown)

    def publish(self, changes: Sequence[RRsetChange]) -> None:
        """
        Put all *changes* into the file, or none; a change that holds already is done.

        Raises `StalePlan` when a `before` does not hold, `PublishError` when the
        file cannot be written or is not one to be written by hand (signed, or kept
        by the name server), `InputError` when it cannot be read, `UsageError` for a
        name of another zone.
        """
        with self._alone() as target:
            signature, text = self._text(target)
            rrsets = self._parsed(text)
            self._refuse_foreign(target, rrsets, changes)
            todo = [change for change in changes if not _holds(change, rrsets)]
            conflicts = tuple(filter(None, (_conflict(change, rrsets) for change in todo)))
            if conflicts:
                raise StalePlan(conflicts)
            if not todo:
                return
            edited = self._edited(text, rrsets, todo)
            try:
                _replace(target, edited, signature)
            except OSError as error:
                raise PublishError(
                    f"{target} cannot be written: {error.strerror}",
                    may_retry=error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EINTR},
                    hint="the folder must be writable too: a new file takes the old one's place",
                ) from error

    # --- reading ------------------------------------------------------------------

    def _rrsets(self) -> dict[Key, RRset]:
        """All sets of the file, read anew when it has changed."""
        target = self._target()
        signature = _signature(target)
        if self._read is None or self._read[0] != signature:
            signature, text = self._text(target)
            self._read = (signature, self._parsed(text))
        return self._read[1]

    def _target(self) -> Path:
        """The file itself, where *path* is a link to it."""
        return self.path.resolve()

    def _text(self, target: Path) -> tuple[_Signature | None, str]:
        signature = _signature(target)
        try:
            octets = target.read_bytes()
        except FileNotFoundError:
            if self._create:
                return None, ""
            raise InputError(
                "there is no such zone file",
                path=self.path,
                hint="check the path; `maildns export --format zone` makes a first one",
            ) from None
        except OSError as error:
            raise InputError(
                f"the zone file cannot be read: {error.strerror}",
                path=self.path,
                hint="it must be a file that this user may read",
            ) from error
        # Octets that are not UTF-8 stand in comments of old files; they come back as they were.
        return signature, octets.decode("utf-8", "surrogateescape")

    def _parsed(self, text: str) -> dict[Key, RRset]:
        rrsets = rrsets_of(parse_records(text, self.origin, path=self.path))
        zones = sorted(owner for owner, rrtype in rrsets if rrtype == "SOA")
        if zones and self.origin not in zones:
            raise InputError(
                f"this is the zone {', '.join(zones[:3])}, not {self.origin}",
                path=self.path,
                hint="check which zone this file is for",
            )
        return rrsets

    def _not_ours(self, owner: str, rrsets: Mapping[Key, RRset]) -> str:
        if not is_within(owner, self.origin):
            return f"{owner} is not in the zone {self.origin}"
        cut = self._delegated(owner, rrsets)
        return f"{cut} is given to other name servers (NS)" if cut else ""

    def _delegated(self, owner: str, rrsets: Mapping[Key, RRset]) -> str | None:
        """The name below the apex with NS records that *owner* stands at or below."""
        cut = owner
        while cut != self.origin:
            if (cut, "NS") in rrsets:
                return cut
            cut = parent(cut)
            if not is_within(cut, self.origin):
                break
        return None

    # --- writing ------------------------------------------------------------------

    @contextmanager
    def _alone(self) -> Iterator[Path]:
        """Hold the folder against other runs of this program; the lock leaves nothing behind."""
        target = self._target()
        try:
            folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise InputError(
                f"the folder of the zone file cannot be read: {error.strerror}",
                path=self.path,
                hint="check the path",
            ) from error
        try:
            _lock(folder, target.parent)
            yield target
        finally:
            os.close(folder)

    def _refuse_foreign(
        self,
        target: Path,
        rrsets: Mapping[Key, RRset],
        changes: Sequence[RRsetChange],
    ) -> None:
        """Raise when the file is not ours to write, or a change not for it."""
        for change in changes:
            reason = self._not_ours(change.name, rrsets)
            if reason:
                raise UsageError(f"{change.rrtype} at {change.name} cannot go here: {reason}")
        if any(rrtype in _SIGNED_BY_OTHERS for _, rrtype in rrsets):
            raise PublishError(
                f"{target} is a signed zone: a change would break its signatures",
                hint="give the unsigned file that the signer reads, or publish by RFC 2136",
            )
        journal = target.with_name(target.name + ".jnl")
        if journal.exists():
            raise PublishError(
                f"the name server keeps {target} itself: there is a journal, {journal.name}",
                hint="publish by RFC 2136; or, if the zone is not dynamic any more, "
                f"let `rndc sync -clean {self.origin}` remove the journal",
            )

    def _edited(self, text: str, before: dict[Key, RRset], todo: list[RRsetChange]) -> str:
        """The new text, read again and found to hold just what was wanted."""
        edited = edit(
            text,
            self.origin,
            [(change.name, change.rrtype, change.after) for change in todo],
            today=self._clock().date(),
            path=self.path,
        )
        wanted = dict(before)
        for change in todo:
            wanted.pop(change.key, None)
            if change.after is not None:
                wanted[change.key] = change.after
        found = rrsets_of(parse_records(edited, self.origin))
        amiss = sorted(
            key
            for key in wanted.keys() | found.keys()
            if key[1] != "SOA" and _records(wanted.get(key)) != _records(found.get(key))
        )
        if amiss:
            owner, rrtype = amiss[0]
            raise PublishError(
                f"{rrtype} at {owner} would not be as wanted; the file is left as it was",
                hint="make this change by hand",
            )
        for change in todo:
            _refuse_alias_beside_data(change.name, found)
        return edited


def _refuse_alias_beside_data(owner: str, rrsets: Mapping[Key, RRset]) -> None:
    # RFC 1034 section 3.6.2: no other data stands beside a CNAME
    if (owner, "CNAME") not in rrsets:
        return
    beside = [rrtype for name_, rrtype in rrsets if name_ == owner and rrtype != "CNAME"]
    if beside:
        raise PublishError(
            f"{owner} would have a CNAME and {', '.join(sorted(beside))}; name servers refuse that",
            hint="take the CNAME away in the same plan, or leave the name to it",
        )


def _records(rrset: RRset | None) -> frozenset[object]:
    return frozenset(rrset.records) if rrset else frozenset()


def _holds(change: RRsetChange, rrsets: Mapping[Key, RRset]) -> bool:
    """Whether *change* is carried out already, TTL included."""
    now = rrsets.get(change.key)
    if now is None or change.after is None:
        return now is change.after
    return _records(now) == _records(change.after) and now.ttl_seconds == change.after.ttl_seconds


def _conflict(change: RRsetChange, rrsets: Mapping[Key, RRset]) -> str:
    """How what stands there differs from what *change* was made for; empty when it does not."""
    now = rrsets.get(change.key)
    if _records(now) == _records(change.before):
        return ""
    expected, found = _shown(change.before), _shown(now)
    return f"{change.rrtype} at {change.name}: expected {expected}, found {found}"


def _shown(rrset: RRset | None) -> str:
    return " | ".join(str(record) for record in rrset.records) if rrset else "nothing"


# --- the file system ------------------------------------------------------------------


def _signature(target: Path) -> _Signature | None:
    try:
        stat = target.stat()
    except OSError:
        return None
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns)


def _lock(folder: int, path: Path) -> None:
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise PublishError(
                    f"another run has held {path} for {LOCK_SECONDS:.0f} seconds", may_retry=True
                ) from None
            time.sleep(0.02)
        except OSError as error:
            raise PublishError(
                f"{path} cannot be locked: {error.strerror}",
                hint="zone files must be on a file system with locks",
            ) from error
        else:
            return


def _replace(target: Path, text: str, signature: _Signature | None) -> None:
    """
    Put *text* in place of *target*, whole or not at all, with its mode and owner.

    A draft that a killed run left behind is removed: the folder's lock is ours.
    """
    draft = target.with_name(f".{target.name}.maildns-draft")
    draft.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            file.write(text.encode("utf-8", "surrogateescape"))
            file.flush()
            _take_after(target, file.fileno())
            os.fsync(file.fileno())
        if _signature(target) != signature:
            raise PublishError(
                f"{target} was changed by someone else at this very moment", may_retry=True
            )
        draft.replace(target)
    except (OSError, MaildnsError):
        draft.unlink(missing_ok=True)
        raise
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _take_after(target: Path, descriptor: int) -> None:
    """Give the open file the mode, owner and attributes of *target*; of a new one the usual mode."""
    try:
        old = target.stat()
    except FileNotFoundError:
        os.fchmod(descriptor, 0o644)
        return
    new = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        try:
            os.fchown(descriptor, old.st_uid, old.st_gid)
        except PermissionError:
            raise PublishError(
                f"{target} belongs to another user or group, and the new file would not",
                hint="run as the owner of the file, so that the name server can still read it",
            ) from None
    os.fchmod(descriptor, old.st_mode & 0o7777)
    for attribute in os.listxattr(target):
        with suppress(OSError):  # some, such as SELinux labels, only the system may set
            os.setxattr(descriptor, attribute, os.getxattr(target, attribute))
