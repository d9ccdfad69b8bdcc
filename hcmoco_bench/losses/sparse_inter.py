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
    n_joints = joints.shape[1]
    seen = torch.ones_like(visible) if ignore_visibility else visible
    with torch.autocast(joints.device.type, enabled=False):
        features = torch.cat([joint_features(one, joints, stride=stride).flatten(0, 1) for one in maps.values()])
        usable = torch.cat([(seen & present[modality][:, None]).flatten() for modality in maps])
        compared = seen.flatten().repeat(len(maps)) if count_absent else usable
        joint = torch.arange(n_joints, device=joints.device).repeat(len(features) // n_joints)
        features, usable, joint = features[compared], usable[compared], joint[compared]
        everyone = gather_rows_with_gradient(features)
        their_joint, their_usable = gather_rows(joint), gather_rows(usable)
        own = first_own_row(len(features), features.device) + torch.arange(len(features), device=joints.device)

        logits = features @ everyone.T / temperature
        # The mean similarity to the positives is the similarity to their mean: no mask of all pairs is needed.
        anchors_positives = torch.where(their_usable, 1.0, 0.0)
        count = anchors_positives.new_zeros(n_joints).index_add_(0, their_joint, anchors_positives)[joint] - 1
        sums = everyone.new_zeros(n_joints, everyone.shape[1])
        sums = sums.index_add(0, their_joint, everyone * anchors_positives[:, None])[joint] - features
        similarity = (features * sums).sum(1) / count.clamp(min=1) / temperature
        losses = logits.logsumexp(1) - similarity
        first = _other_is_positive(logits.detach(), own, joint, their_joint, their_usable)
        counted = usable & (count > 0)
        return mean_term(losses, first, counted, divisor=compared.sum() if count_absent else None)


def _other_is_positive(logits: Tensor, own: Tensor, joint: Tensor, their_joint: Tensor, their_usable: Tensor) -> Tensor:
    """(n,) bool: whether the most similar candidate other than the anchor itself (column `own`) is a positive."""
    if not logits.numel():
        return torch.zeros_like(joint, dtype=torch.bool)
    nearest = logits.scatter(1, own[:, None], -torch.inf).argmax(1)
    return (their_joint[nearest] == joint) & their_usable[nearest]
