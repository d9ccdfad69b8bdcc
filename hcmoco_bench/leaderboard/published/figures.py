"""Names of the figures that tables print, by task, and how figures of one model must compare."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from hcmoco_bench.body import joint_set, part_table
from hcmoco_bench.metrics.coco_statistics import STATISTICS
from hcmoco_bench.metrics.densepose.metric import MEASURES

MEAN: Final = "miou"
IOU: Final = "iou/"
"""Start of the columns whose mean is `MEAN`."""


def _parsing() -> frozenset[str]:
    classes = part_table().names
    return frozenset(
        {MEAN, "miou_parts", "macc", "aacc", *(f"{IOU}{name}" for name in classes)}
        | {f"accuracy/{name}" for name in classes}
    )


def _densepose() -> frozenset[str]:
    """The statistics of the task, and the box AP of small people, which detectron2 reports and the task does not."""
    return frozenset({f"{measure}_{name}" for measure in MEASURES for name in STATISTICS} | {"bbox_APs"})


def _itop() -> frozenset[str]:
    joints = joint_set("itop15")
    single = {f"{figure}/{name}" for figure in ("accuracy", "error_cm") for name in joints.joints}
    return frozenset({"accuracy", "mean_error_cm", *(f"accuracy_{name}" for name in joints.groups)} | single)


_FIGURES: Final[Mapping[str, Callable[[], frozenset[str]]]] = {
    "cross_modality": _parsing,
    "densepose": _densepose,
    "depth_parsing": _parsing,
    "itop_pose": _itop,
    "missing_modality": _parsing,
    "rgb_parsing": _parsing,
}


def unknown_columns(task: str, columns: Iterable[str]) -> list[str]:
    """Those columns that the task has no figure for; none for tasks whose figures are not listed here."""
    known = _FIGURES.get(task)
    return [] if known is None else [name for name in columns if name not in known()]


def never_above() -> tuple[tuple[str, str], ...]:
    """Pairs of figures of which the first is not above the second, whatever the model.

    AP is a mean over thresholds, and falls with the threshold. Precision is averaged over 101 recalls up to the largest
    one that is reached, so that AP is not above AR (but for one of the 101). An IoU is not above its class's accuracy.
    """
    pairs = [(MEAN, "macc")]
    for measure in MEASURES:
        statistics = (("AP", "AP50"), ("AP75", "AP50"), ("AR", "AR50"), ("AR75", "AR50"))
        recalls = tuple((name, name.replace("AP", "AR")) for name in STATISTICS if name.startswith("AP"))
        pairs += [(f"{measure}_{low}", f"{measure}_{high}") for low, high in (*statistics, *recalls)]
    return tuple(pairs)
