"""What every HTML page of the house is made with: templates that escape, and a policy by hash."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


@cache
def page_environment(package: str) -> Environment:
    """The templates that lie beside the modules of *package*; all that they are given is escaped."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = files(package)
    return Environment(
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=StrictUndefined,
    )


def inline_hash(environment: Environment, name: str) -> str:
    """The hash by which a page's policy lets its own style or script run, and no other (CSP level 3)."""
    octets = environment.get_template(name).render().encode()
    return f"sha256-{b64encode(hashlib.sha256(octets).digest()).decode()}"
