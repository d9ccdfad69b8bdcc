"""IUV overlays: who is in front, what is cut off, and that images without anybody can be drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hcmoco_bench.plotting.iuv_overlay import IUVImage, IUVPerson, iuv_overlays, part_colors, paste_iuv
from hcmoco_bench.plotting.save import save_figure


def person(box: tuple[float, float, float, float], score: float, part: int) -> IUVPerson:
    iuv = np.zeros((3, max(int(box[3]), 1), max(int(box[2]), 1)), np.uint8)
    iuv[0, :, : iuv.shape[2] // 2 + 1] = part
    iuv[1:, iuv[0] > 0] = 200
    return IUVPerson(box, score, iuv)


def test_the_more_confident_person_is_in_front_and_background_hides_nobody() -> None:
    canvas = paste_iuv([person((2, 2, 4, 4), 0.9, 5), person((0.7, 1.2, 8, 6), 0.4, 9)], (10, 12))
    assert canvas[0, 3, 3] == 5
    assert canvas[0, 3, 1] == 9
    assert canvas[0, 6, 4] == 9
    assert canvas[0, 3, 5] == 0  # background in both there
    assert canvas[0].max() == 9


@pytest.mark.parametrize(
    "box", [(-3.0, -2.0, 6.0, 6.0), (9.0, 8.0, 6.0, 6.0), (40.0, 0.0, 5.0, 5.0), (-9.0, 0.0, 5.0, 5.0)]
)
def test_what_leaves_the_image_is_cut_off(box: tuple[float, float, float, float]) -> None:
    canvas = paste_iuv([person(box, 0.5, 7)], (10, 12))
    expected = np.zeros((10, 12), bool)
    for y in range(10):
        for x in range(12):
            inside = 0 <= y - int(box[1]) < int(box[3]) and 0 <= x - int(box[0]) < int(box[2]) // 2 + 1
            expected[y, x] = inside
    np.testing.assert_array_equal(canvas[0] == 7, expected)


def test_every_part_has_a_color_of_its_own() -> None:
    colors = part_colors()(np.arange(24))
    assert len(np.unique(colors.round(3), axis=0)) == 24


@pytest.mark.parametrize("people", [(), (person((1.5, 2.0, 10.0, 12.0), 0.8, 3),)])
def test_a_sheet_is_drawn_with_and_without_people(tmp_path: Path, people: tuple[IUVPerson, ...]) -> None:
    n = 5 * len(people)
    image = IUVImage(
        "42",
        np.full((20, 16, 3), 90, np.uint8),
        np.full((n, 2), 8.0),
        np.full(n, 3),
        np.full((n, 2), 0.5),
        people,
    )
    figure = iuv_overlays([image, image])
    assert len(figure.axes) == 12
    save_figure(figure, tmp_path / "iuv.png", dpi=40)
    assert (tmp_path / "iuv.png").stat().st_size > 1000


def test_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        iuv_overlays([])
