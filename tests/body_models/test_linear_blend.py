"""Forward kinematics against a loop, and trees that are none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from generated_bodies import turned

from hcmoco_bench.body_models.linear_blend import blend_vertices, bones_by_level, pose_bones

PARENTS = (-1, 0, 1, 0, 3, 2, 3)


def test_bones_are_posed_as_a_loop_poses_them() -> None:
    generator = torch.Generator().manual_seed(8)
    rotations, rest = turned(generator, 3, 7, 1.0), torch.randn(3, 7, 3, generator=generator)
    posed = pose_bones(rotations, rest, PARENTS)
    turns, heads = [rotations[:, 0]], [rest[:, 0]]
    for bone, parent in enumerate(PARENTS[1:], 1):
        offset = (rest[:, bone] - rest[:, parent])[..., None]
        heads.append(heads[parent] + (turns[parent] @ offset)[..., 0])
        turns.append(turns[parent] @ rotations[:, bone])
    torch.testing.assert_close(posed.turns, torch.stack(turns, 1))
    torch.testing.assert_close(posed.heads, torch.stack(heads, 1))


def test_a_vertex_of_one_bone_moves_rigidly_with_it() -> None:
    generator = torch.Generator().manual_seed(9)
    rotations, rest = turned(generator, 1, 7, 1.0), torch.randn(1, 7, 3, generator=generator)
    posed = pose_bones(rotations, rest, PARENTS)
    moved = blend_vertices(rest, torch.eye(7), posed, rest)  # vertices at the heads
    torch.testing.assert_close(moved, posed.heads, atol=1e-6, rtol=0)
    vertex, weights = torch.randn(1, 1, 3, generator=generator), torch.zeros(1, 7)
    weights[0, 5] = 1
    blended = blend_vertices(vertex, weights, posed, rest)
    expected = posed.turns[0, 5] @ (vertex[0, 0] - rest[0, 5]) + posed.heads[0, 5]
    np.testing.assert_allclose(blended[0, 0], expected, atol=1e-5)


@pytest.mark.parametrize("parents", [(), (0, 0), (-1, -1), (-1, 2, 0), (-1, 1)])
def test_what_is_no_tree_is_refused(parents: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="no tree"):
        bones_by_level(parents)
