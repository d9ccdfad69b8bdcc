"""Which people a generated NTU tree shows, as its mark tells it."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from hcmoco_bench.sources.ntu.layout import GENERATED_MARK
from hcmoco_bench.sources.ntu.tree import NtuTree
from hcmoco_bench.store.kinds.ntu.manifest import GeneratedPeople


def generated_people(tree: NtuTree) -> GeneratedPeople | None:
    """The people of a generated tree; None if it is recorded, or its marks do not tell one population for all clips."""
    if not tree.generated:
        return None
    found = {_of_mark(folder / GENERATED_MARK) for folder in tree.marked}
    return found.pop() if len(found) == 1 else None


def _of_mark(path: Path) -> GeneratedPeople | None:
    try:
        mark = json.loads(path.read_bytes())
        return GeneratedPeople(seed=mark["seed"], recurring=mark.get("recurring", False))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
        return None  # a mark of another program; the store then does not say who its people are
