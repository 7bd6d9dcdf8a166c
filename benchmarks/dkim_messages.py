"""
DKIM against dkimpy in one run: signing and verifying, small messages and large ones.

    python benchmarks/dkim_messages.py

Medians; the ratio is how many times dkimpy's time ours fits into. Below stands the limit:
`cryptography` and SHA-256 alone, on the same octets.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable
from hashlib import sha256

import dkim as peer
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from maildns import World, run
from maildns.protocols import dkim
from maildns.protocols.dkim.lookup import rsa_scheme

HEADER = b"""\
Return-Path: <a@example.com>
Received: from mx.example.com (mx.example.com [192.0.2.1])
\tby mx.example.org (Postfix) with ESMTPS id 4Zxy1234
\tfor <b@example.org>; Fri, 11 Jul 2025 21:00:39 -0700 (PDT)
Received: from client.example.com (client.example.com [192.0.2.7])
\tby mx.example.com (Postfix) with ESMTPSA id 4Zxy1233
\tfor <b@example.org>; Fri, 11 Jul 2025 21:00:38 -0700 (PDT)
From: A Sender <a@example.com>
To: B Reader <b@example.org>
Reply-To: a@example.com
Subject: hello you, and a few words more on this
Date: Fri, 11 Jul 2025 21:00:37 -0700
Message-ID: <1234567890.1234@example.com>
In-Reply-To: <0987654321@example.org>
References: <0987654321@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

""".replace(b"\n", b"\r\n")
LINE = b"The quick brown fox jumps over the lazy dog, and so on and on.\r\n"
LIMITS = {"verify 2 kB": 8.0, "sign 2 kB": 15.0, "verify 1 MB": 10.0}


def message_of(octets: int) -> bytes:
    return HEADER + (LINE * (octets // len(LINE) + 1))[: octets - len(HEADER) - 2] + b"\r\n"


def median(work: Callable[[], object], seconds: float = 1.0) -> float:
    """The median time of *work*, repeated for about *seconds*."""
    work()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> int:
    key = dkim.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    record = str(dkim.key_record(key)).encode()
    world = World()
    world.add("s._domainkey.example.com", "TXT", record)
    relaxed = (b"relaxed", b"relaxed")
    missed = 0
    print(f"{'':<14}{'maildns':>12}{'dkimpy':>12}{'ratio':>8}{'wanted':>8}")
    for size, octets in (("2 kB", 2048), ("1 MB", 1 << 20)):
        plain = message_of(octets)
        signed = dkim.sign(plain, key, domain="example.com", selector="s") + plain
        cases: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
            f"verify {size}": (
                lambda m=signed: run(dkim.verify(m), world),
                lambda m=signed: peer.verify(m, dnsfunc=lambda *_name, **_options: record),
            ),
            f"sign {size}": (
                lambda m=plain: dkim.sign(m, key, domain="example.com", selector="s"),
                lambda m=plain: peer.sign(m, b"s", b"example.com", pem, canonicalize=relaxed),
            ),
        }
        for title, (ours, theirs) in cases.items():
            gc.collect()
            mine, other = median(ours), median(theirs)
            wanted = LIMITS.get(title)
            missed += wanted is not None and other / mine < wanted
            print(
                f"{title:<14}{1e6 * mine:9.0f} us{1e6 * other:9.0f} us{other / mine:8.1f}"
                f"{'' if wanted is None else f'{wanted:8.0f}'}"
            )
    scheme = rsa_scheme()
    signature = key.sign(b"data", *scheme)
    public = key.public_key()
    megabyte = message_of(1 << 20)
    limits = {
        "RSA-2048 verified by cryptography": lambda: public.verify(signature, b"data", *scheme),
        "RSA-2048 signed by cryptography": lambda: key.sign(b"data", *scheme),
        "SHA-256 of 1 MB": lambda: sha256(megabyte).digest(),
    }
    print("\nthe limit")
    for title, work in limits.items():
        print(f"{title:<36}{1e6 * median(work, 0.5):9.0f} us")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
