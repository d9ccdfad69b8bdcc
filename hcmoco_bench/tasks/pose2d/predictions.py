"""Joints that other programs predicted: COCO's results JSON, and for MPII `pred.mat` or joints by person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from numpy.typing import NDArray
from scipy.io import loadmat

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.json import read_json
from hcmoco_bench.files.mat_errors import MAT_ERRORS
from hcmoco_bench.files.whole_numbers import whole_number
from hcmoco_bench.metrics.person_category import is_category_of_people
from hcmoco_bench.tasks.core.predictions import check_ids

_UNREADABLE: Final = "predictions_unreadable"
PREDICTED: Final = "preds"
"""Variable of MPII's `.mat`."""

_FIRST: Final = 1.0
"""Pixels of MPII's own files count from 1."""

_NAMED: Final = 5


def read_coco_results(path: Path, numbers: Sequence[int], n_joints: int) -> list[dict[str, Any]]:
    """The people of a results file, in its order.

    Args:
        path: A list of `{"image_id", "category_id", "keypoints", "score"}`, or an object with such a list under
            `annotations`.
        numbers: COCO's ids of the images of the split.
        n_joints: Number of joints.

    Returns:
        Records with `image_id`, `keypoints` (3 numbers for each joint) and `score`, whose numbers are finite; people of
        other categories are left out.

    Raises:
        DataError: If it cannot be read (`predictions_unreadable`), a record has another form (`prediction_wrong_size`)
            or numbers that are not finite (`prediction_not_finite`), people are in images of other splits, or a person
            comes twice (`predictions_ids`).
    """
    content = read_json(path, kind=_UNREADABLE)
    entries = content.get("annotations") if isinstance(content, dict) else content
    if not isinstance(entries, list):
        _fail(path, "it is no list of detections")
    found = [
        _record(path, place, entry, n_joints)
        for place, entry in enumerate(entries)
        if not isinstance(entry, Mapping) or is_category_of_people(entry.get("category_id", 1))
    ]
    there = set(numbers)
    unknown = sorted({record["image_id"] for record in found} - there)
    counts = Counter((record["image_id"], tuple(record["keypoints"]), record["score"]) for record in found)
    repeated = sorted({image for (image, _, _), number in counts.items() if number > 1})
    told = [
        f"{len(images)} {what} ({', '.join(map(str, images[:_NAMED]))}{', ...' if len(images) > _NAMED else ''})"
        for what, images in (("images not in the split", unknown), ("images with repeated people", repeated))
        if images
    ]
    if told:
        raise DataError(
            f"{path}: {'; '.join(told)}; give the people of this split, each once",
            kind="predictions_ids",
            file=str(path),
        )
    return found


def _record(path: Path, place: int, entry: Any, n_joints: int) -> dict[str, Any]:
    try:
        image, score = whole_number(entry["image_id"]), float(entry["score"])
        points = np.array(entry["keypoints"], np.float64).reshape(-1)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(
            f"{path}: detection {place} has no image_id, keypoints or score, or no numbers there ({error})",
            kind="prediction_wrong_size",
            file=str(path),
        ) from error
    if points.shape != (3 * n_joints,):
        raise DataError(
            f"{path}: detection {place}, image {image}: {points.size} numbers for {n_joints} joints; 3 for each are "
            "needed: x, y and score",
            kind="prediction_wrong_size",
            file=str(path),
        )
    if not (np.isfinite(points).all() and np.isfinite(score)):
        raise DataError(
            f"{path}: detection {place}, image {image}: joints or a score that are nan or infinite; leave it out",
            kind="prediction_not_finite",
            file=str(path),
        )
    return {"image_id": image, "keypoints": points.tolist(), "score": score}


def read_mpii_predictions(
    path: Path, ids: Sequence[str], places: Sequence[int], n_people: int, n_joints: int
) -> NDArray[np.float64]:
    """The joints of MPII's people.

    Args:
        path: A `.mat` with `preds` (M, J, 2 or 3), px (x, y) from 1, one row for each entry of the annotation file
            in its order; or a `.json` with J lists of x, y (and a score, which is not used), px from 0, by person
            id, or with `ids` and `joints`.
        ids: Ids of the N people of the split.
        places: Number of each of them in the annotation file, from 0; -1 where the store does not know.
        n_people: Least number of entries of the annotation file.
        n_joints: Number of joints.

    Returns:
        (N, J, 2) px from 0, in the order of `ids`.

    Raises:
        DataError: If it cannot be read (`predictions_unreadable`), has another shape (`prediction_wrong_size`), or its
            people are not those of the split (`predictions_ids`).
    """
    if path.suffix == ".json":
        names, joints = _json_joints(path)
        check_ids(names, ids, path=path)
        row = {name: number for number, name in enumerate(names)}
        return _shaped(path, joints, len(names), n_joints)[[row[name] for name in ids]]
    if min(places, default=0) < 0:
        _fail(path, "the store does not know the order of valid.json; prepare it again, or give a .json by person id")
    try:
        joints = np.asarray(loadmat(path, variable_names=[PREDICTED])[PREDICTED], np.float64)
    except KeyError as error:
        _fail(path, f"it has no variable {PREDICTED}", error)
    except MAT_ERRORS as error:
        _fail(path, f"it is no whole MATLAB file ({type(error).__name__}: {error})", error)
    if len(joints) != n_people:
        raise DataError(
            f"{path}: joints of {len(joints)} people; the annotation file of the store has {n_people}, and each "
            "needs a row, in its order",
            kind="predictions_ids",
            file=str(path),
        )
    return _shaped(path, joints, n_people, n_joints)[list(places)] - _FIRST


def _json_joints(path: Path) -> tuple[list[str], Any]:
    # Pairs, since an object would hide an id that comes twice.
    pairs = read_json(path, kind=_UNREADABLE, pairs=True)
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        _fail(path, "it is no JSON object of joints by person")
    if {name for name, _ in pairs} == {"ids", "joints"}:
        values = dict(pairs)
        names = values["ids"] if isinstance(values["ids"], list) else [values["ids"]]
        return list(map(str, names)), values["joints"]
    return [name for name, _ in pairs], [joints for _, joints in pairs]


def _shaped(path: Path, joints: Any, n_people: int, n_joints: int) -> NDArray[np.float64]:
    try:
        array = np.asarray(joints, np.float64)
    except (ValueError, TypeError) as error:
        _fail(path, f"joints that are no numbers, or not alike for all people ({error})", error)
    if array.ndim != 3 or array.shape[:2] != (n_people, n_joints) or array.shape[2] not in (2, 3):
        raise DataError(
            f"{path}: joints of shape {array.shape}, not ({n_people}, {n_joints}, 2) px",
            kind="prediction_wrong_size",
            file=str(path),
        )
    return array[..., :2]


def _fail(path: Path, why: str, error: BaseException | None = None) -> NoReturn:
    raise DataError(
        f"{path}: cannot be read as predicted people ({why}); give COCO's results JSON, or for MPII a .mat with "
        f"{PREDICTED} (N, 16, 2) or a .json of joints by person id",
        kind=_UNREADABLE,
        file=str(path),
    ) from error
