"""A split of 3DPW as samples: each person in each frame whose camera pose is valid."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hcmoco_bench.errors import DataError, UsageError
from hcmoco_bench.files.hashing import bytes_sha256, file_sha256
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.ntu.layout import GENERATED_MARK
from hcmoco_bench.sources.pw3d.layout import IMAGE, SAMPLE_ID, SEQUENCE_FOLDER, SEQUENCE_SUFFIX, SPLITS
from hcmoco_bench.sources.pw3d.sequence import Floats, Sequence, Track, read_sequence

_LABEL: Final = "reading 3DPW, sequences"
_ROTATION_TOLERANCE: Final = 1e-2


@dataclass(frozen=True, eq=False)
class Pw3dPeople:
    """N people in frames. Axes of the camera: x right, y down, z away from it; px (x, y).

    Attributes:
        split: Name of the split.
        ids: N sample ids, e.g. `downtown_arguing_00_p1_00012`.
        images: N image files.
        rotations: (N, 24, 3) float64 rotation vectors of SMPL; the first turns the body against the camera.
        betas: (N, 10) float64.
        translation: (N, 3) float64 meters: where the pelvis joint of `jointPositions` is.
        genders: N times `male` or `female`.
        intrinsics: (N, 4) float64 fx, fy, cx, cy in px.
        boxes: (N, 4) float64 px: left, top, width and height around the detected joints, without margin.
        problems: What is left out or incomplete: `pose_unusable` (a number is not finite, or the camera's pose is no
            rotation), `image_missing`, and, kept, `joints2d_missing` (the box is that of the projected joints).
        sha256: Fingerprint of the sequence files.
        generated: Whether the folder says that its people are generated.
    """

    split: str
    ids: tuple[str, ...]
    images: tuple[Path, ...]
    rotations: Floats
    betas: Floats
    translation: Floats
    genders: tuple[str, ...]
    intrinsics: Floats
    boxes: Floats
    problems: tuple[Problem, ...]
    sha256: str
    generated: bool

    def __len__(self) -> int:
        return len(self.ids)


def track_of(sample_id: str) -> str:
    """The person of a sample: the sequence and the person's number in it."""
    return sample_id.rpartition("_")[0]


def sequence_of(sample_id: str) -> str:
    """The sequence of a sample."""
    return track_of(sample_id).rpartition("_")[0]


def open_pw3d(root: Path, split: str, *, progress: Progress = no_progress) -> Pw3dPeople:
    """Open a split.

    As SPIN does, a sample is a person in a frame whose `campose_valid` is set, and its box is that of the joints that
    the 2-D detector found.

    Raises:
        UsageError: If there is no such split.
        DataError: If there are no sequence files (`pw3d_missing`), one is damaged (`pw3d_unreadable`, `pw3d_shape`),
            or no sample is usable (`pw3d_empty`).
    """
    if split not in SPLITS:
        raise UsageError(f"3DPW has no split {split!r}; there are {', '.join(SPLITS)}")
    folder = root / SEQUENCE_FOLDER.format(split=split)
    files = sorted(folder.glob(f"*{SEQUENCE_SUFFIX}"))
    if not files:
        raise DataError(
            f"{folder}: no sequence files ({SEQUENCE_SUFFIX}); unpack sequenceFiles.zip and imageFiles.zip of 3DPW "
            "into the folder that --root names",
            kind="pw3d_missing",
            file=str(folder),
        )
    parts: list[_People] = []
    problems: list[Problem] = []
    for number, path in enumerate(files):
        progress(_LABEL, number, len(files))
        sequence = read_sequence(path)
        for place, track in enumerate(sequence.tracks):
            parts.append(_people(root, sequence, place, track, problems, str(path)))
    progress(_LABEL, len(files), len(files))
    if not sum(len(part.ids) for part in parts):
        raise DataError(
            f"{folder}: no person in its {len(files)} sequences can be used"
            + (f" (the first: {problems[0].reason})" if problems else ""),
            kind="pw3d_empty",
            file=str(folder),
        )
    return Pw3dPeople(
        split=split,
        ids=tuple(name for part in parts for name in part.ids),
        images=tuple(image for part in parts for image in part.images),
        rotations=np.concatenate([part.rotations for part in parts]),
        betas=np.concatenate([part.betas for part in parts]),
        translation=np.concatenate([part.translation for part in parts]),
        genders=tuple(part.gender for part in parts for _ in part.ids),
        intrinsics=np.concatenate([part.intrinsics for part in parts]),
        boxes=np.concatenate([part.boxes for part in parts]),
        problems=tuple(problems),
        sha256=bytes_sha256("".join(file_sha256(path) for path in files).encode()),
        generated=(root / GENERATED_MARK).is_file(),
    )


