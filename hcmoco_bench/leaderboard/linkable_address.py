"""Addresses that rows give, as pages and other programs may link to them."""

from __future__ import annotations

from urllib.parse import urlsplit

from hcmoco_bench.files.outside_text import printable


def linkable_address(text: str) -> str | None:
    """An address that may be linked to; None for anything else than http and https."""
    address = text.strip()
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return printable(address) if parts.scheme in ("http", "https") and parts.netloc else None
