"""The rows of one shard of an NTU store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hcmoco_bench.align.calibration import RigCalibration
from hcmoco_bench.errors import StoreError
from hcmoco_bench.prepare.given import RowCheck
from hcmoco_bench.prepare.inputs import Masks, input_assets, inputs_sha256, measure
from hcmoco_bench.prepare.sample import Findings, check_calibration, make_rows, read_bodies, read_parts
from hcmoco_bench.sources.ntu.clips import Clip
from hcmoco_bench.sources.ntu.extents import Extent
from hcmoco_bench.sources.ntu.names import ClipName, SampleId
from hcmoco_bench.store.columns import Row
from hcmoco_bench.store.kinds.ntu import PrepareOptions
from hcmoco_bench.store.plan import ShardReport


@dataclass(frozen=True)
class NtuRows:
    """Makes the rows of a shard; holds all that a worker needs for it, and no more.

    Attributes:
        file: File name of the shard, for messages.
        inputs_sha256: Fingerprint of the raw files when the shard was planned.
        options: What was asked for.
        samples: The shard's samples in row order.
        clips: Their clips.
        masks: Their masks; None for a store without.
        calibrations: Their rigs' calibrations, by rig; a rig that could not be calibrated is missing.
        check: Leaves out rows that are not what they should be; None if that is not known.
    """

    file: str
    inputs_sha256: str
    options: PrepareOptions
    samples: tuple[SampleId, ...]
    clips: Mapping[ClipName, Clip]
    masks: Masks | None
    calibrations: Mapping[str, RigCalibration]
    check: RowCheck | None = None

    def __len__(self) -> int:
        return len(self.samples)

    def rows(self, report: ShardReport) -> Iterator[Row]:
        """See `ShardRows.rows`.

        Raises:
            StoreError: If raw files vanished since the shard was planned: what is then missing is no problem of the
                data.
        """
        findings = Findings()
        yield from _in_row_order(self.samples, _rows(self, findings), findings)
        if findings.left_out or findings.incomplete or findings.of_clips:
            _check_inputs(self)
        report.problems += findings.problems()
        report.counts["planned"] = len(self.samples)


def _check_inputs(shard: NtuRows) -> None:
    assets = input_assets(shard.clips, shard.samples, shard.masks, depth=not shard.options.rgb_only)
    sizes = measure(assets)
    if inputs_sha256(sizes, sizes) != shard.inputs_sha256:
        raise StoreError(
            f"{shard.file}: raw files changed or vanished while it was made (a disk that went away?); see that all "
            "roots are there and run the same command again, it continues with what is finished"
        )


def _rows(shard: NtuRows, findings: Findings) -> Iterator[tuple[SampleId, Row]]:
    """Rows of all good samples, clip by clip in order of first appearance.

    Masks, then skeletons, then depth and video: data sets come as archives of one kind each, and so no more than two
    have to be open at a time.
    """
    by_clip: dict[ClipName, list[SampleId]] = {}
    for sample in shard.samples:
        by_clip.setdefault(sample.clip, []).append(sample)
    check_calibration(shard.samples, shard.calibrations, findings)
    parts = None
    if shard.masks is not None:
        parts = read_parts(findings.remaining(shard.samples), shard.masks, findings)
    required = shard.options.set == "pretrain"
    bodies: dict[SampleId, list[Row]] = {}
    skeletons: dict[ClipName, Extent | None] = {}
    for name, samples in by_clip.items():
        if remaining := findings.remaining(samples):
            found, skeletons[name] = read_bodies(shard.clips[name], remaining, required=required, findings=findings)
            bodies |= found
    for name, samples in by_clip.items():
        if remaining := findings.remaining(samples):
            calibration = shard.calibrations[str(name.rig)]
            rows = make_rows(
                shard.clips[name], remaining, bodies, skeletons.get(name), parts, calibration, shard.options, findings
            )
            yield from rows if shard.check is None else _right_rows(rows, shard.check, findings)


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
