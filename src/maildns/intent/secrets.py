"""Reading a secret from where `maildns.toml` says it is: a file, the environment, or a program."""

from __future__ import annotations

import os
import subprocess

from maildns.intent.load import ConfigSource, Place
from maildns.intent.values import Secret

MAX_SECRET_OCTETS = 1024 * 1024
COMMAND_SECONDS = 30.0  # a password manager may ask its owner


def read_secret(secret: Secret, source: ConfigSource, place: Place) -> bytes:
    """
    The secret's octets: the first line of its file or program's output, or its variable's value.

    A program runs without a shell, in the folder of the config, and is given half a minute. Raises
    `ConfigError` when there is none; the secret itself is in no message.
    """
    if secret.file is not None:
        return _of_file(secret, source, place)
    if secret.command:
        return _of_command(secret.command, source, place)
    value = os.environ.get(secret.env or "")
    if not value:
        problem = f"the environment variable {secret.env} is not set"
        raise source.error(place, problem, f"export {secret.env}=...")
    return value.encode()


def _of_file(secret: Secret, source: ConfigSource, place: Place) -> bytes:
    path = source.file(secret.file or "", place)
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_OCTETS + 1)
    except OSError as error:
        raise source.error(place, f"cannot read {path}: {error.strerror}") from None
    if len(content) > MAX_SECRET_OCTETS:
        raise source.error(place, f"{path} is too large to be a secret")
    return _first_line(content) or _none(
        source, place, f"{secret.file} is empty", "its first line is the secret"
    )


def _of_command(command: tuple[str, ...], source: ConfigSource, place: Place) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603  # the owner's own words, and no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            cwd=source.path.parent,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        problem = f"{command[0]} took more than {COMMAND_SECONDS:.0f} seconds"
        raise source.error(place, problem, "a program that asks nobody is wanted") from None
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise source.error(place, f"cannot run {command[0]}: {words}") from None
    if done.returncode != 0:
        problem = f"{command[0]} ended with status {done.returncode}"
        raise source.error(place, problem, "run it by hand to see why")
    return _first_line(done.stdout) or _none(
        source, place, f"{command[0]} printed nothing", "its first line is the secret"
    )


def _first_line(content: bytes) -> bytes:
    lines = content.splitlines()
    return lines[0].strip() if lines else b""


def _none(source: ConfigSource, place: Place, problem: str, hint: str) -> bytes:
    raise source.error(place, problem, hint)
