"""
Publishing by dynamic update (RFC 2136), signed with TSIG (RFC 8945).

One message carries all changes of a zone, and with each the condition that just
the expected records stand there (section 2.4.2), so the server itself sees to it
that nobody's change is lost: all is done, or nothing. A server ignores a record
that would stand beside a CNAME (section 3.4.2.2); such a change is refused here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import dns.name
import dns.rcode
import dns.rdatatype
import dns.update

from maildns.dnsdata import RRset, is_within
from maildns.dnsdata import name as domain_name
from maildns.errors import PublishError, RecordSyntaxError, StalePlan, UsageError
from maildns.net.convert import name_to_dns, rdata_to_dns, rdataset_to_dns, rdtype_to_dns
from maildns.plan.contents import Key, RRsetChange, ZoneContents
from maildns.publish.conversation import Conversation, NoReply, signing_key
from maildns.publish.zone_reading import ZoneReader, find_apex

_STALE = frozenset({dns.rcode.NXRRSET, dns.rcode.YXRRSET, dns.rcode.NXDOMAIN, dns.rcode.YXDOMAIN})
_HOSTS = frozenset({"MX", "SRV", "NS"})
_ROUNDS = 2  # a change that is there already is left out, and the rest told once more


class Rfc2136Publisher:
    """
    Publishes to the primary name server at *server* and *port*, with one TSIG key.

    *zones* names the zones to publish to; without them the server is asked. Queries
    are signed, too, so that a server which chooses a view by the key shows the view
    that will be changed. The secret is never shown.

    Raises `UsageError` for a zone or key that makes no sense.
    """

    local = False

    def __init__(  # noqa: PLR0913 - what one server and one key are, each by name
        self,
        server: str,
        port: int = 53,
        *,
        zones: Sequence[str] = (),
        key_name: str = "",
        key_secret: bytes = b"",
        algorithm: str = "hmac-sha256",
        timeout_seconds: float = 10.0,
        source: str = "",
    ) -> None:
        if not 0 < port < 65_536 or timeout_seconds <= 0:
            raise UsageError("the port is 1 to 65535 and timeout_seconds greater than zero")
        try:
            self.zones = tuple(domain_name(zone) for zone in zones)
        except RecordSyntaxError as error:
            raise UsageError(f"a zone's name is wrong: {error.problem}") from None
        self.server, self.port = server, port
        self.key_name = key_name
        self._key = signing_key(key_name, key_secret, algorithm)
        self._timeout_seconds = timeout_seconds
        self._source = source
        self._apexes: dict[str, str | None] = {}

    def __repr__(self) -> str:
        return f"Rfc2136Publisher({self.server!r}, {self.port}, key_name={self.key_name!r})"

    @property
    def label(self) -> str:
        """What people call it."""
        return self._conversation().label

    def place_of(self, zone: str) -> str:
        """Where *zone* is kept."""
        del zone  # all in one place
        return self.label

    def zone_of(self, name: str) -> str | None:
        """
        The zone that *name* is in; None when this server holds none above it.

        Raises `PublishError` when the server must be asked and cannot be.
        """
        if self.zones:
            holding = [zone for zone in self.zones if is_within(name, zone)]
            return max(holding, key=len, default=None)
        if name not in self._apexes:
            with self._conversation() as conversation:
                apex = find_apex(conversation, name)
            # The root is nobody's place for mail records, even where a server holds it.
            self._apexes[name] = None if apex == "." else apex
        return self._apexes[name]

    def read(self, keys: Collection[Key]) -> ZoneContents:
        """
        What stands at *keys* on this very server; unknown where it cannot or will not say.

        Raises `PublishError` when the server refuses the key.
        """
        with self._conversation() as conversation:
            return ZoneReader(conversation, self.zones, self.zone_of).read(keys)

    def publish(self, changes: Sequence[RRsetChange]) -> None:
        """
        Carry *changes* out, one message for each zone; changes already there are fine.

        Raises `StalePlan` naming the places where something else stands than expected,
        `PublishError` when the server refuses, cannot be reached, or holds no zone for a
        name. When an answer is lost the zone is read back to tell what became of it. Of
        several zones, those before the one that fails stay published; the hint names them.
        """
        by_zone: dict[str, list[RRsetChange]] = {}
        for change in changes:
            zone = self.zone_of(change.name)
            if zone is None:
                raise PublishError(
                    f"{self.label} holds no zone for {change.name}",
                    hint="name the zone, or publish where it is served from",
                )
            by_zone.setdefault(zone, []).append(change)
        done: list[str] = []
        for zone, its_changes in by_zone.items():
            try:
                self._publish_zone(zone, its_changes)
            except (PublishError, StalePlan) as error:
                if done:
                    error.hint += f"; {', '.join(done)} is published already, {zone} is not"
                raise
            done.append(zone)

    # --- one zone -----------------------------------------------------------------

    def _publish_zone(self, zone: str, changes: list[RRsetChange]) -> None:
        for _ in range(_ROUNDS):
            rcode = self._tell(zone, changes)
            if rcode == dns.rcode.NOERROR:
                return
            if rcode not in _STALE:
                raise self._refusal(rcode, zone, changes)
            changes = self._still_to_do(changes)
            if not changes:
                return
        raise StalePlan(
            tuple(f"{change.name} {change.rrtype} keeps changing" for change in changes)
        )

    def _tell(self, zone: str, changes: list[RRsetChange]) -> dns.rcode.Rcode:
        message = update_message(zone, changes)
        try:
            with self._conversation() as conversation:
                return conversation.tell(message).rcode()
        except NoReply as error:
            if not error.sent:
                raise
            return self._after_silence(zone, changes, error)

    def _after_silence(
        self, zone: str, changes: list[RRsetChange], error: NoReply
    ) -> dns.rcode.Rcode:
        """The update went out and no answer came: look whether it was carried out."""
        contents = self.read([change.key for change in changes])
        if contents.unknown:
            raise PublishError(
                f"{error.problem}; the update of {zone} may or may not have been carried out",
                may_retry=True,
                hint="look at the zone, or publish again: what is there already does no harm",
            ) from error
        if all(_is_done(change, contents) for change in changes):
            return dns.rcode.NOERROR
        raise PublishError(
            f"{error.problem}; the update of {zone} was not carried out",
            may_retry=True,
            hint=error.hint,
        ) from error

    def _still_to_do(self, changes: list[RRsetChange]) -> list[RRsetChange]:
        """The changes not there yet; raises `StalePlan` when one expects what does not stand."""
        contents = self.read([change.key for change in changes] + _neighbours(changes))
        if contents.unknown:
            reason = next(iter(contents.unknown.values()))
            raise PublishError(
                f"the zone is not what was expected, and cannot be read: {reason}", may_retry=True
            )
        to_do = [change for change in changes if not _is_done(change, contents)]
        conflicts = [text for change in to_do for text in _conflicts(change, changes, contents)]
        if conflicts:
            raise StalePlan(tuple(conflicts))
        return to_do

    def _refusal(
        self, rcode: dns.rcode.Rcode, zone: str, changes: list[RRsetChange]
    ) -> PublishError:
        places = ", ".join(f"{change.rrtype} at {change.name}" for change in changes[:3])
        if len(changes) > 3:
            places += f" and {len(changes) - 3} more"
        key = f"the key {self.key_name!r}" if self._key else "an update without a TSIG key"
        if rcode == dns.rcode.REFUSED:
            hint = "allow it in the server's update policy (BIND: update-policy or allow-update)"
            hint += "" if self._key else ", and give the key's name and secret here"
            if any(change.rrtype in _HOSTS and change.after for change in changes):
                # BIND 9 looks, after the update, whether hosts in the zone have addresses.
                hint += "; BIND also refuses MX, SRV and NS whose host in the zone has no address"
            return PublishError(
                f"{self.label} refused: its policy does not let {key} change {places}", hint=hint
            )
        if rcode in {dns.rcode.NOTAUTH, dns.rcode.NOTZONE}:
            return PublishError(
                f"{self.label} does not take updates of the zone {zone} from {key}",
                hint="publish to the zone's primary server, and check the name of the zone"
                + ("" if self._key else "; the server may want a TSIG key"),
            )
        if rcode == dns.rcode.NOTIMP:
            return PublishError(
                f"{self.label} does not know dynamic updates", hint="publish to a zone file"
            )
        return PublishError(
            f"{self.label} answered {dns.rcode.to_text(rcode)} to the update of {zone}: {places}",
            may_retry=rcode == dns.rcode.SERVFAIL,
            hint="the server's log says why",
        )

    def _conversation(self) -> Conversation:
        return Conversation(
            self.server, self.port, self._timeout_seconds, self._key, source=self._source
        )


# --- the message ----------------------------------------------------------------------


def update_message(zone: str, changes: Sequence[RRsetChange]) -> dns.update.UpdateMessage:
    """
    One update of *zone*: each `before` as a condition, then what goes, then what comes.

    >>> from maildns.dnsdata import RRset, Txt
    >>> new = RRset.of("example.com", 300, [Txt.of("v=spf1 -all")])
    >>> message = update_message("example.com", [RRsetChange("example.com", "TXT", None, new)])
    >>> [len(section) for section in message.sections]
    [1, 2, 1, 0]
    """
    message = dns.update.UpdateMessage(name_to_dns(zone))
    for change in changes:
        _demand(message, change, changes)
    # What goes first, else the server ignores data that comes in place of an alias.
    for change in changes:
        _remove(message, change)
    for change in changes:
        _add(message, change)
    return message


def _demand(
    message: dns.update.UpdateMessage, change: RRsetChange, changes: Sequence[RRsetChange]
) -> None:
    owner, rdtype = name_to_dns(change.name), rdtype_to_dns(change.rrtype)
    if change.before is not None:
        expected = rdataset_to_dns(change.before)
        expected.ttl = 0  # RFC 2136 section 2.4.2: else FORMERR
        message.present(owner, expected)
    else:
        message.absent(owner, rdtype)
    if change.after is None:
        return
    others = [other for other in changes if other.name == change.name and other is not change]
    if change.rrtype == "CNAME":
        if change.before is None and not any(other.before for other in others):
            message.absent(owner)
    elif not any(other.rrtype == "CNAME" for other in others):
        _demand_no_alias(message, owner)


def _demand_no_alias(message: dns.update.UpdateMessage, owner: dns.name.Name) -> None:
    there = any(
        rrset.name == owner and rrset.rdtype == dns.rdatatype.CNAME
        for rrset in message.prerequisite
    )
    if not there:
        message.absent(owner, dns.rdatatype.CNAME)


def _remove(message: dns.update.UpdateMessage, change: RRsetChange) -> None:
    if change.before is None:
        return
    owner = name_to_dns(change.name)
    if change.after is None or _new_ttl(change):
        message.delete(owner, rdtype_to_dns(change.rrtype))
        return
    gone = set(change.before.records) - set(change.after.records)
    for record in sorted(gone, key=str):
        message.delete(owner, rdata_to_dns(record))


def _add(message: dns.update.UpdateMessage, change: RRsetChange) -> None:
    if change.after is None:
        return
    kept: set[object] = set()
    if change.before is not None and not _new_ttl(change):
        kept = set(change.before.records)
    for record in change.after.records:
        if record not in kept:
            ttl = change.after.ttl_seconds
            message.add(name_to_dns(change.name), ttl, rdata_to_dns(record))


def _new_ttl(change: RRsetChange) -> bool:
    before, after = change.before, change.after
    return before is not None and after is not None and before.ttl_seconds != after.ttl_seconds


# --- comparing ------------------------------------------------------------------------


def _is_done(change: RRsetChange, contents: ZoneContents) -> bool:
    return contents.get(change.name, change.rrtype) == change.after


def _neighbours(changes: Sequence[RRsetChange]) -> list[Key]:
    """Where an alias would be in the way."""
    return [(change.name, "CNAME") for change in changes if change.after is not None]


def _conflicts(
    change: RRsetChange, changes: Sequence[RRsetChange], contents: ZoneContents
) -> list[str]:
    """What stands in the way of *change*, in words."""
    place = f"{change.name} {change.rrtype}"
    standing = contents.get(change.name, change.rrtype)
    if _records(standing) != _records(change.before):
        return [f"{place}: expected {_shown(change.before)}, there is {_shown(standing)}"]
    moves_alias = any(c.name == change.name and c.rrtype == "CNAME" for c in changes)
    alias = contents.alias(change.name)
    if change.after is not None and alias and not moves_alias:
        return [f"{place}: the name is an alias of {alias}"]
    if change.after is not None and change.rrtype == "CNAME" and change.before is None:
        return [f"{place}: other records may stand at the name, beside which no alias can"]
    return []


def _records(rrset: RRset | None) -> frozenset[object]:
    return frozenset(rrset.records) if rrset else frozenset()


def _shown(rrset: RRset | None) -> str:
    return ", ".join(str(record) for record in rrset.records) if rrset else "nothing"
