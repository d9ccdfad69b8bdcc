"""Write one shard: the unit of work, of resume and of distribution."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from hcmoco_bench.files.atomic import atomic_file
from hcmoco_bench.files.json import json_text
from hcmoco_bench.files.parquet import open_parquet
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.store.columns import Row
from hcmoco_bench.store.paths import PortablePaths
from hcmoco_bench.store.plan import ShardNote, ShardReport, ShardRows

_FOOTER_KEY: Final = b"hcmoco_bench"


@dataclass(frozen=True)
class ShardTask:
    """All that a worker needs for one shard, and no more; picklable.

    Attributes:
        path: File to write, reachable for the worker.
        recipe: Fingerprint of what the shard is made by.
        schema: Its columns.
        row_group: Rows a row group.
        statistics: Columns with statistics.
        rows: Makes its rows.
        paths: Makes file names in problem lines portable.
    """

    path: Path
    recipe: str
    schema: pa.Schema
    row_group: int
    statistics: tuple[str, ...]
    rows: ShardRows
    paths: PortablePaths

    @property
    def file(self) -> str:
        """File name of the shard."""
        return self.path.name


def write_shard(task: ShardTask) -> int:
    """Make the rows of a shard and write its file in one step; returns the number of samples dealt with.

    The bytes depend on the task's content alone. Bad inputs become problem lines in the footer.

    Raises:
        StoreError: If the file cannot be written, or inputs vanished that were there when the shard was planned.
    """
    report = ShardReport()
    # Images are compressed already; statistics of them would put images into the footer.
    options = {
        "compression": "none",
        "use_dictionary": False,
        "write_statistics": list(task.statistics),
        "data_page_size": 1 << 20,
        "version": "2.6",
    }
    with atomic_file(task.path) as handle, pq.ParquetWriter(handle, task.schema, **options) as writer:
        group: list[Row] = []
        for row in task.rows.rows(report):
            group.append(row)
            if len(group) == task.row_group:
                writer.write_table(pa.Table.from_pylist(group, task.schema))
                group.clear()
        if group:
            writer.write_table(pa.Table.from_pylist(group, task.schema))
        problems = [asdict(task.paths.problem(problem)) for problem in report.problems]
        note = report.counts | {"recipe": task.recipe, "problems": problems}
        writer.add_key_value_metadata({_FOOTER_KEY: json_text(note, sort_keys=True).encode()})
    return len(task.rows)


def read_note(path: Path) -> ShardNote | None:
    """Read the note in a shard's footer; None if the file is missing, damaged, or not a shard."""
    try:
        with open_parquet(path) as file:
            footer = file.metadata
        note = json.loads((footer.metadata or {})[_FOOTER_KEY])
        problems = tuple(Problem(**line) for line in note.pop("problems"))
        recipe = str(note.pop("recipe"))
        counts = {name: int(number) for name, number in note.items()}
        return ShardNote(recipe, problems, counts, footer.num_rows)
    except (OSError, pa.ArrowException, AttributeError, KeyError, TypeError, ValueError):
        return None
