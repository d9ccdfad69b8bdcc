"""Files with dense poses that other programs found: COCO results JSON, or what detectron2 saves.

COCO results are a list of objects, one per detection. Each has `image_id`, `bbox` ([left, top, width, height], px),
`score`, `category_id` (the person's; 0, as detectron2 counts, is taken for it; others are left out and counted), and
the quantized IUV over the box in one of these forms:

| fields | written by |
|---|---|
| `uv_shape`: [3, h, w], `uv_data`: base64 of a PNG whose red, green, blue are part, U, V | DensePose-COCO challenge |
| `densepose`: {`shape_chw`: [3, h, w], `labels_uv_str`: base64 of such a PNG} | detectron2, compressed results |
| `densepose`: [[3, h, w], base64 of such a PNG] | detectron2 until 2020 |
| `densepose`: {`labels_uv`: [[[...]]]}, or `uv`: [[[...]]] | anyone: plain lists (3, h, w) |

See https://github.com/facebookresearch/DensePose/tree/main/challenge and detectron2's
`projects/DensePose/densepose/structures/chart_result.py`. The files that detectron2 saves are described in
`detectron2_results.py`.
"""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.atomic import write_atomic
from hcmoco_bench.files.image_error import ImageError
from hcmoco_bench.files.json import read_json
from hcmoco_bench.files.object_pickle import StoredObject
from hcmoco_bench.files.png import decode_rgb_png
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.files.tensor_files import TensorFileError
from hcmoco_bench.files.torch_objects import is_torch_file
from hcmoco_bench.metrics.densepose.detection import Detection
from hcmoco_bench.metrics.densepose.detectron2_results import (
    PERSONS,
    PREDICTIONS_FILE,
    read_detectron2_results,
    stored_iuv,
)

PERSON = 1
_POSES = ("uv_data", "densepose", "uv")


@dataclass(frozen=True, eq=False)
class ResultFile:
    """A results file, its detections not decoded yet.

    Attributes:
        path: The file.
        entries: Its objects, sorted by image (in the order of the file within one).
        problems: Those left out: without a usable `image_id` (`result_wrong`), or of another category
            (`other_category`).
    """

    path: Path
    entries: tuple[Mapping[str, Any], ...]
    problems: tuple[Problem, ...]

    @property
    def image_ids(self) -> tuple[int, ...]:
        """Images with detections, each once."""
        return tuple(dict.fromkeys(int(entry["image_id"]) for entry in self.entries))

    def detections(self, problems: list[Problem]) -> Iterator[Detection]:
        """Decode them one after the other, image by image.

        Args:
            problems: Gets a line for each that cannot be scored, and so counts as not detected: `result_wrong`,
                `iuv_unreadable`, `iuv_wrong_size`, `iuv_wrong_part`, `box_wrong`, `not_finite`.
        """
        for entry in self.entries:
            try:
                yield _detection(entry)
            except DataError as error:
                kind, reason = error.kind, f"{self.path}: {error}"
                problems.append(Problem(str(entry["image_id"]), kind, str(self.path), reason))


def read_results(path: Path, *, image_ids: Callable[[], Mapping[str, int]] | None = None) -> ResultFile:
    """Read a results file: COCO results JSON, or a file of detectron2's.

    Args:
        path: The file.
        image_ids: Gives COCO's number of each image by file name, for files that name images so (`apply_net.py dump`).

    Raises:
        DataError: Kind `results_unreadable`: missing, truncated, or not a list of objects; `results_without_poses`:
            boxes alone; or as `read_detectron2_results` does.
    """
    if path.is_file() and is_torch_file(path):
        found, problems = read_detectron2_results(path, image_ids)
    else:
        found, problems = _json_entries(path), []
    entries = []
    for number, entry in enumerate(found):
        image = entry.get("image_id")
        if not isinstance(image, int) or isinstance(image, bool):
            reason = f"{path}: result {number} has image_id {image!r}; it must be a number"
            problems.append(Problem("", "result_wrong", str(path), reason))
        elif entry.get("category_id", PERSON) not in PERSONS:
            reason = f"{path}: result {number} is of category {entry['category_id']}, not a person"
            problems.append(Problem(str(image), "other_category", str(path), reason))
        else:
            entries.append(entry)
    return ResultFile(path, tuple(sorted(entries, key=lambda entry: int(entry["image_id"]))), tuple(problems))


