"""How far a cell has come on this machine: a small file beside its output."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.json import dump_json

STATE_FILE: Final = "state.json"


class CellProgress(BaseModel):
    """What `work/CELL/state.json` holds.

    Attributes:
        fingerprint: Of the cell whose output this is.
        attempts: How often it was begun.
        done: Number of its commands that are finished.
        seconds: Wall-clock time of its commands so far.
        processor_seconds: Processor time likewise.
        failure: Random name of the last attempt if it failed; empty otherwise.
        said: Last line that the failed attempt printed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    attempts: Annotated[int, Field(ge=0)] = 0
    done: Annotated[int, Field(ge=0)] = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    failure: str = ""
    said: str = ""

    def begun(self) -> Self:
        """With one more attempt, which has not failed."""
        return self.model_copy(update={"attempts": self.attempts + 1, "failure": "", "said": ""})

    def spent(self, seconds: float, processor_seconds: float) -> Self:
        """With more time."""
        return self.model_copy(
            update={
                "seconds": self.seconds + seconds,
                "processor_seconds": self.processor_seconds + processor_seconds,
            }
        )

    def failed(self, said: str) -> Self:
        """With a failure of its own name."""
        return self.model_copy(update={"failure": secrets.token_hex(8), "said": said})


def read_progress(work: Path) -> CellProgress | None:
    """What is known in a cell's work folder; None if nothing is, or the file is damaged, so that it is begun anew."""
    try:
        return CellProgress.model_validate_json((work / STATE_FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def write_progress(work: Path, progress: CellProgress) -> None:
    """Write it atomically; raises StoreError if that is not possible."""
    write_atomic(work / STATE_FILE, dump_json(progress.model_dump(mode="json")))
