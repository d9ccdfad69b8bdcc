"""The check that another program's predictions are those of the split: all of them, each once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from hcmoco_bench.errors import DataError

_NAMED = 5


def check_ids(given: Iterable[str], expected: Sequence[str], *, path: Path) -> None:
    """Compare the ids of predictions with those of the split.

    Args:
        given: Ids of the predictions, repeated ones included.
        expected: Ids of the split.
        path: File or folder of the predictions.

    Raises:
        DataError: If any is missing, comes twice, or is unknown; says how many of each and names some
            (`predictions_ids`). A part of a split is never scored as if it were the whole.
    """
    counts = Counter(iter(given))  # of a mapping, its keys
    wanted = set(expected)
    lists = {
        "missing": [name for name in expected if name not in counts],
        "given more than once": sorted(name for name, number in counts.items() if number > 1),
        "not in the split": sorted(name for name in counts if name not in wanted),
    }
    if not any(lists.values()):
        return
    told = "; ".join(f"{len(names)} {what} ({_listed(names)})" for what, names in lists.items() if names)
    raise DataError(
        f"{path}: predictions of {len(counts)} samples for a split of {len(expected)}: {told}; a part is not scored "
        "as the whole, give one prediction for each sample",
        kind="predictions_ids",
        file=str(path),
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