def write_results(path: Path, detections: Iterable[Detection]) -> None:
    """Write detections in the challenge's form, atomically; raises StoreError if that fails."""
    write_atomic(path, json.dumps([to_result(detection) for detection in detections], allow_nan=False))


def to_result(detection: Detection) -> dict[str, Any]:
    """The object of one detection in the challenge's form."""
    content = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(np.moveaxis(detection.iuv, 0, -1))).save(content, format="png")
    return {
        "image_id": detection.image_id,
        "category_id": PERSON,
        "bbox": list(detection.box),
        "score": detection.score,
        "uv_shape": list(detection.iuv.shape),
        "uv_data": base64.b64encode(content.getvalue()).decode("ascii"),
    }


def _json_entries(path: Path) -> list[dict[str, Any]]:
    content = read_json(path, kind="results_unreadable")
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise DataError(
            f"{path}: not COCO results, which are a list of objects; give the detections, not the annotations",
            kind="results_unreadable",
            file=str(path),
        )
    if content and not any(name in entry for entry in content for name in _POSES):
        raise DataError(
            f"{path}: boxes without dense poses. detectron2 writes the dense poses of its evaluation to a file beside "
            f"this one; give that: --predictions {path.with_name(PREDICTIONS_FILE)}",
            kind="results_without_poses",
            file=str(path),
        )
    return content


def _detection(entry: Mapping[str, Any]) -> Detection:
    image = int(entry["image_id"])
    try:
        left, top, width, height = (float(value) for value in entry["bbox"])
        score = float(entry["score"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"image {image}: no bbox of four numbers, or no score", kind="result_wrong") from error
    return Detection(image, (left, top, width, height), score, _iuv(entry, image))


def _iuv(entry: Mapping[str, Any], image: int) -> NDArray[np.uint8]:
    dense = entry.get("densepose")
    try:
        if isinstance(dense, StoredObject):
            return stored_iuv(dense)
        if "uv_data" in entry:
            return _decoded(entry["uv_shape"], entry["uv_data"])
        if isinstance(dense, Mapping) and "labels_uv_str" in dense:
            return _decoded(dense["shape_chw"], dense["labels_uv_str"])
        if isinstance(dense, list):
            return _decoded(*dense)
        return _listed(dense["labels_uv"] if isinstance(dense, Mapping) else entry["uv"])
    except (KeyError, TypeError) as error:
        raise DataError(
            f"image {image}: no dense pose in it (uv_data, or densepose with labels_uv_str or labels_uv)",
            kind="result_wrong",
        ) from error
    except DataError as error:
        raise DataError(f"image {image}: {error}", kind=error.kind) from error
    except (ValueError, binascii.Error, ImageError, TensorFileError) as error:
        raise DataError(f"image {image}: IUV cannot be decoded ({error})", kind="iuv_unreadable") from error


def _decoded(shape: Any, text: Any) -> NDArray[np.uint8]:
    expected = tuple(int(size) for size in shape)
    iuv = np.moveaxis(decode_rgb_png(base64.b64decode(text), expected="part, U and V are 8 bit rgb"), -1, 0)
    if iuv.shape != expected:
        raise ValueError(f"a PNG of {iuv.shape[1]}x{iuv.shape[2]} px for shape {expected}")
    return np.ascontiguousarray(iuv)


def _listed(values: Any) -> NDArray[np.uint8]:
    found = np.asarray(values, np.float64)
    if not ((found >= 0) & (found <= 255)).all():
        raise ValueError("values outside 0..255")
    return found.astype(np.uint8)