@dataclass(frozen=True, eq=False)
class _People:
    ids: list[str]
    images: list[Path]
    rotations: Floats
    betas: Floats
    translation: Floats
    gender: str
    intrinsics: Floats
    boxes: Floats


def _people(root: Path, sequence: Sequence, place: int, track: Track, problems: list[Problem], file: str) -> _People:
    lens = sequence.intrinsics
    focal = np.array([lens[0, 0], lens[1, 1], lens[0, 2], lens[1, 2]])
    good = _usable(sequence, track) & bool(np.isfinite(focal).all() and (focal[:2] > 0).all())
    ids: list[str] = []
    images: list[Path] = []
    rows: list[int] = []
    for frame in np.flatnonzero(track.valid).tolist():
        name = SAMPLE_ID.format(sequence=sequence.name, person=place, frame=frame)
        image = root / IMAGE.format(sequence=sequence.name, frame=frame)
        if not good[frame]:
            why = "a number of its pose, shape or camera is not finite, or its camera's pose is no rotation"
            problems.append(Problem(name, "pose_unusable", file, f"{why}; fetch sequenceFiles.zip again"))
        elif not image.is_file():
            problems.append(Problem(name, "image_missing", str(image), "there is no such image; unpack imageFiles.zip"))
        else:
            ids.append(name)
            images.append(image)
            rows.append(frame)
    camera = sequence.camera[rows]
    turned = track.poses[rows].reshape(-1, 24, 3).copy()
    if rows:
        root_turn = camera[:, :3, :3] @ Rotation.from_rotvec(turned[:, 0]).as_matrix()
        turned[:, 0] = Rotation.from_matrix(root_turn).as_rotvec()
    joints = np.einsum("nij,nkj->nki", camera[:, :3, :3], track.joints[rows]) + camera[:, None, :3, 3]
    boxes = np.empty((len(rows), 4))
    for row, (name, box) in enumerate(zip(ids, _boxes(track.detected[rows], joints, focal), strict=True)):
        boxes[row] = box.corners
        if not box.detected:
            reason = "no 2-D joint was detected; the box is that of the projected 3-D joints"
            problems.append(Problem(name, "joints2d_missing", file, reason, kept=True))
    return _People(
        ids,
        images,
        turned,
        np.tile(track.betas, (len(rows), 1)),
        joints[:, 0],
        track.gender,
        np.tile(focal, (len(rows), 1)),
        boxes,
    )


def _usable(sequence: Sequence, track: Track) -> NDArray[np.bool_]:
    camera = sequence.camera
    finite = np.isfinite(track.poses).all(1) & np.isfinite(track.joints).all((1, 2)) & np.isfinite(camera).all((1, 2))
    rotation = np.where(np.isfinite(camera), camera, 0.0)[:, :3, :3]
    off = np.abs(rotation @ rotation.swapaxes(1, 2) - np.eye(3)).max((1, 2))
    proper = (off < _ROTATION_TOLERANCE) & (np.linalg.det(rotation) > 0)
    return np.asarray(finite & proper & bool(np.isfinite(track.betas).all()))


@dataclass(frozen=True, eq=False)
class _Box:
    corners: Floats
    detected: bool


def _boxes(detected: Floats, joints: Floats, lens: Floats) -> Iterator[_Box]:
    for found, body in zip(detected, joints, strict=True):
        there = (found[2] > 0) & np.isfinite(found).all(0)
        points = found[:2, there].T
        enough = bool(there.any()) and bool((np.ptp(points, axis=0) > 0).all())
        if not enough:
            depth = np.maximum(body[:, 2:], 1e-3)
            points = body[:, :2] / depth * lens[:2] + lens[2:]
        low, high = points.min(0), points.max(0)
        yield _Box(np.concatenate([low, high - low]), enough)
