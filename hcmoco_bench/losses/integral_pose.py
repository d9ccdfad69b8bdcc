"""The loss of integral regression: the distance of the mean place from the true one, axis by axis."""

from __future__ import annotations

from torch import Tensor


def integral_pose_loss(places: Tensor, depths: Tensor, target: Tensor, *, size: int, depth_range: float) -> Tensor:
    """L1 distance in shares of the volume (Sun et al., ECCV 2018, section 3), a mean over samples and joints.

    Args:
        places: (B, J, 2) px (x, y) of the input.
        depths: (B, J) meters behind the root.
        target: (B, J, 3) px (x, y) of the input, and meters behind the root.
        size: Side of the input in px.
        depth_range: Depth of the volume, meters.

    Returns:
        Scalar: the sum over the three axes.
    """
    flat = (places - target[..., :2]).abs().sum(-1) / size
    deep = (depths - target[..., 2]).abs() / depth_range
    return (flat + deep).mean()
