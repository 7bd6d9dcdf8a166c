"""
The lab's name server without its sockets: octets in, octets out, and the zones behind.

Whatever comes in, what goes out is a response or nothing; a packet that cannot be
read never stops the service. Updates are believed only with a TSIG signature of a
known key (RFC 8945), unless the lab was told to take any.
"""

from __future__ import annotations

import logging
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.update

from maildns.ask import Question
from maildns.errors import InputError
from maildns.lab.respond import answer_query
from maildns.lab.update import Refused, apply_update
from maildns.lab.zone import Zone
from maildns.net.convert import name_from_dns

_LOG = logging.getLogger(__name__)

UDP_PAYLOAD = 1232  # RFC 9715 section 3.1
CLASSIC_PAYLOAD = 512  # RFC 1035 section 4.2.1
MAX_REMEMBERED = 100_000
_HEADER_OCTETS = 12

_TSIG_ERRORS: tuple[tuple[type[Exception], dns.rcode.Rcode], ...] = (
    (dns.tsig.BadTime, dns.rcode.BADTIME),
    (dns.tsig.BadSignature, dns.rcode.BADSIG),
    (dns.message.UnknownTSIGKey, dns.rcode.BADKEY),
    (dns.tsig.BadKey, dns.rcode.BADKEY),
    (dns.tsig.BadAlgorithm, dns.rcode.BADKEY),
)


class Service:
    """
    Answers wire messages from `zones`.

    `on_change` is called with the new zone before an update counts; when it raises
    `InputError`, the update has failed and the zone stays as it was.
    """

    def __init__(
        self,
        zones: Mapping[dns.name.Name, Zone],
        keyring: Mapping[dns.name.Name, dns.tsig.Key],
        *,
        open_updates: bool = False,
        on_query: Callable[[Question], None] | None = None,
        on_change: Callable[[Zone], None] | None = None,
    ) -> None:
        self.zones = dict(zones)
        self.asked: deque[Question] = deque(maxlen=MAX_REMEMBERED)
        self._keyring = dict(keyring)
        self._open_updates = open_updates
        self._on_query = on_query
        self._on_change = on_change
        self._lock = threading.RLock()

    def handle(self, wire: bytes, *, udp: bool) -> bytes | None:
        """The response to *wire*; None when it does not deserve one."""
        # RFC 1035 section 4.1.1: less than a header, or itself a response
        if len(wire) < _HEADER_OCTETS or wire[2] & 0x80:
            return None
        try:
            with self._lock:
                response, limit = self._respond(wire)
            return response.to_wire(max_size=limit if udp else 65_535, prefer_truncation=True)
        except (dns.exception.DNSException, ValueError, struct.error, LookupError):
            return _bare(wire, dns.rcode.FORMERR)
        except Exception:  # noqa: BLE001 - a fault of ours; the next client must still be served
            _LOG.exception("a query could not be answered")
            return _bare(wire, dns.rcode.SERVFAIL)

    def replace(self, zone: Zone) -> None:
        """Put *zone* in the place of the one with its origin."""
        with self._lock:
            if self._on_change is not None:
                self._on_change(zone)
            self.zones[zone.origin] = zone

    def _respond(self, wire: bytes) -> tuple[dns.message.Message, int]:
        try:
            query = dns.message.from_wire(wire, keyring=self._keyring)
        except tuple(kind for kind, _ in _TSIG_ERRORS) as error:
            return self._tsig_refusal(wire, error), UDP_PAYLOAD
        limit = CLASSIC_PAYLOAD
        if query.edns >= 0:
            limit = max(CLASSIC_PAYLOAD, min(query.payload, UDP_PAYLOAD))
        return self._dispatch(query), limit

    def _dispatch(self, query: dns.message.Message) -> dns.message.Message:
        if query.edns > 0:  # RFC 6891 section 6.1.3
            return _refusal(query, dns.rcode.BADVERS)
        if isinstance(query, dns.update.UpdateMessage):
            return self._update(query)
        if query.opcode() != dns.opcode.QUERY:
            return _refusal(query, dns.rcode.NOTIMP)
        if len(query.question) != 1:
            return _refusal(query, dns.rcode.FORMERR)
        question = query.question[0]
        self._remember(question)
        if dns.rdatatype.is_metatype(question.rdtype) and question.rdtype != dns.rdatatype.ANY:
            return _refusal(query, dns.rcode.REFUSED)  # zone transfers
        return answer_query(query, self.zones)

    def _remember(self, question: dns.rrset.RRset) -> None:
        asked = Question(name_from_dns(question.name), dns.rdatatype.to_text(question.rdtype))
        self.asked.append(asked)
        if self._on_query is not None:
            self._on_query(asked)

    # --- updates ------------------------------------------------------------------

    def _update(self, message: dns.update.UpdateMessage) -> dns.message.Message:
        if len(message.zone) != 1:  # RFC 2136 section 3.1.1
            return _refusal(message, dns.rcode.FORMERR)
        asked = message.zone[0]
        zone = self.zones.get(asked.name)
        if zone is None or asked.rdclass != dns.rdataclass.IN:
            return _refusal(message, dns.rcode.NOTAUTH)
        if not message.had_tsig and not self._open_updates:
            return _refusal(message, dns.rcode.REFUSED)
        try:
            changed = apply_update(zone, message)
            if changed is not zone:
                self.replace(changed)
        except Refused as refused:
            return _refusal(message, refused.rcode)
        except InputError:  # it could not be written down
            return _refusal(message, dns.rcode.SERVFAIL)
        return dns.message.make_response(message)

    def _tsig_refusal(self, wire: bytes, error: Exception) -> dns.message.Message:
        """NOTAUTH with the error in a TSIG record (RFC 8945 section 5.2)."""
        code = next(code for kind, code in _TSIG_ERRORS if isinstance(error, kind))
        query = dns.message.from_wire(wire, keyring=False)
        response = _refusal(query, dns.rcode.NOTAUTH)
        if query.tsig is None:
            return response
        theirs = query.tsig[0]
        key = self._keyring.get(query.tsig.name)
        if code == dns.rcode.BADTIME and key is not None:
            # Section 5.2.3: signed, and with the server's own clock.
            now = struct.pack("!Q", int(time.time()))[2:]
            response.use_tsig(key, None, theirs.fudge, None, int(code), now)
            response.request_mac = theirs.mac
            return response
        rdata = theirs.replace(mac=b"", error=int(code), other=b"")
        response.tsig = dns.rrset.from_rdata(query.tsig.name, 0, rdata)
        return response


def _refusal(query: dns.message.Message, rcode: dns.rcode.Rcode) -> dns.message.Message:
    response = dns.message.make_response(query, our_payload=UDP_PAYLOAD)
    response.set_rcode(rcode)
    return response


def _bare(wire: bytes, rcode: dns.rcode.Rcode) -> bytes:
    """A response of a header alone, for a query that cannot be read."""
    flags = 0x8000 | (wire[2] & 0x79) << 8 | int(rcode)  # QR, with the query's opcode and RD
    return wire[:2] + struct.pack("!HHHHH", flags, 0, 0, 0, 0)
