"""The overlay sheet: what is drawn where, and samples that lack depth, parts or bodies."""

from __future__ import annotations

import numpy as np
import pytest

from hcmoco_bench.plotting.overlay_sheet import depth_edges, overlay_sheet
from hcmoco_bench.store.arrays.samples import SampleArrays


def make_row(*, depth: bool = True, parts: bool = True, bodies: int = 1) -> SampleArrays:
    mask = np.zeros((424, 512), bool)
    mask[100:300, 200:260] = True
    rng = np.random.default_rng(0)
    return SampleArrays(
        sample_id="S001C001P001R001A001F060",
        rgb=rng.integers(0, 256, (424, 512, 3), dtype=np.uint8),
        depth=np.where(mask, 2500, 0).astype(np.uint16) if depth else None,
        parts=np.where(mask, 20, 0).astype(np.uint8) if parts else None,
        body_id=np.arange(bodies),
        joints_xyz=rng.normal(size=(bodies, 25, 3)).astype(np.float32),
        joints_depth=rng.uniform((200, 100), (260, 300), (bodies, 25, 2)).astype(np.float32),
        joints_color=rng.uniform((700, 300), (900, 900), (bodies, 25, 2)).astype(np.float32),
        tracking=rng.integers(0, 3, (bodies, 25), dtype=np.uint8),
    )


def test_depth_edges_are_the_outline_and_the_near_side_of_a_step() -> None:
    depth = np.zeros((5, 8), np.uint16)
    depth[1:4, 1:4] = 2000
    depth[1:4, 4:7] = 2100
    edges = depth_edges(depth, step=80)
    assert edges.tolist() == [
        [False] * 8,
        [False, True, True, True, True, True, True, False],
        [False, True, False, True, False, False, True, False],
        [False, True, True, True, True, True, True, False],
        [False] * 8,
    ]
    assert not depth_edges(np.zeros((4, 4), np.uint16)).any()
    assert not depth_edges(np.full((4, 4), 3000, np.uint16)).any()


@pytest.mark.parametrize(
    ("depth", "parts", "bodies"), [(True, True, 2), (False, True, 1), (True, False, 1), (False, False, 0)]
)
def test_a_sheet_has_five_panels_a_row_whatever_is_missing(depth: bool, parts: bool, bodies: int) -> None:
    figure = overlay_sheet([make_row(depth=depth, parts=parts, bodies=bodies), make_row()])
    panels = [axis for axis in figure.axes if axis.get_title()]
    assert len(panels) == 10
    texts = {text.get_text() for axis in panels[:5] for text in axis.texts}
    assert texts == {t for t, there in (("no depth", depth), ("no part masks", parts)) if not there}
    figure.canvas.draw()


def test_panels_share_a_window_around_the_person() -> None:
    panels = [axis for axis in overlay_sheet([make_row()]).axes if axis.get_title()]
    windows = {(axis.get_xlim(), axis.get_ylim()) for axis in panels}
    assert len(windows) == 1
    ((left, right), (bottom, top)) = windows.pop()
    assert left < 200 < 260 < right < 512
    assert top < 100 < 300 < bottom, "rows grow downwards"


def test_nan_joints_are_not_drawn() -> None:
    row = make_row(depth=False, parts=False)
    row.joints_depth[:] = np.nan
    overlay_sheet([row]).canvas.draw()


def test_no_sample_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one"):
        overlay_sheet([])
