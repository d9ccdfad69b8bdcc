"""The record of a cell: what was made, from what, at what cost, and the hash of what came of it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.atomic import write_atomic, write_error
from hcmoco_bench.files.json import dump_json
from hcmoco_bench.study.cells import Cell
from hcmoco_bench.study.folder import StudyFolder
from hcmoco_bench.training.run_files import LOSSES_FILE

RECORD_FILE: Final = "cell.json"

_MOST_LINES: Final = 400
"""Lines of a table of losses that a record keeps; a whole one of a long training is as large as all other records."""

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class CellRecord(BaseModel):
    """What `cell.json` holds.

    Attributes:
        schema_version: 1; key `schema` in the file.
        name: Name of the cell.
        fingerprint: See `Cell`.
        commands: The lines as the plan has them, with names in braces for folders.
        needs: Fingerprint of each needed cell by its name.
        recipe: Settings of the recipe that the commands name; empty without one.
        seconds: Wall-clock time of its commands, over all attempts that ended by themselves.
        processor_seconds: Processor time of its commands, likewise.
        attempts: How often it was begun; more than 1 if it was interrupted, and then the times may lack what a killed
            attempt took.
        tool: Program and version.
        git: Commit of the program; None outside a checkout.
        processor: Name of the machine's processor.
        sha256: Of all files (data, `folder_sha256`), of the tensors of the checkpoint (pre-training, `tensors_sha256`),
            or of all that the result says but how it was computed (fine-tuning or scoring, `result_sha256`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_version: Literal[1] = Field(default=1, alias="schema")
    name: Annotated[str, Field(min_length=1)]
    fingerprint: _Sha256
    commands: tuple[str, ...]
    needs: dict[str, _Sha256]
    recipe: dict[str, Any] = Field(default_factory=dict)
    seconds: _Seconds
    processor_seconds: _Seconds
    attempts: Annotated[int, Field(ge=1)] = 1
    tool: str
    git: str | None = None
    processor: str = ""
    sha256: _Sha256

    def to_json(self) -> str:
        """The file's content: indented JSON with sorted keys and a final newline."""
        return dump_json(self.model_dump(mode="json", by_alias=True))


def read_record(folder: Path) -> CellRecord | None:
    """The record in a folder; None if there is none.

    Raises:
        DataError: If it is damaged (`cell_record`).
    """
    path = folder / RECORD_FILE
    try:
        return CellRecord.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        told = str(error).partition("\n")[0] if isinstance(error, OSError) else error.errors()[0]["msg"]
        raise DataError(
            f"{path}: is no record of a cell ({told}); delete {folder}, and the cell is made again",
            kind="cell_record",
            file=str(path),
        ) from error


def current_record(folder: StudyFolder, cell: Cell) -> CellRecord | None:
    """The record of a cell by its present commands; None if there is none, or only one of other commands.

    Raises:
        DataError: If it is damaged (`cell_record`).
    """
    record = read_record(folder.record(cell.name))
    return record if record is not None and record.fingerprint == cell.fingerprint else None


def write_record(folder: Path, record: CellRecord, files: Mapping[str, Path]) -> None:
    """Write a record whole, in place of one that is there.

    Args:
        folder: Folder of the record.
        record: The record.
        files: Files that go with it: name in the folder to where it is copied from. Of a long table of losses, lines at
            even distances are kept, the first and the last among them.

    Raises:
        StoreError: If it cannot be written.
    """
    staging = folder.with_name(f".{folder.name}.tmp")
    try:
        shutil.rmtree(staging, ignore_errors=True)  # what a process that was killed has left
        staging.mkdir(parents=True)
        for name, source in files.items():
            content = source.read_bytes()
            write_atomic(staging / name, short_table(content) if name == LOSSES_FILE else content)
        write_atomic(staging / RECORD_FILE, record.to_json())
        if folder.exists():
            shutil.rmtree(folder)
        staging.rename(folder)
    except OSError as error:
        shutil.rmtree(staging, ignore_errors=True)
        raise write_error(folder, error) from error


def short_table(content: bytes) -> bytes:
    """A table with at most 400 of its lines, at even distances, below its heading; the first and the last are kept."""
    heading, *lines = content.splitlines(keepends=True) or [b""]
    last, most = len(lines) - 1, _MOST_LINES - 1
    if last > most:
        lines = [lines[place * last // most] for place in range(most + 1)]
    return b"".join([heading, *lines])
