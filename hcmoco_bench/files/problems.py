"""Problem lines: what was left out or is incomplete, counted and named instead of crashing."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.json import json_text
from hcmoco_bench.files.outside_text import storable


@dataclass(frozen=True, order=True)
class Problem:
    """One line of `problems.jsonl`.

    Its texts are storable, whatever the names that they quote are.

    Attributes:
        id: Sample id, clip name, rig or (for a file that belongs to none of them) an empty string.
        kind: A short stable word in snake case, e.g. `depth_missing`; the manifest counts problems by kind.
        file: The file concerned, as the user knows it; `archive.zip!member` inside an archive; may be empty.
        reason: One sentence: what is wrong and, where there is something to do, what to do.
        kept: True if the sample is in the store all the same (with the missing part explicit), False if left out.
    """

    id: str
    kind: str
    file: str
    reason: str
    kept: bool = False

    def __post_init__(self) -> None:
        for name in ("id", "kind", "file", "reason"):
            object.__setattr__(self, name, storable(getattr(self, name)))

    @classmethod
    def from_error(cls, identifier: str, error: DataError, *, kept: bool = False) -> Problem:
        """Turn an error about one file into the problem line of the sample, clip or rig `identifier`."""
        return cls(identifier, error.kind, error.file, str(error), kept)

    def to_json(self) -> str:
        """Return the problem as one line of JSON with sorted keys, without a newline."""
        return json_text(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, line: str) -> Problem:
        """Read back a line written by `to_json`."""
        return cls(**json.loads(line))
