"""One clip's samples: check everything cheap first, then decode the video once and make the rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.align.aligner import Aligner
from hcmoco_bench.align.calibration import RigCalibration
from hcmoco_bench.errors import DataError
from hcmoco_bench.files.images import encode_png, encode_rgb
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.prepare.inputs import Masks
from hcmoco_bench.prepare.main_body import find_tracks, order_bodies
from hcmoco_bench.prepare.moments import unknown_moments
from hcmoco_bench.sources.ntu.clip_copies import ClipCopies
from hcmoco_bench.sources.ntu.clips import Clip
from hcmoco_bench.sources.ntu.extents import Extent
from hcmoco_bench.sources.ntu.masks import read_mask
from hcmoco_bench.sources.ntu.names import SampleId
from hcmoco_bench.sources.ntu.skeleton import Skeleton, wrong_count
from hcmoco_bench.sources.video_colors import colors_of
from hcmoco_bench.sources.video_end import of_frame
from hcmoco_bench.store.columns import Row
from hcmoco_bench.store.kinds.ntu import AlignMode, PrepareOptions
from hcmoco_bench.store.kinds.ntu.columns import image_names, name_columns


@dataclass
class Findings:
    """What was found wrong so far: at most one problem a sample.

    Attributes:
        left_out: Samples that will not be in the store.
        incomplete: Samples that will, with the missing part explicit.
        of_clips: What is wrong with a clip's recordings and costs no sample by itself.
    """

    left_out: dict[SampleId, Problem] = field(default_factory=dict)
    incomplete: dict[SampleId, Problem] = field(default_factory=dict)
    of_clips: set[Problem] = field(default_factory=set)

    def leave_out(self, sample: SampleId, error: DataError) -> None:
        """Leave a sample out because of an error."""
        self.left_out[sample] = Problem.from_error(str(sample), error)

    def lack_bodies(self, sample: SampleId, error: DataError, *, required: bool) -> None:
        """A sample has no bodies: leave it out if they are required, or else keep it with a line."""
        if required:
            self.leave_out(sample, error)
        else:
            self.incomplete[sample] = Problem.from_error(str(sample), error, kept=True)

    def remaining(self, samples: Iterable[SampleId]) -> list[SampleId]:
        """Those that are not left out."""
        return [sample for sample in samples if sample not in self.left_out]

    def problems(self) -> list[Problem]:
        """All problem lines, sorted; a sample that was left out has no second line for what it lacked besides."""
        kept = [problem for sample, problem in self.incomplete.items() if sample not in self.left_out]
        return sorted([*self.left_out.values(), *kept, *self.of_clips])


def check_calibration(
    samples: Iterable[SampleId], calibrations: Mapping[str, RigCalibration], findings: Findings
) -> None:
    """Leave out samples whose rig could not be calibrated."""
    for sample in samples:
        if str(sample.clip.rig) not in calibrations:
            message = f"rig {sample.clip.rig} has no calibration, see its own problem line; add clips of that rig"
            findings.leave_out(sample, DataError(message, kind="rig_uncalibrated"))


def read_parts(samples: Iterable[SampleId], masks: Masks, findings: Findings) -> dict[SampleId, bytes]:
    """Read and re-encode the part masks: 8-bit PNG of class indices 0..24. Samples without a good one are left out."""
    encoded = {}
    for sample in samples:
        try:
            if sample not in masks:
                raise DataError(f"{sample}: no mask {sample}.png among the annotations", kind="mask_missing")
            encoded[sample] = encode_png(read_mask(masks[sample]))
        except DataError as error:
            findings.leave_out(sample, error)
    return encoded


def read_bodies(
    clip: Clip, samples: Iterable[SampleId], *, required: bool, findings: Findings
) -> tuple[dict[SampleId, list[Row]], Extent | None]:
    """Bodies of each sample, main body first; an empty list where there is none.

    Args:
        clip: The clip.
        samples: Its samples.
        required: Leave out samples without a body; otherwise they stay, with a problem line.
        findings: Takes the problems.

    Returns:
        The bodies, and how many frames the skeletons have; None if they cannot be read.
    """
    wanted = list(samples)
    bodies: dict[SampleId, list[Row]] = {sample: [] for sample in wanted}
    errors: dict[SampleId, DataError] = {}
    extent: Extent | None = None
    try:
        file, skeleton = ClipCopies(clip, findings.of_clips).read_skeleton()
        if (differs := wrong_count(file, skeleton)) is not None:
            findings.of_clips.add(Problem.from_error(str(clip.name), differs, kept=True))
        extent = skeleton.extent
        tracks = find_tracks(skeleton)
        for sample in wanted:
            records = order_bodies(skeleton, tracks, sample.frame)
            bodies[sample] = [_body(skeleton, int(record)) for record in records]
            if not bodies[sample]:
                errors[sample] = _nobody(skeleton, sample, str(file))
    except DataError as error:
        errors = dict.fromkeys(wanted, error)
    for sample, why in errors.items():
        findings.lack_bodies(sample, why, required=required)
    return bodies, extent


def make_rows(
    clip: Clip,
    samples: Iterable[SampleId],
    bodies: dict[SampleId, list[Row]],
    skeletons: Extent | None,
    parts: Mapping[SampleId, bytes] | None,
    calibration: RigCalibration,
    options: PrepareOptions,
    findings: Findings,
) -> Iterator[tuple[SampleId, Row]]:
    """Read depth, then decode the video once up to the last frame needed, and make the rows, by frame.

    Args:
        clip: The clip.
        samples: Its samples that passed all other checks; without any the video is not opened.
        bodies: Result of `read_bodies`; emptied if the skeletons show other moments than the images.
        skeletons: The skeletons' frames, if they can be read.
        parts: Result of `read_parts`; None in a store without masks.
        calibration: The rig's.
        options: What was asked for.
        findings: Takes the problems; a sample is either yielded or left out.
    """
    # A rig with a homography only has its own problem line; its rows say which mode was used.
    mode: AlignMode = "homography" if calibration.registered is None else options.align
    copies = ClipCopies(clip, findings.of_clips)
    _check_moments(copies, samples, bodies, skeletons, options, findings)
    depths: dict[SampleId, NDArray[np.uint16] | None] = {}
    for sample in sorted(findings.remaining(samples)):
        try:
            if clip.rgb is None:
                raise DataError(f"{clip.name}: has no video under the roots", kind="video_missing")
            depths[sample] = None if options.rgb_only else copies.read_depth(sample.frame)
        except DataError as error:
            findings.leave_out(sample, error)
    if clip.rgb is None or not depths:
        return
    waiting = dict.fromkeys(depths)
    aligner = Aligner(calibration, mode)
    try:  # either gives all frames or raises
        for frame, image in copies.decode_images([sample.frame for sample in depths]):
            sample = SampleId(clip.name, frame)
            aligned = aligner.align(colors_of(image), depths[sample])
            del waiting[sample]
            yield sample, _row(sample, aligned, depths.pop(sample), parts, bodies[sample], calibration, mode, options)
    except DataError as error:
        for sample in waiting:
            findings.leave_out(sample, of_frame(error, sample.frame))


def _check_moments(
    copies: ClipCopies,
    samples: Iterable[SampleId],
    bodies: dict[SampleId, list[Row]],
    skeletons: Extent | None,
    options: PrepareOptions,
    findings: Findings,
) -> None:
    """Leave out samples, or their bodies, whose moments cannot be known."""
    extents = copies.extents() | ({} if skeletons is None else {"skeleton": skeletons})
    found = unknown_moments(copies.clip, extents, rgb_only=options.rgb_only)
    if found is None:
        return
    error, images = found
    for sample in samples:
        if images:
            findings.leave_out(sample, error)
        else:
            bodies[sample] = []
            findings.lack_bodies(sample, error, required=options.set == "pretrain")


def _row(
    sample: SampleId,
    rgb: NDArray[np.uint8],
    depth: NDArray[np.uint16] | None,
    parts: Mapping[SampleId, bytes] | None,
    bodies: list[Row],
    calibration: RigCalibration,
    mode: AlignMode,
    options: PrepareOptions,
) -> Row:
    names = image_names(sample)
    row: Row = {"sample_id": str(sample)} | name_columns(sample)
    row["rgb"] = {"bytes": encode_rgb(rgb, options.jpeg_quality), "path": names["rgb"]}
    row["depth"] = None if depth is None else {"bytes": encode_png(depth), "path": names["depth"]}
    if parts is not None:
        row["parts"] = {"bytes": parts[sample], "path": names["parts"]}
    row["bodies"] = bodies
    residual = calibration.residuals.registered if mode == "registered" else calibration.residuals.homography
    row["alignment"] = {"mode": mode, "residual_px": None if residual is None else residual.mean}
    return row


def _body(skeleton: Skeleton, record: int) -> Row:
    joints = (skeleton.joints_xyz[record], skeleton.joints_depth[record], skeleton.joints_color[record])
    finite = np.logical_and.reduce([np.isfinite(values).all(axis=-1) for values in joints])
    return {
        "body_id": int(skeleton.body_id[record]),
        "joints_xyz": joints[0].tolist(),
        "joints_depth": joints[1].tolist(),
        "joints_color": joints[2].tolist(),
        "tracking": np.where(finite, skeleton.tracking[record], 0).tolist(),
    }


def _nobody(skeleton: Skeleton, sample: SampleId, file: str) -> DataError:
    if sample.frame > skeleton.n_frames:
        return DataError(
            f"{file}: has {skeleton.n_frames} frames, {sample.frame} is wanted", kind="skeleton_too_short", file=file
        )
    if len(skeleton.at(sample.frame)):
        return DataError(f"{file}: no finite joint in frame {sample.frame}", kind="joints_not_finite", file=file)
    return DataError(f"{file}: nobody in frame {sample.frame}", kind="no_body", file=file)
