"""Sparse inter-sample objective: a joint looks like the same joint of everyone else."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from hcmoco_bench.losses.joint_features import joint_features
from hcmoco_bench.losses.term import LossTerm, mean_term
from hcmoco_bench.runtime.ranks import first_own_row, gather_rows, gather_rows_with_gradient


def sparse_inter_loss(
    maps: Mapping[str, Tensor],
    joints: Tensor,
    visible: Tensor,
    present: Mapping[str, Tensor],
    *,
    stride: int = 4,
    temperature: float = 0.07,
    ignore_visibility: bool = False,
    count_absent: bool = False,
    at_a_time: int | None = None,
) -> LossTerm:
    """Pull together the features of the same joint in all maps of the batch, whoever's and of whatever modality.

    Eq. 6 of HCMoCo (https://arxiv.org/abs/2203.13815), inter-sample. Anchors are the joints of all maps of the batch;
    each one's loss is the mean of `-log softmax` over its positives, the same joint in the other maps. As published,
    the anchor itself is part of the softmax's sum.

    The published code departs from this in two ways, each of which can be had: `ignore_visibility=True,
    count_absent=True` is the published loss. With all joints visible the first makes no difference, with no map absent
    the second makes none.

    Under `torch.distributed` the batch is that of all ranks, with gradients.

    Args:
        maps: By modality, (B, C, h, w) features, normalized here; of equal sizes.
        joints: (B, J, 2) px of the input as (x, y).
        visible: (B, J) bool.
        present: By modality (others than the maps' may be in it), (B,) bool.
        stride: Px of the input per cell of a map.
        temperature: 0.07 as published.
        ignore_visibility: Take invisible joints for visible ones, wherever their coordinates point (often to (0, 0)).
            Otherwise they are neither anchors nor positives nor negatives.
        count_absent: Keep what the encoders make of absent maps among the negatives, and divide the sum by all joints
            instead of the anchors.
        at_a_time: Compare at most so many samples of this process's batch with each other, in their order, and nothing
            across; None compares the whole batch of all processes. Published: 56, all that a GPU had.

    Returns:
        The mean over anchors that have a positive; accuracy is the share of them whose most similar other candidate is
        a positive.

    Example:
        >>> rgb, depth = torch.randn(2, 4, 128, 80, 80, requires_grad=True)
        >>> here = torch.ones(4, dtype=torch.bool)
        >>> joints, visible = 320 * torch.rand(4, 16, 2), torch.ones(4, 16, dtype=torch.bool)
        >>> maps, present = {"rgb": rgb, "depth": depth}, {"rgb": here, "depth": here}
        >>> sparse_inter_loss(maps, joints, visible, present).value.backward()
    """
    seen = torch.ones_like(visible) if ignore_visibility else visible
    size = len(joints) if at_a_time is None else at_a_time
    with torch.autocast(joints.device.type, enabled=False):
        compared = [
            _compare(
                {name: one[start : start + size] for name, one in maps.items()},
                joints[start : start + size],
                seen[start : start + size],
                {name: present[name][start : start + size] for name in maps},
                stride=stride,
                temperature=temperature,
                count_absent=count_absent,
                gather=at_a_time is None,
            )
            for start in range(0, max(1, len(joints)), max(1, size))
        ]
        losses, first, counted = (torch.cat(parts) for parts in zip(*compared, strict=True))
        divisor = torch.tensor(len(losses), device=losses.device) if count_absent else None
        return mean_term(losses, first, counted, divisor=divisor)


def _compare(
    maps: Mapping[str, Tensor],
    joints: Tensor,
    seen: Tensor,
    present: Mapping[str, Tensor],
    *,
    stride: int,
    temperature: float,
    count_absent: bool,
    gather: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """(n,) losses of the compared rows, whether a positive is the most similar, and whether the row is an anchor."""
    n_joints = joints.shape[1]
    features = torch.cat([joint_features(one, joints, stride=stride).flatten(0, 1) for one in maps.values()])
    usable = torch.cat([(seen & present[modality][:, None]).flatten() for modality in maps])
    compared = seen.flatten().repeat(len(maps)) if count_absent else usable
    joint = torch.arange(n_joints, device=joints.device).repeat(len(features) // n_joints)
    features, usable, joint = features[compared], usable[compared], joint[compared]
    everyone, their_joint, their_usable = features, joint, usable
    own = torch.arange(len(features), device=joints.device)
    if gather:
        everyone = gather_rows_with_gradient(features)
        their_joint, their_usable = gather_rows(joint), gather_rows(usable)
        own = own + first_own_row(len(features), features.device)

    logits = features @ everyone.T / temperature
    # The mean similarity to the positives is the similarity to their mean: no mask of all pairs is needed.
    anchors_positives = torch.where(their_usable, 1.0, 0.0)
    count = anchors_positives.new_zeros(n_joints).index_add_(0, their_joint, anchors_positives)[joint] - 1
    sums = everyone.new_zeros(n_joints, everyone.shape[1])
    sums = sums.index_add(0, their_joint, everyone * anchors_positives[:, None])[joint] - features
    similarity = (features * sums).sum(1) / count.clamp(min=1) / temperature
    losses = logits.logsumexp(1) - similarity
    return losses, _other_is_positive(logits.detach(), own, joint, their_joint, their_usable), usable & (count > 0)


def _other_is_positive(logits: Tensor, own: Tensor, joint: Tensor, their_joint: Tensor, their_usable: Tensor) -> Tensor:
    """(n,) bool: whether the most similar candidate other than the anchor itself (column `own`) is a positive."""
    if not logits.numel():
        return torch.zeros_like(joint, dtype=torch.bool)
    nearest = logits.scatter(1, own[:, None], -torch.inf).argmax(1)
    return (their_joint[nearest] == joint) & their_usable[nearest]
