"""Names of figures for readers."""

from __future__ import annotations

from typing import Final

from hcmoco_bench.files.outside_text import printable

_LABELS: Final = {
    "miou": "mIoU",
    "macc": "mAcc",
    "aacc": "aAcc",
    "miou_parts": "mIoU of parts",
    "iou": "IoU",
    "mean_error_cm": "mean error, cm",
    "error_cm": "error, cm",
}
_MEASURES: Final = {"gps": "GPS", "gpsm": "GPSM", "iou": "mask", "bbox": "box"}


def figure_label(name: str) -> str:
    """The name of a figure for readers, e.g. `mIoU` for `miou` and `GPS AP50` for `gps_AP50`."""
    if name in _LABELS:
        return _LABELS[name]
    measure, _, statistic = name.partition("_")
    if statistic and measure in _MEASURES:
        return f"{_MEASURES[measure]} {statistic}"
    return printable(name).replace("_", " ")
