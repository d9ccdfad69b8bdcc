"""Dense poses as detectron2's DensePose saves them with `torch.save`; see https://github.com/facebookresearch/detectron2.

Two of its programs write such files:

- `train_net.py --eval-only`: `inference/coco_densepose_predictions.pth`, a list with a dictionary per detection:
  `image_id`, `category_id`, `bbox` (left, top, width, height), `score`, and `densepose`, an object of
  `DensePoseChartResultQuantized` with `labels_uv_uint8` (3, h, w).
- `apply_net.py dump`: a list with a dictionary per image: `file_name`, `scores` (N,), `pred_boxes_XYXY` (N, 4), and
  `pred_densepose`, a list of N objects with `labels` (h, w) and `uv` (2, h, w). Until 2020 it was one object of
  `DensePoseResult`, whose `results` are N pairs of a shape and base64 of a PNG.

The classes of these objects are not looked up, and nothing in such a file is run; see `files.torch_objects`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.files.object_pickle import Name, StoredObject
from hcmoco_bench.files.problems import Problem
from hcmoco_bench.files.tensor_files import TensorFileError
from hcmoco_bench.files.torch_objects import StoredTensor, read_torch_objects
from hcmoco_bench.metrics.person_category import PERSONS, is_category_of_people

PREDICTIONS_FILE: Final = "coco_densepose_predictions.pth"
"""What detectron2 calls the dense poses of an evaluation."""

_CHARTS: Final = frozenset(
    {
        "DensePoseChartResult",
        "DensePoseChartResultWithConfidences",
        "DensePoseChartResultQuantized",
        "DensePoseChartResultCompressed",
        "DensePoseResult",
    }
)
_EMBEDDINGS: Final = frozenset(
    {"DensePoseEmbeddingPredictorOutput", "DensePoseEmbeddingPredictorOutputWithConfidences"}
)


def read_detectron2_results(
    path: Path, image_ids: Callable[[], Mapping[str, int]] | None
) -> tuple[list[dict[str, Any]], list[Problem]]:
    """The detections of a file of either program.

    Args:
        path: The file; it must exist.
        image_ids: Gives COCO's number of each image of the split by file name (without folders), which files of
            `apply_net` need.

    Returns:
        For each detection `image_id`, `bbox` ([left, top, width, height], px), `score` and `densepose`, which is what
        `stored_iuv` takes, or one of the forms of COCO results; and problems: images that are not of the split and are
        left out (`not_in_split`), and those of the split that were not searched (`not_predicted`).

    Raises:
        DataError: `results_refused` if the file asks for code; `results_unreadable` if it is damaged or something else;
            `results_of_embeddings`; `results_elsewhere`; `results_of_other_classes`; `predictions_ids` if an image
            comes twice or none is of the split.
    """
    try:
        content = read_torch_objects(path, _is_result)
    except TensorFileError as error:
        kind = "results_refused" if error.kind == "foreign" else "results_unreadable"
        raise _error(
            path, f"{error}; nothing in it was run. Give the {PREDICTIONS_FILE} of an evaluation", kind
        ) from error
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise _error(path, f"not detections of detectron2; give the {PREDICTIONS_FILE} of an evaluation")
    if content and "file_name" in content[0]:
        if image_ids is None:
            raise _error(path, "a dump of apply_net names images by file; their numbers are needed to read it")
        return _by_file_name(path, content, image_ids())
    return [_entry(path, number, entry) for number, entry in enumerate(content)], []


def stored_iuv(stored: StoredObject) -> NDArray[np.uint8]:
    """(3, h, w) uint8 part, U * 255 and V * 255 of a detection; floats are quantized as detectron2 does it.

    Raises:
        DataError: Kind `not_finite`.
        TensorFileError: If tensors are damaged.
        KeyError, TypeError, ValueError: If they are missing, or not of these shapes and types.
    """
    if "labels_uv_uint8" in stored.state:
        return _array(stored.state["labels_uv_uint8"], "u")
    part, uv = _array(stored.state["labels"], "iu"), _array(stored.state["uv"], "f")
    if part.ndim != 2 or uv.shape != (2, *part.shape):
        raise ValueError(f"labels of shape {part.shape} and uv of shape {uv.shape}")
    if part.min(initial=0) < 0 or part.max(initial=0) > np.iinfo(np.uint8).max:
        raise ValueError(f"labels from {part.min()} to {part.max()}")
    if not np.isfinite(uv).all():
        raise DataError("U and V that are not finite", kind="not_finite")
    quantized = np.clip(uv * np.float32(255), 0, 255).astype(np.uint8)
    return np.concatenate([part[None].astype(np.uint8), quantized])


def _is_result(name: Name) -> bool:
    module, kind = name
    return "densepose" in module.split(".") and kind in _CHARTS | _EMBEDDINGS


def _entry(path: Path, number: int, entry: dict[str, Any]) -> dict[str, Any]:
    """One detection of an evaluation."""
    _check_charts(path, entry.get("densepose"), entry)
    if "record_id" in entry:
        raise _error(
            path,
            "the dense poses were kept elsewhere while detectron2 ran; evaluate again with "
            "DENSEPOSE_EVALUATION.STORAGE none",
            "results_elsewhere",
        )
    if not is_category_of_people(entry.get("category_id", PERSONS[0])):
        raise _error(
            path,
            f"detection {number} is of class {entry['category_id']}; a DensePose model of people has one class, which "
            f"detectron2 calls {PERSONS[0]} and COCO {PERSONS[1]}",
            "results_of_other_classes",
        )
    return {**entry, "densepose": _plain(entry.get("densepose"))}


def _by_file_name(
    path: Path, content: list[dict[str, Any]], image_ids: Mapping[str, int]
) -> tuple[list[dict[str, Any]], list[Problem]]:
    """The detections of a dump."""
    names = [PureWindowsPath(str(entry.get("file_name"))).name for entry in content]  # takes both kinds of slash
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise _error(path, f"{len(repeated)} images come more than once, first {repeated[0]}", "predictions_ids")
    unknown = [name for name in names if name not in image_ids]
    if len(unknown) == len(names):
        raise _error(path, f"no image is of this split; the first is {names[0]}", "predictions_ids")
    entries = [
        detection
        for name, entry in zip(names, content, strict=True)
        if name in image_ids
        for detection in _detections(path, name, entry, image_ids[name])
    ]
    problems = [
        Problem("", "not_in_split", str(path), f"{path}: image {name} is not of this split and is left out")
        for name in unknown
    ]
    missing = [name for name in image_ids if name not in set(names)]
    if missing:
        reason = (
            f"{path}: {len(missing)} of {len(image_ids)} images of the split are not in the dump, first {missing[0]}; "
            "everybody in them counts as missed"
        )
        problems.append(Problem("", "not_predicted", str(path), reason, kept=True))
    return entries, problems


def _detections(path: Path, name: str, entry: dict[str, Any], image_id: int) -> list[dict[str, Any]]:
    """The detections of one image of a dump."""
    dense = entry.get("pred_densepose")
    _check_charts(path, dense, entry)
    if isinstance(dense, StoredObject):
        dense = dense.state.get("results")
    try:
        scores, corners = _array(entry["scores"], "f"), _array(entry["pred_boxes_XYXY"], "f")
    except (KeyError, TypeError, TensorFileError) as error:
        raise _error(path, f"image {name} has no scores and boxes that can be read") from error
    if not isinstance(dense, Sequence) or scores.ndim != 1 or not corners.shape == (len(scores), 4) == (len(dense), 4):
        raise _error(path, f"image {name} does not have one score, one box and one dense pose per detection")
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    for one in dense:
        _check_charts(path, one, {})
    return [
        {"image_id": image_id, "bbox": box, "score": score, "densepose": _plain(one)}
        for box, score, one in zip(boxes.tolist(), scores.tolist(), dense, strict=True)
    ]


def _check_charts(path: Path, dense: Any, entry: Mapping[str, Any]) -> None:
    if "embedding" in entry or (isinstance(dense, StoredObject) and dense.name[1] in _EMBEDDINGS):
        raise _error(
            path,
            "these are continuous surface embeddings (CSE), and what is scored here are charts: part, U and V; give "
            "the detections of a chart-based model",
            "results_of_embeddings",
        )


def _plain(dense: Any) -> Any:
    """A stored PNG as COCO results hold it; everything else as it is."""
    if isinstance(dense, StoredObject) and "labels_uv_str" in dense.state:
        return dense.state
    return list(dense) if isinstance(dense, tuple) else dense


def _array(stored: Any, kinds: str) -> NDArray[Any]:
    if not isinstance(stored, StoredTensor) or stored.dtype.kind not in kinds:
        raise TypeError("not a tensor of this type")
    return stored.array()


def _error(path: Path, what: str, kind: str = "results_unreadable") -> DataError:
    return DataError(f"{path}: {what}", kind=kind, file=str(path))
