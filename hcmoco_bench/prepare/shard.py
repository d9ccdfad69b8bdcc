"""Write one shard: the unit of work, of resume and of distribution."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from hcmoco_bench.align.calibration import RigCalibration
from hcmoco_bench.errors import StoreError
from hcmoco_bench.files.atomic import atomic_file
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.given import RowCheck
from hcmoco_bench.prepare.inputs import Masks, input_assets, inputs_sha256, measure
from hcmoco_bench.prepare.options import PrepareOptions
from hcmoco_bench.prepare.paths import PortablePaths
from hcmoco_bench.prepare.sample import Findings, Row, check_calibration, make_rows, read_bodies, read_parts
from hcmoco_bench.prepare.schema import NAME_COLUMNS, store_schema
from hcmoco_bench.sources.ntu.clips import Clip
from hcmoco_bench.sources.ntu.names import ClipName, SampleId

ROW_GROUP = 32
"""Rows a row group, about 4 MB: what a reader loads at once, and what a writer holds."""

_FOOTER_KEY = b"hcmoco_bench"


@dataclass(frozen=True)
class ShardTask:
    """All that a worker needs for one shard, and no more; picklable.

    Attributes:
        store: Folder of the store, reachable for the worker.
        file: File name of the shard.
        recipe: Fingerprint of plan and calibration; shards of another recipe do not belong to the store.
        inputs_sha256: Fingerprint of the raw files when the shard was planned.
        options: What was asked for.
        samples: The shard's samples in row order.
        clips: Their clips.
        masks: Their masks; None for a store without.
        calibrations: Their rigs' calibrations, by rig; a rig that could not be calibrated is missing.
        paths: Makes file names in problems portable.
        check: Leaves out rows that are not what they should be; None if that is not known.
    """

    store: Path
    file: str
    recipe: str
    inputs_sha256: str
    options: PrepareOptions
    samples: tuple[SampleId, ...]
    clips: Mapping[ClipName, Clip]
    masks: Masks | None
    calibrations: Mapping[str, RigCalibration]
    paths: PortablePaths
    check: RowCheck | None = None


@dataclass(frozen=True)
class ShardNote:
    """What a shard's footer says about how it was made, so that file and facts appear in one step.

    Attributes:
        recipe: Fingerprint of plan and calibration.
        planned: Number of samples planned for the shard.
        problems: Problem lines of these samples.
        rows: Number of rows in the file.
    """

    recipe: str
    planned: int
    problems: tuple[Problem, ...]
    rows: int


def write_shard(task: ShardTask) -> int:
    """Make the rows of a shard and write its file in one step; returns the number of samples dealt with.

    The bytes depend on the task's content alone. Bad inputs become problem lines in the footer.

    Raises:
        StoreError: If the file cannot be written, or if raw files vanished since the shard was planned: what is then
            missing is no problem of the data.
    """
    schema = store_schema(parts=task.masks is not None)
    findings = Findings()
    rows = _in_row_order(task.samples, _rows(task, findings), findings)
    with atomic_file(task.store / task.file) as handle, pq.ParquetWriter(handle, schema, **_writer_options()) as writer:
        group: list[Row] = []
        for row in rows:
            group.append(row)
            if len(group) == ROW_GROUP:
                writer.write_table(pa.Table.from_pylist(group, schema))
                group.clear()
        if group:
            writer.write_table(pa.Table.from_pylist(group, schema))
        if findings.left_out or findings.incomplete:
            _check_inputs(task)
        problems = [asdict(task.paths.problem(problem)) for problem in findings.problems()]
        note = {"recipe": task.recipe, "planned": len(task.samples), "problems": problems}
        writer.add_key_value_metadata({_FOOTER_KEY: json.dumps(note, sort_keys=True, ensure_ascii=False).encode()})
    return len(task.samples)


def read_note(path: Path) -> ShardNote | None:
    """Read the note in a shard's footer; None if the file is missing, damaged, or not a shard."""
    try:
        footer = pq.read_metadata(path)
        note = json.loads((footer.metadata or {})[_FOOTER_KEY])
        problems = tuple(Problem(**line) for line in note["problems"])
        return ShardNote(str(note["recipe"]), int(note["planned"]), problems, footer.num_rows)
    except (OSError, pa.ArrowException, KeyError, TypeError, ValueError):
        return None


def _check_inputs(task: ShardTask) -> None:
    assets = input_assets(task.clips, task.samples, task.masks, depth=not task.options.rgb_only)
    sizes = measure(assets)
    if inputs_sha256(sizes, sizes) != task.inputs_sha256:
        raise StoreError(
            f"{task.file}: raw files changed or vanished while it was made (a disk that went away?); see that all "
            "roots are there and run the same command again, it continues with what is finished"
        )


def _writer_options() -> dict[str, object]:
    # Images are compressed already; statistics of them would put images into the footer.
    return {
        "compression": "none",
        "use_dictionary": False,
        "write_statistics": ["sample_id", *NAME_COLUMNS],
        "data_page_size": 1 << 20,
        "version": "2.6",
    }


def _rows(task: ShardTask, findings: Findings) -> Iterator[tuple[SampleId, Row]]:
    """Rows of all good samples, clip by clip in order of first appearance.

    Masks, then skeletons, then depth and video: data sets come as archives of one kind each, and so no more than two
    have to be open at a time.
    """
    by_clip: dict[ClipName, list[SampleId]] = {}
    for sample in task.samples:
        by_clip.setdefault(sample.clip, []).append(sample)
    check_calibration(task.samples, task.calibrations, findings)
    parts = None
    if task.masks is not None:
        parts = read_parts(findings.remaining(task.samples), task.masks, findings)
    required = task.options.set == "pretrain"
    bodies: dict[SampleId, list[Row]] = {}
    for name, samples in by_clip.items():
        if remaining := findings.remaining(samples):
            bodies |= read_bodies(task.clips[name], remaining, required=required, findings=findings)
    for name, samples in by_clip.items():
        if remaining := findings.remaining(samples):
            calibration = task.calibrations[str(name.rig)]
            rows = make_rows(task.clips[name], remaining, bodies, parts, calibration, task.options, findings)
            yield from rows if task.check is None else _right_rows(rows, task.check, findings)


def _right_rows(
    rows: Iterator[tuple[SampleId, Row]], check: RowCheck, findings: Findings
) -> Iterator[tuple[SampleId, Row]]:
    for sample, row in rows:
        problem = check(sample, row)
        if problem is not None and not problem.kept:
            findings.left_out[sample] = problem
            continue
        if problem is not None:
            findings.incomplete.setdefault(sample, problem)
        yield sample, row


def _in_row_order(
    samples: tuple[SampleId, ...], rows: Iterator[tuple[SampleId, Row]], findings: Findings
) -> Iterator[Row]:
    """Bring rows into the order of the samples, holding back only those that come too early."""
    early: dict[SampleId, Row] = {}
    place = 0
    for sample, row in rows:
        early[sample] = row
        while place < len(samples) and (samples[place] in early or samples[place] in findings.left_out):
            if samples[place] in early:
                yield early.pop(samples[place])
            place += 1
    yield from (early.pop(sample) for sample in samples[place:] if sample in early)
