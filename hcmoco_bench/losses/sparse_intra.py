"""Sparse intra-sample objective: a map's feature at a joint finds that joint's keypoint feature."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from hcmoco_bench.losses.joint_features import joint_features
from hcmoco_bench.losses.term import LossTerm, mean_term


def sparse_intra_loss(
    maps: Mapping[str, Tensor],
    keypoints: Tensor,
    joints: Tensor,
    visible: Tensor,
    present: Mapping[str, Tensor],
    *,
    stride: int = 4,
    temperature: float = 0.07,
) -> dict[str, LossTerm]:
    """Contrast the maps at the joints with the keypoint encoder's features, within each sample.

    Eq. 6 of HCMoCo (https://arxiv.org/abs/2203.13815), intra-sample. Anchors are the visible joints of the maps that
    are present; candidates are the features of all joints of the sample, the positive that of the same joint. Invisible
    joints stay among the candidates, as published: the keypoint encoder knows which joint each of its features is.

    Under `torch.distributed` each rank brings its part of the batch and gets the mean over all of it.

    Args:
        maps: By modality, (B, C, h, w) features, normalized here.
        keypoints: (B, J, C) features of the joints, normalized here.
        joints: (B, J, 2) px of the input as (x, y).
        visible: (B, J) bool.
        present: By modality (others than the maps' may be in it), (B,) bool.
        stride: Px of the input per cell of a map.
        temperature: 0.07 as published.

    Returns:
        A term for each map, `rgb->keypoints` and `depth->keypoints`; the mean over its anchors. Both have weight 1 in
        the published sum.

    Example:
        >>> rgb, depth = torch.randn(2, 4, 128, 80, 80, requires_grad=True)
        >>> here = torch.ones(4, dtype=torch.bool)
        >>> terms = sparse_intra_loss(
        ...     {"rgb": rgb, "depth": depth},
        ...     torch.randn(4, 16, 128, requires_grad=True),
        ...     320 * torch.rand(4, 16, 2),
        ...     torch.ones(4, 16, dtype=torch.bool),
        ...     {"rgb": here, "depth": here},
        ... )
        >>> sum(term.value for term in terms.values()).backward()
    """
    terms = {}
    for modality, features in maps.items():
        with torch.autocast(features.device.type, enabled=False):
            targets = functional.normalize(keypoints.float(), dim=2)
            anchors = joint_features(features, joints, stride=stride)
            logits = torch.bmm(anchors, targets.transpose(1, 2)) / temperature
            positive = logits.diagonal(dim1=1, dim2=2)
            first = positive >= logits.amax(2)
            counted = visible & present[modality][:, None]
            losses = logits.logsumexp(2) - positive
            terms[f"{modality}->keypoints"] = mean_term(losses.flatten(), first.flatten(), counted.flatten())
    return terms
