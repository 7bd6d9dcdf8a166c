"""
DKIM against dkimpy in one run: signing and verifying, small messages and large ones.

    python benchmarks/dkim_messages.py

Both work through the same many messages. Each message has its own header and body, and they
come from several domains with a key each, so nothing that is remembered of one message is of
use for another. The two take turns, so that a busy machine slows both. Medians; the ratio is
how many times dkimpy's time ours fits into. Below stands the limit: `cryptography` and
SHA-256 alone, on the same octets.
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import sha256
from itertools import cycle
from typing import NamedTuple

import dkim as peer
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from maildns import World, run
from maildns.protocols import dkim
from maildns.protocols.dkim.lookup import rsa_scheme

HEADER = """\
Return-Path: <{sender}@{domain}>
Received: from mx.{domain} (mx.{domain} [192.0.2.{number}])
\tby mx.example.org (Postfix) with ESMTPS id 4{token:.10}
\tfor <b@example.org>; {date} (UTC)
Received: from client.{domain} (client.{domain} [198.51.100.{number}])
\tby mx.{domain} (Postfix) with ESMTPSA id 4{token:.9}
\tfor <b@example.org>; {date} (UTC)
From: A Sender <{sender}@{domain}>
To: B Reader <b@example.org>
Reply-To: {sender}@{domain}
Subject: hello you, {words}
Date: {date}
Message-ID: <{token}@{domain}>
In-Reply-To: <{number}.0987654321@example.org>
References: <{number}.0987654321@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

"""
TEXT = "the quick brown fox jumps over a lazy dog and so on while words like these go by"
WORDS = TEXT.split()
LIMITS = {"verify 2 kB": 8.0, "sign 2 kB": 15.0, "verify 1 MB": 10.0}
SIZES = [("2 kB", 2048, 200), ("1 MB", 1 << 20, 10)]  # octets, and how many messages
SECONDS = 4.0  # for each line
TURNS = 40
CHANCE = random.Random(6376)


class Sender(NamedTuple):
    domain: str
    key: RSAPrivateKey
    pem: bytes
    record: bytes

    @classmethod
    def of(cls, domain: str) -> Sender:
        key = dkim.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        return cls(domain, key, pem, str(dkim.key_record(key)).encode())


class Mail(NamedTuple):
    sender: Sender
    plain: bytes
    signed: bytes

    @classmethod
    def of(cls, sender: Sender, octets: int) -> Mail:
        plain = message_of(sender.domain, octets)
        signature = dkim.sign(plain, sender.key, domain=sender.domain, selector="s")
        return cls(sender, plain, signature + plain)


def message_of(domain: str, octets: int) -> bytes:
    date = format_datetime(datetime.fromtimestamp(CHANCE.randrange(1 << 30, 1 << 31), UTC))
    header = HEADER.format(
        domain=domain,
        sender=CHANCE.choice(WORDS),
        number=CHANCE.randrange(1, 255),
        token=f"{CHANCE.getrandbits(128):032x}",
        words=" ".join(CHANCE.sample(WORDS, 8)),
        date=date,
    )
    lines = [" ".join(CHANCE.choices(WORDS, k=13)) for _ in range(min(octets // 40, 500))]
    text = "\n".join(lines) + "\n"
    body = text * (octets // len(text) + 1)
    return (header + body).replace("\n", "\r\n").encode()[: octets - 2] + b"\r\n"


def medians(
    works: Sequence[Callable[[Mail], object]], mails: Sequence[Mail], seconds: float = SECONDS
) -> list[float]:
    """The median time of each of *works*, which take turns, over *mails* again and again."""
    times: list[list[float]] = [[] for _ in works]
    supplies = [cycle(mails) for _ in works]
    for _ in range(TURNS):
        for work, supply, taken in zip(works, supplies, times, strict=True):
            end = time.perf_counter() + seconds / TURNS / len(works)
            for mail in supply:
                start = time.perf_counter()
                work(mail)
                stop = time.perf_counter()
                taken.append(stop - start)
                if stop > end:
                    break
    return [statistics.median(taken) for taken in times]


def tasks(world: World) -> dict[str, Sequence[Callable[[Mail], object]]]:
    """For each task ours and dkimpy's; each raises when it does not come to what it should."""
    relaxed = (b"relaxed", b"relaxed")

    def our_verify(mail: Mail) -> None:
        if run(dkim.verify(mail.signed), world)[0].result != "pass":
            raise AssertionError(mail.signed)

    def their_verify(mail: Mail) -> None:
        if not peer.verify(mail.signed, dnsfunc=lambda *_name, **_options: mail.sender.record):
            raise AssertionError(mail.signed)

    def our_sign(mail: Mail) -> None:
        dkim.sign(mail.plain, mail.sender.key, domain=mail.sender.domain, selector="s")

    def their_sign(mail: Mail) -> None:
        domain = mail.sender.domain.encode()
        peer.sign(mail.plain, b"s", domain, mail.sender.pem, canonicalize=relaxed)

    return {"verify": [our_verify, their_verify], "sign": [our_sign, their_sign]}


def limits(sender: Sender) -> None:
    scheme = rsa_scheme()
    signature = sender.key.sign(b"data", *scheme)
    public = sender.key.public_key()
    mail = Mail(sender, message_of(sender.domain, 1 << 20), b"")
    works = {
        "RSA-2048 verified by cryptography": lambda _: public.verify(signature, b"data", *scheme),
        "RSA-2048 signed by cryptography": lambda _: sender.key.sign(b"data", *scheme),
        "SHA-256 of 1 MB": lambda mail: sha256(mail.plain).digest(),
    }
    print("\nthe limit")
    for title, seconds in zip(works, medians(list(works.values()), [mail], 1.5), strict=True):
        print(f"{title:<36}{1e6 * seconds:9.0f} us")


def main() -> int:
    senders = [Sender.of(f"sender{number}.example") for number in range(10)]
    world = World()
    for sender in senders:
        world.add(f"s._domainkey.{sender.domain}", "TXT", sender.record)
    missed = 0
    print(f"{'':<14}{'maildns':>12}{'dkimpy':>12}{'ratio':>8}{'wanted':>8}")
    for size, octets, count in SIZES:
        mails = [Mail.of(senders[at % len(senders)], octets) for at in range(count)]
        for task, works in tasks(world).items():
            title = f"{task} {size}"
            ours, theirs = medians(works, mails)
            wanted = LIMITS.get(title)
            missed += wanted is not None and theirs / ours < wanted
            print(
                f"{title:<14}{1e6 * ours:9.0f} us{1e6 * theirs:9.0f} us{theirs / ours:8.1f}"
                f"{'' if wanted is None else f'{wanted:8.0f}'}"
            )
    limits(senders[0])
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
