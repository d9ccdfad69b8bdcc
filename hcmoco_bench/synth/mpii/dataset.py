"""Writes generated people as MPII Human Pose: `images/`, `annot/train.json` and `valid.json`, and `gt_valid.mat`."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

from hcmoco_bench.body.joints import joint_mapping, joint_set
from hcmoco_bench.runtime.progress import Progress, no_progress
from hcmoco_bench.sources.mpii.annotations import FILES
from hcmoco_bench.sources.mpii.head_boxes import HEADS, JOINTS, MISSING, ORDER, SHORT_NAMES
from hcmoco_bench.sources.people import BOX_UNIT
from hcmoco_bench.synth.photographs.face_points import FACE_POINTS
from hcmoco_bench.synth.photographs.photo_set import PhotoLayout, PhotoOptions, divide, write_photographs
from hcmoco_bench.synth.photographs.photograph import OUTSIDE, Photograph, PhotographedPerson

_WHAT: Final = "Generated people in the layout of MPII Human Pose. Not MPII's pictures."
_SHARES: Final = (0.8, 0.2)
HEAD_FILE: Final = "annot/gt_valid.mat"
_FIRST: Final = 1
"""MPII's pixels count from 1."""

_HEAD: Final = "head"
_HEAD_MARGIN: Final = 0.1
_MAT_TEXT: Final = b"MATLAB 5.0 MAT-file, written by hcmoco-bench".ljust(116)


def write_mpii(out: Path, options: PhotoOptions, *, workers: int = 1, progress: Progress = no_progress) -> Path:
    """Write `images/`, `annot/train.json`, `annot/valid.json` and `annot/gt_valid.mat`, the boxes of its heads.

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
        annotations=(*FILES.values(), HEAD_FILE),
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
                _HEAD: (np.round(head_box(person)) + _FIRST).tolist(),
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
    files: dict[str, str | bytes] = {}
    for split, numbers in splits.items():
        entries = [entry for number in numbers for entry in records[number]]
        if FILES[split] == FILES["validation"]:
            files[HEAD_FILE] = _head_boxes(entries)
        files[FILES[split]] = json.dumps(
            [{name: value for name, value in entry.items() if name != _HEAD} for entry in entries]
        )
    return files


def head_box(person: PhotographedPerson) -> NDArray[np.float64]:
    """(4,) px x0, y0, x1, y1 of the box around the face, the crown and the neck, hidden or not, with a margin."""
    points = np.concatenate([person.face, person.joints[[joint_set("kinect25").index("neck")]]])
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    margin = np.maximum(_HEAD_MARGIN * (high - low), 1.0)
    return np.concatenate([low - margin, high + margin])


def _head_boxes(entries: Sequence[Mapping[str, Any]]) -> bytes:
    """`gt_valid.mat` of these people, in the arrays of the published file; the same bytes whenever it is written."""
    n_joints = len(SHORT_NAMES)
    visible = np.array([entry["joints_vis"] for entry in entries], np.float64).reshape(-1, n_joints)
    joints = np.array([entry["joints"] for entry in entries], np.float64).reshape(-1, n_joints, 2)
    heads = np.array([entry[_HEAD] for entry in entries], np.float64).reshape(-1, 2, 2)
    names = np.empty((1, n_joints), object)
    names[0, :] = SHORT_NAMES
    stream = io.BytesIO()
    savemat(
        stream,  # type: ignore[arg-type]  # streams are taken too, which its types do not say
        {
            ORDER: names,  # an array of texts becomes MATLAB's cells
            MISSING: 1.0 - visible.T,
            JOINTS: joints.transpose(1, 2, 0),
            HEADS: heads.transpose(1, 2, 0),
        },
    )
    return _MAT_TEXT + stream.getvalue()[len(_MAT_TEXT) :]  # without the date
