"""Anchors that vote for joints: softmax over all anchors of an image, and the means that it weights.

A2J (Xiong et al., ICCV 2019, equations 1 to 3): every anchor says how much it counts for a joint, where it believes the
joint to be relative to itself, and how deep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from hcmoco_bench.errors import UsageError

ANCHOR_OFFSETS = (1, 2, 3)
"""Px from a cell's first pixel, in x and in y: nine anchors a cell of stride 4, as in HCMoCo."""


@dataclass(frozen=True)
class AnchorHeads:
    """What the heads say, for A anchors a cell and J joints on h x w cells.

    Attributes:
        logits: (B, A, J, h, w) how much an anchor counts for a joint, before the softmax over all anchors.
        offsets: (B, A, J, 2, h, w) from the anchor to the joint, px of the input, (x, y).
        depths: (B, A, J, h, w) of the joint, in the unit of the training targets.
    """

    logits: Tensor
    offsets: Tensor
    depths: Tensor


@dataclass(frozen=True)
class JointVotes:
    """Means over the anchors, weighted by the softmax of their logits.

    Attributes:
        anchors: (B, J, 2) of where the anchors are, px (x, y): what draws the weight to anchors around the joint.
        places: (B, J, 2) of where they believe the joint to be, px (x, y).
        depths: (B, J).
    """

    anchors: Tensor
    places: Tensor
    depths: Tensor


def count_votes(heads: AnchorHeads, *, stride: int) -> JointVotes:
    """Weigh the anchors; float32 even under autocast.

    Anchor (i, j) of a cell lies `ANCHOR_OFFSETS[i]` px below and `ANCHOR_OFFSETS[j]` px right of the cell's first
    pixel; anchors are counted row by row. The gradient is in closed form: the softmax is kept once, nothing as large
    as the offsets besides their own gradient is formed, and the layout of the convolutions is used as it is.

    Args:
        heads: Of a batch.
        stride: Px of the input per cell.

    Raises:
        UsageError: If the heads' shapes do not belong together.
    """
    batch, n_anchors, n_joints, height, width = heads.logits.shape
    if n_anchors != len(ANCHOR_OFFSETS) ** 2 or heads.offsets.shape != (batch, n_anchors, n_joints, 2, height, width):
        raise UsageError(
            f"heads of shapes {tuple(heads.logits.shape)} and {tuple(heads.offsets.shape)} do not belong together; "
            f"(B, {len(ANCHOR_OFFSETS) ** 2}, J, h, w) and (B, {len(ANCHOR_OFFSETS) ** 2}, J, 2, h, w) are expected"
        )
    precision = torch.promote_types(heads.logits.dtype, torch.float32)
    device = heads.logits.device
    rows, columns = torch.meshgrid(
        torch.arange(height, dtype=precision, device=device),
        torch.arange(width, dtype=precision, device=device),
        indexing="ij",
    )
    cells = torch.stack([torch.ones_like(rows), columns * stride, rows * stride]).flatten(1)
    steps = torch.tensor(ANCHOR_OFFSETS, dtype=precision, device=device)
    within = torch.stack([steps.repeat(len(steps)), steps.repeat_interleave(len(steps))], dim=1)
    with torch.autocast(device.type, enabled=False):
        anchors, offsets, depths = _Votes.apply(
            heads.logits.to(precision).flatten(3),
            heads.offsets.to(precision).flatten(4),
            heads.depths.to(precision).flatten(3),
            cells,
            within,
        )
    return JointVotes(anchors, anchors + offsets, depths)


class _Votes(torch.autograd.Function):
    """Weighted means of anchors, offsets and depths; N cells.

    logits and depths (B, A, J, N), offsets (B, A, J, 2, N), cells (3, N) rows 1, x, y, within (A, 2) x, y.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, offsets: Tensor, depths: Tensor, cells: Tensor, within: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        weights = (logits - logits.amax(dim=(1, 3), keepdim=True)).exp_()
        moments = weights @ cells.T  # (B, A, J, 3): sums of 1, x and y
        per_anchor = moments[..., 0]
        scale = per_anchor.sum(dim=1).reciprocal()
        places = moments[..., 1:] + per_anchor[..., None] * within[None, :, None, :]
        anchors = places.sum(dim=1) * scale[..., None]
        moved = (offsets @ weights[..., None])[..., 0].sum(dim=1) * scale[..., None]
        deep = (depths[..., None, :] @ weights[..., None])[..., 0, 0].sum(dim=1) * scale
        ctx.save_for_backward(weights, scale, offsets, depths, cells, within, anchors, moved, deep)
        return anchors, moved, deep

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        weights, scale, offsets, depths, cells, within, anchors, moved, deep = ctx.saved_tensors
        to_anchors, to_moved, to_deep = gradients
        # d mean / d logit = weight x (value - mean): the means of all three are one number a joint.
        mean = (to_anchors * anchors).sum(-1) + (to_moved * moved).sum(-1) + to_deep * deep
        constant = torch.einsum("bjc,ac->baj", to_anchors, within) - mean[:, None]
        slopes = to_anchors[:, None].expand(-1, len(within), -1, -1)
        pull = torch.cat([constant[..., None], slopes], dim=-1) @ cells
        pull += (to_moved[:, None, :, None, :] @ offsets)[..., 0, :]
        pull.addcmul_(depths, to_deep[:, None, :, None])
        shares = weights * scale[:, None, :, None]
        return (
            pull.mul_(shares),
            shares[..., None, :] * to_moved[:, None, :, :, None],
            shares * to_deep[:, None, :, None],
            None,
            None,
        )
