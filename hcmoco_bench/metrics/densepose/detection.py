"""One detected person with its dense pose."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hcmoco_bench.errors import DataError
from hcmoco_bench.metrics.densepose.body_charts import N_PARTS

_LOOSE: Final = 1


@dataclass(frozen=True, eq=False)
class Detection:
    """A box with quantized chart coordinates.

    Attributes:
        image_id: COCO's number of the image.
        box: Left, top, width, height, px.
        score: Confidence; only its order counts.
        iuv: (3, h, w) uint8 over the box: part 1..24 (0 = background), U * 255, V * 255; h and w are the box's size
            without its fraction, at least 1. One px more or less is taken as it is, for boxes that were rounded.

    Raises:
        DataError: `not_finite` numbers, a `box_wrong` of negative size, `iuv_wrong_size`, or `iuv_wrong_part`.
    """

    image_id: int
    box: tuple[float, float, float, float]
    score: float
    iuv: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if not np.isfinite([*self.box, self.score]).all():
            raise self._error(f"box {self.box} or score {self.score} is not finite", "not_finite")
        if self.box[2] < 0 or self.box[3] < 0:
            raise self._error(f"box {self.box} has a negative size", "box_wrong")
        if self.iuv.dtype != np.uint8 or self.iuv.ndim != 3 or len(self.iuv) != 3:
            raise self._error(f"IUV is {self.iuv.dtype} {self.iuv.shape}, not uint8 (3, h, w)", "iuv_wrong_size")
        size = iuv_size(self.box)
        if max(abs(size[0] - self.iuv.shape[1]), abs(size[1] - self.iuv.shape[2])) > _LOOSE:
            raise self._error(
                f"IUV of {self.iuv.shape[1:]} px for a box of {size} px (height, width)", "iuv_wrong_size"
            )
        if self.iuv[0].max(initial=0) > N_PARTS:
            raise self._error(f"part {self.iuv[0].max()}; there are 1..{N_PARTS}, and 0", "iuv_wrong_part")

    @property
    def area(self) -> float:
        """Of the box, px."""
        return self.box[2] * self.box[3]

    def _error(self, what: str, kind: str) -> DataError:
        return DataError(f"detection in image {self.image_id}: {what}", kind=kind)


def iuv_size(box: tuple[float, float, float, float]) -> tuple[int, int]:
    """Height and width of a box's IUV, px."""
    return max(int(box[3]), 1), max(int(box[2]), 1)
