"""The values that the tables of `maildns.toml` are made of, and what each of its tables is."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from maildns.dnsdata import name
from maildns.errors import RecordSyntaxError


def host_name(text: str) -> str:
    """Give *text* as an A-label; raises ValueError for what names no host."""
    try:
        made = name(text)
    except RecordSyntaxError as error:
        raise ValueError(error.problem) from None
    # RFC 5321 section 5.1: MX records name hosts; the last label of a host is no number.
    if made.rpartition(".")[2].isdecimal():
        raise ValueError(f"{text!r} is an address, not a name; give the host's name here")
    return made


def listed(value: Any) -> Any:
    """A single value as a list of it."""
    return value if isinstance(value, list | tuple) else [value]


HostName = Annotated[str, AfterValidator(host_name)]
Names = Annotated[tuple[HostName, ...], BeforeValidator(listed)]
Texts = Annotated[tuple[str, ...], BeforeValidator(listed)]
IPv4s = Annotated[tuple[IPv4Address, ...], BeforeValidator(listed)]
IPv6s = Annotated[tuple[IPv6Address, ...], BeforeValidator(listed)]
Ttl = Annotated[int, Field(ge=0, le=2_147_483_647)]


class Table(BaseModel):
    """A table of the file: keys that it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Secret(Table):
    """Where a passphrase or shared secret is read from; never the secret itself."""

    file: Path | None = Field(None, description="A file whose first line is the secret.")
    env: str | None = Field(None, description="The environment variable that holds the secret.")
    command: Texts = Field(
        (),
        description="A program and its arguments; the first line that it prints is the secret. No "
        "shell is between.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(map(bool, (self.file, self.env, self.command))) != 1:
            raise ValueError("give one of file, env and command")
        return self
