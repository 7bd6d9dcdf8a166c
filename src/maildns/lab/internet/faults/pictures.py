"""Faults of the picture that a BIMI record names, and of its mark certificate."""

from __future__ import annotations

from maildns.lab.internet.faults.fault import fault
from maildns.lab.internet.mark import picture_of
from maildns.lab.internet.sites import Site, add_brand


def _show(site: Site, picture: bytes) -> None:
    """Serve *picture*, and vouch for it."""
    brand = add_brand(site)
    brand.picture = brand.certified = picture


@fault("bimi-picture-not-served")
def bimi_picture_missing(site: Site) -> None:
    """There is no picture where the BIMI record says: 404."""
    add_brand(site).picture = None


@fault("bimi-picture-profile")
def bimi_picture_not_tiny_ps(site: Site) -> None:
    """The BIMI picture is SVG as a drawing program writes it, with a script."""
    picture = picture_of(site.name).replace(b'"tiny-ps"', b'"tiny" x="0px" y="0px"')
    _show(site, picture.replace(b"</svg>", b"<script>alert(1)</script></svg>"))


@fault("bimi-picture-too-large")
def bimi_picture_too_large(site: Site) -> None:
    """The BIMI picture is larger than 32 KB."""
    _show(site, picture_of(site.name, padding=40_000))


@fault("bimi-picture-unreadable")
def bimi_picture_not_svg(site: Site) -> None:
    """What is served as the BIMI picture is a web page."""
    add_brand(site).picture = b"<!DOCTYPE html><html><body>not found</body></html>"


@fault("bimi-certificate-expired")
def bimi_certificate_expired(site: Site) -> None:
    """The mark certificate has expired."""
    add_brand(site).days = -3


@fault("bimi-certificate-expires-soon")
def bimi_certificate_expires_soon(site: Site) -> None:
    """The mark certificate expires in ten days."""
    add_brand(site).days = 10


@fault("bimi-certificate-picture")
def bimi_other_picture(site: Site) -> None:
    """The mark certificate is for another picture than the one that is served."""
    add_brand(site).certified = picture_of("another mark")


@fault("bimi-certificate-names")
def bimi_certificate_of_another(site: Site) -> None:
    """The mark certificate is for another domain."""
    add_brand(site).names = ["another.lab"]


@fault("bimi-certificate-not-served")
def bimi_certificate_unreachable(site: Site) -> None:
    """The host of the mark certificate has no address."""
    add_brand(site)
    record = site.records.get(site.at("default._bimi"), "TXT")[0]
    moved = record.replace("; a=https://brand.", "; a=https://marks.")
    site.records.set(site.at("default._bimi"), "TXT", moved)
