"""Writes generated people in the JSON layout of MPII Human Pose: `images/`, and `annot/train.json` and `valid.json`."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.body.joints import joint_mapping, joint_set
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.mpii.annotations import FILES
from hcmoco_bench.sources.people import BOX_UNIT
from hcmoco_bench.synth.photographs.face_points import FACE_POINTS
from hcmoco_bench.synth.photographs.photo_set import PhotoLayout, PhotoOptions, divide, write_photographs
from hcmoco_bench.synth.photographs.photograph import OUTSIDE, Photograph, PhotographedPerson

_WHAT: Final = "Generated people in the layout of MPII Human Pose. Not MPII's pictures."
_SHARES: Final = (0.8, 0.2)
_FIRST: Final = 1
"""MPII's pixels count from 1."""


def write_mpii(out: Path, options: PhotoOptions, *, workers: int = 1, progress: Progress = no_progress) -> Path:
    """Write `images/`, `annot/train.json` and `annot/valid.json`.

    Args:
        out: New, empty, or begun before with the same options.
        options: At least two images, as there are two splits.
        workers: Processes; the bytes do not depend on it.
        progress: Told the number of images done.

    Raises:
        UsageError, StoreLockedError, DataError: As `write_photographs`.
    """
    splits = dict(zip(FILES, divide(options.images, _SHARES), strict=True))
    images = tuple(f"images/{number + 1:09d}.jpg" for number in range(options.images))
    layout = PhotoLayout(
        what=_WHAT,
        images=images,
        annotations=tuple(FILES.values()),
        describe=partial(_describe, images),
        finish=partial(_finish, splits),
    )
    return write_photographs(out, layout, options, workers=workers, progress=progress)


def _describe(images: tuple[str, ...], photograph: Photograph, number: int) -> list[dict[str, Any]]:
    entries = []
    height, width = photograph.rgb.shape[:2]
    for person in photograph.people:
        joints, known = mpii_joints(person)
        if not known.any():
            continue
        # Where the person is, whatever hides them, as far as the image reaches.
        low, high = np.clip(person.extent, 0, [width - 1, height - 1])
        places = np.where(known[:, None], np.round(joints) + _FIRST, -1.0)
        entries.append(
            {
                "image": Path(images[number]).name,
                "joints": places.tolist(),
                "joints_vis": known.astype(int).tolist(),
                "center": np.round((low + high) / 2 + _FIRST, 1).tolist(),
                "scale": round(float((high - low).max()) / BOX_UNIT, 6),
            }
        )
    return entries


def mpii_joints(person: PhotographedPerson) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(16, 2) px from 0 and (16,) whether they are in the image; sides are the image's, which is mirrored."""
    names = joint_set("mpii16")
    source = joint_mapping("kinect25", "mpii16")
    source[names.index("thorax")] = joint_set("kinect25").index("spine shoulder")
    joints, state = person.joints[source], person.joint_state[source]
    top = FACE_POINTS.index("head top")
    joints[names.index("head top")], state[names.index("head top")] = person.face[top], person.face_state[top]
    return joints, state != OUTSIDE


def _finish(splits: dict[str, range], records: list[Any]) -> dict[str, str | bytes]:
    return {
        FILES[split]: json.dumps([entry for number in numbers for entry in records[number]])
        for split, numbers in splits.items()
    }
