"""Linear blend skinning for batches of bodies: bones to orientations, orientations to vertices; differentiable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class PosedBones:
    """The bones of B posed bodies.

    Attributes:
        turns: (B, P, 3, 3) orientation of each bone relative to the rest pose, in the model's axes.
        heads: (B, P, 3) meters.
    """

    turns: Tensor
    heads: Tensor


def bones_by_level(parents: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Indices of the bones by their distance from the root; bones of one level can be posed together.

    Raises:
        ValueError: If the first bone is not the only root, or a parent does not come before its child.
    """
    if not parents or parents[0] != -1 or any(not 0 <= parent < i for i, parent in enumerate(parents) if i):
        raise ValueError(f"the parents {list(parents)} are no tree whose root comes first")
    depth = [0]
    for parent in parents[1:]:
        depth.append(depth[parent] + 1)
    return tuple(tuple(i for i, own in enumerate(depth) if own == level) for level in range(max(depth) + 1))


def pose_bones(rotations: Tensor, rest_heads: Tensor, parents: Sequence[int]) -> PosedBones:
    """Forward kinematics; the root's head stays where it is.

    Args:
        rotations: (B, P, 3, 3) rotation of each bone against its parent, from the rest pose.
        rest_heads: (B, P, 3) heads of the bones in the rest pose, meters.
        parents: Parent of each bone, -1 for the first.

    Returns:
        The posed bones: turn_i = turn_parent R_i, head_i = head_parent + turn_parent (rest_i - rest_parent).
    """
    levels = bones_by_level(parents)
    turns, heads = [rotations[:, :1]], [rest_heads[:, :1]]
    for above, level in pairwise(levels):
        on = [parents[i] for i in level]
        place = [above.index(parent) for parent in on]
        turn, head = turns[-1][:, place], heads[-1][:, place]
        offset = rest_heads[:, list(level)] - rest_heads[:, on]
        turns.append(turn @ rotations[:, list(level)])
        heads.append(head + (turn @ offset[..., None])[..., 0])
    flat = [i for level in levels for i in level]
    order = [flat.index(i) for i in range(len(flat))]
    return PosedBones(torch.cat(turns, 1)[:, order], torch.cat(heads, 1)[:, order])


def blend_vertices(rest: Tensor, weights: Tensor, posed: PosedBones, rest_heads: Tensor) -> Tensor:
    """Move each vertex with the weighted mean of the motions of its bones.

    Args:
        rest: (B, V, 3) rest vertices, meters.
        weights: (V, P); rows sum to 1.
        posed: The posed bones.
        rest_heads: (B, P, 3) heads of the bones in the rest pose, meters.

    Returns:
        (B, V, 3) meters.
    """
    shift = posed.heads - (posed.turns @ rest_heads[..., None])[..., 0]
    motion = torch.cat([posed.turns, shift[..., None]], -1).flatten(2)  # B P 12
    blended = (weights @ motion).view(*rest.shape[:2], 3, 4)
    moved: Tensor = (blended[..., :3] * rest[..., None, :]).sum(-1) + blended[..., 3]
    return moved
