"""Stores of frames with part labels, of whichever data set."""

from __future__ import annotations

from pathlib import Path

from hcmoco_bench.prepare.human36m_store import Human36mStore, holds_human36m
from hcmoco_bench.prepare.store import Store

ParsingStore = Store | Human36mStore


def open_parsing_store(path: Path) -> ParsingStore:
    """Open the NTU or Human3.6M store in a folder; raises StoreError if there is none or it is not finished."""
    return Human36mStore.open(path) if holds_human36m(path) else Store.open(path)
