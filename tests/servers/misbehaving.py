"""Name servers that do as they are told, for tests: by UDP on loopback, each reply as a test wants it."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import contextmanager

import dns.message
import dns.rcode
import dns.rrset


def with_address(query):
    response = dns.message.make_response(query, recursion_available=True)
    response.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", "192.0.2.1"))
    return response.to_wire()


def with_authority(query):
    """The same, of one who has authority."""
    return with_address(query)[:2] + b"\x84" + with_address(query)[3:]


def with_rcode(query, rcode):
    response = dns.message.make_response(query)
    response.set_rcode(rcode)
    return response.to_wire()


@contextmanager
def udp_server(respond, threads=1, clients=None):
    """
    A port that answers each query with what *respond* makes of it: octets, or several.

    Writes the ports that asked into *clients*, by the ids of the queries.
    """
    asked = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.05)
        done = threading.Event()

        def serve():
            while not done.is_set():
                try:
                    wire, client = server.recvfrom(4096)
                except TimeoutError:
                    continue
                asked.append(wire)
                if clients is not None:
                    clients[int.from_bytes(wire[:2], "big")] = client[1]
                made = respond(dns.message.from_wire(wire))
                for octets in made if isinstance(made, list) else [made]:
                    server.sendto(octets, client)

        workers = [threading.Thread(target=serve) for _ in range(threads)]
        for worker in workers:
            worker.start()
        try:
            yield server.getsockname()[1], asked
        finally:
            done.set()
            for worker in workers:
                worker.join()


MISBEHAVIOUR = [
    ("garbage", lambda query: b"\xff" * 40),
    ("half a header", lambda query: b"\x00\x01\x80"),
    ("another id", lambda query: struct.pack("!H", query.id ^ 1) + with_address(query)[2:]),
    (
        "another question",
        lambda query: with_address(dns.message.make_query("evil.example", "A", id=query.id)),
    ),
    ("the query itself", lambda query: query.to_wire()),
    ("SERVFAIL", lambda query: with_rcode(query, dns.rcode.SERVFAIL)),
    ("REFUSED", lambda query: with_rcode(query, dns.rcode.REFUSED)),
    ("pointers in a circle", lambda query: with_address(query)[:12] + b"\xc0\x0c" * 20),
]
