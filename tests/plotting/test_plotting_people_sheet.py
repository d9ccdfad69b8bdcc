"""The sheet of annotated photographs: squares, limbs and joints where they are, and what is not annotated not drawn."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.patches import Rectangle

from hcmoco_bench.body.joints import joint_set
from hcmoco_bench.plotting.people_sheet import people_sheet
from hcmoco_bench.store.arrays.photographs import PhotographArrays


def photograph(state: np.ndarray, name: str = "a") -> PhotographArrays:
    people = len(state)
    rng = np.random.default_rng(0)
    return PhotographArrays(
        image_id=name,
        rgb=np.zeros((60, 80, 3), np.uint8),
        person_ids=tuple(f"{name}_{i}" for i in range(people)),
        joints=rng.uniform(5, 50, (people, 16, 2)).astype(np.float32),
        state=state.astype(np.uint8),
        squares=np.array([(40, 30, 50)] * people, np.float32).reshape(-1, 3),
        areas=np.full(people, np.nan),
        ignored=0,
    )


def test_people_are_drawn_where_they_are() -> None:
    state = np.full((2, 16), 2)
    state[1, 3], state[1, 9] = 1, 0
    joints = joint_set("mpii16")
    shown = photograph(state)
    axis = people_sheet([shown], joints).axes[0]
    squares = [patch for patch in axis.patches if isinstance(patch, Rectangle)]
    assert [(*square.get_xy(), square.get_width(), square.get_height()) for square in squares] == [(15, 5, 50, 50)] * 2
    seen, _, seen_too, hidden = (dots for dots in axis.collections if isinstance(dots, PathCollection))
    assert np.array_equal(seen.get_offsets(), shown.joints[0])
    assert np.array_equal(seen_too.get_offsets(), shown.joints[1][state[1] == 2])
    assert np.array_equal(hidden.get_offsets(), shown.joints[1][[3]])
    assert len(hidden.get_facecolors()) == 0
    cut = sum(9 in edge for edge in joints.edges)
    assert len(axis.lines) == 2 * len(joints.edges) - cut
    assert axis.get_title() == "a: 2 people"
    assert axis.get_ylim() == (59.5, -0.5)


def test_three_images_a_line() -> None:
    images = [photograph(np.full((1, 16), 2), str(number)) for number in range(4)]
    figure = people_sheet(images, joint_set("mpii16"))
    assert [axis.get_title() for axis in figure.axes] == [*(f"{i}: 1 person" for i in range(4)), "", ""]
    assert [axis.axison for axis in figure.axes] == [True] * 4 + [False] * 2
    figure.canvas.draw()
    with pytest.raises(ValueError, match="at least one"):
        people_sheet([], joint_set("mpii16"))
