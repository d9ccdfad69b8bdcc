"""DensePose's division of the body, against the numbers that the published code mirrors images and labels with."""

from __future__ import annotations

import numpy as np
import pytest

from hcmoco_bench.body.densepose_parts import DensePoseParts, densepose_parts
from hcmoco_bench.errors import LabelError


def test_mirroring_is_as_published():
    parts = densepose_parts()
    fine = [0, 1, 2, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18, 17, 20, 19, 22, 21, 24, 23]
    assert parts.flip.tolist() == fine
    assert parts.coarse_flip.tolist() == [0, 1, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 14]
    np.testing.assert_array_equal(parts.coarse_flip[parts.coarse_of_fine], parts.coarse_of_fine[parts.flip])


def test_masks_hold_their_charts():
    parts = densepose_parts()
    held = {coarse: np.flatnonzero(parts.coarse_of_fine == coarse).tolist() for coarse in range(1, 15)}
    assert held == {1: [1, 2], 2: [3], 3: [4], 4: [5], 5: [6], 6: [7, 9], 7: [8, 10], 8: [11, 13], 9: [12, 14],
                    10: [15, 17], 11: [16, 18], 12: [19, 21], 13: [20, 22], 14: [23, 24]}  # fmt: skip
    for number, part in enumerate(parts.fine, 1):
        assert parts.index(part.name) == number
        side = part.name.split()[0]
        assert parts.coarse[part.coarse - 1].startswith(side if side in ("right", "left") else part.name.split()[0])


def test_unknown_names_and_one_sided_tables_are_refused():
    with pytest.raises(LabelError, match="tail"):
        densepose_parts().index("tail")
    table = densepose_parts().model_dump()
    table["fine"][2]["partner"] = 5
    with pytest.raises(ValueError, match="mutual"):
        DensePoseParts.model_validate(table)
